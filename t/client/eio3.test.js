'use strict';

/*
 * sio_allow_eio3: clients of Socket.IO 2, 3 and 4 in one room, on four
 * workers; Engine.IO v3 by its own client; and what only nginx does.  What a
 * client of Socket.IO 2 can do by itself is in matrix.test.js.
 */

const assert = require('node:assert/strict');
const { after, afterEach, before, describe, it } = require('node:test');

const lib = require('./lib.js');

const { ask, emitAck, once, record, until } = lib;

const engine3 = require('engine.io-client-3');
const engine4 = require('engine.io-client');

const TEXT = '\u00e9 \u20ac \u{1f600} "\\" \u2028';

const bytes = (...list) => Buffer.from(list);


describe('Socket.IO 2, 3 and 4', () => {
  let server, base;

  before(async () => {
    server = await lib.serve({ tls: true });
    base = await server.counters();
  });

  afterEach(() => lib.disconnectAll());
  after(() => lib.finish(server, base));

  /* one in each form; a client of Socket.IO 2 asks for base64 as well.  With
     TLS Node's is a server of its own */

  const all = () => Promise.all([
    ...lib.combinations({ version: ['4.8', '3.1', '2.5'],
                          transport: Object.keys(lib.TRANSPORTS) }),
    { version: '2.5', transport: 'polling', forceBase64: true },
    { version: '2.5', transport: 'websocket', forceBase64: true },
    { version: '2.5', transport: 'upgrade', forceBase64: true },
  ].map((form, i) => lib.connect(server, {
    ...form, tls: i % 2 === 1 && !lib.NODE,
  })));


  it('hear each other in one room, in one order', async () => {
    const list = await all();
    const logs = list.map(record);

    for (const socket of list) {
      await emitAck(socket, 'join', 'mixed');
    }

    for (let round = 0; round < 4; round++) {
      list.forEach((socket, i) => {
        socket.emit('say', 'mixed', i, round, TEXT);
        socket.emit('pass', 'mixed', i, { b: bytes(i, 0x1e), r: round },
                    bytes());
      });
    }

    const count = (log) => log.filter(([e]) => e !== 'welcome').length;

    await until(() => logs.every((log) => count(log) === 8 * list.length),
                10000, 'all messages');

    const heard = logs.map((log) => log.filter(([e]) => e !== 'welcome'));

    for (const log of heard) {
      assert.deepEqual(log, heard[0]);
    }

    for (let i = 0; i < list.length; i++) {
      assert.deepEqual(heard[0].filter(([e, a, b]) =>
        (e === 'said' ? a : b) === i), [0, 1, 2, 3].flatMap((round) => [
        ['said', i, round, TEXT],
        ['pass', 'mixed', i, { b: bytes(i, 0x1e), r: round }, bytes()],
      ]));
    }
  });


  it('answer each other\'s questions, by rooms and by ids', async () => {
    const list = await all();
    const told = [];

    list[0].on('told', (...args) => told.push(args));
    await emitAck(list[0], 'watch');

    for (const [i, socket] of list.entries()) {
      socket.on('question', (arg, ack) => ack([arg, i, bytes(i)]));
      await emitAck(socket, 'join', 'asked');
    }

    list[list.length - 1].emit('askRoom', 'asked', TEXT);
    await until(() => told.length === list.length, 5000, 'every answer');
    assert.deepEqual(told.sort(([a], [b]) => (a < b ? -1 : 1)),
      list.map((s, i) => [s.id, [TEXT, i, bytes(i)]])
        .sort(([a], [b]) => (a < b ? -1 : 1)));

    assert.deepEqual((await ask(list[1], 'peers', 'asked'))
      .map(({ id }) => id).sort(), list.map(({ id }) => id).sort());

    for (const [i, socket] of list.entries()) {
      const next = list[(i + 1) % list.length];
      const said = once(next, 'said');

      socket.emit('sayPlain', next.id, i, bytes(i));
      assert.deepEqual(await said, [i, bytes(i)]);
    }
  });


  it('hear each other in a namespace, whose ids differ', async () => {
    const list = (await all()).map((s) => s.io.socket('/custom'));

    await Promise.all(list.map((s) => lib.connected(s)));

    for (const socket of list) {
      const [id] = await emitAck(socket, 'id');

      assert.equal(id, socket.id);
      assert.match(id, /^(\/custom#)?[\w-]{20}$/);
    }

    const said = list.map((socket) => once(socket, 'said'));

    list[8].emit('sayAll', TEXT, bytes(8));

    for (const one of said) {
      assert.deepEqual(await one, [TEXT, bytes(8)]);
    }

    /* thrown out alone, the connection stays */

    const gone = once(list[8], 'disconnect');

    list[8].emit('bye');
    assert.equal((await gone)[0], 'io server disconnect');
    list[8].connect();
    await lib.connected(list[8]);
    assert.equal((await emitAck(list[8], 'id'))[0], list[8].id);
  });


  it('are told that somebody is gone', async () => {
    const list = await all();
    const log = record(list[0]);

    await emitAck(list[0], 'watch');

    for (const socket of list.slice(1)) {
      const { id } = socket;

      socket.disconnect();
      await until(() => log.some(([e, who]) => e === 'gone' && who === id));
      assert.equal(log.find(([e, who]) => e === 'gone' && who === id)[2],
                   'client namespace disconnect');
    }
  });
});


/* Node does not do these, or has no words for it */

describe('Engine.IO v3 in nginx', { skip: lib.NODE }, () => {
  let server, base;

  before(async () => {
    server = await lib.serve({
      app: {
        directives: `sio_allow_eio3 on;
                     sio_ping_interval 300ms;
                     sio_ping_timeout 300ms;
                     sio_limit queue=20 auth=1000;`,
        rules: `sio_on echo { relay; }
                sio_namespace /open { sio_on echo { relay; } }`,
      },
    });
    base = await server.counters();
  });

  after(() => lib.finish(server, base));


  it('an upgraded session times out without pings, too', async () => {
    const silent = await lib.poll({ ...server, eio: 3 });
    const lively = await lib.poll({ ...server, eio: 3 });
    const [a, b] = [await silent.upgrade(), await lively.upgrade()];
    let over = false;

    assert.equal(await a.recvText(), '40');
    assert.equal(await b.recvText(), '40');

    const pings = (async () => {
      while (!over) {
        b.send('2');
        assert.equal(await b.recvText(), '3');
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    })();

    assert.equal((await a.waitClose()).code, 1005);
    over = true;
    await pings;
    b.send('42["echo"]');
    assert.equal(await b.recvText(), '42["echo"]');
    await b.close();
  });


  it('pings wherever they come from', async () => {
    const conns = await server.spread();
    const s = await lib.poll({ ...server, eio: 3, conn: conns[0] });

    assert.deepEqual((await s.get({ conn: conns[1] })).packets, ['40']);

    const end = Date.now() + 1500;

    for (let i = 0; Date.now() < end; i++) {
      assert.equal((await s.post(['2'], { conn: conns[i % 4] })).status, 200);
      assert.deepEqual((await s.get({ conn: conns[(i + 1) % 4] })).packets,
                       ['3']);
    }

    await s.close();
    conns.forEach((conn) => conn.destroy());
  });


  it('a flood of pings has the limit of a queue', async () => {
    const s = await lib.poll({ ...server, eio: 3 });

    assert.deepEqual((await s.get()).packets, ['40']);
    assert.equal((await s.post(Array(20).fill('2'))).status, 200);
    assert.deepEqual((await s.get()).packets, Array(20).fill('3'));

    assert.equal((await s.post(Array(21).fill('2'))).status, 200);
    assert.equal((await s.get()).json().message, 'Session ID unknown');
  });


  it('a namespace, its parameters, and all of them, have limits', async () => {
    const query = (n) => Array.from({ length: n }, (_, i) => `p${i}=${i}`)
      .join('&');
    const none = (name) => `44${name},{"message":"Invalid namespace"}`;
    const name = `/${'n'.repeat(254)}`;

    for (const [url, want] of [
      [`/none?${query(64)}&p0=again`, none('/none')],
      [`/none?${query(65)}`, null],
      [name, none(name)], [`${name}n`, null],
      [`${name}?${query(64)}`, none(name)], [`${name}n?a=1`, null],
      [`/open?a=${'x'.repeat(992)}`, '40/open,'],
      [`/open?a=${'x'.repeat(993)}`, '44/open,"auth is too large"'],
      [`/open?a=${'%78'.repeat(992)}`, '40/open,'],
      [`/open?a=${'x'.repeat(3500)}`, null],
    ]) {
      const ws = await lib.wsOpen({ ...server, eio: 3 });

      assert.equal(await ws.recvText(), '40');
      ws.send(`40${url}`);

      if (want) {
        assert.equal(await ws.recvText(), want);
        await ws.close();
      } else {
        assert.equal((await ws.waitClose()).code, 1005);
      }
    }
  });
});


describe('plain Engine.IO v3 and v4', { skip: lib.NODE }, () => {
  let server, base;

  before(async () => {
    server = await lib.serve({
      tls: true,
      app: {
        directives: `sio_protocol engine.io; sio_allow_eio3 on;
                     sio_ping_interval 200ms; sio_ping_timeout 2s;`,
        rules: `sio_on connect { join all; }
                sio_on message { relay to=all; }`,
      },
    });
    base = await server.counters();
  });

  after(() => lib.finish(server, base));

  for (const [name, transports, tls] of [
    ['WebSocket', ['websocket'], true],
    ['polling', ['polling'], false],
    ['the upgrade', ['polling', 'websocket'], true],
  ]) {
    it(`${name}: text and binary, and pings`, async () => {
      const url = tls ? server.tlsUrl : server.url;
      const options = { path: '/socket.io/', transports, ca: server.ca };
      const list = [engine3(url, options),
                    engine3(url, { ...options, forceBase64: true }),
                    new engine4.Socket(url, options)];
      const logs = list.map((socket) => {
        const log = [];

        socket.binaryType = 'nodebuffer';
        socket.on('message', (data) =>
          log.push(typeof data === 'string' ? data : Buffer.from(data)));
        return log;
      });

      await Promise.all(list.map((socket) => once(socket, 'open')));

      if (transports.length === 2) {
        await until(() => list.every((s) => s.transport.name === 'websocket'),
                    5000, 'the upgrade');
      }

      const messages = [TEXT, '4', '', 'x'.repeat(70000), bytes(1, 2, 3),
                        bytes(4), Buffer.alloc(70000, 0xff)];

      for (const [i, socket] of list.entries()) {
        for (const message of messages) {
          const want = i * messages.length + messages.indexOf(message) + 1;

          /* a message without data is none in JavaScript */

          socket.send(message === '' ? 'empty' : message);
          await until(() => logs.every((log) => log.length === want), 5000,
                      `message ${want}`);
        }
      }

      for (const log of logs) {
        assert.deepEqual(log, list.flatMap(() =>
          messages.map((m) => (m === '' ? 'empty' : m))));
      }

      /* several heartbeats; the clients would close without them */

      let pongs = 0;

      list[0].on('pong', () => pongs++);
      await until(() => pongs >= 3, 5000, 'pongs');
      assert.ok(list.every((s) => s.readyState === 'open'));

      const closed = list.map((socket) => once(socket, 'close'));

      list.forEach((socket) => socket.close());
      await Promise.all(closed);
    });
  }
});
