'use strict';

/* Socket.IO protocol v5: the cases of the protocol's test suite */

const assert = require('node:assert/strict');

const sio = require('../lib/sio.js');
const { suite, common, short } = require('./conformance.js');

const BYTES = [Buffer.from([1, 2, 3]), Buffer.from([4, 5, 6])];
const PLACES = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}';


/* CONNECT: answered with a sid and followed by what the client sent */

async function joins(s, nsp, payload) {
  const w = await sio.wsOpen(s);
  const head = nsp === '/' ? '' : `${nsp},`;

  w.send(`40${head}${payload || ''}`);

  const answer = await w.recvText();

  assert.ok(answer.startsWith(`40${head}{`), answer);

  const { sid, ...rest } = JSON.parse(answer.slice(2 + head.length));

  assert.match(sid, /^[\w-]{20}$/);
  assert.notEqual(sid, w.sid);
  assert.deepEqual(rest, {});
  assert.equal(await w.recvText(), `42${head}["auth",${payload || '{}'}]`);
  await w.close(1000);
}


/* connected to the main namespace, its "auth" read */

async function socket(s, options) {
  const w = await sio.wsOpen({ ...s, ...options });

  await w.connectNsp();
  assert.equal(await w.recvText(), '42["auth",{}]');

  return w;
}


/* what a connection ends with */

async function ends(w, text) {
  w.send(text);
  assert.equal((await w.waitClose()).code, 1005);
  assert.deepEqual(w.messages, []);
}


async function binaries(w, header, answer) {
  w.send(header);
  BYTES.forEach((bytes) => w.send(bytes));

  assert.equal(await w.recvText(), answer);

  for (const bytes of BYTES) {
    const m = await w.recv();

    assert.equal(m.opcode, sio.BINARY);
    assert.deepEqual(m.data, bytes);
  }
}


suite('Socket.IO v5', 'socket', {
  'Engine.IO protocol': {
    'handshake': {
      'HTTP long-polling': {
        'should successfully open a session': common.openPolling,
        "should fail with an invalid 'EIO' query parameter":
          common.badVersion,
        "should fail with an invalid 'transport' query parameter":
          common.badTransport,
        'should fail with an invalid request method': common.badMethod,
      },

      'WebSocket': {
        'should successfully open a session': common.openWebSocket,
        "should fail with an invalid 'EIO' query parameter":
          common.badVersionWebSocket,
        "should fail with an invalid 'transport' query parameter":
          common.badTransportWebSocket,
      },
    },

    'heartbeat': {
      'HTTP long-polling': {
        'should send ping/pong packets': common.pingPolling,
        'should close the session upon ping timeout':
          common.timeoutPolling,
      },

      'WebSocket': {
        'should send ping/pong packets': common.pingWebSocket,
        'should close the session upon ping timeout':
          common.timeoutWebSocket,
      },
    },

    'close': {
      'HTTP long-polling': {
        'should forcefully close the session': common.closePolling,
      },

      'WebSocket': {
        'should forcefully close the session': common.closeWebSocket,
      },
    },

    'upgrade': {
      'should successfully upgrade from HTTP long-polling to WebSocket':
        async (s) => {
          const p = await sio.poll(s);
          const w = await p.upgrade();

          await w.connectNsp();
          await w.close(1000);
        },

      'should ignore HTTP requests with same sid after upgrade':
        async (s) => {
          const p = await sio.poll(s);
          const w = await p.upgrade();

          /* the answer says that the upgrade is through on all workers */

          await w.connectNsp();
          assert.equal((await p.get()).status, 400);
          await w.close(1000);
        },

      'should ignore WebSocket connection with same sid after upgrade':
        async (s) => {
          const p = await sio.poll(s);
          const w = await p.upgrade();

          await w.connectNsp();

          const second = await p.candidate();

          await second.waitClose();
          assert.deepEqual(second.messages, []);
          await w.close(1000);
        },
    },
  },

  'Socket.IO protocol': {
    'connect': {
      'should allow connection to the main namespace':
        (s) => joins(s, '/'),

      'should allow connection to the main namespace with a payload':
        (s) => joins(s, '/', '{"token":"123"}'),

      'should allow connection to a custom namespace':
        (s) => joins(s, '/custom'),

      'should allow connection to a custom namespace with a payload':
        (s) => joins(s, '/custom', '{"token":"abc"}'),

      'should disallow connection to an unknown namespace': async (s) => {
        const w = await sio.wsOpen(s);

        w.send('40/random');
        assert.equal(await w.recvText(),
                     '44/random,{"message":"Invalid namespace"}');
        await w.close(1000);
      },

      'should disallow connection with an invalid handshake':
        async (s) => ends(await sio.wsOpen(s), '4abc'),

      'should close the connection if no handshake is received':
        async (s) => {
          const w = await sio.wsOpen(short(s));

          /* pings are answered, so it is not for want of a pong */

          assert.equal((await w.waitClose()).code, 1005);
          assert.deepEqual(w.messages, []);
        },
    },

    'disconnect': {
      'should disconnect from the main namespace': async (s) => {
        const w = await socket(short(s), { pong: false });

        w.send('41');
        assert.equal(await w.recvText(), '2');
        await w.close(1000);
      },

      'should connect then disconnect from a custom namespace':
        async (s) => {
          const w = await socket(s);

          await w.connectNsp('/custom');
          assert.equal(await w.recvText(), '42/custom,["auth",{}]');

          w.send('41/custom');
          w.send('42["message","message to main namespace"]');
          assert.equal(await w.recvText(),
                       '42["message-back","message to main namespace"]');
          await w.close(1000);
        },
    },

    'message': {
      'should send a plain-text packet': async (s) => {
        const w = await socket(s);

        w.send('42["message",1,"2",{"3":[true]}]');
        assert.equal(await w.recvText(),
                     '42["message-back",1,"2",{"3":[true]}]');
        await w.close(1000);
      },

      'should send a packet with binary attachments': async (s) => {
        const w = await socket(s);

        await binaries(w, `452-["message",${PLACES}]`,
                       `452-["message-back",${PLACES}]`);
        await w.close(1000);
      },

      'should send a plain-text packet with an ack': async (s) => {
        const w = await socket(s);

        w.send('42456["message-with-ack",1,"2",{"3":[false]}]');
        assert.equal(await w.recvText(), '43456[1,"2",{"3":[false]}]');
        await w.close(1000);
      },

      'should send a packet with binary attachments and an ack':
        async (s) => {
          const w = await socket(s);

          await binaries(w, `452-789["message-with-ack",${PLACES}]`,
                         `462-789[${PLACES}]`);
          await w.close(1000);
        },

      ['should close the connection upon invalid format '
       + '(unknown packet type)']:
        async (s) => ends(await socket(s), '4abc'),

      ['should close the connection upon invalid format '
       + '(invalid payload format)']:
        async (s) => ends(await socket(s), '42{}'),

      'should close the connection upon invalid format (invalid ack id)':
        async (s) => ends(await socket(s), '42abc["message-with-ack",1,"2",'
                                           + '{"3":[false]}]'),
    },
  },
});
