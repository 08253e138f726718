'use strict';

/*
 * sio_hook; how many hooks there may be, what a client may send meanwhile,
 * and what is counted and logged of those that fail.
 */

const assert = require('node:assert/strict');
const { after, afterEach, before, describe, it } = require('node:test');

const { Backend, location } = require('./backend.js');
const lib = require('./lib.js');
const sio = require('../lib/sio.js');

const { ask: emitAck, connect, disconnectAll, once, until } = lib;

const skip = process.env.SIO_TARGET === 'node';


/* a promise that is fulfilled from outside */

function gate() {
  const g = {};

  g.opened = new Promise((resolve) => { g.open = resolve; });
  return g;
}


/* a server with a backend, for the tests of one block */

function setup(options) {
  const s = { backend: new Backend() };

  before(async () => {
    await s.backend.start();
    Object.assign(s, { server: await sio.startNginx({
      workers: 1,
      allow: [/sio hook: /, /Connection refused/, /upstream/],
      ...options,
      server: `${location(s.backend)} ${options.server || ''}`,
    }) });
    s.base = await s.server.counters();
  });

  afterEach(async () => {
    await disconnectAll();
    await until(async () => (await s.server.counters()).sessions
                            === s.base.sessions);
    s.backend.handlers = {};
    s.backend.asked.length = 0;
  });

  after(async () => {
    await lib.finish(s.server, s.base);
    await s.backend.stop();
  });

  return s;
}


describe('sio_hook', { skip }, () => {
  const s = setup({
    workers: 4,
    location: `sio on;
      sio_hook /backend/first;
      sio_hook /backend/named buy disconnect;
      sio_on mine    { ack rule; }
      sio_on ~ ^re   { ack regex; }
      sio_hook /backend/late mine sell;
      sio_namespace /two {
          sio_on connect { set rule yes; }
          sio_hook /backend/two;
          sio_on * { ack star; }
      }
      sio_namespace /three { sio_hook /backend/three *; }
      sio_namespace ~ ^/re { sio_hook /backend/re go; }`,
  });

  it('is a rule where there is no other, in any order', async () => {
    s.backend.handlers.event = ({ url }) => [url.split('/').pop()];

    const socket = await connect(s.server, { transport: 'polling' });

    assert.equal(await emitAck(socket, 'buy'), 'named');
    assert.equal(await emitAck(socket, 'sell'), 'late');
    assert.equal(await emitAck(socket, 'mine'), 'rule');
    assert.equal(await emitAck(socket, 'regular'), 'regex');
    assert.equal(await emitAck(socket, 'other'), 'first');
    assert.equal(s.backend.of('connect')[0].url, '/backend/first');

    const { id } = socket;

    socket.disconnect();
    await until(() => s.backend.of('disconnect', 'disconnect').length);

    const [gone] = s.backend.of('disconnect', 'disconnect');

    assert.equal(gone.id, id);
    assert.equal(gone.url, '/backend/named');
    assert.deepEqual(s.backend.of('disconnecting', 'disconnecting'), []);
  });


  it('refuses at connect', async () => {
    s.backend.handlers.connect = () =>
      ({ status: 403, body: { message: 'no' } });

    const socket = lib.client(s.server);
    const [error] = await once(socket, 'connect_error');

    assert.equal(error.message, 'no');
  });


  it('stands in namespaces', async () => {
    s.backend.handlers.event = ({ url, nsp }) => [url.split('/').pop(), nsp];

    const two = await connect(s.server, { nsp: '/two' });

    assert.equal(await emitAck(two, 'x'), 'star');
    assert.deepEqual(s.backend.of('connect'), []);
    two.disconnect();
    await until(() => s.backend.of('disconnect', 'disconnect').length);
    assert.equal(s.backend.asked.at(-1).url, '/backend/two');

    const three = await connect(s.server, { nsp: '/three' });
    const re = await connect(s.server, { nsp: '/regex' });

    assert.equal(await emitAck(three, 'x'), 'three');
    assert.equal(await emitAck(re, 'go'), 're');
    assert.equal(s.backend.of('event', 'go')[0].nsp, '/regex');
    assert.deepEqual(s.backend.of('connect'), []);
  });
});


describe('limits of hooks', { skip }, () => {
  const s = setup({
    location: `sio on; sio_limit hooks=3 hook_buffer=2k;
      sio_on ask    { hook /backend/ask; }
      sio_on later  { hook /backend/later async; ack ok; }
      sio_on take   { ack; }
      sio_on connect { hook /backend/in; }`,
  });

  for (const transport of ['websocket', 'polling']) {
    it(`hooks: one more is refused (${transport})`, async () => {
      const { opened, open } = gate();
      const before = await s.server.counters();

      s.backend.handlers.event = async ({ event }) => {
        await opened;
        return [event];
      };

      const sockets = await lib.connectMany(s.server, 4, { transport },
                                            1);
      const three = [emitAck(sockets[0], 'ask'), emitAck(sockets[1], 'later'),
                     emitAck(sockets[1], 'ask')];

      await until(() => s.backend.of('event', 'ask').length === 2
                        && s.backend.of('event', 'later').length === 1);

      assert.deepEqual(await emitAck(sockets[2], 'ask'),
                       { error: 'internal error' });
      assert.deepEqual(await emitAck(sockets[2], 'later'),
                       { error: 'internal error' });

      const socket = lib.client(s.server, { transport });
      const [error] = await once(socket, 'connect_error');

      assert.equal(error.message, 'internal error');
      socket.close();

      open();
      assert.deepEqual(await Promise.all(three), ['ask', 'ok', 'ask']);
      assert.equal(await emitAck(sockets[3], 'ask'), 'ask');

      const now = await s.server.counters();

      assert.equal(now.hooks_busy - before.hooks_busy, 3);
      assert.equal(now.hooks - before.hooks, 4 + 4);
    });
  }


  it('hook_buffer: one more is not read', async () => {
    const { opened, open } = gate();

    s.backend.handlers.event = async () => { await opened; return []; };

    const socket = await connect(s.server);
    const { ws } = socket.io.engine.transport;
    let n = 0;

    socket.emit('ask');
    await until(() => s.backend.of('event', 'ask').length);

    /* what the buffers of both sides and of nginx take is some MB */

    for (let i = 0; i < 1500; i++) {
      socket.emit('take', 'x'.repeat(20000), () => n++);
    }

    let left;

    await until(async () => {
      const last = left;

      await sio.sleep(100);
      left = ws.bufferedAmount;
      return left === last;
    });

    assert.ok(left > 10000000, `${left}`);
    assert.equal(n, 0);
    open();
    await until(() => n === 1500, 20000);
    assert.ok(socket.connected);
  });
});


describe('hooks that fail', { skip }, () => {
  const s = setup({
    location: `sio on;
      sio_on ask     { hook /backend/ask; }
      sio_on refused { hook /refused; }
      sio_on slow    { hook /slow; }
      sio_on full    { join full max=1; }`,
    server: `location = /refused { internal; proxy_pass http://127.0.0.1:1; }
             location = /slow    { internal; return 504; }`,
  });

  it('are counted by kind', async () => {
    const before = await s.server.counters();
    const [a, b] = await lib.connectMany(s.server, 2);

    s.backend.handlers.event = ({ args: [answer] }) => answer;

    const fails = async (kind, event, answer) => {
      const was = await s.server.counters();

      assert.deepEqual(await emitAck(b, event, answer),
                       { error: 'internal error' });

      const now = await s.server.counters();

      for (const name of ['busy', 'timeout', 'failed', 'invalid', 'refused',
                          'lost']) {
        assert.equal(now[`hooks_${name}`] - was[`hooks_${name}`],
                     name === kind ? 1 : 0, `${kind}: ${name}`);
      }
    };

    await fails('failed', 'refused');
    await fails('timeout', 'slow');
    await fails('failed', 'ask', { status: 500 });
    await fails('failed', 'ask', null);
    await fails('invalid', 'ask', '{"do":');
    await fails('invalid', 'ask', { unknown: 1 });
    await fails('invalid', 'ask', { do: { emit: 1 } });
    await fails('refused', 'ask', { data: { x: 'x'.repeat(5000) } });

    a.emit('full');
    await fails('refused', 'ask', { do: { join: 'full', max: 1 } });

    /* 4xx is what a backend says, not a failure */

    assert.deepEqual(await emitAck(b, 'ask', { status: 403 }),
                     { error: 'not allowed' });

    const now = await s.server.counters();

    assert.equal(now.hooks - before.hooks, 10);
    assert.equal(now.hooks_failed - before.hooks_failed, 3);
  });


  it('are logged with the cause, a flood of them once', async () => {
    const socket = await connect(s.server);

    s.backend.handlers.event = ({ args: [answer] }) => answer;

    const lines = () => s.server.errorLog().split('\n')
      .filter((l) => /sio hook: /.test(l));
    const before = lines().length;
    const n = 300;
    const started = Date.now();

    await Promise.all(Array.from({ length: n }, () =>
      emitAck(socket, 'ask', { status: 200, body: '5' })));

    const seconds = Math.ceil((Date.now() - started) / 1000) + 1;
    const logged = lines().slice(before);

    assert.ok(logged.length >= 1 && logged.length <= 2 * seconds,
              `${logged.length} lines in ${seconds} s`);
    assert.match(logged.join('\n'), /answered with neither an array nor/);

    /* different ones, neither */

    const other = lines().length;

    await Promise.all(Array.from({ length: n }, (_, i) =>
      emitAck(socket, 'ask', { do: { emit: 'x', to: 'r', [`k${i}`]: 1 } })));

    const spent = Math.ceil((Date.now() - started) / 1000) + 1;

    assert.ok(lines().length - other <= 17 * spent);

    /* how many were left out, with the next one */

    await until(async () => {
      await emitAck(socket, 'ask', { wrong: 1 });
      return lines().some((l) => /\d+ failures before were not logged/
                                 .test(l));
    });
  });
});
