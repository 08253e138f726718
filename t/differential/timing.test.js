'use strict';

/*
 * The clocks of Engine.IO and Socket.IO with short times: heartbeats over both
 * transports, the time for a pong, the time to join a namespace.  The same
 * against both servers; what is asked for is what Node does, within the
 * grain of timers.
 */

const test = require('node:test');
const assert = require('node:assert');

const sio = require('../lib/sio.js');

const INTERVAL = 1200;
const TIMEOUT = 1000;
const CONNECT = 4000;

/*
 * A server may be late by that much, never early: a clock is started before
 * what makes the server start its own.
 */

const LATE = 300 * sio.SLOW;

const TARGET = {
  nginx: {
    workers: 2,
    location: `
      sio on;
      sio_ping_interval ${INTERVAL}ms;
      sio_ping_timeout ${TIMEOUT}ms;
      sio_connect_timeout ${CONNECT}ms;

      sio_on message { emit message-back $sio_args; }
      sio_namespace /custom { }`,
  },
  node: {
    pingInterval: INTERVAL,
    pingTimeout: TIMEOUT,
    connectTimeout: CONNECT,
    app(io) {
      io.on('connection', (socket) => {
        socket.on('message', (...args) => socket.emit('message-back', ...args));
      });
      io.of('/custom');
    },
  },
};


function within(ms, from, to, what) {
  assert.ok(ms >= from - 15 && ms <= to + LATE,
            `${what} after ${Math.round(ms)} ms, not ${from} to ${to}`);
}

function clock() {
  const start = performance.now();

  return () => performance.now() - start;
}


for (const kind of ['nginx', 'node']) {

  test(`times, ${kind}`, { concurrency: true }, async (t) => {
    const s = await sio.startTarget(TARGET, kind);

    /* each of them only waits: all at once */

    await Promise.all([

      t.test('polling: pings at the interval', async () => {
        let passed = clock();
        const p = await sio.poll(s);

        for (let n = 0; n < 3; n++) {
          const r = await p.get();

          assert.equal(r.text, '2');
          within(passed(), INTERVAL - 60 * sio.SLOW, INTERVAL, 'a ping');
          passed = clock();
          assert.equal((await p.post('3')).text, 'ok');
        }

        await p.close();
      }),

      t.test('polling: nobody fetches the ping', async () => {
        const p = await sio.poll(s);

        await sio.sleep(INTERVAL + TIMEOUT + (kind === 'node' ? LATE : 15));
        assert.equal((await p.get()).status, 400);
      }),

      t.test('polling: no pong', async () => {
        const passed = clock();
        const p = await sio.poll(s);

        assert.equal((await p.get()).text, '2');

        const last = await p.get();

        within(passed(), INTERVAL + TIMEOUT, INTERVAL + TIMEOUT, 'the end');
        assert.equal(last.status, 200);
        assert.equal(last.text, '1');
        assert.equal((await p.get()).status, 400);
      }),

      t.test('polling: a POST is a sign of life, once', async () => {
        const p = await sio.poll(s);
        const passed = clock();

        await p.post('40');
        await p.wait(/^40/);
        assert.equal((await p.get()).text, '2');

        await sio.sleep(100);

        const at = passed();

        await p.post('42["message",1]');
        assert.equal((await p.get()).text, '42["message-back",1]');

        const last = p.get();

        await sio.sleep(100);
        await p.post('42["message",2]');
        assert.equal((await last).text, '42["message-back",2]');

        assert.equal((await p.get()).text, '1');
        within(passed(), at + TIMEOUT, at + TIMEOUT, 'the end');
      }),

      t.test('WebSocket: pings at the interval', async () => {
        let passed = clock();
        const w = await sio.wsOpen({ ...s, pong: false });

        for (let n = 0; n < 3; n++) {
          assert.equal(await w.recvText(), '2');
          within(passed(), INTERVAL - 20, INTERVAL, 'a ping');
          passed = clock();
          w.send('3');
        }

        await w.close();
      }),

      t.test('WebSocket: no pong', async () => {
        const passed = clock();
        const w = await sio.wsOpen({ ...s, pong: false });

        assert.equal((await w.waitClose()).code, 1005);
        within(passed(), INTERVAL + TIMEOUT, INTERVAL + TIMEOUT, 'the end');
      }),

      t.test('WebSocket: a packet is a sign of life, once', async () => {
        const w = await sio.wsOpen({ ...s, pong: false });

        await w.connectNsp('/');
        assert.equal(await w.recvText(), '2');

        const passed = clock();

        await sio.sleep(100);

        const at = passed();

        w.send('42["message",1]');
        assert.equal(await w.recvText(), '42["message-back",1]');
        await sio.sleep(100);
        w.send('42["message",2]');
        assert.equal(await w.recvText(), '42["message-back",2]');

        await w.waitClose();
        within(passed(), at + TIMEOUT, at + TIMEOUT, 'the end');
      }),

      t.test('the time for a pong ends with the upgrade', async () => {
        const p = await sio.poll(s);

        assert.equal((await p.get()).text, '2');

        const w = await p.upgrade();

        w.pong = false;

        await sio.sleep(TIMEOUT);
        assert.ok(!w.ended, 'still open');
        w.send('3');

        const passed = clock();

        assert.equal(await w.recvText(), '2');
        within(passed(), INTERVAL, INTERVAL, 'a ping');
        await w.close();
      }),

      t.test('WebSocket: no namespace is joined', async () => {
        const passed = clock();
        const w = await sio.wsOpen(s);

        assert.equal((await w.waitClose()).code, 1005);
        within(passed(), CONNECT, CONNECT, 'the end');
      }),

      t.test('WebSocket: a refused namespace is none', async () => {
        const passed = clock();
        const w = await sio.wsOpen(s);

        w.send('40/none,');
        assert.match(await w.recvText(), /^44\/none,/);
        await w.waitClose();
        within(passed(), CONNECT, CONNECT, 'the end');
      }),

      t.test('a namespace that was left counts', async () => {
        const w = await sio.wsOpen(s);

        await w.connectNsp('/custom');
        w.send('41/custom,');
        await sio.sleep(CONNECT + 300);

        assert.ok(!w.ended, 'still open');
        await w.connectNsp('/');
        await w.close();
      }),

      t.test('polling: no namespace is joined', async () => {
        const passed = clock();
        const p = await sio.poll(s);
        let r;

        /* heartbeats go on, and do not put it off */

        do {
          r = await p.get();
          if (r.text === '2') {
            await p.post('3');
          }
        } while (r.status === 200 && r.text === '2');

        /* whether a GET was pending just then */

        assert.match(r.text, /^((6\x1e)?1|6)$/);
        assert.ok(passed() >= CONNECT - 15 && passed() < CONNECT + 900
                                                         * sio.SLOW,
                  `the end after ${passed()} ms`);
      }),
    ]);

    await s.settled({ sessions: 0 });
    await s.stop();
  });
}
