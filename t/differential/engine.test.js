'use strict';

/* Plain Engine.IO, sio_protocol engine.io, beside Node's engine.io. */

const http = require('http');
const { after, before, describe, it } = require('node:test');

const lib = require('./lib.js');

const { drain } = lib;


async function start() {
  const engine = require('engine.io');
  const server = http.createServer((req, res) => res.end());
  const io = engine.attach(server, { path: '/socket.io/' });

  io.on('connection', (socket) => {
    socket.on('message', (data) => {
      if (data !== undefined) {
        socket.send(data);
      }
    });
  });

  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    port: server.address().port,
    stop: async () => {
      io.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}


describe('plain Engine.IO', () => {
  const both = lib.pair({
    start,
    directives: 'sio_protocol engine.io;',
    rules: 'sio_on message { relay; }',
  });

  before(() => both.start());
  after(() => both.stop());

  const messages = ['4hello', '4', '4\u20ac\u{1f600}', '42["not","Socket.IO"]',
                    '4"quoted\\"', `4${'x'.repeat(70000)}`,
                    Buffer.from([1, 2, 3]), Buffer.alloc(0),
                    Buffer.alloc(70000, 0x1e)];


  it('WebSocket: echo', () => both.compare(async ({ note, wsOpen }) => {
    const ws = await wsOpen({});

    note(ws.open);

    for (const message of messages.filter((m) => m !== '4')) {
      ws.send(message);

      const m = await ws.recv();

      note(m.opcode, m.data);
    }

    ws.send('4last');
    note(await ws.recvText());
    await ws.close();
  }));


  it('polling: echo', () => both.compare(async ({ note, poll }) => {
    const session = await poll({});

    for (const message of messages.filter((m) => m !== '4')) {
      note(await session.post(Buffer.isBuffer(message)
        ? `b${message.toString('base64')}` : message));
      note(await session.get());
    }

    note(await session.post(['4a', 'bAQ==', '4b']));
    note(await session.get());
    note(await session.post('1'));
  }));


  it('the upgrade', () => both.compare(async ({ note, poll }) => {
    const session = await poll({});

    note(await session.post(['4before', 'bAQ==']));

    const ws = await session.upgrade();

    note(await ws.recvText(), (await ws.recv()).data);
    ws.send('4after');
    note(await ws.recvText());
    await ws.close();
    note(await session.get());
  }));


  it('what is no packet', () => both.compare(async ({ note, wsOpen }) => {
    for (const packet of ['', 'x', '9', '2']) {
      const ws = await wsOpen({});

      ws.send(packet);
      note(packet, ...await drain(ws, null));
    }
  }));
});
