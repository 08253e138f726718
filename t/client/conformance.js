'use strict';

/*
 * The server that the protocols' own test suites expect, in three forms:
 * Node's, nginx with one worker and with four.  What those suites call their
 * cases are the names here; what a case does is written anew, so that its
 * order is definite with several workers and a loaded machine fails nothing.
 *
 * /engine.io/ and /socket.io/ have the usual heartbeats, /short/ is the same
 * with short ones.
 */

const assert = require('node:assert/strict');
const http = require('http');
const { after, before, describe, it } = require('node:test');

const sio = require('../lib/sio.js');

const SHORT = { pingInterval: 300, pingTimeout: 1000, connectTimeout: 2500 };

const short = `
    sio_ping_interval   ${SHORT.pingInterval}ms;
    sio_ping_timeout    ${SHORT.pingTimeout}ms;
    sio_connect_timeout ${SHORT.connectTimeout}ms;
`;


/* the configuration for each suite, without its times */

const APPS = {
  engine: {
    path: '/engine.io/',
    rules: 'sio_on message { relay; }',
    directives: 'sio_protocol engine.io;',
    node: nodeEngine,
  },

  engine3: {
    path: '/engine.io/',
    rules: 'sio_on message { relay; }',
    directives: 'sio_protocol engine.io; sio_allow_eio3 on;',
    options: { allowEIO3: true },
    node: nodeEngine,
  },

  socket: {
    path: '/socket.io/',
    rules: `
        sio_on connect           { emit auth $sio_auth; }
        sio_on message           { emit message-back $sio_args; }
        sio_on message-with-ack  { ack $sio_args; }

        sio_namespace /custom {
            sio_on connect       { emit auth $sio_auth; }
        }`,
    directives: '',
    node: nodeSocket,
  },
};


/* how long Node keeps a closed polling session: 30 s would hold the process */

function forget(socket) {
  socket.transport.closeTimeout = 1000;
}


async function nodeEngine(app) {
  const engine = require('engine.io');
  const server = http.createServer((req, res) => res.end());
  const own = { destroyUpgrade: false, ...app.options };
  const all = [engine.attach(server, { ...own, path: app.path }),
               engine.attach(server, { ...own, ...SHORT, path: '/short/' })];

  for (const io of all) {
    io.on('connection', (socket) => {
      forget(socket);
      socket.on('data', (data) => socket.send(data));
    });
  }

  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    kind: 'node',
    port: server.address().port,
    stop: async () => {
      all.forEach((io) => io.close());
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}


async function nodeSocket(app) {
  const { Server } = require('socket.io');

  const serve = (io) => {
    io.on('connection', (socket) => {
      socket.emit('auth', socket.handshake.auth);
      socket.on('message', (...args) => socket.emit('message-back', ...args));
      socket.on('message-with-ack', (...args) => args.pop()(...args));
    });

    io.of('/custom').on('connection', (socket) => {
      socket.emit('auth', socket.handshake.auth);
    });
  };

  return sio.startReference({
    path: app.path,
    destroyUpgrade: false,
    app: (io) => {
      const quick = new Server(io.httpServer, {
        serveClient: false, path: '/short/', destroyUpgrade: false, ...SHORT,
      });

      quick.engine.on('connection', forget);
      serve(io);
      serve(quick);
    },
  });
}


function nginx(app, workers) {
  return sio.startNginx({
    workers,
    path: app.path,
    location: `sio on; ${app.directives} ${app.rules}`,
    server: `location /short/ {
                 sio zone=default; ${app.directives} ${short}
             }`,
  });
}


/*
 * suite(title, app, cases): `cases` is a tree, its leaves are the cases,
 * functions of the server.  They run all at once.
 */

function suite(title, name, cases) {
  const app = APPS[name];
  const targets = { 'Node': () => app.node(app) };

  if (process.env.SIO_TARGET !== 'node') {
    targets['nginx, 1 worker'] = () => nginx(app, 1);
    targets['nginx, 4 workers'] = () => nginx(app, 4);
  }

  describe(title, { concurrency: true }, () => {
    for (const [target, start] of Object.entries(targets)) {
      describe(target, { concurrency: 8 }, () => {
        const server = {};
        let base;

        before(async () => {
          server.real = await start();
          base = server.real.counters && await server.real.counters();
        });

        after(async () => {
          try {
            if (base) {
              await server.real.settled(base, 40000);
            }

          } finally {
            await server.real?.stop();
          }
        });

        branch(cases, () => ({ ...server.real, path: app.path,
                               server: server.real }));
      });
    }
  });
}


function branch(cases, server) {
  for (const [title, what] of Object.entries(cases)) {
    if (typeof what === 'function') {
      it(title, () => what(server()));
    } else {
      describe(title, { concurrency: 8 }, () => branch(what, server));
    }
  }
}


const short_ = (s) => ({ ...s, path: '/short/' });


/*
 * Connections for a case: `get` and `behind` to one worker, `other` to
 * another worker if there is one.
 */

async function connections(s) {
  if (s.kind === 'node') {
    const open = () => sio.connect(s);

    return { get: await open(), behind: await open(), other: await open() };
  }

  const [first, last] = [s.server.workers()[0], s.server.workers().at(-1)];

  return { get: await s.server.connectTo(first),
           behind: await s.server.connectTo(first),
           other: await s.server.connectTo(last) };
}


/*
 * A GET that is pending: one worker takes events in the order in which they
 * came, so an answer on a connection behind it says that it has been seen.
 */

async function pending(session, { get, behind }) {
  const hang = await session.hang({ conn: get });

  await behind.request({ path: '/worker' });

  return hang;
}


/* a WebSocket that gets no session: refused, or closed with nothing said */

async function refused(s, query) {
  const w = await sio.ws({ ...s, path: `${s.path}?${query}` });

  if (!w.ok) {
    assert.equal(w.status, 400);
    return;
  }

  await w.waitClose();
  assert.deepEqual(w.messages, []);
}


async function status(s, query, options) {
  return (await sio.http({ port: s.port, path: `${s.path}?${query}`,
                           ...options })).status;
}


function checkOpen(open, upgrades, { pingInterval = 25000,
                                     pingTimeout = 20000 } = {}) {
  assert.deepEqual(Object.keys(open).sort(),
                   ['maxPayload', 'pingInterval', 'pingTimeout', 'sid',
                    'upgrades']);
  assert.match(open.sid, /^[\w-]{20}$/);
  assert.deepEqual(open.upgrades, upgrades);
  assert.equal(open.pingInterval, pingInterval);
  assert.equal(open.pingTimeout, pingTimeout);
  assert.equal(open.maxPayload, 1000000);
}


/* the cases that Engine.IO's suite and Socket.IO's have in common */

const common = {
  async openPolling(s) {
    const usual = await sio.poll(s);
    const quick = await sio.poll(short_(s));

    checkOpen(usual.open, ['websocket']);
    checkOpen(quick.open, ['websocket'], SHORT);
    await usual.close();
    await quick.close();
  },

  async badVersion(s) {
    assert.equal(await status(s, 'transport=polling'), 400);
    assert.equal(await status(s, 'EIO=abc&transport=polling'), 400);
  },

  async badTransport(s) {
    assert.equal(await status(s, 'EIO=4'), 400);
    assert.equal(await status(s, 'EIO=4&transport=abc'), 400);
  },

  async badMethod(s) {
    for (const method of ['POST', 'PUT']) {
      assert.equal(await status(s, 'EIO=4&transport=polling', { method }),
                   400);
    }
  },

  async openWebSocket(s) {
    const w = await sio.wsOpen(s);

    checkOpen(w.open, []);
    w.close(1000);
    assert.equal((await w.waitClose()).code, 1000);

    const quick = await sio.wsOpen(short_(s));

    checkOpen(quick.open, [], SHORT);
    await quick.close();
  },

  async badVersionWebSocket(s) {
    await refused(s, 'transport=websocket');
    await refused(s, 'EIO=abc&transport=websocket');
  },

  async badTransportWebSocket(s) {
    await refused(s, 'EIO=4');
    await refused(s, 'EIO=4&transport=abc');
  },

  async pingPolling(s) {
    const p = await sio.poll(short_(s));

    for (let i = 0; i < 3; i++) {
      const r = await p.get();

      assert.equal(r.status, 200);
      assert.equal(r.text, '2');

      const answer = await p.post('3');

      assert.equal(answer.status, 200);
      assert.equal(answer.text, 'ok');
    }

    await p.close();
  },

  async timeoutPolling(s) {
    const [p, late] = [await sio.poll(short_(s)), await sio.poll(short_(s))];

    await sio.sleep(SHORT.pingInterval + SHORT.pingTimeout + 300);
    assert.equal((await late.post('3')).status, 400);

    assert.equal((await p.get()).status, 400);
  },

  async pingWebSocket(s) {
    const w = await sio.wsOpen({ ...short_(s), pong: false });

    for (let i = 0; i < 3; i++) {
      assert.equal(await w.recvText(), '2');
      w.send('3');
    }

    await w.close();
  },

  async timeoutWebSocket(s) {
    const from = Date.now();
    const w = await sio.wsOpen({ ...short_(s), pong: false });

    assert.equal((await w.waitClose()).code, 1005);
    assert.deepEqual(w.messages.map((m) => m.text), ['2']);

    /* timers may be early by a tick */

    assert.ok(Date.now() - from
              > SHORT.pingInterval + SHORT.pingTimeout - 50);
  },

  async closePolling(s) {
    const c = await connections(s);
    const p = await sio.poll(s);
    const get = await pending(p, c);

    assert.equal((await p.post('1', { conn: c.other })).text, 'ok');

    const r = await get.response;

    assert.equal(r.status, 200);
    assert.equal(r.text, '6');
    assert.equal((await p.get()).status, 400);
    Object.values(c).forEach((conn) => conn.destroy());
  },

  /*
   * Node takes no notice of a close packet on a WebSocket; what ends the
   * session in that suite is that nobody answers the ping.
   */

  async closeWebSocket(s) {
    const w = await sio.wsOpen({ ...short_(s), pong: false });

    w.send('1');
    assert.equal((await w.waitClose()).code, 1005);
    assert.deepEqual(w.messages.map((m) => m.text), ['2']);
  },
};


module.exports = { APPS, suite, connections, pending, refused, status,
                   checkOpen, common, short: short_, SHORT };
