'use strict';

/*
 * Packets of socket.io-msgpack-parser, byte for byte as Node's server with
 * that parser writes them.
 */

const { after, before, describe, it } = require('node:test');

const { encode } = require('notepack.io');
const parser = require('socket.io-msgpack-parser');

const lib = require('./lib.js');


const app = {
  directives: 'sio_parser msgpack; sio_allow_eio3 on;',
  options: { parser, allowEIO3: true },

  rules: `
    sio_set $token auth /token string;

    sio_on echo         { relay; }
    sio_on answer       { ack $sio_args; }
    sio_on both         { emit one $sio_args; ack $sio_arg_0; emit two; }
    sio_on first        { emit first $sio_arg_0; }
    sio_on text         { emit text "json $sio_arg_0"; }
    sio_on join         { join $sio_arg_0; ack; }
    sio_on say          { emit said $sio_args_1 to=$sio_arg_0; }
    sio_on template     { emit template
                               '{"a": $sio_arg_0, "b": [$sio_arg_1, 1.5]}'; }
    sio_on binary       { emit binary base64:AQL/ '[{"_base64":""}]'; }
    sio_on auth         { ack $sio_auth; }
    sio_on ask          { emit question $sio_args ack=told; }
    sio_on_ack told     { emit told $sio_args; }
    sio_on volatile     { emit volatile $sio_args volatile; }
    sio_on bye          { disconnect; }
    sio_on byeClose     { disconnect close; }

    sio_namespace /custom {
        sio_on echo     { relay; }
        sio_on answer   { ack $sio_args; }
        sio_on bye      { disconnect; }
    }

    sio_namespace /guard {
        sio_use         { require $token "error=no token" 'data={"a":[1]}'; }
        sio_on answer   { ack; }
    }

    sio_namespace /closed {
        sio_use         { reject closed; }
    }
  `,

  node(io) {
    const echo = (s) => {
      s.on('echo', (...a) => s.emit('echo', ...a));
      s.on('answer', (...a) => a.pop()(...a));
      s.on('bye', () => s.disconnect());
    };

    io.on('connection', (s) => {
      echo(s);
      s.on('both', (...a) => {
        const ack = a.pop();

        s.emit('one', ...a);
        ack(a[0]);
        s.emit('two');
      });
      s.on('first', (a) => s.emit('first', a));
      s.on('text', (a) => s.emit('text', `json ${JSON.stringify(a)}`));
      s.on('join', (room, ack) => { s.join(room); ack(); });
      s.on('say', (room, ...a) => io.to(room).emit('said', ...a));
      s.on('template', (a, b) => s.emit('template', { a, b: [b, 1.5] }));
      s.on('binary', () => s.emit('binary', Buffer.from([1, 2, 255]),
                                  [Buffer.alloc(0)]));
      s.on('auth', (ack) => ack(s.handshake.auth));
      s.on('ask', (...a) => s.emit('question', ...a,
                                   (...b) => s.emit('told', ...b)));
      s.on('volatile', (...a) => s.volatile.emit('volatile', ...a));
      s.on('byeClose', () => s.disconnect(true));
    });

    io.of('/custom').on('connection', echo);

    io.of('/guard').use((s, next) => {
      next(s.handshake.auth.token ? undefined
        : Object.assign(new Error('no token'), { data: { a: [1] } }));
    }).on('connection', echo);

    io.of('/closed').use((s, next) => next(new Error('closed')));
  },
};


const connect = (nsp = '/', data) => ({ type: 0, data, nsp });
const event = (...data) => ({ type: 2, data, nsp: '/' });
const asked = (id, ...data) => ({ type: 2, data, id, nsp: '/' });
const ack = (id, ...data) => ({ type: 3, data, id, nsp: '/' });
const at = (nsp, packet) => ({ ...packet, nsp });
const leave = (nsp = '/') => ({ type: 1, nsp });

const hex = (s) => Buffer.from(s.replace(/ /g, ''), 'hex');

/* {type: 2, data: ["echo", VALUE], nsp: "/"}, VALUE as it stands */
const raw = (value) => Buffer.concat([
  hex('83'), encode('type'), hex('02'), encode('data'), hex('92'),
  encode('echo'), hex(value), encode('nsp'), encode('/')]);

const buf = (...list) => Buffer.from(list);


/* first packets of a connection */

const FIRST = {
  'CONNECT': [connect()],
  'CONNECT, an empty payload': [connect('/', {})],
  'CONNECT, a payload': [connect('/', { a: [1, { b: null }] }),
                         asked(1, 'auth')],
  'CONNECT, without data': [{ type: 0, nsp: '/' }],
  'CONNECT, keys in another order': [{ nsp: '/', type: 0 }],
  'CONNECT, more keys': [{ type: 0, nsp: '/', a: [1], options: {} }],
  'CONNECT elsewhere': [connect('/custom')],
  'CONNECT to nowhere': [connect('/random'), connect()],
  'CONNECT to a name with a query': [connect('/custom?a=1')],
  'middleware, no': [connect('/guard')],
  'middleware, no data': [connect('/closed')],
  'middleware, yes': [connect('/guard', { token: 'x' }),
                      at('/guard', asked(0, 'answer'))],
  'CONNECT, data null': [connect('/', null)],
  'CONNECT, data an array': [connect('/', [])],
  'CONNECT, data a string': [connect('/', 'x')],
  'CONNECT, data a number': [connect('/', 1)],
  'CONNECT, data binary': [connect('/', buf(1))],
  'EVENT before CONNECT': [event('echo', 1)],
  'ACK before CONNECT': [ack(0)],
  'DISCONNECT before CONNECT': [leave()],
  'text': ['40'],
  'text, a message of it': ['4'],
  'nothing': [buf()],
  'no map': [encode([connect()])],
  'an array': [encode([])],
  'a number': [encode(0)],
  'nil': [encode(null)],
  'an empty map': [encode({})],
  'a ping': ['2'],
  'pong, open, close, upgrade, noop': ['3', '0', '1', '5', '6', connect()],
};


/* after CONNECT */

const LATER = {
  'EVENT': [event('echo', 1)],
  'EVENT, options': [{ ...event('echo', 1), options: { compress: true } }],
  'EVENT elsewhere': [at('/custom', event('echo', 1)),
                      at('/custom', asked(3, 'answer', 'x'))],
  'EVENT, an id': [asked(12, 'answer', 1), asked(0, 'answer'),
                   asked(2 ** 40, 'answer', 'x')],
  'EVENT, an id below 0': [asked(-1, 'answer', 1), asked(-300, 'answer')],
  'EVENT, an id undefined': [asked(undefined, 'echo', 1)],
  'EVENT and ACK in order': [asked(5, 'both', 'a', [1])],
  'EVENT without a rule': [event('unknown', 1), asked(1, 'unknown')],
  'EVENT without a name': [event(), event(null), event({}), event(true),
                           event([1], 2)],
  'EVENT, a number for a name': [event(5, 1)],
  'EVENT without arguments': [event('echo')],
  'ACK nobody asked for': [ack(7, 1), ack(0), { ...ack(0), id: undefined }],
  'DISCONNECT': [leave()],
  'DISCONNECT, connect again': [leave(), connect()],
  'disconnect': [event('bye')],
  'disconnect, close': [event('byeClose')],

  'strings': [event('echo', '', 'a'.repeat(31), 'b'.repeat(32),
                    'c'.repeat(255), 'd'.repeat(256), 'e'.repeat(65535),
                    'f'.repeat(65536))],
  'strings, Unicode': [event('echo', '\u00e9\u20ac\u{1f600}\u2028',
                             '\u0000\u001e\n"\\/\u007f')],
  'numbers': [event('echo', 0, 127, 128, 255, 256, 65535, 65536, 2 ** 32 - 1,
                    2 ** 32, 2 ** 53, 2 ** 60, 2 ** 63)],
  'numbers below 0': [event('echo', -0, -1, -32, -33, -128, -129, -32768,
                            -32769, -(2 ** 31), -(2 ** 31) - 1, -(2 ** 53),
                            -(2 ** 63))],
  'numbers, not whole': [event('echo', 0.1, -1.5, 5e-324, 1e-7,
                               123456789.125)],
  'constants': [event('echo', null, true, false)],
  'arrays': [event('echo', [], [[]], Array(15).fill(1), Array(16).fill(1),
                   Array(65535).fill(0), Array(65536).fill(0))],
  'maps': [event('echo', {}, { a: { b: {} }, c: [{}] },
                 Object.fromEntries(Array.from({ length: 15 },
                                               (_, i) => [`k${i}`, i])),
                 Object.fromEntries(Array.from({ length: 16 },
                                               (_, i) => [`k${i}`, i])))],
  'a look-alike': [event('echo', { _placeholder: true, num: 0 })],
  'a look-alike that is none': [
    event('echo', { _placeholder: 1, num: 0 }, buf(1))],
  'binary': [event('echo', buf(), buf(1), Buffer.alloc(255),
                   Buffer.alloc(256), Buffer.alloc(65535),
                   Buffer.alloc(65536))],
  'binary, nested': [event('echo', [buf(1), { a: buf(2), b: [[buf(3)]] }])],
  'binary, some of it': [event('first', [1, buf(2)], buf(3)),
                         event('first', 1, buf(3))],
  'binary, an answer': [asked(1, 'answer', buf(1, 2), { a: buf(3) })],
  'binary, more than ten': [event('echo',
                                  ...Array.from({ length: 50 },
                                                (_, i) => buf(i)))],
  'binary of the server': [event('binary')],
  'dates': [event('echo', new Date(0), new Date(-1), new Date(1795176000123),
                  [{ at: new Date(8.64e15) }])],
  'dates in a template': [event('template', new Date(5), buf(1))],
  'dates are strings': [event('echo', '2026-11-20T12:00:00.000Z')],
  'what rules see': [
    event('text', [1, 1.5, 'a\n', null, true, [], {}, { a: 'b' }]),
    event('text', [undefined, NaN, -Infinity, { a: undefined, b: 1 }]),
    event('text', [2 ** 53, 1e-7, -0])],
  'templates': [event('template', 1, 'x'), event('template', [], {})],
  'rooms': [asked(1, 'join', 'r'), event('say', 'r', 1, buf(2), 'x'),
            event('say', 'other', 1)],
  'volatile': [event('volatile', 1, buf(2))],
  'asked, answered': [event('ask', 1), ack(0, 'a', buf(1)), ack(0, 'late')],

  'other widths': [raw('cc05'), raw('cd0005'), raw('ce00000005'),
                   raw('cf0000000000000005'), raw('d005'), raw('d10005'),
                   raw('d200000005'), raw('d30000000000000005'),
                   raw('d90161'), raw('da000161'), raw('db0000000161'),
                   raw('c50001ff'), raw('c600000001ff'), raw('dc000101'),
                   raw('dd0000000101'), raw('de0001a16101'),
                   raw('df00000001a16101')],
  'float 32': [raw('ca3fc00000'), raw('ca3dcccccd'), raw('ca40a00000')],
  'ext': [raw('d405ff'), raw('d500aabb'), raw('d6ff01020304'),
          raw('d7800102030405060708'),
          raw('d801000102030405060708090a0b0c0d0e0f'), raw('c7037f010203'),
          raw('c8000201aabb'), raw('c90000000101aa')],
  'names of properties': [raw('8105a161'), raw('81c3a161'), raw('81c0a161'),
                          raw('81cb3ff8000000000000a161'),
                          raw('81c40161a162')],
  'equal keys of the packet': [
    hex('84 a474797065 01 a474797065 02 a464617461 92a46563686f01 a36e7370a12f'),
    hex('84 a46e616d65 c0 a474797065 02 a464617461 92a46563686f01 a36e7370a12f')],
  'keys of the packet that are no strings': [
    hex('84 01c0 a474797065 02 a464617461 92a46563686f01 a36e7370a12f'),
    hex('84 c0c0 a474797065 02 a464617461 92a46563686f01 a36e7370a12f')],
  'no valid UTF-8': [raw('a3ff6180'), raw('a2c328'), raw('a4f09f9861')],

  'a second CONNECT': [connect()],
  'another namespace': [at('/custom', event('echo', 1)),
                        at('/guard', event('echo', 1))],
  'a namespace that was left': [connect('/guard', { token: 'x' }),
                                leave('/guard'), at('/guard', event('a'))],
  'CONNECT_ERROR of a client': [{ type: 4, data: 'x', nsp: '/' }],
  'types 5 and 6': [{ type: 5, data: ['echo'], nsp: '/' }],
  'type -1': [{ type: -1, data: ['echo'], nsp: '/' }],
  'type 1.5': [{ type: 1.5, data: ['echo'], nsp: '/' }],
  'type a string': [{ type: '2', data: ['echo'], nsp: '/' }],
  'no type': [{ data: ['echo'], nsp: '/' }],
  'type 2.0': [hex('83 a474797065 cb4000000000000000 a464617461 '
                   + '92a46563686f01 a36e7370a12f')],
  'no namespace': [{ type: 2, data: ['echo'] }],
  'a namespace null': [{ type: 2, data: ['echo'], nsp: null }],
  'a namespace in binary': [{ type: 2, data: ['echo'], nsp: Buffer.from('/') }],
  'EVENT without data': [{ type: 2, nsp: '/' }],
  'EVENT, data undefined': [{ type: 2, data: undefined, nsp: '/' }],
  'EVENT, data a map': [{ type: 2, data: {}, nsp: '/' }],
  'EVENT, data a string': [{ type: 2, data: 'echo', nsp: '/' }],
  'ACK without data': [{ type: 3, id: 1, nsp: '/' }],
  'ACK, data null': [{ type: 3, id: 1, data: null, nsp: '/' }],
  'DISCONNECT with data': [{ type: 1, data: {}, nsp: '/' }],
  'DISCONNECT, data undefined': [{ type: 1, data: undefined, nsp: '/' }],
  'an id null': [asked(null, 'answer')],
  'an id 1.5': [asked(1.5, 'answer')],
  'an id in a string': [asked('1', 'answer')],
  'an id NaN': [asked(NaN, 'answer')],
  'a byte more': [Buffer.concat([encode(event('echo', 1)), buf(0xc0)])],
  'a byte less': [encode(event('echo', 1)).subarray(0, -1)],
  'the first byte': [buf(0x83)],
  'c1': [raw('c1')],
  'a string beyond the end': [raw('dbffffffff')],
  'binary beyond the end': [raw('c6ffffffff')],
  'ext beyond the end': [raw('c9ffffffff05')],
  'fewer elements than said': [raw('9f01')],
  'text': ['42["echo",1]'],
};


/* members that are undefined: of the server's own, docs/compatibility.md */

const UNDEFINED = [
  [/\x82(\xa3sid\xb4.{20})\xa3pid\xd4\x00\x00/s, '\x81$1'],
  [/\x82(\xa7message.*)\xa4data\xd4\x00\x00/s, '\x81$1'],
];


/* bytes as text, so that ids in them are found */

function shown(bytes) {
  return UNDEFINED.reduce((b, [re, to]) => b.replace(re, to),
                          bytes.toString('latin1'));
}


/*
 * The messages up to the one that begins like this, else one; false if they
 * end before
 */

async function drain(ws, note, upTo) {
  for (;;) {
    let m;

    try {
      m = await ws.recv();

    } catch (e) {
      if (!ws.ended) {
        throw e;
      }

      note(`closed ${(await ws.closed).code}`);
      return false;
    }

    const bytes = shown(m.data);

    if (upTo && bytes.startsWith(upTo)) {
      return true;
    }

    note(m.opcode, bytes);

    if (!upTo) {
      return true;
    }
  }
}


/* the same of a session that polls; upTo is an expression */

async function fetched(session, note, upTo) {
  for (;;) {
    const r = await session.get();

    if (r.status !== 200) {
      note(r.status, r.text);
      return false;
    }

    for (const packet of r.packets.filter((p) => p !== '6' && p !== '2')) {

      if (packet === '1') {
        note('closed');
        return false;
      }

      const bytes = packet[0] === 'b'
        ? shown(Buffer.from(packet.slice(1), 'base64')) : `text ${packet}`;

      if (upTo.test(bytes)) {
        return true;
      }

      note(bytes);
    }
  }
}


/* arguments of "echo" that come back as others, and why */

const OTHERS = {
  'undefined': [raw('d40000'), 'd40000', 'c0',
                '`undefined` in an argument or array'],
  'a member that is undefined': [raw('81a161d40000'), '81a161d40000', '80',
                                 'members that are `undefined` are left out'],
  'NaN': [raw('cb7ff8000000000000'), 'cb7ff8000000000000', 'c0',
          'NaN and infinities arrive as `null`'],
  'a typed array': [raw('c70200aabb'), 'c70200aabb', 'c402aabb',
                    'A typed array arrives as a Buffer or Uint8Array'],
  '2^64': [raw('cfffffffffffffffff'), 'cf0000000000000000',
           'cb43f0000000000000', 'Integers of 2^64 and more are doubles'],
  'no Date': [raw('d700 7fffffffffffffff'), 'd7000000000000000000', 'c0',
              'an invalid Date is `null`'],
};


const put = (ws, step) =>
  ws.send(typeof step === 'string' || Buffer.isBuffer(step) ? step
                                                            : encode(step));

const post = (session, steps) => session.post(steps.map((step) => (
  typeof step === 'string' ? step
    : 'b' + (Buffer.isBuffer(step) ? step : encode(step)).toString('base64'))));

/* "/custom" is there to tell when a step has been taken */

const ALIVE = at('/custom', asked(99, 'answer'));
const ALIVE_ANSWER = '\x84\xa2id\x63';
const CONNECTED = /^.\xa4type[\0\x04]/;


describe('msgpack packets', () => {
  const both = lib.pair(app);

  before(() => both.start());
  after(() => both.stop());

  for (const [name, steps] of Object.entries(FIRST)) {
    it(name, () => both.compare(async ({ note, wsOpen }) => {
      const ws = await wsOpen({});

      for (const step of [...steps, connect('/custom')]) {
        put(ws, step);

        if (step.type === 0 && !await drain(ws, note)) {
          return;
        }
      }

      await ws.close();
    }));
  }

  for (const [name, [step, node, nginx, why]] of Object.entries(OTHERS)) {
    it(name, () => both.compare(async ({ note, wsOpen }) => {
      const ws = await wsOpen({});

      put(ws, connect());
      await ws.recv();
      put(ws, step);
      note((await ws.recv()).data.toString('hex'));
      await ws.close();

    }, why && {
      node: [[raw(node).toString('hex')]],
      nginx: [[raw(nginx).toString('hex')]],
      why,
    }));
  }


  for (const [name, steps] of Object.entries(LATER)) {
    it(name, () => both.compare(async ({ note, wsOpen }) => {
      const ws = await wsOpen({});

      put(ws, connect('/custom'));
      await drain(ws, note);
      put(ws, connect());
      await drain(ws, note);

      for (const step of steps) {
        put(ws, step);

        if ((step.type === 0 && !await drain(ws, note))
            || (put(ws, ALIVE), !await drain(ws, note, ALIVE_ANSWER)))
        {
          return;
        }
      }

      await ws.close();
    }));


    /* Node answers a CONNECT later, and numbers its questions through */

    if (steps.some(({ type }) => type === 0) || name.startsWith('asked')) {
      continue;
    }

    it(`polling: ${name}`, () => both.compare(async ({ note, poll }) => {
      const session = await poll({});

      await post(session, [connect('/custom')]);
      await fetched(session, () => {}, CONNECTED);
      await post(session, [connect()]);
      await fetched(session, () => {}, CONNECTED);

      for (const step of steps) {
        note((await post(session, [step])).text);
      }

      await post(session, [ALIVE]);

      if (await fetched(session, note, /^\x84\xa2id\x63/)) {
        await session.post('1');
      }
    }));
  }


  /* clients of Socket.IO 2: a byte 4 in front, "/" is joined by itself */

  const v3 = [event('echo', 1, buf(2)), asked(3, 'answer', 'x'),
              connect('/custom'), at('/custom', event('echo', 2)),
              connect('/guard'), connect('/guard?token=x'), event('bye')];
  const four = (packet) => Buffer.concat([buf(4), encode(packet)]);

  it('Engine.IO 3, WebSocket', () => both.compare(async ({ note, wsOpen }) => {
    const ws = await wsOpen({
      path: '/socket.io/?EIO=3&transport=websocket' });

    await drain(ws, note);

    for (const packet of v3) {
      ws.send(four(packet));
      await drain(ws, note);
    }

    ws.send(four(event('echo', 1)));
    await drain(ws, note);
  }));

  it('Engine.IO 3, base64', () => both.compare(async ({ note, wsOpen }) => {
    const ws = await wsOpen({
      path: '/socket.io/?EIO=3&transport=websocket&b64=1' });

    await drain(ws, note);
    ws.send(`b4${encode(event('echo', buf(1))).toString('base64')}`);
    await drain(ws, note);
    await ws.close();
  }));

  it('Engine.IO 3, polling', () => both.compare(async ({ note, http }) => {
    const path = '/socket.io/?EIO=3&transport=polling';
    const open = await http({ path });
    const [sid] = /[\w-]{20}/.exec(open.text);
    const get = async () => {
      const r = await http({ path: `${path}&sid=${sid}` });

      note(r.status, r.header('content-type'), r.body.toString('latin1'));
    };

    await get();

    for (const packet of v3.slice(0, 2)) {
      const body = four(packet);

      note((await http({
        method: 'POST', path: `${path}&sid=${sid}`,
        headers: { 'Content-Type': 'application/octet-stream' },
        body: Buffer.concat([buf(1, ...`${body.length}`, 255), body]),
      })).text);
      await get();
    }

    await http({ method: 'POST', path: `${path}&sid=${sid}`, body: '1:1' });
  }));
});
