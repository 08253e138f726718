'use strict';

/*
 * Hooks that go wrong in every way, many of them, while clients come and go
 * and nginx is reloaded; afterwards nothing of it is left.
 *
 *   SIO_SOAK       calls, 2000; ./run soak: 100000
 *   SIO_SOAK_SEED  what was drawn, as printed by a run that failed
 */

const assert = require('node:assert');
const fs = require('fs');
const http = require('http');
const test = require('node:test');

const { io } = require('socket.io-client');

const sio = require('../lib/sio.js');

const CALLS = Number(process.env.SIO_SOAK || 2000);
const SEED = Number(process.env.SIO_SOAK_SEED || Date.now() % 1e9);

const CLIENTS = 48;
const LIMIT = 128;              /* of hooks in progress */
const TRANSPORTS = [['websocket'], ['polling'], ['polling', 'websocket']];


/* mulberry32 */

function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;

    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);

    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}


/*
 * What a call may be: its weight, what the backend answers, [status, body,
 * headers], and what the client hears, FAILED unless it is told.
 */

const FAILED = { error: 'internal error' };
const BINARY = Buffer.from([0, 1, 255]);

const CASES = {
  ok: { weight: 30, answer: (n) => [200, [n]], hears: (n) => n },
  told: {
    weight: 10,
    answer: (n) => [200, { ack: [n], data: { n, gone: null },
                           do: [{ join: [`room${n % 50}`] },
                                { leave: `room${(n + 7) % 50}` },
                                { emit: 'told', args: [n],
                                  to: `room${n % 50}` }] }],
    hears: (n) => n,
  },
  binary: {
    weight: 5, args: [BINARY],
    answer: (n, args) => [200, [args[1]]], hears: () => BINARY,
  },
  all: { weight: 1, hears: (n) => n,
         answer: (n) => [200, { ack: [n],
                                do: { emit: 'all', all: true } }] },
  nothing: { weight: 5, answer: () => [204, ''], hears: () => 'nothing' },
  slow: { weight: 3, wait: 20, answer: (n) => [200, [n]],
          hears: (n) => n },
  async: { weight: 3, wait: 5, hears: () => 'at once',
           answer: (n) => [200, { do: { join: `room${n % 50}` } }] },
  refused: { weight: 5, answer: () => [403, { message: 'no', data: [1] }],
             hears: () => ({ error: 'no', data: [1] }) },
  within: { weight: 5, hears: () => 'returned' },

  status: { weight: 3, answer: () => [500, {}] },
  moved: { weight: 1, answer: () => [302, ''] },
  closed: { weight: 3, answer: () => null },
  cut: { weight: 2, answer: (n) => [200, [n], { 'Content-Length': 999 }] },
  hangs: { weight: 1, wait: 600, answer: () => [200, ['late']] },
  nobody: { weight: 2 },
  json: { weight: 3, answer: () => [200, '{"ack":['] },
  utf8: { weight: 3, answer: () => [200, Buffer.from('["\xff"]', 'latin1')] },
  type: { weight: 2, answer: () => [200, '5'] },
  unknown: { weight: 3, answer: () => [200, { ack: [], acks: [] }] },
  wrong: { weight: 2, answer: () => [200, { do: [{ join: 'half' },
                                                 { jump: 1 }] }] },
  long: { weight: 2, answer: () => [200, ['x'.repeat(20000)]] },
  gzip: { weight: 1, answer: () => [200, 'x', { 'Content-Encoding':
                                                'gzip' }] },
  data: { weight: 2, answer: () => [200, { data: { x: 'x'.repeat(5000) } }] },
  full: { weight: 2, answer: () => [200, { do: { join: 'full', max: 0 } }] },

  /* who is gone hears nothing */

  kicked: { weight: 2, leaves: true,
            answer: (n) => [200, { do: { disconnect: true,
                                         close: n % 2 === 0 } }] },
  leaves: { weight: 3, leaves: true, wait: 10,
            answer: (n) => [200, { ack: [n], data: { n },
                                   do: [{ join: 'late' },
                                        { emit: 'told', args: [n],
                                          to: 'room1' }] }] },
};

const DRAWN = Object.entries(CASES).flatMap(([name, { weight }]) =>
  Array(weight).fill(name));


class Backend {
  constructor() {
    this.held = [];
    this.server = http.createServer((req, res) => this.answer(req, res));
    this.server.keepAliveTimeout = 300000;
  }

  async start() {
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1',
                                                      resolve));
    this.port = this.server.address().port;
  }

  async answer(req, res) {
    const chunks = [];

    for await (const chunk of req) {
      chunks.push(chunk);
    }

    const args = JSON.parse(Buffer.concat(chunks));
    let got = [204, ''];

    if (req.headers['sio-type'] === 'connect') {
      const { auth } = JSON.parse(decodeURIComponent(
        req.headers['sio-handshake']));

      got = auth.status ? [auth.status, '{'] : [200, { data: { on: true } }];

    } else if (req.headers['sio-event'] === 'held') {
      await new Promise((resolve) => this.held.push(resolve));

    } else if (req.headers['sio-type'] === 'event') {
      const { wait, answer } = CASES[req.headers['sio-event']];

      if (wait) {
        await sio.sleep(wait);
      }

      got = answer(args[0], args);
    }

    if (!got) {
      req.socket.destroy();
      return;
    }

    let [status, body, headers] = got;

    if (typeof body !== 'string' && !Buffer.isBuffer(body)) {
      body = JSON.stringify(body);
    }

    res.writeHead(status, { 'Content-Length': Buffer.byteLength(body),
                            ...headers });

    if (headers?.['Content-Length']) {
      res.flushHeaders();
      res.write(body);
      req.socket.end();
      return;
    }

    res.end(body);
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }
}


/*
 * One client's place: each client that leaves it is followed by another.
 * Lost: what a reload may cost.
 */

class Client {
  constructor(soak, number) {
    this.soak = soak;
    this.transports = TRANSPORTS[number % 3];
  }

  async open() {
    const auth = this.soak.draw() < 0.1 ? { status: 500 } : {};
    const socket = io(this.soak.server.url, {
      transports: this.transports, forceNew: true, auth,
      reconnectionDelay: 10, reconnectionDelayMax: 50,
    });

    this.socket = socket;

    if (auth.status) {
      await new Promise((resolve, reject) => {
        socket.on('connect_error', resolve);
        socket.on('connect', () =>
          reject(new Error('connected in spite of 500')));
      });
      this.close();
      return this.open();
    }

    /* as when a reload has cut what it was asked for */

    socket.on('connect_error', () => {
      if (!socket.active && this.soak.reloads) {
        setTimeout(() => socket.connect(), 20);
      }
    });

    await sio.connected(socket, 20000);
  }

  close() {
    this.socket.disconnect();
    this.socket.io._close();
  }

  /* resolves to what the acknowledgement says, or to LOST */

  call(name, ...args) {
    const { socket } = this;

    return new Promise((resolve, reject) => {
      const timer = setTimeout(() =>
        reject(new Error(`no answer for "${name}"`)), 30000 * sio.SLOW);

      const done = (value) => {
        clearTimeout(timer);
        socket.off('disconnect', gone);
        resolve(value);
      };

      const gone = (reason, details) => {
        this.reason = `${reason} ${details?.description || ''}`;
        done(Client.LOST);
      };

      socket.on('disconnect', gone);
      socket.emit(name, ...args, done);
    });
  }

  async once() {
    const { soak } = this;
    const name = DRAWN[Math.floor(soak.draw() * DRAWN.length)];
    const { hears, leaves, args = [] } = CASES[name];
    const n = ++soak.calls;

    if (name === 'leaves') {
      this.socket.emit(name, n, ...args, () => {});

      if (soak.draw() < 0.5) {
        await sio.sleep(soak.draw() * 15);
      }

      this.close();
      return this.open();
    }

    const answer = await this.call(name, n, ...args);

    if (answer === Client.LOST) {
      if (leaves) {
        this.close();
        return this.open();
      }

      assert.ok(soak.reloads, `"${name}" was lost: ${this.reason}`);
      soak.lost++;
      return sio.connected(this.socket, 20000);
    }

    assert.ok(!leaves, `"${name}" was answered ${JSON.stringify(answer)}`);
    assert.deepEqual(answer, hears ? hears(n) : FAILED, name);
  }
}

Client.LOST = Symbol('lost');


class Soak {
  constructor(server) {
    this.server = server;
    this.draw = random(SEED);
    this.calls = 0;
    this.lost = 0;
    this.clients = Array.from({ length: CLIENTS },
                              (_, i) => new Client(this, i));
  }

  async open() {
    await Promise.all(this.clients.map((c) => c.open()));
  }

  async run(calls) {
    const end = this.calls + calls;

    await Promise.all(this.clients.map(async (c) => {
      while (this.calls < end && !this.ended) {
        await c.once();
      }
    }));
  }
}


/* private memory of the workers in KB, and their descriptors */

function memory(server) {
  return server.workers().map((pid) => Number(
    /^RssAnon:\s+(\d+) kB/m.exec(fs.readFileSync(`/proc/${pid}/status`))[1]));
}

function descriptors(server) {
  return server.workers().map((pid) =>
    fs.readdirSync(`/proc/${pid}/fd`).length);
}


test(`${CALLS} hooks that go wrong`, async (t) => {
  t.diagnostic(`SIO_SOAK_SEED=${SEED}`);

  const backend = new Backend();

  await backend.start();

  const location = `
    internal;
    proxy_pass http://app;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_next_upstream off;
    subrequest_output_buffer_size 16k;`;

  const server = await sio.startNginx({
    workers: 4,
    shutdownTimeout: '2s',
    http: `upstream app { server 127.0.0.1:${backend.port}; keepalive 16; }
           sio_drain_time 200ms;`,
    location: `sio on;
      sio_ping_interval 2s;
      sio_ping_timeout 5s;
      sio_limit hooks=${LIMIT};
      sio_on connect { hook /hook; }
      sio_on disconnecting { hook /hook; }
      sio_on disconnect { hook /hook; }
      sio_on held { hook /held async; }
      sio_on ping-pong { ack; }
      sio_on async { hook /hook async; ack "at once"; }
      sio_on within { hook /within; }
      sio_on nobody { hook /nobody; }
      sio_on hangs { hook /hangs; }
      ${Object.keys(CASES)
          .filter((n) => !['async', 'within', 'nobody', 'hangs'].includes(n))
          .map((n) => `sio_on ${n} { hook /hook; ${n === 'kicked' ? ''
                                                   : 'ack nothing;'} }`)
          .join('\n')}`,
    server: `
      location = /hook { ${location} }
      location = /hangs { ${location} proxy_read_timeout 300ms; }
      location = /held { internal; proxy_pass http://app; }
      location = /within { internal; return 200 '["returned"]'; }
      location = /nobody { internal; proxy_pass http://127.0.0.1:1; }`,
    allow: [/sio hook: /],
  });

  const base = await server.counters();
  const soak = new Soak(server);

  try {
    await soak.open();

    /* a sixth of it with reloads */

    soak.reloads = true;

    for (let i = 0; i < 3; i++) {
      await Promise.all([soak.run(Math.ceil(CALLS / 18)), server.reload()]);
    }

    await sio.until(() => server.workers({ all: true }).length === 4, 20000,
                    'the old workers to end');

    for (const c of soak.clients) {
      await sio.connected(c.socket, 20000);
    }

    soak.reloads = false;

    /* another with the workers that stay, then the rest must cost nothing */

    await soak.run(Math.ceil(CALLS / 5));

    const before = memory(server);

    await soak.run(CALLS - Math.ceil(CALLS / 5));

    const behind = memory(server);

    t.diagnostic(`${soak.calls} calls, ${soak.lost} lost by reloads; `
                 + `KB before: ${before}, behind: ${behind}`);

    if (!process.env.SIO_SAN) {
      behind.forEach((kb, i) => assert.ok(kb - before[i] < 768,
        `a worker has grown by ${kb - before[i]} KB`));
    }

    const counters = await server.counters();

    for (const name of ['timeout', 'failed', 'invalid', 'refused']) {
      assert.ok(counters[`hooks_${name}`] > 0, name);
    }

    assert.equal(counters.hooks_busy, 0);

    for (const c of soak.clients) {
      c.close();
    }

    await server.settled(base, 40000);

    /* what each worker has still in progress is missing from its limit */

    for (const pid of server.workers()) {
      await sio.until(async () => await inProgress(server, backend, pid) === 0,
                      20000, `the hooks of ${pid} to end`);
      await server.settled(base, 40000);
    }

    /* what is kept alive goes with the backend; then only sockets to the
       master, to epoll and listening ones are left, as in one of its age */

    backend.server.closeAllConnections();

    const old = descriptors(server);

    await server.reload();
    await sio.until(() => server.workers({ all: true }).length === 4, 20000,
                    'the old workers to end');

    const fresh = Math.max(...descriptors(server));

    assert.ok(Math.max(...old) <= fresh + 16, `${old}, new: ${fresh}`);

  } catch (e) {
    t.diagnostic(e.stack);
    throw e;

  } finally {
    soak.ended = true;
    soak.clients.forEach((c) => c.socket && c.close());
    backend.held.forEach((resolve) => resolve());
    await server.stop({ timeout: 15000 });
    await backend.stop();
  }
});


/* skips what else comes, pings among it */

async function answered(w) {
  for (;;) {
    const text = await w.recvText();

    if (/^43/.test(text)) {
      return;
    }

    if (text === '2') {
      w.send('3');
    }
  }
}


/* one more than the limit: how many of them the worker had already */

async function inProgress(server, backend, pid) {
  const before = (await server.counters()).hooks_busy;
  const w = await sio.wsOpen({ ...server,
                               conn: await server.connectTo(pid) });

  await w.connectNsp('/', {});

  for (let i = 0; i <= LIMIT; i++) {
    w.send(`42["held",${i}]`);
  }

  w.send('421["ping-pong"]');
  await answered(w);

  const more = (await server.counters()).hooks_busy - before;

  assert.ok(more >= 1, 'the limit');
  await sio.until(() => backend.held.length === LIMIT + 1 - more);
  backend.held.splice(0).forEach((resolve) => resolve());
  await w.close(1000);

  return more - 1;
}
