'use strict';

/*
 * permessage-deflate with other parameters than the defaults: what is agreed,
 * and messages that refer to the ones before.
 */

const assert = require('node:assert/strict');
const crypto = require('crypto');
const zlib = require('zlib');
const { after, before, describe, it } = require('node:test');

const sio = require('../lib/sio.js');
const lib = require('./lib.js');

const MAX = 100000;
const EXTENSION = 'Sec-WebSocket-Extensions';
const RSV1 = 4;

/* what nginx is told, and ws */

const FORMS = {
  '/context/': ['server_no_context_takeover=offered'
                + ' client_no_context_takeover=offered threshold=100', {}],
  '/server/': ['server_no_context_takeover=offered threshold=100',
               { clientNoContextTakeover: true }],
  '/client/': ['client_no_context_takeover=offered threshold=100',
               { serverNoContextTakeover: true }],
  '/off/': ['server_no_context_takeover=off client_no_context_takeover=off'
            + ' server_max_window_bits=off client_max_window_bits=off',
            { serverNoContextTakeover: false, clientNoContextTakeover: false,
              serverMaxWindowBits: false, clientMaxWindowBits: false }],
  '/bits/': ['server_max_window_bits=10 client_max_window_bits=11 level=9'
             + ' mem_level=9 threshold=100',
             { serverMaxWindowBits: 10, clientMaxWindowBits: 11,
               serverNoContextTakeover: true,
               clientNoContextTakeover: true }],
  '/least/': ['server_no_context_takeover=offered server_max_window_bits=8'
              + ' client_no_context_takeover=offered mem_level=1'
              + ' threshold=100'
              + ' client_max_window_bits=9',
              { serverMaxWindowBits: 8, clientMaxWindowBits: 9 }],
  '/offered/': ['threshold=100 server_max_window_bits=offered'
                + ' client_max_window_bits=offered',
                { serverNoContextTakeover: true,
                  clientNoContextTakeover: true }],
};

const app = {
  rules: `sio_on echo { relay; }
          sio_on length { ack; }`,

  directives: `sio_max_http_buffer_size ${MAX};`,
  options: { maxHttpBufferSize: MAX },

  node: (io) => io.on('connection', (socket) => {
    socket.on('echo', (...args) => socket.emit('echo', ...args));
    socket.on('length', (...args) => args.pop()());
  }),

  locations: Object.fromEntries(Object.entries(FORMS).map(
    ([path, [form, options]]) => [path, {
      directives: `sio_per_message_deflate ${form};
                   sio_max_http_buffer_size ${MAX};`,
      options: { maxHttpBufferSize: MAX,
                 perMessageDeflate: { threshold: 100, ...options } },
    }])),
};


/* one direction: `pack` and `unpack` with what went before, unless there is
   no context */

class Stream {
  constructor(context, windowBits = 15) {
    this.context = context;
    this.windowBits = windowBits;
    this.reset();
  }

  reset() {
    this.past = Buffer.alloc(0);
  }

  note(data) {
    if (this.context) {
      this.past = Buffer.concat([this.past, Buffer.from(data)])
                        .subarray(-32768);
    }
  }

  get options() {
    return { windowBits: this.windowBits, finishFlush:
               zlib.constants.Z_SYNC_FLUSH,
             ...(this.past.length && { dictionary: this.past.subarray(
               -(1 << this.windowBits)) }) };
  }

  pack(data) {
    const b = zlib.deflateRawSync(data, this.options);

    this.note(data);
    return b.subarray(0, b.length - 4);
  }

  unpack(b) {
    const data = zlib.inflateRawSync(
      Buffer.concat([b, Buffer.from([0, 0, 0xff, 0xff])]), this.options);

    this.note(data);
    return data;
  }
}


describe('permessage-deflate, its parameters', () => {
  const both = lib.pair(app);

  before(() => both.start());
  after(() => both.stop());

  const one = (server, client, sbits, cbits) => 'permessage-deflate'
    + (server ? '; server_no_context_takeover' : '')
    + (cbits ? `; client_max_window_bits${cbits === true ? '' : `=${cbits}`}`
             : '')
    + (sbits ? `; server_max_window_bits=${sbits}` : '')
    + (client ? '; client_no_context_takeover' : '');

  const OFFERS = [false, true].flatMap((server) => (
    [false, true].flatMap((client) => (
      [0, 8, 10, 15].flatMap((sbits) => (
        [0, true, 8, 9, 11, 15].map((cbits) => (
          one(server, client, sbits, cbits)))))))));

  OFFERS.push(
    `${one(true, true, 9, 8)}, ${one(false, false, 0, true)}`,
    `${one(true, false, 9, 0)}, ${one(false, true, 0, 15)}`,
    `${one(true, false, 9, 0)}, ${one(true, false, 15, 0)}`,
    `other, ${one(true, false, 9, 0)}, permessage-deflate`,
    'other', one(false, false, 7, 0));

  for (const path of Object.keys(FORMS)) {
    it(`${OFFERS.length} offers at ${path}`, () => both.compare(
      async ({ note, ws }) => {
        for (const offer of OFFERS) {
          const w = await ws({ path, headers: { [EXTENSION]: offer } });

          note(offer, w.status, w.response.header(EXTENSION),
               w.ok ? '' : w.response.text);
          w.destroy();
        }
      }));
  }


  /*
   * Messages are sent; what comes is noted as it is when inflated, and whether
   * it was compressed.  A message: {text or data, rsv}, or a frame as it is.
   */

  const EXCHANGE = async ({ note, ws }, path, offer, messages) => {
    const w = await ws({ path: `${path}?EIO=4&transport=websocket`,
                         headers: { [EXTENSION]: offer } });
    const agreed = w.response.header(EXTENSION);
    const bits = (name) => Number(
      (new RegExp(`${name}_max_window_bits=(\\d+)`).exec(agreed) || [0, 15])[1]);
    const out = new Stream(!/client_no_context/.test(agreed), bits('client'));
    const back = new Stream(!/server_no_context/.test(agreed), bits('server'));

    /* the next data frame, whole and inflated; long ones by their sum */

    const next = async () => {
      await w.recv();

      const f = w.frames.filter(({ opcode }) => opcode < 8)[n++];
      const data = f.rsv === RSV1 ? back.unpack(f.payload) : f.payload;
      const text = String(data).replace(/"sid":"[^"]*"/g, '');

      note(f.fin, f.rsv, f.opcode, text.length < 100 ? text
           : crypto.createHash('sha1').update(text).digest('hex'));
      return text;
    };

    let n = 0;

    note(agreed);
    await next();
    w.sendFrame({ rsv: RSV1, payload: out.pack('40') });
    await next();

    for (const m of messages) {
      const f = typeof m === 'function' ? m(out) : m;

      for (const frame of Array.isArray(f) ? f : [f]) {
        w.sendFrame(frame);
      }
    }

    w.sendFrame({ payload: '4299["length"]' });

    try {
      while (await next() !== '4399[]') { /* until it is answered */ }

    } catch (e) {
      note('closed', (await w.closed).code);
    }

    w.destroy();
  };

  const exchange = (path, offer, messages) => both.compare(
    (t) => EXCHANGE(t, path, offer, messages));

  const echo = (text) => `42["echo","${text}"]`;
  const noise = (n, seed) => Array.from({ length: n }, (_, i) => (
    String.fromCharCode(97 + (((i + seed) * 7919) % 1009) % 26))).join('');
  const packed = (text) => (out) => ({ rsv: RSV1, payload: out.pack(text) });

  const long = noise(3000, 1);
  const TALK = [
    packed(echo(long)), packed(echo('short')), packed(echo(long)),
    { payload: echo('not compressed') }, packed(echo(long.slice(100))),
    packed('453-["echo",{"_placeholder":true,"num":0},'
           + '{"_placeholder":true,"num":1},{"_placeholder":true,"num":2}]'),
    (out) => ({ opcode: 2, rsv: RSV1, payload: out.pack(long) }),
    { opcode: 2, payload: 'plain' },
    (out) => ({ opcode: 2, rsv: RSV1, payload: out.pack('x') }),
    (out) => {
      const b = out.pack(echo(`fragments ${long}`));

      return [{ fin: false, rsv: RSV1, payload: b.subarray(0, 5) },
              { opcode: 9, payload: 'ping' },
              { fin: false, opcode: 0, payload: b.subarray(5, 9) },
              { fin: false, opcode: 0, payload: '' },
              { opcode: 10, payload: 'pong' },
              { opcode: 0, payload: b.subarray(9) }];
    },
    packed(echo(`${long}!`)),
  ];

  for (const path of ['/context/', '/server/', '/client/', '/bits/', '/least/',
                      '/offered/']) {
    for (const offer of [one(false, false, 0, true),
                         one(true, false, 12, true),
                         one(false, true, 12, true)]) {
      it(`a talk at ${path}, ${offer}`, () => exchange(path, offer, TALK));
    }
  }

  const PLAIN = one(false, false, 0, 0);

  it('more than a window', () => exchange('/context/', PLAIN,
    Array.from({ length: 30 }, (_, i) => packed(echo(
      noise(5000, i % 4 ? i : 0))))));

  it('a reference to what was not said', () => exchange('/context/', PLAIN, [
    packed(echo(long)),
    (out) => {
      out.past = Buffer.from(`42["echo","${noise(9000, 77)}"]`);
      return { rsv: RSV1, payload: out.pack(echo(noise(9000, 77))) };
    },
  ]));

  it('a reference without a context', () => exchange('/server/', PLAIN, [
    packed(echo(long)),
    (out) => {
      out.past = Buffer.from(echo(long));
      return { rsv: RSV1, payload: out.pack(echo(long)) };
    },
  ]));

  it('a last block begins anew', () => exchange('/context/', PLAIN, [
    packed(echo(long)),
    (out) => {
      const payload = Buffer.concat([
        zlib.deflateRawSync(echo(long), { dictionary: out.past }),
        Buffer.from([0])]);

      out.reset();
      return { rsv: RSV1, payload };
    },
    packed(echo(long)), packed(echo(long)),
  ]));

  it('and what refers to before it is wrong', () => exchange(
    '/context/', PLAIN, [
      packed(echo(long)),
      (out) => ({ rsv: RSV1, payload: Buffer.concat([
        zlib.deflateRawSync(echo('x'), { dictionary: out.past }),
        Buffer.from([0])]) }),
      packed(echo(long)),
    ]));

  it('garbage', () => exchange('/context/', PLAIN, [
    packed(echo(long)), { rsv: RSV1, payload: Buffer.alloc(50, 0xff) }]));

  it('at the limit, again and again', () => exchange('/context/', PLAIN, [
    packed(`42["length","${'x'.repeat(MAX - 14)}"]`),
    packed(`42["length","${'x'.repeat(MAX - 14)}"]`),
    packed(`42["length","${'x'.repeat(MAX - 13)}"]`)]));

  for (const [name, bomb] of Object.entries({
    'a bomb': (out) => ({ rsv: RSV1,
                          payload: out.pack(Buffer.alloc(64 << 20, 'x')) }),
    'a bomb of binary': (out) => ({
      rsv: RSV1, opcode: 2, payload: out.pack(Buffer.alloc(64 << 20)) }),
    'a bomb in fragments': (out) => {
      const b = out.pack(Buffer.alloc(16 << 20, 0x78));

      return [{ fin: false, rsv: RSV1, payload: b.subarray(0, 10000) },
              { opcode: 0, payload: b.subarray(10000) }];
    },
  })) {
    it(name, () => exchange('/context/', PLAIN, [packed(echo(long)), bomb]));
  }


  /* zlib may have nothing to flush then */

  it('an empty binary is sent as it is', async () => {
    if (lib.NODE) {
      return;
    }

    const log = [];

    await EXCHANGE({
      note: (...args) => log.push(args),
      ws: (o) => sio.ws({ port: both.servers.nginx.port, ...o }),
    }, '/context/', PLAIN, [
      packed(echo('a')),
      packed('451-["echo",{"_placeholder":true,"num":0}]'),
      { opcode: 2, payload: '' }, packed(echo('b'))]);

    const frames = log.slice(3, 7);

    assert.deepEqual(frames.map(([, rsv, opcode]) => [rsv, opcode]),
                     [[RSV1, 1], [RSV1, 1], [0, 2], [RSV1, 1]]);
    assert.equal(frames[3][3], echo('b'));
  });
});


describe('contexts have a number', { skip: lib.NODE }, () => {
  it('past it there are none', async () => {
    const s = await sio.startNginx({
      workers: 1,
      location: `sio on; sio_on echo { relay; }
        sio_per_message_deflate contexts=3
          server_no_context_takeover=off client_no_context_takeover=offered;`,
    });
    const open = () => sio.ws({
      port: s.port, path: '/socket.io/?EIO=4&transport=websocket',
      headers: { [EXTENSION]: 'permessage-deflate' } });

    try {
      const held = [];

      for (let i = 0; i < 3; i++) {
        held.push(await open());
        assert.equal(held[i].response.header(EXTENSION),
                     'permessage-deflate');
      }

      const more = await open();

      assert.equal(more.response.header(EXTENSION),
                   'permessage-deflate; server_no_context_takeover; '
                   + 'client_no_context_takeover');

      held[0].close(1000);
      await held[0].waitClose();

      await sio.until(async () => {
        const w = await open();

        w.destroy();
        return w.response.header(EXTENSION) === 'permessage-deflate';
      });

      held.forEach((w) => w.destroy());
      more.destroy();

    } finally {
      await s.stop();
    }
  });
});
