'use strict';

/*
 * permessage-deflate frame by frame.  Node is told to agree on no context
 * takeover, as nginx does unless it is told otherwise: that is in
 * deflate_context.test.js.
 */

const assert = require('node:assert/strict');
const zlib = require('zlib');
const { after, before, describe, it } = require('node:test');

const lib = require('./lib.js');

const MAX = 100000;

const deflated = (more) => ({ serverNoContextTakeover: true,
                              clientNoContextTakeover: true, ...more });

const app = {
  rules: `sio_on echo { relay; }
          sio_on off { emit off $sio_args compress=off; }
          sio_on length { ack; }`,

  directives: `sio_per_message_deflate on; sio_max_http_buffer_size ${MAX};`,
  options: { perMessageDeflate: deflated({ threshold: 1024 }),
             maxHttpBufferSize: MAX },

  node: (io) => io.on('connection', (socket) => {
    socket.on('echo', (...args) => socket.emit('echo', ...args));
    socket.on('off', (...args) => socket.compress(false).emit('off', ...args));
    socket.on('length', (...args) => args.pop()());
  }),

  locations: {
    '/plain/': {},
    '/50/': {
      directives: 'sio_per_message_deflate threshold=50;',
      options: { perMessageDeflate: deflated({ threshold: 50 }) },
    },
  },
};

const EXTENSION = 'Sec-WebSocket-Extensions';
const RSV1 = 4;


/* RFC 7692, 7.2.1 */

function pack(data, { flush = zlib.constants.Z_SYNC_FLUSH, ...more } = {}) {
  const b = zlib.deflateRawSync(data, { finishFlush: flush, ...more });

  return b.subarray(0, b.length - 4);
}

const unpack = (b) => zlib.inflateRawSync(
  Buffer.concat([b, Buffer.from([0, 0, 0xff, 0xff])]),
  { finishFlush: zlib.constants.Z_SYNC_FLUSH });


/* frames that came, as text: "41 text", "c2 binary" */

const shown = (ws) => ws.frames.map((f) => {
  const first = ((f.fin ? 0x80 : 0) | (f.rsv << 4) | f.opcode).toString(16);
  const data = f.rsv === RSV1 ? unpack(f.payload) : f.payload;

  return `${first} ${f.opcode === 2 ? data.toString('hex') : data}`;
});

const sample = (n) => Array.from({ length: n }, (_, i) => i % 10).join('');


describe('permessage-deflate', () => {
  const both = lib.pair(app);

  before(() => both.start());
  after(() => both.stop());

  /* an offer, or several headers of them */

  const negotiate = (offers, path) => both.compare(async ({ note, ws }) => {
    const list = Array.isArray(offers) ? offers : [offers];
    const w = await ws({ path, headers: list.map((o) => [EXTENSION, o]) });

    note(w.status, w.response.header(EXTENSION),
         w.ok ? '' : w.response.text);
    w.destroy();
  });

  const OFFERS = [
    'permessage-deflate',
    'permessage-deflate; client_max_window_bits',
    'permessage-deflate; client_max_window_bits=15',
    'permessage-deflate; client_max_window_bits=8',
    'permessage-deflate; client_max_window_bits=7',
    'permessage-deflate; client_max_window_bits=16',
    'permessage-deflate; client_max_window_bits="10"',
    'permessage-deflate; client_max_window_bits="1\\0"',
    'permessage-deflate; client_max_window_bits=012',
    'permessage-deflate; client_max_window_bits=-1',
    'permessage-deflate; client_max_window_bits=ten',
    'permessage-deflate; client_max_window_bits=',
    'permessage-deflate; client_max_window_bits=""',
    'permessage-deflate; client_max_window_bits="10',
    'permessage-deflate; client_max_window_bits=10"',
    'permessage-deflate; client_max_window_bits =10',
    'permessage-deflate; client_max_window_bits= 10',
    'permessage-deflate; server_max_window_bits=15',
    'permessage-deflate; server_max_window_bits=8',
    'permessage-deflate; server_max_window_bits=9, permessage-deflate',
    'permessage-deflate; server_max_window_bits',
    'permessage-deflate; server_max_window_bits=7',
    'permessage-deflate; server_max_window_bits=100000000000000000000',
    'permessage-deflate; server_no_context_takeover',
    'permessage-deflate; client_no_context_takeover',
    'permessage-deflate; client_no_context_takeover; '
      + 'server_no_context_takeover',
    'permessage-deflate; client_max_window_bits=9; '
      + 'client_no_context_takeover; server_max_window_bits=15',
    'permessage-deflate; server_no_context_takeover=1',
    'permessage-deflate; client_no_context_takeover=15',
    'permessage-deflate; unknown',
    'permessage-deflate; unknown=1',
    'permessage-deflate; Client_Max_Window_Bits',
    'permessage-deflate; client_max_window_bits; client_max_window_bits',
    'permessage-deflate; client_max_window_bits=10; '
      + 'client_max_window_bits=10',
    'permessage-deflate, permessage-deflate; unknown',
    'permessage-deflate; unknown, permessage-deflate',
    'permessage-deflate; client_max_window_bits=9, permessage-deflate',
    'permessage-deflate, permessage-deflate; client_max_window_bits=9',
    'Permessage-Deflate', 'x-webkit-deflate-frame',
    'other; unknown=1; a; a, permessage-deflate',
    'other; a="b\\c", permessage-deflate', 'other; a="b c"',
    'other, another', '', ',', ';', '=', 'permessage-deflate;',
    'permessage-deflate,', ',permessage-deflate', 'permessage-deflate;;',
    'permessage-deflate; ,other', 'permessage-deflate other',
    'permessage deflate', 'permessage-deflate=1', '"permessage-deflate"',
    'permessage-deflate \t;\t client_max_window_bits \t',
    'permessage-deflate ; client_max_window_bits , other',
    'permessage-deflate; a="b"c', 'permessage-deflate; \u00e4',
    'other; a="\\', 'other; a="b\\', 'other; a="\\"', 'other; a=b\\c',
  ];

  for (const offer of OFFERS) {
    it(`offer: ${JSON.stringify(offer)}`, () => negotiate(offer));
  }

  it('several headers are one list', async () => {
    await negotiate(['other', 'permessage-deflate; client_max_window_bits']);
    await negotiate(['permessage-deflate', 'permessage-deflate; unknown']);
  });

  it('where it is off, nothing is looked at', async () => {
    await negotiate('permessage-deflate', '/plain/');
    await negotiate('permessage-deflate; unknown', '/plain/');
    await negotiate(',', '/plain/');
  });

  /* connected; all that comes may be compressed */

  const open = async ({ ws }, path = '/socket.io/') => {
    const w = await ws({ path: `${path}?EIO=4&transport=websocket`,
                         headers: { [EXTENSION]: 'permessage-deflate' } });

    await w.recv();
    w.send('40');
    await w.recv();

    return w;
  };

  /* frames are sent; what comes until the connection ends, or the answer */

  const exchange = (frames, path) => both.compare(async (t) => {
    const w = await open(t, path);

    w.frames.length = 0;

    for (const f of frames) {
      w.sendFrame(f);
    }

    w.sendFrame({ payload: '4299["length"]' });

    for (;;) {
      let m;

      try {
        m = await w.recv();

      } catch (e) {
        t.note('closed', (await w.closed).code);
        break;
      }

      if (/^4399|c$/.test(m.text)) {
        break;
      }
    }

    t.note(shown(w));
    w.destroy();
  });

  const echo = (text) => `42["echo","${text}"]`;
  const two = '452-["echo",{"_placeholder":true,"num":0},'
              + '{"_placeholder":true,"num":1}]';

  const CASES = {
    'text, plain': [{ payload: echo('a') }],
    'text': [{ rsv: RSV1, payload: pack(echo('a')) }],
    'text, stored': [{ rsv: RSV1, payload: pack(echo('a'), { level: 0 }) }],
    'text, in a small window': [{ rsv: RSV1, payload:
      pack(echo(sample(3000)), { windowBits: 9 }) }],
    'several, each for itself': [1, 2, 3].map((n) => (
      { rsv: RSV1, payload: pack(echo(`${n}${'x'.repeat(100 * n)}`)) })),
    'binary': [
      { rsv: RSV1, payload: pack(two) },
      { rsv: RSV1, opcode: 2, payload: pack(Buffer.alloc(2000, 1)) },
      { opcode: 2, payload: Buffer.from([1, 2]) }],
    'empty binary': [
      { rsv: RSV1, payload: pack(two) },
      { rsv: RSV1, opcode: 2, payload: Buffer.from([0]) },
      { opcode: 2, payload: '' }],
    'answers around the threshold': [1010, 1011, 1012, 1013, 1100].map((n) => (
      { payload: echo(sample(n)) })),
    'compress=off means nothing': [
      { payload: `42["off","${sample(3000)}"]` }],
    'fragments': (() => {
      const b = pack(echo(sample(5000)));

      return [{ fin: false, rsv: RSV1, payload: b.subarray(0, 3) },
              { fin: false, opcode: 0, payload: '' },
              { opcode: 9, payload: 'ping' },
              { fin: false, opcode: 0, payload: b.subarray(3, 20) },
              { opcode: 0, payload: b.subarray(20) }];
    })(),
    'a fragment that says it again': [
      { fin: false, rsv: RSV1, payload: pack(echo('a')) },
      { opcode: 0, rsv: RSV1, payload: '' }],
    'a fragment that says it late': [
      { fin: false, payload: '42["echo"' },
      { opcode: 0, rsv: RSV1, payload: pack(']') }],
    'a compressed ping': [{ opcode: 9, rsv: RSV1, payload: pack('x') }],
    'a compressed close': [{ opcode: 8, rsv: RSV1, payload: '' }],
    'RSV2': [{ rsv: 2, payload: pack(echo('a')) }],
    'RSV1 and RSV3': [{ rsv: 5, payload: pack(echo('a')) }],
    'a block that is the last': [{ rsv: RSV1, payload:
      Buffer.concat([zlib.deflateRawSync(echo('a')), Buffer.from([0])]) }],
    'more behind the last block': [{ rsv: RSV1, payload:
      Buffer.concat([zlib.deflateRawSync(echo('a')), pack('garbage')]) }],
    'garbage': [{ rsv: RSV1, payload: Buffer.alloc(50, 0xff) }],
    'plain text said to be compressed': [
      { rsv: RSV1, payload: echo('abcdefghi') }],
    'a distance too far back': [{ rsv: RSV1, payload:
      Buffer.from('4b04020000', 'hex') }],
    'text that is not UTF-8': [{ rsv: RSV1, payload:
      pack(Buffer.from(echo('\u20ac')).subarray(0, 12)) }],
    'UTF-8 that becomes whole': [{ rsv: RSV1, payload:
      pack(echo('\u20ac\u{1f600}\u0000'.slice(0, 3))) }],
    'the limit': [{ rsv: RSV1, payload:
      pack(`42["length","${'x'.repeat(MAX - 14)}"]`) }],
    'the limit and one byte': [{ rsv: RSV1, payload:
      pack(`42["length","${'x'.repeat(MAX - 13)}"]`) }],
    'a bomb': [{ rsv: RSV1, payload: pack(Buffer.alloc(64 << 20, 0x78)) }],
    'a bomb of binary': [
      { rsv: RSV1, opcode: 2, payload: pack(Buffer.alloc(64 << 20)) }],
    'a bomb in fragments': (() => {
      const b = pack(Buffer.alloc(16 << 20, 0x78));

      return [{ fin: false, rsv: RSV1, payload: b.subarray(0, 10000) },
              { opcode: 0, payload: b.subarray(10000) }];
    })(),
    'too much before it is inflated': [
      { rsv: RSV1, payload: Buffer.alloc(MAX + 1) }],
  };

  for (const [name, frames] of Object.entries(CASES)) {
    it(name, () => exchange(frames));
  }

  it('another threshold', () => exchange(
    [20, 36, 37, 38, 39, 200].map((n) => ({ payload: echo(sample(n)) })),
    '/50/'));

  it('the open packet is compressed if it is long enough', () => both.compare(
    async (t) => {
      for (const path of ['/socket.io/', '/50/', '/plain/']) {
        const w = await open(t, path);

        t.note(w.frames.map((f) => f.rsv));
        w.destroy();
      }
    }));

  it('without an agreement, RSV1 is an error', () => both.compare(
    async ({ note, wsOpen }) => {
      const w = await wsOpen({});

      await w.connectNsp();
      w.sendFrame({ rsv: RSV1, payload: pack(echo('a')) });
      note((await w.waitClose()).code);
    }));

  it('what is cut off is no message', async () => {
    if (lib.NODE) {
      return;             /* Node takes what there is */
    }

    const b = pack(echo(sample(3000)));

    for (const payload of ['', b.subarray(0, 20), b.subarray(0, -1)]) {
      const w = await open({ ws: (o) => lib.ws(
        { port: both.servers.nginx.port, ...o }) });

      w.sendFrame({ rsv: RSV1, payload });
      assert.equal((await w.waitClose()).code, 1007);
    }
  });

  it('is kept over an upgrade', () => both.compare(async (t) => {
    const session = await t.poll({});

    await session.connectNsp();

    const w = await session.upgrade({
      headers: { [EXTENSION]: 'permessage-deflate' } });

    w.sendFrame({ rsv: RSV1, payload: pack(echo(sample(2000))) });
    await w.recv();
    t.note(shown(w));
    w.destroy();
  }));
});
