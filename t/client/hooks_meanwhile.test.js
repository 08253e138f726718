'use strict';

/*
 * While a hook is in progress: others of the same connection, reloads, clients
 * that go; for clients of all forms.
 */

const assert = require('node:assert/strict');
const { after, afterEach, before, describe, it } = require('node:test');

const { Backend, location } = require('./backend.js');
const lib = require('./lib.js');
const sio = require('../lib/sio.js');

const { ask: emitAck, connect, disconnectAll, until } = lib;

const skip = process.env.SIO_TARGET === 'node';
const parser = require('socket.io-msgpack-parser');


function setup(options) {
  const s = { backend: new Backend() };

  before(async () => {
    await s.backend.start();
    s.server = await sio.startNginx({
      workers: 4,
      ...options,
      server: `${location(s.backend)} ${options.server || ''}`,
      allow: [/sio hook: /],
    });
    s.base = await s.server.counters();
  });

  afterEach(async () => {
    s.open?.();
    await disconnectAll();
    await until(async () => (await s.server.counters()).sessions
                            === s.base.sessions, 20000);
    s.backend.handlers = {};
    s.backend.asked.length = 0;
  });

  after(async () => {
    await lib.finish(s.server, s.base);
    await s.backend.stop();
  });

  /* answers that wait for s.open() */

  s.hold = () => {
    const gate = new Promise((resolve) => { s.open = resolve; });

    return gate;
  };

  return s;
}


describe('sio_hook_concurrency', { skip }, () => {
  const s = setup({
    location: `sio on; sio_hook_concurrency 3;
      sio_on ask  { hook /backend/ask; }
      sio_on echo { ack $sio_arg_0; }
      sio_namespace /slow { sio_use { hook /backend/use; }
                            sio_on echo { ack $sio_arg_0; } }`,
  });

  for (const transport of ['websocket', 'polling']) {
    it(`as many at a time, answers as they come: ${transport}`, async () => {
      const open = [];

      s.backend.handlers.event = ({ args: [n] }) =>
        new Promise((resolve) => { open[n] = () => resolve([n]); });

      const socket = await connect(s.server, { transport });
      const answers = [];
      const answer = (x) => answers.push(x);

      /* what polls has all of the others in its next POST */

      socket.emit('echo');
      socket.emit('ask', 0, answer);
      socket.emit('ask', 1, answer);
      socket.emit('echo', 'a', answer);
      socket.emit('ask', 2, answer);
      socket.emit('ask', 3, answer);
      socket.emit('echo', Buffer.from('b'), (x) => answer(String(x)));
      socket.emit('ask', 4, answer);

      await until(() => open.length === 3 && answers.length === 1);
      assert.deepEqual(answers, ['a']);

      open[1]();
      await until(() => open.length === 4 && answers.length === 2);
      assert.deepEqual(answers, ['a', 1]);

      /* the fourth is the third of those in progress */

      open[3]();
      await until(() => open.length === 5 && answers.length === 4);
      assert.deepEqual(answers.slice(2), [3, 'b']);

      open[0]();
      open[2]();
      open[4]();
      await until(() => answers.length === 7);
      assert.deepEqual(answers.slice(4).sort(), [0, 2, 4]);
      assert.equal(await emitAck(socket, 'echo', 'end'), 'end');
    });
  }


  it('a connect lets nothing pass', async () => {
    const gate = s.hold();

    s.backend.handlers.connect = () => gate.then(() => '');
    s.backend.handlers.event = () => [1];

    const socket = await connect(s.server);
    const slow = socket.io.socket('/slow');
    const answers = [];

    await until(() => s.backend.of('connect').length);
    socket.emit('ask', (x) => answers.push(x));
    socket.emit('echo', 2, (x) => answers.push(x));

    /* another connection goes on */

    assert.equal(await emitAck(await connect(s.server), 'ask'), 1);
    assert.equal(s.backend.of('event', 'ask').length, 1);
    assert.deepEqual(answers, []);
    s.open();
    await until(() => answers.length === 2 && slow.connected);
    assert.deepEqual(answers.sort(), [1, 2]);
  });


  it('a client goes with several in progress', async () => {
    for (const transport of ['websocket', 'polling']) {
      const gate = s.hold();
      const socket = await connect(s.server, { transport,
                                               reconnection: false });

      s.backend.handlers.event = () => gate.then(() => [1]);
      s.backend.asked.length = 0;

      socket.emit('echo');

      for (let n = 0; n < 5; n++) {
        socket.emit('ask');
      }

      await until(() => s.backend.of('event', 'ask').length === 3);
      socket.io.engine.transport.ws?.terminate();
      socket.disconnect();
      s.open();
    }

    assert.equal(await emitAck(await connect(s.server), 'echo', 1), 1);
  });
});


describe('clients of all forms', { skip }, () => {
  const s = setup({
    tls: true,
    location: `sio zone=default; sio_allow_eio3 on;
      sio_use        { hook /backend/use; }
      sio_on disconnect { hook /backend/out; }
      sio_on ask     { hook /backend/ask; }
      sio_on later   { hook /backend/later async; ack; }`,
    http: 'sio_drain_time 1s;',
    server: `location /packed/ { sio zone=default; sio_parser msgpack; }`,
    zone: '4m',
  });

  const forms = [];

  for (const tls of [false, true]) {
    for (const transport of ['websocket', 'polling', 'upgrade']) {
      forms.push({ transport, tls },
                 { transport, tls, version: '2.5' },
                 { transport, tls, path: '/packed/', parser });
    }
  }

  for (const form of forms) {
    const title = [form.transport, form.tls ? 'TLS' : 'plain',
                   form.version || '4.8', form.path || 'JSON'].join(', ');

    it(title, async () => {
      s.backend.handlers.event = ({ args }) =>
        ({ ack: args, data: { n: 1 }, do: { emit: 'seen', args } });

      const headers = { 'Sio-Id': 'forged', 'Sio-User': 'root',
                        'sio-type': 'create-room', 'Sio-Omitted': 'x',
                        'Webhook-Id': 'forged', 'X-Mine': 'kept' };
      const socket = await connect(s.server, { ...form,
                                               extraHeaders: headers });
      const seen = new Promise((resolve) =>
        socket.once('seen', (...args) => resolve(args)));
      const args = [{ a: ['ü', 1.5, null], b: Buffer.from([0, 255]) }, 'x'];

      assert.deepEqual(await lib.emitAck(socket, 'ask', ...args), args);
      assert.deepEqual(await seen, args);

      /* what came with the handshake is told as that, not as ours */

      const [connected] = s.backend.of('connect');

      assert.equal(connected.id, socket.id);
      assert.equal(connected.headers['sio-user'], undefined);
      assert.equal(connected.headers['x-mine'], undefined);
      assert.equal(JSON.parse(decodeURIComponent(
        connected.headers['sio-handshake'])).headers['x-mine'], 'kept');

      const [asked] = s.backend.of('event', 'ask');

      for (const a of [connected, asked]) {
        assert.ok(!('sio-omitted' in a.headers));
        assert.ok(!('webhook-id' in a.headers));
        assert.equal(a.headers['sio-user'], undefined);
        assert.equal(a.rawHeaders.filter((h) => /^sio-id$/i.test(h)).length,
                     1);
      }

      assert.deepEqual(asked.args, [{ a: ['ü', 1.5, null],
                                      b: { _base64: 'AP8=' } }, 'x']);
    });
  }


  it('a reload while hooks are in progress', async () => {
    const gate = s.hold();
    const watch = await connect(s.server, { transport: 'polling' });
    const heard = [];

    watch.on('told', (who) => heard.push(who));
    s.backend.handlers['event:ask'] = ({ args: [who] }) =>
      gate.then(() => ({ do: { emit: 'told', args: [who], to: watch.id },
                         ack: [who] }));
    s.backend.handlers['event:later'] = s.backend.handlers['event:ask'];

    const ws = await connect(s.server, { transport: 'websocket' });
    const polling = await connect(s.server, { transport: 'polling' });
    const answers = [];

    polling.emit('ask', 'polling', (x) => answers.push(x));

    await emitAck(ws, 'later', 'async');
    ws.emit('ask', 'ws');
    ws.emit('later', 'held');
    await until(() => s.backend.of('event', 'ask').length === 2);

    const old = s.server.workers();
    const { id } = ws;

    await s.server.reload();

    /* the old workers send their clients away, but wait for the backend */

    await until(() => s.backend.of('disconnect', 'disconnect')
                               .some((a) => a.id === id), 20000);
    s.open();

    await until(() => heard.length === 3 && answers.length === 1, 20000);
    assert.deepEqual(answers, ['polling']);
    assert.deepEqual(heard.sort(), ['async', 'polling', 'ws']);
    await until(() => old.every((pid) => {
      try {
        process.kill(pid, 0);
        return false;
      } catch (e) {
        return true;
      }
    }), 20000);
  });
});
