'use strict';

/* Times and sizes that a server sets, as short as a test wants them. */

const assert = require('node:assert/strict');
const { after, afterEach, before, describe, it } = require('node:test');

const lib = require('./lib.js');

const { client, collect, connected, emitAck, once, poll, until,
        wsOpen } = lib;

const SHORT = { path: '/short/' };
const WS = '/short/?EIO=4&transport=websocket';


describe('limits', () => {
  let server, base;

  before(async () => {
    server = await lib.serve({ workers: 4 });
    base = await server.counters();
  });

  afterEach(() => lib.disconnectAll());

  after(() => lib.finish(server, base));


  it('announces them', async () => {
    const ws = await wsOpen({ port: server.port, path: WS });
    const { pingInterval, pingTimeout, maxPayload } = ws.open;

    assert.deepEqual({ pingInterval, pingTimeout, maxPayload },
                     { pingInterval: 600, pingTimeout: 1000,
                       maxPayload: 1000 });
    await ws.close();
  });


  it('closes a WebSocket that joins no namespace', async () => {
    const start = Date.now();
    const ws = await wsOpen({ port: server.port, path: WS });

    assert.equal((await ws.waitClose()).code, 1005);
    assert.ok(Date.now() - start >= 390, 'not before its time');
  });


  it('closes a polling session that joins no namespace', async () => {
    const session = await poll({ port: server.port, path: '/short/' });
    const start = Date.now();

    await until(async () => {
      const r = await session.get();

      if (r.status === 200 && r.text === '2') {
        await session.post('3');
        return false;
      }

      /* whether a GET was pending just then */

      assert.equal(r.status, 200);
      assert.match(r.text, /^(6\x1e)?1$/);
      return true;
    });

    assert.ok(Date.now() - start >= 700, 'not before its time');
    assert.equal((await session.get()).status, 400);
  });


  it('lets one idle that has joined', async () => {
    const ws = await wsOpen({ port: server.port, path: WS });

    await ws.connectNsp();
    await until(() => ws.pings >= 3, 5000, 'three pings');
    ws.send('41');
    await until(() => ws.pings >= 5, 5000, 'five pings');
    await ws.close();
  });


  for (const transport of ['websocket', 'polling', 'upgrade']) {
    it(`keeps a client that answers pings (${transport})`, async () => {
      const socket = await lib.connect(server, { ...SHORT, transport });
      const lost = collect(socket, 'disconnect');
      const pings = collect(socket.io, 'ping');

      await until(() => pings.length >= 5, 10000, 'five pings');
      assert.deepEqual(lost, []);
      await emitAck(socket, 'id');
    });


    it(`drops one that does not (${transport})`, async () => {
      const watcher = await lib.connect(server, SHORT);
      const gone = collect(watcher, 'gone');
      const socket = await lib.connect(server, { ...SHORT, transport,
                                                 reconnection: false });
      const { id } = socket;
      const lost = once(socket, 'disconnect');
      const engine = socket.io.engine;
      const name = engine._sendPacket ? '_sendPacket' : 'sendPacket';
      const send = engine[name];

      await emitAck(watcher, 'watch');

      engine[name] = function (type, ...args) {
        return type === 'pong' ? undefined : send.call(this, type, ...args);
      };

      assert.match((await lost)[0], /^transport close|ping timeout$/);
      await until(() => gone.length, 5000, '"gone"');
      assert.deepEqual(gone, [[id, 'ping timeout']]);
    });
  }


  it('drops a polling client that went away', async () => {
    const watcher = await lib.connect(server, SHORT);
    const gone = collect(watcher, 'gone');
    const session = await poll({ port: server.port, path: '/short/' });
    const id = await session.connectNsp();

    await emitAck(watcher, 'watch');
    await until(() => gone.length, 5000, '"gone"');
    assert.deepEqual(gone, [[id, 'ping timeout']]);
    assert.equal((await session.get()).status, 400);
  });


  it('gives up an upgrade that takes too long', async () => {
    const session = await poll({ port: server.port, path: '/upgrade/' });

    await session.connectNsp();

    const ws = await session.candidate();

    ws.send('2probe');
    assert.equal(await ws.recvText(), '3probe');
    assert.equal((await ws.waitClose()).code, 1005);

    await session.post('420["echoAck",1]');
    await session.wait('430[1]');
    await session.close();
  });


  it('takes a message of the greatest size', async () => {
    for (const transport of ['websocket', 'polling']) {
      const socket = await lib.connect(server, { ...SHORT, transport });
      const text = 'x'.repeat(1000 - '42["echo",""]'.length);

      socket.emit('echo', text);
      assert.deepEqual(await once(socket, 'echo'), [text]);
    }
  });


  it('closes for one byte more', async () => {
    const watcher = await lib.connect(server, SHORT);
    const gone = collect(watcher, 'gone');

    await emitAck(watcher, 'watch');

    for (const [transport, reason] of [['websocket', 'transport error'],
                                       ['polling', 'transport close']]) {
      const socket = await lib.connect(server, { ...SHORT, transport,
                                                 reconnection: false });
      const { id } = socket;
      const lost = once(socket, 'disconnect');

      socket.emit('echo', 'x'.repeat(1001 - '42["echo",""]'.length));
      assert.match((await lost)[0], /^transport (error|close)$/);
      await until(() => gone.some(([who]) => who === id), 5000, '"gone"');
      assert.equal(gone.find(([who]) => who === id)[1], reason, transport);
    }
  });


  it('closes for an attachment that is too large', async () => {
    const ws = await wsOpen({ port: server.port, path: WS });

    await ws.connectNsp();
    assert.match(await ws.recvText(), /^42\["welcome"/);
    ws.send('451-["echo",{"_placeholder":true,"num":0}]');
    ws.send(Buffer.alloc(1000));
    assert.match(await ws.recvText(), /^451-\["echo"/);
    assert.equal((await ws.recv()).data.length, 1000);
    ws.send('451-["echo",{"_placeholder":true,"num":0}]');
    ws.send(Buffer.alloc(1001));
    assert.equal((await ws.waitClose()).code, 1009);
  });


  it('answers 413 to a large POST and keeps the session', async () => {
    const session = await poll({ port: server.port, path: '/short/' });

    await session.connectNsp();

    for (const chunked of [false, true]) {
      const r = await session.post(`4${'2'.repeat(1000)}`, { chunked });

      assert.deepEqual([r.status, r.text], [413, '']);
    }

    await session.post('420["echoAck",1]');
    await session.wait('430[1]');
    await session.close();
  });


  it('keeps the times of one location from the other', async () => {
    const ws = await wsOpen({ port: server.port });

    assert.equal(ws.open.pingInterval, 25000);
    assert.equal(ws.open.pingTimeout, 20000);
    assert.equal(ws.open.maxPayload, 1000000);

    const socket = client(server, { transport: 'polling' });

    await connected(socket);
    assert.deepEqual(await emitAck(socket, 'echoAck', 'x'.repeat(2000)),
                     ['x'.repeat(2000)]);
    await ws.close();
  });
});
