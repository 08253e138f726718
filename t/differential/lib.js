'use strict';

/*
 * The same script against Node's socket.io and against nginx; what came is
 * written down, and both transcripts must be equal.  With SIO_TARGET=node
 * Node stands on both sides: a script that differs from itself is wrong.
 */

const assert = require('node:assert/strict');
const fs = require('fs');
const path = require('path');

const sio = require('../lib/sio.js');

const NODE = process.env.SIO_TARGET === 'node';


/*
 * An app: {rules, node(io), directives, options, locations}, the locations
 * {PATH: {directives, options}} sharing rules with "/socket.io/".
 */

async function startNode(app) {
  const { Server } = require('socket.io');
  const common = { destroyUpgrade: false, serveClient: false };

  return sio.startReference({
    ...common, ...app.options,
    app: (io) => {
      app.node?.(io);

      for (const [where, { options }] of Object.entries(app.locations || {})) {
        const more = new Server(io.httpServer, { ...common, path: where,
                                                 ...options });
        app.node?.(more);
      }
    },
  });
}


async function startNginx(app) {
  const locations = Object.entries(app.locations || {}).map(
    ([where, { directives = '' }]) =>
      `location ${where} { sio zone=default; ${directives} }`);

  return sio.startNginx({
    workers: 4,
    location: `sio on; ${app.directives || ''} ${app.rules || ''}`,
    server: locations.join('\n'),
  });
}


/*
 * An example as it stands in conf-examples, but for what depends on the
 * place: the port, the module, and where files are written.
 */

function example(file, { dir, port, module }, more = '') {
  let text = read(`conf-examples/${file}`);
  const set = (name, value) => {
    const re = new RegExp(`^( *${name}) .*;$`, 'm');

    assert.match(text, re, `${file} has "${name}"`);
    text = text.replace(re, `$1 ${value};`);
  };

  set('load_module', module);
  set('error_log', `${dir}/error.log info`);
  set('pid', `${dir}/nginx.pid`);
  set('worker_processes', '2');
  set('listen', `127.0.0.1:${port} reuseport`);
  text = text.replace(/^( *)(access_log|\w+_temp_path).*\n/mg, '');

  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((n) => `${n}_temp_path ${dir}/tmp/${n};`).join('\n    ');

  text = text.replace(/^http \{\n/m,
                      `http {\n    access_log off;\n    ${temp}\n    ${more}\n`);

  return `daemon off;\ndebug_points abort;\n`
         + (process.getuid() === 0 ? 'user root;\n' : '') + text;
}


async function startExample(app) {
  return sio.startNginx({ workers: 2,
                          conf: (where) => example(app.conf, where) });
}


/* the two servers of a test file, and compare() for its scripts */

function pair(app) {
  const nginx = app.conf ? startExample : startNginx;
  const servers = {};

  return {
    servers,

    async start() {
      const node = app.start || (() => startNode(app));

      servers.node = await node();
      servers.nginx = await (NODE ? node() : nginx(app));
    },

    async stop() {
      await servers.node?.stop();
      await servers.nginx?.stop();
    },

    async compare(script, known) {
      const [node, nginx] = await Promise.all(
        [servers.node, servers.nginx].map((s) => transcript(s, script)));

      if (known && !NODE) {
        difference(node, nginx, known);
        return node;
      }

      node.forEach((line, i) => same(nginx, node, i));
      assert.equal(nginx.length, node.length, 'as many lines');
      assert.ok(node.length > 0, 'something is compared');
      return node;
    },
  };
}


/*
 * A difference that is to stay: {nginx, node, why}, both transcripts as they
 * are and words of docs/compatibility.md that say so.  One that is gone is to
 * be struck out.
 */

function difference(node, nginx, known) {
  const flat = (text) => text.replace(/\s+/g, ' ');

  assert.notDeepEqual(nginx, node, 'still different');
  assert.deepEqual({ nginx, node }, { nginx: known.nginx, node: known.node });
  assert.ok(flat(read('docs/compatibility.md')).includes(flat(known.why)),
            `docs/compatibility.md says "${known.why}"`);
}


/* the first line that differs says more than all of them */

function same(nginx, node, i) {
  try {
    assert.deepEqual(nginx[i], node[i]);

  } catch (e) {
    const show = (v) => (v === undefined ? '(nothing)' : JSON.stringify(v));

    throw new Error(`line ${i}${i ? ` after ${show(node[i - 1])}` : ''}:\n`
                    + `  node:  ${show(node[i])}\n`
                    + `  nginx: ${show(nginx[i])}`);
  }
}


async function transcript(server, script) {
  const log = [];
  const ids = new Map();
  const clients = new Set();
  const conns = new Set();

  const tools = {
    server,
    port: server.port,

    /* a line of the transcript */
    note: (...values) => log.push(values.map((v) => normal(v, ids))),

    /* an official client, thrown out at the end */
    client: (options) => {
      const socket = open(server, options);

      clients.add(socket);
      return socket;
    },

    connect: async (options) => {
      const socket = open(server, options);

      clients.add(socket);
      return sio.connected(socket);
    },

    /* connections, of nginx each to another worker; see fence() */
    conns: async (n) => {
      const pairs = server.spread
        ? [...(await server.spread({ perWorker: 2 })).values()]
        : await Promise.all(Array.from({ length: n }, () => Promise.all(
            [sio.connect(server), sio.connect(server)])));

      return pairs.slice(0, n).map(([conn, second]) => {
        conn.second = second;
        conns.add(conn).add(second);
        return conn;
      });
    },

    http: (options) => sio.http({ port: server.port, ...options }),
    poll: (options) => sio.poll({ port: server.port, ...options }),
    ws: (options) => sio.ws({ port: server.port, ...options }),
    wsOpen: (options) => sio.wsOpen({ port: server.port, ...options }),
  };

  try {
    await script(tools);

  } finally {
    clients.forEach((s) => s.disconnect());
    conns.forEach((c) => c.destroy());
  }

  return log;
}


function open(server, { nsp = '/', path: where = '/socket.io/', ...more }
              = {}) {
  return require('socket.io-client').io(server.url + nsp, {
    path: where, forceNew: true, transports: ['websocket'],
    reconnection: false, ...more,
  });
}


/* ids become <1>, <2> ... in the order they appear; headers are sorted */

/* how long a body is, Node says in two ways; raw.js read it to its end */

const OWN = new Set(['date', 'server', 'connection', 'keep-alive',
                     'x-worker', 'sec-websocket-accept', 'content-length',
                     'transfer-encoding']);

function normal(value, ids) {
  if (typeof value === 'string') {
    return value.replace(/(?<![\w-])[\w-]{20}(?![\w-])/g, (id) => {
      if (!ids.has(id)) {
        ids.set(id, `<${ids.size + 1}>`);
      }

      return ids.get(id);
    });
  }

  if (Buffer.isBuffer(value)) {
    return `bytes ${value.toString('hex')}`;
  }

  if (Array.isArray(value)) {
    return value.map((v) => normal(v, ids));
  }

  if (value instanceof sio.Response) {
    return normal({
      status: value.status,
      headers: value.headers
        .map(([name, v]) => [name.toLowerCase(), v])
        .filter(([name]) => !OWN.has(name))
        .map(([name, v]) => `${name}: ${v}`).sort(),
      body: value.text,
    }, ids);
  }

  if (value instanceof Error) {
    return normal({ message: value.message, data: value.data }, ids);
  }

  if (value && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(
      ([k, v]) => [k, normal(v, ids)]));
  }

  return value;
}


/*
 * What a WebSocket gets until it is closed, or until the answer to `last`
 * (an event with acknowledgement id 99) comes.
 */

async function drain(ws, last = '4299["barrier"]') {
  const got = [];

  if (last) {
    ws.send(last);
  }

  for (;;) {
    let m;

    try {
      m = await ws.recv();

    } catch (e) {
      if (!ws.ended) {
        throw e;
      }

      got.push(`closed ${(await ws.closed).code}`);
      return got;
    }

    if (m.opcode === sio.TEXT && /^43(\/[^,]+,)?99/.test(m.text)) {
      return got;
    }

    got.push(m.opcode === sio.TEXT ? m.text : m.data);
  }
}


/*
 * What packets mean: JSON parsed, attachments in their places.  Node parses
 * and writes anew, and so gives attachments another order, leaves out those
 * that nobody mentions, and spells strings its own way.
 */

function meaning(packets) {
  const out = [];

  for (let i = 0; i < packets.length; i++) {
    const m = /^4([2356])(?:(\d+)-)?(\/[^,]+,)?(\d*)(\[.*)$/s.exec(packets[i]);

    if (typeof packets[i] !== 'string' || !m) {
      out.push(packets[i]);
      continue;
    }

    const [, type, count = 0, nsp = '', id, json] = m;
    const bytes = packets.slice(i + 1, i + 1 + Number(count)).map((b) =>
      (Buffer.isBuffer(b) ? b : Buffer.from(b.slice(1), 'base64')));

    i += Number(count);
    out.push([/[25]/.test(type) ? 'event' : 'ack', nsp, id,
              JSON.parse(json, (k, v) => (count && v?._placeholder === true
                                          ? bytes[v.num] : v))]);
  }

  return out;
}


const read = (file) => fs.readFileSync(path.join(sio.ROOT, file), 'utf8');


module.exports = { ...sio, NODE, pair, drain, meaning, read, example };
