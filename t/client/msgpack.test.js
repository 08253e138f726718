'use strict';

/*
 * Clients with socket.io-msgpack-parser among those without, and what such a
 * client could send to do harm.  What each of them can do is in
 * matrix.test.js.
 */

const assert = require('node:assert/strict');
const { after, afterEach, before, describe, it } = require('node:test');

const { decode, encode } = require('notepack.io');
const parser = require('socket.io-msgpack-parser');

const lib = require('./lib.js');

const { ask, collect, emitAck, once, poll, until, wsOpen } = lib;

const MSGPACK = { path: '/msgpack/', parser };
const WS = '/msgpack/?EIO=4&transport=websocket';

const bytes = (...list) => Buffer.from(list);
const hex = (s) => Buffer.from(s.replace(/ /g, ''), 'hex');

const CONNECT = { type: 0, data: undefined, nsp: '/' };
const event = (...data) => ({ type: 2, data, nsp: '/' });


/* clients of all kinds, on any of the workers */

const KINDS = [
  { transport: 'websocket' },
  { transport: 'polling' },
  { transport: 'upgrade', tls: true },
  { ...MSGPACK, transport: 'websocket' },
  { ...MSGPACK, transport: 'websocket', tls: true },
  { ...MSGPACK, transport: 'polling' },
  { ...MSGPACK, transport: 'upgrade' },
];


describe('msgpack and JSON', { skip: lib.NODE }, () => {
  let server, base;

  before(async () => {
    server = await lib.serve({ workers: 4, tls: true });
    base = await server.counters();
  });

  afterEach(() => lib.disconnectAll());

  after(() => lib.finish(server, base));

  const all = () => Promise.all(KINDS.map((kind) => lib.connect(server,
                                                                kind)));

  /* a raw WebSocket, connected to "/"; a Buffer is sent as it is */

  async function open(query = '') {
    const ws = await wsOpen({ port: server.port, path: WS + query });

    ws.put = (packet) => ws.send(Buffer.isBuffer(packet) ? packet
                                                         : encode(packet));
    ws.take = async () => decode((await ws.recv()).data);

    ws.put(CONNECT);
    ws.id = (await (query ? ws.recv() : ws.take())).data?.sid;
    await ws.recv();

    return ws;
  }


  it('shares rooms with JSON, text and binary, both ways', async () => {
    const sockets = await all();
    const got = sockets.map((socket) => collect(socket, 'said'));
    const values = [
      ['text', 1.5, null, [true], { a: '\u00e9\u0000' }],
      [bytes(1, 2, 3), { x: [bytes(), 'y', bytes(255)] }],
      ['x'.repeat(70000), Buffer.alloc(70000, 30)],
    ];

    for (const socket of sockets) {
      await emitAck(socket, 'join', 'mixed');
    }

    for (const [i, from] of sockets.entries()) {
      for (const value of values) {
        from.emit('say', 'mixed', i, ...value);
      }

      await until(() => got.every((list) => list.length === values.length),
                  5000, `what ${i} said`);

      for (const list of got) {
        assert.deepEqual(list.splice(0), values.map((v) => [i, ...v]));
      }
    }

    /* to others only, and to all */

    sockets[3].emit('sayOthers', 'mixed', 'others');
    await until(() => got.every((list, i) => i === 3 || list.length === 1));

    sockets[0].emit('sayAll', bytes(7));
    await until(() => got.every((list) => Buffer.isBuffer(list.at(-1))));

    assert.deepEqual(got.map((list) => list.length), [2, 2, 2, 1, 2, 2, 2]);
  });


  it('asks a room of both for acknowledgements', async () => {
    const sockets = await all();
    const told = collect(sockets[3], 'told');

    await emitAck(sockets[3], 'watch');

    for (const [i, socket] of sockets.entries()) {
      socket.on('question', (arg, ack) => ack(Buffer.concat([arg, bytes(i)])));
      await emitAck(socket, 'join', 'asked');
    }

    sockets[0].emit('askRoom', 'asked', bytes(9));
    await until(() => told.length === sockets.length, 5000, 'all answers');

    assert.deepEqual(
      told.map(([id, b]) => [id, b.toString('hex')]).sort(),
      sockets.map((s, i) => [s.id, `090${i}`]).sort());
  });


  it('keeps a Date, and tells JSON clients its string', async () => {
    const [a, b, json] = await Promise.all([
      lib.connect(server, MSGPACK),
      lib.connect(server, { ...MSGPACK, transport: 'polling' }),
      lib.connect(server)]);
    const dates = [new Date(0), new Date(1795176000123), new Date(-8.64e15)];

    for (const socket of [b, json]) {
      await emitAck(socket, 'join', 'dates');
    }

    const got = [b, json].map((socket) => once(socket, 'said'));

    a.emit('say', 'dates', ...dates, { at: [dates[1]] });

    assert.deepEqual(await got[0], [...dates, { at: [dates[1]] }]);
    assert.deepEqual(await got[1], JSON.parse(JSON.stringify(
      [...dates, { at: [dates[1]] }])));

    /* rules see the string; what is kept is a Date still */

    await emitAck(a, 'setColor', dates[1]);
    assert.deepEqual(await ask(a, 'getColor'), dates[1]);
    assert.deepEqual(await ask(a, 'pick', { text: dates[1], count: 1 }),
                     { text: dates[1], count: 1 });

    /* no string of a client becomes one */

    assert.equal(await ask(a, 'echoAck', dates[1].toJSON()),
                 dates[1].toJSON());
  });


  it('tells what JSON cannot say as JSON.stringify() does', async () => {
    const socket = await lib.connect(server, MSGPACK);

    assert.deepEqual(
      await emitAck(socket, 'echoAck', undefined, NaN, [Infinity, undefined],
                    { a: undefined, b: new Uint8Array([1, 2]) }),
      [null, null, [null, null], { b: bytes(1, 2) }]);
  });


  it('gives rules a CONNECT payload with binary in it', async () => {
    const socket = await lib.connect(server, {
      ...MSGPACK, auth: { user: 'x', key: bytes(1, 2) },
    });

    assert.deepEqual(await ask(socket, 'auth'),
                     { user: 'x', key: { _base64: 'AQI=' } });
  });


  it('does not send volatile packets to who does not read', async () => {
    const ws = await open();

    ws.write(Buffer.concat([event('sayVolatile', 1), event('sayVolatile', 2),
                            event('echo', 'end')].map((p) => lib.frameBytes({
      opcode: lib.BINARY, payload: encode(p) }))));

    const got = [];

    do {
      got.push((await ws.take()).data);
    } while (got.at(-1)[1] !== 'end');

    assert.deepEqual(got, [['said', 1], ['echo', 'end']]);
    await ws.close();
  });


  it('sends base64 to a client that asks for it', async () => {
    const ws = await open('&b64=1');

    ws.send(`b${encode(event('echo', bytes(1))).toString('base64')}`);

    const text = await ws.recvText();

    assert.equal(text[0], 'b');
    assert.deepEqual(decode(Buffer.from(text.slice(1), 'base64')),
                     event('echo', bytes(1)));
    await ws.close();
  });


  it('runs nothing for the name of a life-cycle event', async () => {
    const ws = await open();
    const { refused_packets: refused } = await server.counters();

    for (const name of ['connect', 'disconnecting', 'disconnect',
                        'connect_error', 'newListener', 'removeListener']) {
      ws.put({ ...event(name, 'x'), id: 1 });
    }

    for (const name of [null, {}, [], true, bytes(1)]) {
      ws.put(event(name, 'x'));
    }

    ws.put(event());
    ws.put({ ...event('id'), id: 2 });

    assert.deepEqual(await ws.take(), { id: 2, type: 3, data: [ws.id, '/'],
                                        nsp: '/' });
    assert.match(server.errorLog(), /no rule for event "disconnecting"/);
    assert.equal((await server.counters()).refused_packets, refused + 6);
    await ws.close();
  });


  it('closes on what is no packet, and on none of its parts', async () => {
    const good = encode(event('echo', { a: [1.5, 'text', bytes(1), true] }));
    const bad = [
      ...Array.from(good, (_, i) => good.subarray(0, i)),
      Buffer.concat([good, bytes(0xc0)]),
      Buffer.concat([good, good]),
      bytes(0xc1),
      encode([event('echo', 1)]),
      hex('dfffffffff a474797065 02'),
      hex('83 a474797065 02 a464617461 ddffffffff a36e7370a12f'),
      hex('83 a474797065 02 a464617461 91dbffffffff a36e7370a12f'),
      hex('83 a474797065 02 a464617461 91c6ffffffff a36e7370a12f'),
      encode({ ...event('echo'), nsp: 'x' }),
      encode({ ...event('echo'), nsp: '/,' }),
      encode({ ...event('echo'), nsp: '/\x1e' }),
      hex('84 a26964 cb4415af1d78b58c40 a474797065 02 a464617461 91a161'
          + 'a36e7370a12f'),
      encode({ ...event('echo'), id: null }),
      encode(event('echo', { _placeholder: true, num: 5 }, bytes(1))),
      hex('83 a474797065 02 a464617461 9281a16101 c0 a36e7370a12f 00'),
    ];

    await Promise.all([...bad, '42["echo",1]', '4'].map(async (message) => {
      const ws = await open();

      ws.send(message);

      const { code } = await ws.waitClose().catch((e) => e);

      assert.equal(code, 1005, `after ${message.toString('latin1')}`);
    }));

    const ws = await open();

    ws.put(good);
    assert.deepEqual(await ws.take(), decode(good));
    await ws.close();
  });


  it('closes a polling session, too', async () => {
    for (const body of ['42["echo",1]', 'bgw==', 'b']) {
      const session = await poll({ port: server.port, path: '/msgpack/' });

      await session.post(`b${encode(CONNECT).toString('base64')}`);
      assert.equal((await session.post(body)).text, 'ok');

      await until(async () => (await session.get()).status === 400);
    }
  });


  it('limits depth, as of JSON', async () => {
    const deep = (n) => JSON.parse('['.repeat(n) + ']'.repeat(n));
    const socket = await lib.connect(server, MSGPACK);

    assert.deepEqual(await ask(socket, 'echoAck', deep(63)), deep(63));

    const ws = await open();

    ws.put(event('echo', deep(64)));
    assert.equal((await ws.waitClose()).code, 1005);

    const other = await open();

    other.put({ ...event('echo', 1), options: deep(65) });
    assert.equal((await other.waitClose()).code, 1005);
  });


  it('limits binaries to what JSON clients of the zone take', async () => {
    const many = (n) => Array.from({ length: n }, (_, i) => bytes(i));
    const socket = await lib.connect(server, MSGPACK);

    assert.deepEqual(await emitAck(socket, 'echoAck', many(10)), [many(10)]);

    const ws = await open();

    ws.put(event('echo', many(11)));
    assert.equal((await ws.waitClose()).code, 1005);
  });


  it('does not multiply a binary that is spoken of often', async () => {
    const [socket, other] = await Promise.all([
      lib.connect(server, MSGPACK),
      lib.connect(server, { ...MSGPACK, transport: 'polling' })]);
    const got = [socket, other].map((s) => collect(s, 'said'));

    await emitAck(socket, 'join', 'bomb');
    await emitAck(other, 'join', 'bomb');

    const ws = await wsOpen({ port: server.port,
                              path: '/socket.io/?EIO=4&transport=websocket' });
    const ph = '{"_placeholder":true,"num":0}';

    await ws.connectNsp();
    ws.send(`451-["say","bomb","few",[${Array(5).fill(ph)}]]`);
    ws.send(Buffer.alloc(300000));
    ws.send(`451-["say","bomb","many",[${Array(20).fill(ph)}]]`);
    ws.send(Buffer.alloc(300000));
    ws.send('42["say","bomb","end"]');

    await until(() => got.every((list) => list.at(-1) === 'end'));

    for (const list of got) {
      assert.equal(list.length, 2);
      assert.deepEqual(list[0], ['few', Array(5).fill(Buffer.alloc(300000))]);
    }

    assert.match(server.errorLog(), /dropped, too long for sio_parser msgpack/);
    await ws.close();
  });
});


describe('msgpack alone in its zone', () => {
  let server;

  before(async () => {
    server = await lib.serve({ workers: 4, app: {
      directives: `sio_parser msgpack; sio_per_message_deflate on;
                   sio_max_http_buffer_size 1000000;`,
      rules: `sio_on echo { ack $sio_args; }
              sio_on join { join r; ack; }
              sio_on say  { emit said $sio_args to=r; }`,
      options: { parser, perMessageDeflate: true },
      node: (io) => io.on('connection', (socket) => {
        socket.on('echo', (...a) => a.pop()(...a));
        socket.on('join', (ack) => { socket.join('r'); ack(); });
        socket.on('say', (...a) => io.to('r').emit('said', ...a));
      }),
    } });
  });

  afterEach(() => lib.disconnectAll());

  after(() => lib.finish(server));


  it('takes a thousand binaries', async () => {
    const many = (n) => Array.from({ length: n }, (_, i) => bytes(i & 255));
    const socket = await lib.connect(server, { parser });

    assert.deepEqual(await emitAck(socket, 'echo', many(1000)), [many(1000)]);

    if (!lib.NODE) {
      socket.emit('echo', many(1001), () => {});
      assert.equal((await once(socket, 'disconnect'))[0], 'transport close');
    }
  });


  it('takes a message that is longer as JSON', async () => {
    const socket = await lib.connect(server, { parser });

    for (const value of ['\u0001'.repeat(600000), Array(900000).fill(7)]) {
      assert.deepEqual(await emitAck(socket, 'echo', value), [value]);
    }

    if (!lib.NODE) {
      socket.emit('echo', '\u0001'.repeat(900000), () => {});
      assert.equal((await once(socket, 'disconnect'))[0], 'transport close');
      assert.match(server.errorLog(), /more than 4194304 bytes as JSON/);
    }
  });


  it('compresses, once for all', async () => {
    const sockets = await Promise.all(
      ['websocket', 'websocket', 'upgrade', 'polling'].map((transport) =>
        lib.connect(server, { parser, transport, perMessageDeflate: true })));
    const said = sockets.map((socket) => collect(socket, 'said'));
    const value = { text: 'x'.repeat(5000), b: Buffer.alloc(5000) };

    await Promise.all(sockets.map((socket) => emitAck(socket, 'join')));

    sockets[3].emit('say', value, 1);
    sockets[0].emit('say', value, 2);

    await until(() => said.every((list) => list.length === 2));

    for (const list of said) {
      assert.deepEqual(list.sort((a, b) => a[1] - b[1]),
                       [[value, 1], [value, 2]]);
    }
  });
});


describe('msgpack after a reload', { skip: lib.NODE }, () => {
  const conf = (directives) => ({
    workers: 2,
    http: 'sio_zone zone=z:1m; sio_drain_time 0;',
    location: `sio zone=z; ${directives} sio_on echo { ack $sio_args; }`,
  });

  it('ends sessions whose parser is another one now', async () => {
    const server = await lib.startNginx(conf('sio_parser msgpack;'));

    try {
      const socket = lib.client(server, { transport: 'polling', parser,
                                          reconnection: false });

      await lib.connected(socket);

      const old = server.workers();

      await server.reload(conf(''));

      /* they have the session still, for as long as they are there */

      await until(() => !server.workers({ all: true })
                           .some((pid) => old.includes(pid)),
                  10000, 'the end of the old workers');

      const gone = once(socket, 'disconnect');

      socket.emit('echo', 1);
      await gone;

      const json = await lib.connect(server, { transport: 'polling' });

      assert.equal(await ask(json, 'echo', 1), 1);

    } finally {
      await lib.finish(server);
    }
  });
});
