'use strict';

/* Engine.IO protocol v4: the cases of the protocol's test suite */

const assert = require('node:assert/strict');

const sio = require('../lib/sio.js');
const { suite, connections, pending, common } = require('./conformance.js');


/* POSTs that text and GETs the same */

async function echoes(s, text) {
  const p = await sio.poll(s);
  const answer = await p.post(text);

  assert.equal(answer.status, 200);
  assert.equal(answer.text, 'ok');

  const r = await p.get();

  assert.equal(r.status, 200);
  assert.equal(r.text, text);

  await p.close();
}


async function echo(w, text) {
  w.send(text);
  assert.equal(await w.recvText(), text);
}


suite('Engine.IO v4', 'engine', {
  'handshake': {
    'HTTP long-polling': {
      'successfully opens a session': common.openPolling,
      "fails with an invalid 'EIO' query parameter": common.badVersion,
      "fails with an invalid 'transport' query parameter":
        common.badTransport,
      'fails with an invalid request method': common.badMethod,
    },

    'WebSocket': {
      'successfully opens a session': common.openWebSocket,
      "fails with an invalid 'EIO' query parameter":
        common.badVersionWebSocket,
      "fails with an invalid 'transport' query parameter":
        common.badTransportWebSocket,
    },
  },

  'message': {
    'HTTP long-polling': {
      'sends and receives a payload containing one plain text packet':
        (s) => echoes(s, '4hello'),

      'sends and receives a payload containing several plain text packets':
        (s) => echoes(s, '4test1\x1e4test2\x1e4test3'),

      'sends and receives a payload containing plain text and binary packets':
        (s) => echoes(s, '4hello\x1ebAQIDBA=='),

      'closes the session upon invalid packet format': async (s) => {
        const p = await sio.poll(s);

        await p.post('abc');
        assert.equal((await p.get()).status, 400);
      },

      'closes the session upon duplicate poll requests': async (s) => {
        const c = await connections(s);
        const p = await sio.poll(s);
        const first = await pending(p, c);

        assert.equal((await p.get({ conn: c.other })).status, 400);

        const r = await first.response;

        assert.equal(r.status, 200);
        assert.equal(r.text, '1');
        assert.equal((await p.get()).status, 400);
        Object.values(c).forEach((conn) => conn.destroy());
      },

      'closes the session upon cancelled polling request': async (s) => {
        const c = await connections(s);
        const p = await sio.poll(s);
        const get = await pending(p, c);

        get.abort();
        assert.equal((await p.get({ conn: c.other })).status, 400);
        assert.equal((await p.get({ conn: c.other })).status, 400);
        Object.values(c).forEach((conn) => conn.destroy());
      },
    },

    'WebSocket': {
      'sends and receives a plain text packet': async (s) => {
        const w = await sio.wsOpen(s);

        await echo(w, '4hello');
        await w.close(1000);
      },

      'sends and receives a binary packet': async (s) => {
        const w = await sio.wsOpen(s);

        w.send(Buffer.from([1, 2, 3, 4]));

        const m = await w.recv();

        assert.equal(m.opcode, sio.BINARY);
        assert.deepEqual([...m.data], [1, 2, 3, 4]);
        await w.close(1000);
      },

      'closes the session upon invalid packet format': async (s) => {
        const w = await sio.wsOpen(s);

        w.send('abc');
        assert.equal((await w.waitClose()).code, 1005);
      },
    },
  },

  'heartbeat': {
    'HTTP long-polling': {
      'sends ping/pong packets': common.pingPolling,
      'closes the session upon ping timeout': common.timeoutPolling,
    },

    'WebSocket': {
      'sends ping/pong packets': common.pingWebSocket,
      'closes the session upon ping timeout': common.timeoutWebSocket,
    },
  },

  'close': {
    'HTTP long-polling': {
      'forcefully closes the session': common.closePolling,
    },

    'WebSocket': {
      'forcefully closes the session': common.closeWebSocket,
    },
  },

  'upgrade': {
    'successfully upgrades from HTTP long-polling to WebSocket':
      async (s) => {
        const p = await sio.poll(s);
        const w = await p.candidate();

        w.send('2probe');
        assert.equal(await w.recvText(), '3probe');

        const r = await p.get();

        assert.equal(r.status, 200);
        assert.equal(r.text, '6');

        w.send('5');
        await echo(w, '4hello');
        await w.close(1000);
      },

    'ignores HTTP requests with same sid after upgrade': async (s) => {
      const p = await sio.poll(s);
      const w = await p.upgrade();

      /* the answer says that the upgrade is through on all workers */

      await echo(w, '4upgraded');
      assert.equal((await p.get()).status, 400);
      assert.equal((await p.post('4lost')).status, 400);
      await echo(w, '4hello');
      await w.close(1000);
    },

    'ignores WebSocket connection with same sid after upgrade':
      async (s) => {
        const p = await sio.poll(s);
        const w = await p.upgrade();

        await echo(w, '4upgraded');

        const second = await p.candidate();

        await second.waitClose();
        assert.deepEqual(second.messages, []);
        await echo(w, '4hello');
        await w.close(1000);
      },
  },
});
