'use strict';

/*
 * Autobahn 12 and 13: compressed messages of five kinds, and of one kind with
 * seven offers, which are answered as by the ws library.  The files of
 * Autobahn are not here, what is like them is made below; instead of a
 * thousand messages each case has a few.  Contexts and windows are kept by
 * zlib's dictionaries, and one that is too large is an error.
 */

const assert = require('node:assert/strict');
const zlib = require('zlib');

const { autobahn, fine, text, binary, cont,
        came } = require('./autobahn.js');

const RSV1 = 4;
const SIZE = 200000;

/* [payload, fragments of the compressed message] */

const SIZES = [
  ...[16, 64, 256, 1024, 4096, 8192, 16384, 32768, 65536, 131072]
     .map((n) => [n, 0]),
  ...[8192, 16384, 32768, 65536, 131072].map((n) => [n, 256]),
  ...[1024, 4096, 32768].map((n) => [131072, n]),
];


/* the same numbers in each run */

let state = 12345;

function random(n) {
  state = (Math.imul(state, 1103515245) + 12345) >>> 0;

  return Math.floor((state >>> 8) / (1 << 24) * n);
}


function grow(make) {
  let all = '';

  while (all.length < SIZE) {
    all += make();
  }

  return all.slice(0, SIZE);
}


const WORDS = 'Habe nun ach Philosophie Juristerei und Medizin leider auch '
              + 'durchaus studiert mit hei\u00dfem Bem\u00fchn da steh ich '
              + 'armer Tor bin so klug als wie zuvor';
const word = () => WORDS.split(' ')[random(24)];

const JSON_TEXT = grow(() => JSON.stringify({
  id: random(1e6), name: `${word()} ${word()}`, at: [random(90), random(180)],
  tags: [word(), word(), '\u20ac', null], open: random(2) === 1,
}) + ',\n');

const BITMAP = Buffer.from(Array.from({ length: SIZE }, (_, i) => (
  ((i & 511) >> 1) ^ ((i >> 9) & 255) ^ random(4))));

const BOOK = Buffer.from(grow(() => `${word()}${random(8) ? ' ' : ',\r\n'}`),
                         'latin1');

const HTML_TEXT = grow(() => `<li class="item-${random(9)}"><a href="/`
  + `${word()}/${random(1000)}">${word()} &amp; ${word()}</a></li>\n`);

const PDF = Buffer.from(Array.from({ length: SIZE }, (_, i) => (
  i % 4096 < 300 ? 32 + i % 64 : random(256))));

const DATA = [['JSON', JSON_TEXT], ['a bitmap', BITMAP], ['a book', BOOK],
              ['HTML', HTML_TEXT], ['a PDF', PDF]];


/* RFC 7692, 7.2; a context is what was compressed before */

const TAIL = Buffer.from([0, 0, 0xff, 0xff]);
const { Z_SYNC_FLUSH } = zlib.constants;


class Context {
  constructor(params, who) {
    const bits = params.find((p) => p.startsWith(`${who}_max_window_bits=`));

    this.keep = !params.includes(`${who}_no_context_takeover`);
    this.windowBits = bits ? Number(bits.split('=')[1]) : 15;
  }

  options() {
    return { windowBits: this.windowBits, finishFlush: Z_SYNC_FLUSH,
             ...(this.history && { dictionary: this.history }) };
  }

  remember(data) {
    if (this.keep && data.length) {
      this.history = Buffer.concat([this.history || Buffer.alloc(0), data])
                           .subarray(-(1 << this.windowBits));
    }

    return data;
  }

  pack(data) {
    const packed = zlib.deflateRawSync(data, this.options());

    this.remember(data);

    return packed.subarray(0, -TAIL.length);
  }

  unpack(packed) {
    return this.remember(zlib.inflateRawSync(Buffer.concat([packed, TAIL]),
                                             this.options()));
  }
}


function frames(payload, make, size) {
  const list = [];

  for (let at = 0; at === 0 || at < payload.length; at += size || Infinity) {
    const end = size ? at + size : payload.length;

    list.push((at ? cont : make)(payload.subarray(at, end), {
      fin: end >= payload.length, rsv: at ? 0 : RSV1,
    }));
  }

  return list;
}


const params = (w) => (
  w.response.header('sec-websocket-extensions').split('; '));


function row(id, title, data, [length, fragment], offer, agreed) {
  const make = Buffer.isBuffer(data) ? binary : text;
  const n = length <= 4096 ? 4 : 2;

  const more = async (w, send) => {
    const context = new Context(params(w), 'client');
    const want = [];

    assert.equal(params(w).join('; '), agreed);

    for (let i = 1; i <= n; i++) {
      const at = (i * length) % (data.length - length);
      const slice = data.slice(at, at + length);
      const payload = Buffer.isBuffer(data) ? slice : Buffer.from(`4${slice}`);

      await send([...frames(context.pack(payload), make, fragment),
                  came(1)]);
      want.push(make(payload));

      if (data !== PDF && length >= 4096) {
        assert.equal(w.frames.at(-1).rsv, RSV1);
      }
    }

    return want;
  };

  const decode = (w) => {
    const context = new Context(params(w), 'server');

    return w.frames.map((f) => f.rsv ? { ...f,
                                         payload: context.unpack(f.payload) }
                                     : f);
  };

  return fine(id, title, [], [], {
    more, decode, headers: { 'Sec-WebSocket-Extensions': offer },
  });
}


const name = (what, [length, fragment]) => (
  `${what}: messages of ${length}`
  + (fragment ? ` in fragments of ${fragment}` : ''));

const DEFLATE = 'permessage-deflate';
const NEITHER = '; server_no_context_takeover; client_no_context_takeover';

const kinds = (agreed) => DATA.flatMap(([what, data], kind) => (
  SIZES.map((size, i) => row(`12.${kind + 1}.${i + 1}`, name(what, size),
                             data, size, DEFLATE, DEFLATE + agreed))));


/* what Autobahn offers for itself, and what it asks of the server */

const OFFER = `${DEFLATE}; client_no_context_takeover; client_max_window_bits`;

const ASKED = ['', '; server_no_context_takeover', '; server_max_window_bits=9',
               '; server_max_window_bits=15',
               '; server_no_context_takeover; server_max_window_bits=9',
               '; server_no_context_takeover; server_max_window_bits=15'];

const AGREED = `${DEFLATE}; client_no_context_takeover`;

const OFFERS = [
  ...ASKED.map((asked) => [OFFER + asked, AGREED + asked]),
  [`${OFFER}${ASKED[4]}, ${OFFER}${ASKED[1]}, ${OFFER}`, AGREED + ASKED[4]],
];

const offers = OFFERS.flatMap(([offer, agreed], k) => SIZES.map(
  (size, i) => row(`13.${k + 1}.${i + 1}`, name(`offer ${k + 1}`, size),
                   JSON_TEXT, size, offer, agreed)));

const none = {
  directives: 'sio_per_message_deflate threshold=16;',
  options: { perMessageDeflate: { threshold: 16,
                                  serverNoContextTakeover: true,
                                  clientNoContextTakeover: true } },
  concurrency: 4,
};

const kept = {
  directives: `sio_per_message_deflate threshold=16
                                       server_no_context_takeover=offered
                                       client_no_context_takeover=offered;`,
  options: { perMessageDeflate: { threshold: 16 } },
  concurrency: 4,
};

autobahn('Autobahn 12', none, kinds(NEITHER));
autobahn('Autobahn 12, contexts are kept', { ...kept, on: ['node', 'nginx'] },
         kinds('').filter(({ id }) => /^12[.][14]/.test(id)));
autobahn('Autobahn 13', { ...kept, on: ['node', 'nginx'] }, offers);
