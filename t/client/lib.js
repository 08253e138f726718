'use strict';

/*
 * The server under test (nginx, or Node with SIO_TARGET=node) with two
 * locations and TLS, and official clients in all their forms.
 */

const http2 = require('http2');
const https = require('https');
const fs = require('fs');
const net = require('net');

const sio = require('../lib/sio.js');
const app = require('./app.js');

const NODE = process.env.SIO_TARGET === 'node';

const CLIENTS = {
  '4.8': require('socket.io-client'),
  '4.0': require('socket.io-client-4-0'),
  '3.1': require('socket.io-client-3'),
  '2.5': { io: require('socket.io-client-2') },
};

const TRANSPORTS = {
  websocket: ['websocket'],
  polling: ['polling'],
  upgrade: ['polling', 'websocket'],
};


/*
 * serve({workers, tls, app, ...}): a server of ./app.js, or of another
 * {rules, node(io), directives, options, locations}, the locations
 * {PATH: {directives, options}} sharing the rules.  Other options are those
 * of startNginx().
 */

async function serve({ app: a = app, workers = 4, ...more } = {}) {
  if (NODE) {
    return serveNode(a, more);
  }

  const others = Object.entries(a.locations || {}).map(
    ([path, { directives }]) =>
      `location ${path} { sio zone=default; ${directives} }`);

  return sio.startNginx({
    workers,
    location: `sio on; ${a.directives || ''} ${a.rules}`,
    server: others.join('\n'),
    connections: 2048,
    ...more,
  });
}


async function serveNode(a, { tls, http2: h2 }) {
  const { Server } = require('socket.io');
  const options = { serveClient: false, destroyUpgrade: false,
                    ...a.options };
  const ios = [];

  const more = (httpServer, io) => {
    ios.push(io);

    for (const [path, { options: own }] of Object.entries(a.locations
                                                          || {})) {
      const other = new Server(httpServer, { ...options, path, ...own });

      a.node(other);
      ios.push(other);
    }
  };

  const server = await sio.startReference({
    ...options,
    app: (io) => { a.node(io); more(io.httpServer, io); },
  });

  if (!tls) {
    return server;
  }

  const { key, cert, pem } = sio.certificate();
  const pair = { key: fs.readFileSync(key), cert: fs.readFileSync(cert) };
  const secure = h2 ? http2.createSecureServer({ ...pair, allowHTTP1: true })
                    : https.createServer(pair);
  const io = new Server(secure, options);
  const sockets = new Set();

  secure.on('connection', (s) => {
    sockets.add(s);
    s.on('close', () => sockets.delete(s));
  });

  a.node(io);
  more(secure, io);

  await new Promise((resolve) => secure.listen(0, '127.0.0.1', resolve));

  const stop = server.stop;

  return Object.assign(server, {
    tlsPort: secure.address().port,
    tlsUrl: `https://localhost:${secure.address().port}`,
    ca: pem,
    stop: async () => {
      ios.forEach((s) => s.disconnectSockets(true));
      io.close();
      sockets.forEach((s) => s.destroy());
      await stop();
    },
  });
}


/*
 * client(server, {version, transport, tls, nsp, path, ...}): a socket that
 * is not connected yet; what is not named goes to the official client.
 */

function client(server, { version = '4.8', transport = 'websocket', tls,
                          nsp = '/', path = '/socket.io/', ...more } = {}) {
  const { io } = CLIENTS[version];
  const url = tls ? server.tlsUrl : server.url;

  const socket = io(url + nsp, {
    path,
    transports: TRANSPORTS[transport],
    forceNew: true,
    reconnectionDelay: 20,
    reconnectionDelayMax: 50,
    ...(tls ? { ca: server.ca } : {}),
    ...more,
  });

  open.add(socket);
  return version === '2.5' ? modern(socket) : socket;
}


/* gives a client of Socket.IO 2 the face that later ones have */

function modern(socket) {
  if (socket.onAny) {
    return socket;
  }

  const { onevent } = socket;
  const listeners = [];

  socket.onAny = (listener) => listeners.push(listener);

  socket.onevent = function (packet) {
    listeners.forEach((listener) => listener(...packet.data));
    onevent.call(this, packet);
  };

  /* what refuses it: a text, or any data */

  socket.on('error', (data) => {
    socket.emit('connect_error', Object.assign(
      new Error(typeof data === 'string' ? data : data.message), { data }));
  });

  /* only namespaces have something like it */

  Object.defineProperty(socket, 'auth', {
    set: (value) => { socket.query = value; },
  });

  socket.io._close = () => socket.io.close();

  return socket;
}


/*
 * cable(port): a way to a server that can be cut.  {port, url, bytes(),
 * polled(), cut(), hold(), close()}; bytes() are those that came from the
 * server, polled() tells whether a GET waits for its answer, hold() lets
 * nothing through any more.
 */

async function cable(to) {
  const sockets = new Set(), polls = new Set();
  let bytes = 0, held = false;

  const server = net.createServer((a) => {
    const b = net.connect(to, '127.0.0.1');

    for (const [from, other] of [[a, b], [b, a]]) {
      sockets.add(from);
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        polls.delete(a);
        other.destroy();
      });

      if (!held) {
        from.pipe(other);
      }
    }

    a.on('data', (data) => data.indexOf('GET ') === 0 && polls.add(a));
    b.on('data', (data) => {
      polls.delete(a);
      bytes += data.length;
    });
  });

  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

  const { port } = server.address();
  const cut = () => sockets.forEach((s) => s.destroy());

  return {
    port, cut,
    url: `http://127.0.0.1:${port}`,
    bytes: () => bytes,
    polled: () => polls.size > 0,
    hold: () => { held = true; sockets.forEach((s) => s.unpipe()); },
    close: () => { cut(); server.close(); },
  };
}


const open = new Set();

/* one that is connected, and upgraded if its form is to upgrade */

async function connect(server, options = {}) {
  const socket = client(server, options);

  await sio.connected(socket);

  if (options.transport === 'upgrade' && options.upgraded !== false) {
    await sio.until(() => socket.io.engine.transport.name === 'websocket',
                    5000, 'the upgrade');
  }

  return socket;
}


/* disconnects all clients that client() made, in all their namespaces */

function disconnectAll() {
  for (const socket of open) {
    socket.disconnect();
    socket.io[socket.io._close ? '_close' : 'close']();
  }

  open.clear();
}


/*
 * Ends the clients and the server.  First the zone's counters have to be
 * those of `base` again; a polling client that was thrown out and never came
 * back for the news is kept for 30 s.
 */

async function finish(server, base) {
  disconnectAll();

  if (!server) {
    return;
  }

  try {
    if (base && !NODE) {
      await server.settled(base, 40000);
    }

  } finally {
    await server.stop();
  }
}


/* connects many, a few at a time */

async function connectMany(server, n, options, width = 20) {
  const list = [];

  for (let i = 0; i < n; i += width) {
    const part = [];

    for (let k = i; k < Math.min(i + width, n); k++) {
      part.push(connect(server, typeof options === 'function' ? options(k)
                                                              : options));
    }

    list.push(...await Promise.all(part));
  }

  return list;
}


/*
 * A collector of every event that a socket receives: [[event, ...args]].
 * upTo(name) waits for the event `name` and takes what came before it.
 */

function record(socket) {
  const list = [];

  socket.onAny((event, ...args) => list.push([event, ...args]));

  list.upTo = async (name, ms) => {
    await sio.until(() => list.some(([event]) => event === name), ms,
                    `"${name}"`);

    const at = list.findIndex(([event]) => event === name);
    const part = list.splice(0, at + 1);

    part.pop();
    return part;
  };

  return list;
}


const { emitAck } = sio;

/* an acknowledgement's only argument */

async function ask(socket, event, ...args) {
  return (await emitAck(socket, event, ...args))[0];
}


/* every combination of {name: [values]} */

function* combinations(axes) {
  const names = Object.keys(axes);

  if (names.length === 0) {
    yield {};
    return;
  }

  const [first, ...rest] = names;

  for (const value of axes[first]) {
    for (const more of combinations(Object.fromEntries(
         rest.map((name) => [name, axes[name]])))) {
      yield { [first]: value, ...more };
    }
  }
}


module.exports = {
  ...sio, NODE, CLIENTS, TRANSPORTS,
  serve, client, connect, connectMany, disconnectAll, finish, record, ask,
  cable, combinations,
};
