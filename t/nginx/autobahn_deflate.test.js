'use strict';

/*
 * Autobahn 12 and 13: compressed messages of five kinds, and of one kind with
 * seven offers.  The files of Autobahn are not here, what is like them is
 * made below; instead of a thousand messages each case has a few.
 */

const assert = require('node:assert/strict');

const { autobahn, fine, text, binary, cont, came,
        deflate } = require('./autobahn.js');

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

const OFFER = 'permessage-deflate; client_no_context_takeover; '
              + 'client_max_window_bits';
const NO_CONTEXT = ['server_no_context_takeover',
                    'client_no_context_takeover'];


function frames(payload, make, size, compress) {
  if (!compress) {
    return [make(payload)];
  }

  const data = deflate(payload);
  const list = [];

  for (let at = 0; at === 0 || at < data.length; at += size || Infinity) {
    const end = size ? at + size : data.length;

    list.push((at ? cont : make)(data.subarray(at, end), {
      fin: end >= data.length, rsv: at ? 0 : RSV1,
    }));
  }

  return list;
}


function row(id, title, data, [length, fragment], offer, declined) {
  const make = Buffer.isBuffer(data) ? binary : text;
  const n = length <= 4096 ? 8 : 2;

  const more = async (w, send, kind) => {
    const answer = w.response.header('sec-websocket-extensions');
    const want = [];

    if (kind === 'nginx' && declined) {
      assert.equal(answer, undefined);

    } else {
      const [extension, ...params] = answer.split('; ');

      assert.equal(extension, 'permessage-deflate');
      assert.ok(NO_CONTEXT.every((p) => params.includes(p)), answer);
    }

    for (let i = 1; i <= n; i++) {
      const at = (i * length) % (data.length - length);
      const slice = data.slice(at, at + length);
      const payload = Buffer.isBuffer(data) ? slice : Buffer.from(`4${slice}`);

      await send([...frames(payload, make, fragment, answer), came(1)]);
      want.push(make(payload));

      if (answer && data !== PDF && length >= 4096) {
        assert.equal(w.frames.at(-1).rsv, RSV1);
      }
    }

    return want;
  };

  return fine(id, title, [], [], {
    more,
    headers: offer ? { 'Sec-WebSocket-Extensions': offer } : {},
  });
}


const name = (what, [length, fragment]) => (
  `${what}: messages of ${length}`
  + (fragment ? ` in fragments of ${fragment}` : ''));

const kinds = DATA.flatMap(([what, data], kind) => SIZES.map((size, i) => (
  row(`12.${kind + 1}.${i + 1}`, name(what, size), data, size, OFFER))));


/* what the client asks of the server; a smaller window is passed over */

const OFFERS = [
  [''],
  ['; server_no_context_takeover'],
  ['; server_max_window_bits=9', true],
  ['; server_max_window_bits=15'],
  ['; server_no_context_takeover; server_max_window_bits=9', true],
  ['; server_no_context_takeover; server_max_window_bits=15'],
  [`; server_no_context_takeover; server_max_window_bits=9, ${OFFER}; `
   + `server_no_context_takeover, ${OFFER}`],
];

const offers = OFFERS.flatMap(([asked, declined], k) => SIZES.map(
  (size, i) => row(`13.${k + 1}.${i + 1}`,
                   name(`offer ${k + 1}${declined ? ', declined' : ''}`, size),
                   JSON_TEXT, size, OFFER + asked, declined)));

const options = {
  directives: 'sio_per_message_deflate threshold=16;',
  options: { perMessageDeflate: { threshold: 16,
                                  serverNoContextTakeover: true,
                                  clientNoContextTakeover: true } },
  concurrency: 4,
};

autobahn('Autobahn 12', options, kinds);
autobahn('Autobahn 13', { ...options, on: ['node', 'nginx'] }, offers);
