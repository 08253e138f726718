'use strict';

/*
 * Bursts in both directions while clients go over from long-polling to
 * WebSocket: nothing is lost, doubled or reordered, text or binary.
 */

const assert = require('node:assert/strict');
const { after, afterEach, before, describe, it } = require('node:test');

const lib = require('./lib.js');

const { client, emitAck, once, until } = lib;

const CLIENTS = 12;
const AFTER = 40;           /* messages after the upgrade */


describe('bursts across the upgrade', () => {
  let server, base;

  before(async () => {
    server = await lib.serve({ workers: 4, tls: true });
    base = await server.counters();
  });

  afterEach(() => lib.disconnectAll());

  after(() => lib.finish(server, base));

  for (const version of ['4.8', '4.0']) {
    for (const tls of [false, true]) {
      it(`client ${version}${tls ? ', TLS' : ''}`, async () => {
        /* the pump has no TLS; Node's two ports are two servers */

        const pump = await lib.connect(server, { tls: tls && lib.NODE });
        let pumped = 0, pumping = true;

        const pumps = (async () => {
          while (pumping) {
            for (let i = 0; i < 5; i++) {
              pump.emit('say', 'burst', pumped, ...extra(pumped));
              pumped++;
            }

            await emitAck(pump, 'id');
          }
        })();

        const runs = Array.from({ length: CLIENTS },
                                () => run(server, { version, tls }));

        const clients = await Promise.all(runs);

        pumping = false;
        await pumps;

        /* what the room heard: without a gap, up to the end */

        pump.emit('say', 'burst', 'end');
        await Promise.all(clients.map(async (c) => {
          await until(() => c.said.at(-1) === 'end', 10000, 'the end');
          c.said.pop();
          assert.deepEqual(c.said, Array.from({ length: c.said.length },
            (_, i) => c.said[0] + i));
          assert.equal(c.said.at(-1), pumped - 1);
        }));
      });
    }
  }


  it('goes over with a full queue', async () => {
    const pump = await lib.connect(server);
    const session = await lib.poll({ port: server.port });

    await session.connectNsp();
    await session.post('420["join","queue"]');
    await session.wait(/^430/);

    for (let i = 0; i < 500; i++) {
      pump.emit('say', 'queue', i, ...extra(i));
    }

    await emitAck(pump, 'id');

    const ws = await session.upgrade();

    pump.emit('say', 'queue', 'end');

    for (let i = 0; i < 500; i++) {
      const bytes = extra(i)[0];

      assert.equal(await ws.recvText(), bytes
        ? `451-["said",${i},{"_placeholder":true,"num":0}]`
        : `42["said",${i}]`);

      if (bytes) {
        assert.deepEqual((await ws.recv()).data, bytes);
      }
    }

    assert.equal(await ws.recvText(), '42["said","end"]');
    await ws.close();
  });


  it('stays on polling if the client asks for no upgrade', async () => {
    const socket = await lib.connect(server, { transport: 'upgrade',
                                               upgraded: false,
                                               upgrade: false });

    for (let i = 0; i < 20; i++) {
      await emitAck(socket, 'id');
    }

    assert.equal(socket.io.engine.transport.name, 'polling');
  });
});


function extra(n) {
  return n % 3 ? [] : [Buffer.alloc(n % 7, n)];
}


/*
 * One client: echoes from before the upgrade until after it, and what a
 * room says meanwhile.  Resolves when its own part is right.
 */

async function run(server, form) {
  const socket = client(server, { ...form, transport: 'upgrade' });
  const back = [], said = [];
  let sent = 0;

  socket.on('echo', (n, bytes) => {
    assert.deepEqual(bytes, extra(n)[0]);
    back.push(n);
  });

  socket.on('said', (n, bytes) => {
    assert.deepEqual(bytes, n === 'end' ? undefined : extra(n)[0]);
    said.push(n);
  });

  await once(socket, 'connect');
  await emitAck(socket, 'join', 'burst');

  const engine = socket.io.engine;

  while (engine.transport.name !== 'websocket') {
    for (let i = 0; i < 4; i++) {
      socket.emit('echo', sent, ...extra(sent));
      sent++;
    }

    await until(() => sent - back.length < 200, 10000, 'echoes');
    await new Promise((resolve) => setImmediate(resolve));
  }

  for (let i = 0; i < AFTER; i++) {
    socket.emit('echo', sent, ...extra(sent));
    sent++;
  }

  await until(() => back.length >= sent, 10000, 'all echoes');
  await emitAck(socket, 'id');
  assert.deepEqual(back, Array.from({ length: sent }, (_, i) => i));

  return { socket, said };
}
