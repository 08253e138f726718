'use strict';

/* Plain Engine.IO, sio_protocol engine.io, beside Node's engine.io. */

const http = require('http');
const { after, before, describe, it } = require('node:test');

const lib = require('./lib.js');

const { drain } = lib;


async function start() {
  const engine = require('engine.io');
  const server = http.createServer((req, res) => res.end());
  const io = engine.attach(server, { path: '/socket.io/', allowEIO3: true });

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
    directives: 'sio_protocol engine.io; sio_allow_eio3 on;',
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


  /* of v3 a binary message has its type in front */

  const messages3 = messages.filter((m) => m !== '4').map((m) =>
    (Buffer.isBuffer(m) ? Buffer.concat([Buffer.from([4]), m]) : m));


  it('v3, WebSocket: echo', () => both.compare(async ({ note, wsOpen }) => {
    for (const path of ['/socket.io/?EIO=3&transport=websocket',
                        '/socket.io/?EIO=3&transport=websocket&b64=1']) {
      const ws = await wsOpen({ path });

      note(ws.open);

      for (const message of [...messages3, '2', '2x', 'b4AQ==']) {
        ws.send(message);

        const m = await ws.recv();

        note(m.opcode, m.data);
      }

      ws.send('3');
      note((await ws.waitClose()).code);
    }
  }));


  it('v3, polling: echo', () => both.compare(async ({ note, poll }) => {
    for (const query of [undefined, 'b64=1']) {
      const session = await poll({ eio: 3, query });

      note(session.response.text.split(':')[0], session.open);

      for (const message of [...messages3, '2']) {
        note(await session.post([message]));

        const r = await session.get();

        note(r, r.body);
      }

      const headers = { 'Content-Type': 'application/octet-stream' };

      note(await session.post(lib.payload3(messages3, true), { headers }));
      note((await session.get()).packets);

      const last = await session.parked();

      note(await session.post('1:3'));
      note(await last.response, await session.get());
    }
  }));


  it('v3, the upgrade', () => both.compare(async ({ note, poll }) => {
    const session = await poll({ eio: 3 });

    note(await session.post(['4before', Buffer.from([4, 1])]));

    const ws = await session.upgrade();

    note(await ws.recvText(), (await ws.recv()).data);
    ws.send('4after');
    note(await ws.recvText());
    await ws.close();
    note(await session.get());
  }));
});
