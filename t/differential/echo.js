'use strict';

/*
 * An echo server in both languages, and what runs tables of exchanges against
 * it.  "/dynamic-99" shows after each whether the connection lives.
 */

const { it } = require('node:test');

const lib = require('./lib.js');

const { drain, meaning } = lib;

const app = {
  rules: `
    sio_on barrier { ack; }
    sio_on echo    { relay; }
    sio_on answer  { ack $sio_args; }
    sio_on ask     { emit question $sio_args ack=asked; }
    sio_on_ack asked { emit answered $sio_args; }
    sio_on bye     { disconnect; }
    sio_on close   { disconnect close; }
    sio_on twice   { ack json:1; ack json:2; }
    sio_on error   { emit error $sio_args; }
    sio_on message { emit message $sio_args; }

    sio_namespace /custom {
      sio_on barrier { ack; }
      sio_on echo    { relay; }
    }

    sio_set $token auth /token string;

    sio_namespace /guard {
      sio_use { require $token "error=no token" 'data={"a":[1]}'; }
      sio_on barrier { ack; }
    }

    sio_namespace /reject {
      sio_use { reject; }
    }

    sio_namespace ~ "^/dynamic-[0-9]+$" {
      sio_on barrier { ack; }
      sio_on echo    { emit echo $sio_nsp; }
    }
  `,

  node: (io) => {
    const echo = (socket) => {
      socket.on('barrier', (...args) => {
        const ack = args.pop();

        if (typeof ack === 'function') {
          ack();
        }
      });
      socket.on('echo', (...args) => {
        socket.emit('echo', ...args.filter((a) => typeof a !== 'function'));
      });
    };

    io.on('connection', (socket) => {
      echo(socket);
      socket.on('answer', (...args) => {
        const ack = args.pop();

        if (typeof ack === 'function') {
          ack(...args);
        }
      });
      socket.on('ask', (...args) => {
        socket.emit('question', ...args, (...answer) => {
          socket.emit('answered', ...answer);
        });
      });
      socket.on('twice', (...args) => {
        const ack = args.pop();

        if (typeof ack === 'function') {
          ack(1);
          ack(2);
        }
      });
      socket.on('bye', () => socket.disconnect());
      socket.on('close', () => socket.disconnect(true));
      socket.on('error', (...args) => {
        /* an event, or Node's own for a bad packet */
        if (!(args[0] instanceof Error)) {
          socket.emit('error', ...args);
        }
      });
      socket.on('message', (...args) => socket.emit('message', ...args));
    });

    io.of('/custom').on('connection', echo);

    io.of('/guard').use((socket, next) => {
      next(typeof socket.handshake.auth.token === 'string'
           && socket.handshake.auth.token ? undefined
           : Object.assign(new Error('no token'), { data: { a: [1] } }));
    }).on('connection', echo);

    io.of('/reject').use((socket, next) => next(new Error('not allowed')));

    io.of(/^\/dynamic-[0-9]+$/).on('connection', (socket) => {
      echo(socket);
      socket.removeAllListeners('echo');
      socket.on('echo', () => socket.emit('echo', socket.nsp.name));
    });
  },
};


const bin = (...list) => Buffer.from(list);
const ph = (num) => `{"_placeholder":true,"num":${num}}`;

const ALIVE = '42/dynamic-99,99["barrier"]';


/*
 * {name: packets}, or for a difference that is to stay {name: {packets, why,
 * node, nginx}}: what comes back, see lib.js.
 */

function each(table, exchange) {
  for (const [name, value] of Object.entries(table)) {
    if (Array.isArray(value)) {
      exchange(name, value, () => undefined);

    } else {
      const { packets, why, node, nginx } = value;

      exchange(name, packets, (lines) => ({
        why, node: lines(node), nginx: lines(nginx) }));
    }
  }
}


/* the same, as the transports tell it */

const CLOSED = 'closed';

const ofWebSocket = (got) => [got.map((p) => (p === CLOSED ? 'closed 1005'
                                                           : p))];
const ofPolling = (got) => [[200, 'ok'], got.at(-1) === CLOSED
  ? [...got.slice(0, -1), '1'] : [...got, ['ack', '/dynamic-99,', '99', []]]];


/* the first packets of a connection */

function begins(both, table) {
  each(table, (name, packets, known) => {
    it(name, () => both.compare(async ({ note, wsOpen }) => {
      const ws = await wsOpen({});

      for (const packet of packets) {
        if (ws.ended) {
          break;
        }

        ws.send(packet);

        /* a CONNECT is answered before anything else may be sent */

        if (/^40(\/|$|\{|\d)/.test(packet)) {
          note(packet, await ws.recv(2000).then((m) => m.text,
                                                () => 'nothing'));
        }
      }

      ws.send('40/dynamic-99,');

      for (let text; !/^40\/dynamic-99,/.test(text || ''); ) {
        text = await ws.recvText().catch(() => null);

        if (text === null) {
          note(`closed ${(await ws.closed).code}`);
          return;
        }

        note(meaning([text]));
      }

      note(...meaning(await drain(ws, ALIVE)));
      await ws.close();
    }, known((lines) => lines)));
  });
}


/*
 * Packets of a socket in "/", over WebSocket and over polling.  Node acts a
 * little later, and takes what comes with it: what ends something, and a
 * CONNECT, is waited for, and so is all that stands in front of THEN.
 */

const THEN = Symbol('then');
const WAIT = /^(41.*|42\["(bye|close)"\]|40.*)$/;

function continues(both, table) {
  each(table, (name, packets, known) => {
    it(`WebSocket: ${name}`, () => both.compare(async ({ note, wsOpen }) => {
      const ws = await wsOpen({});
      const got = [];

      await ws.connectNsp('/dynamic-99');
      await ws.connectNsp();

      for (const packet of packets) {
        if (packet !== THEN) {
          ws.send(packet);
        }

        if (packet.startsWith?.('40') && packets.length > 1) {
          got.push(await ws.recvText());

        } else if (packet === THEN || WAIT.test(packet)) {
          got.push(...await drain(ws, ALIVE));
        }
      }

      got.push(...await settled(ws));
      note(...meaning(got));
      await ws.close();
    }, known(ofWebSocket)));

    it(`polling: ${name}`, () => both.compare(async ({ note, poll }) => {
      const session = await poll({});
      let payload = [];

      await session.connectNsp('/dynamic-99');
      await session.connectNsp();

      for (const [i, packet] of packets.entries()) {
        if (packet !== THEN) {
          payload.push(encoded(packet));
        }

        if (packet === THEN || WAIT.test(packet) || i === packets.length - 1) {
          const { status, text } = await session.post(payload);

          note(status, text);
          payload = [];
        }
      }

      note(...meaning(await fetched(session)));
      await session.post('1');
    }, known(ofPolling)));
  });
}


/* Node answers a CONNECT after what came behind it */

async function settled(ws) {
  const got = [];

  for (let i = 0; i < 2 && !ws.ended; i++) {
    got.push(...await drain(ws, ALIVE));
  }

  return got;
}


const encoded = (p) => (Buffer.isBuffer(p) ? `b${p.toString('base64')}` : p);


/* all that a polling session gets; how packets are spread over GETs is
   nobody's business */

async function fetched(session) {
  const got = [];

  await session.post(ALIVE);

  for (;;) {
    const r = await session.get();

    if (r.status !== 200) {
      return [...got, r.status];
    }

    got.push(...r.packets.filter((p) => p !== '6'));

    if (r.packets.includes('1') || r.packets.some((p) => p.includes('99[]'))) {
      return got;
    }
  }
}


/* the same, all at once: in one segment of TCP, in one POST */

function bursts(both, table) {
  each(table, (name, packets, known) => {
    it(`at once, WebSocket: ${name}`, () => both.compare(
      async ({ note, wsOpen }) => {
        const ws = await wsOpen({});

        await ws.connectNsp('/dynamic-99');
        await ws.connectNsp();

        ws.write(Buffer.concat(packets.map((p) => lib.frameBytes({
          opcode: Buffer.isBuffer(p) ? lib.BINARY : lib.TEXT, payload: p }))));

        note(...meaning(await settled(ws)));
        await ws.close();
      }, known(ofWebSocket)));

    it(`at once, polling: ${name}`, () => both.compare(
      async ({ note, poll }) => {
        const session = await poll({});

        await session.connectNsp('/dynamic-99');
        await session.connectNsp();

        const { status, text } = await session.post(packets.map(encoded));

        note(status, text);
        note(...meaning(await fetched(session)));
        await session.post('1');
      }, known(ofPolling)));
  });
}


module.exports = { CLOSED, THEN, app, begins, bin, bursts, continues, ph };
