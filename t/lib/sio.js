'use strict';

/*
 * The harness of all node tests: an nginx with the module, Node's own
 * socket.io to compare with, and clients that speak on raw sockets.
 *
 * Environment:
 *   SIO_NGINX    nginx binary, /usr/sbin/nginx otherwise
 *   SIO_MODULE   the module, build/ngx_http_sio_module.so otherwise; empty
 *                if it is built into nginx
 *   SIO_WRAP     words to put in front of nginx (valgrind); %D is the
 *                directory of the test
 *   SIO_SLOW     factor for all times that are waited for
 *   SIO_KEEP     leave the directory of a test that went well, too
 */

const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const net = require('net');
const os = require('os');
const path = require('path');
const { execFileSync, spawn } = require('child_process');

const raw = require('./raw.js');
const { until, sleep, SLOW } = require('./wait.js');

const ROOT = path.resolve(__dirname, '../..');
const NGINX = process.env.SIO_NGINX || findNginx();
const MODULE = process.env.SIO_MODULE
    ?? path.join(ROOT, 'build/ngx_http_sio_module.so');

const running = new Set();


function findNginx() {
  for (const file of ['/usr/sbin/nginx', '/usr/local/sbin/nginx',
                      '/usr/local/nginx/sbin/nginx']) {
    if (fs.existsSync(file)) {
      return file;
    }
  }

  return 'nginx';
}


/* a test that was cut short leaves no nginx behind */

process.on('exit', () => {
  for (const server of running) {
    try {
      process.kill(server.pid, 'SIGTERM');
    } catch (e) {
      /* gone already */
    }
  }
});

for (const sig of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(sig, () => process.exit(1));
}


/*
 * Nor does a test that failed hang the run: what it left open is not waited
 * for, and a file has a limit in time.
 */

setTimeout(() => {
  process.stderr.write('this file of tests did not come to an end\n');
  process.exit(1);
}, Number(process.env.SIO_FILE_TIMEOUT || 240) * 1000 * SLOW).unref();


/*
 * Ports are chosen by the OS and then claimed by a file: with "reuseport"
 * two servers could get the same one without an error.
 */

const portsDir = path.join(os.tmpdir(), `sio-ports-${process.getuid()}`);
const claimed = new Set();

process.on('exit', () => {
  for (const file of claimed) {
    fs.rmSync(file, { force: true });
  }
});


async function freePort() {
  fs.mkdirSync(portsDir, { recursive: true });

  for (;;) {
    const port = await new Promise((resolve, reject) => {
      const s = net.createServer();

      s.on('error', reject);
      s.listen(0, '127.0.0.1', () => {
        const n = s.address().port;
        s.close(() => resolve(n));
      });
    });

    const file = path.join(portsDir, String(port));

    try {
      fs.writeFileSync(file, String(process.pid), { flag: 'wx' });

    } catch (e) {
      if (e.code === 'EEXIST' && !alive(readPid(file))) {
        fs.rmSync(file, { force: true });
      }

      continue;
    }

    claimed.add(file);
    return port;
  }
}


function releasePort(port) {
  const file = path.join(portsDir, String(port));

  claimed.delete(file);
  fs.rmSync(file, { force: true });
}


function readPid(file) {
  try {
    return parseInt(fs.readFileSync(file, 'utf8'), 10) || 0;
  } catch (e) {
    return 0;
  }
}


/* a zombie is not alive */

function alive(pid) {
  if (!pid) {
    return false;
  }

  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !/^\d+ \(.*\) [ZX] /s.test(stat);
  } catch (e) {
    return false;
  }
}


/* children of a process: [{pid, title}] */

function children(ppid) {
  const list = [];

  for (const name of fs.readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) {
      continue;
    }

    try {
      const stat = fs.readFileSync(`/proc/${name}/stat`, 'utf8');
      const rest = stat.slice(stat.lastIndexOf(')') + 2).split(' ');

      if (Number(rest[1]) !== ppid || rest[0] === 'Z') {
        continue;
      }

      const title = fs.readFileSync(`/proc/${name}/cmdline`, 'utf8')
                      .replace(/\0+$/, '').replace(/\0/g, ' ');

      list.push({ pid: Number(name), title });

    } catch (e) {
      /* it ended meanwhile */
    }
  }

  return list;
}


let cert;

/* a self-signed certificate for localhost, made once for each process */

function certificate() {
  if (cert) {
    return cert;
  }

  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'sio-cert-'));

  cert = { key: path.join(dir, 'key.pem'), cert: path.join(dir, 'cert.pem') };

  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt',
      'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30',
      '-subj', '/CN=localhost', '-addext',
      'subjectAltName=DNS:localhost,IP:127.0.0.1',
      '-keyout', cert.key, '-out', cert.cert], { stdio: 'ignore' });

  cert.pem = fs.readFileSync(cert.cert);

  process.on('exit', () => fs.rmSync(dir, { recursive: true, force: true }));

  return cert;
}


/*
 * The configuration of a test.  What stands around the location under test
 * is always the same: X-Worker names the worker that answered, "/worker"
 * answers with it, "/counters" with the zone's counters.
 */

function configuration(dir, ports, o) {
  const listen = [];
  const reuseport = o.reuseport === false || o.workers === 1
                    ? '' : ' reuseport';

  listen.push(`listen 127.0.0.1:${ports.plain}${reuseport};`);

  if (ports.tls) {
    const { key, cert: crt } = certificate();

    listen.push(`listen 127.0.0.1:${ports.tls} ssl`
                + `${o.http2 && !http2Directive() ? ' http2' : ''}`
                + `${reuseport};`);
    if (o.http2 && http2Directive()) {
      listen.push('http2 on;');
    }
    listen.push(`ssl_certificate ${crt};`, `ssl_certificate_key ${key};`);
  }

  const zone = o.zone
      ? `sio_zone zone=${/:/.test(o.zone) ? o.zone : 'default:' + o.zone};`
      : '';

  return `
${o.load === false || !MODULE ? '' : `load_module ${MODULE};`}

${process.getuid() === 0 ? 'user root;' : ''}
daemon off;
master_process on;
worker_processes ${o.workers};
worker_shutdown_timeout ${o.shutdownTimeout || '3s'};
debug_points ${o.debugPoints || 'abort'};
error_log ${dir}/error.log ${o.logLevel || 'info'};
pid ${dir}/nginx.pid;
${o.main || ''}

events {
    worker_connections ${o.connections || 4096};
}

http {
    access_log off;
    client_body_temp_path ${dir}/tmp/body;
    proxy_temp_path ${dir}/tmp/proxy;
    fastcgi_temp_path ${dir}/tmp/fastcgi;
    uwsgi_temp_path ${dir}/tmp/uwsgi;
    scgi_temp_path ${dir}/tmp/scgi;
    default_type text/plain;

    ${zone}
    ${o.http || ''}

    server {
        ${listen.join('\n        ')}
        server_name localhost;
        keepalive_requests 1000000;

        add_header X-Worker $pid always;

        ${o.server || ''}

        location ${o.path || '/socket.io/'} {
            ${o.location === undefined ? 'sio on;' : o.location}
        }

        ${o.counters === false ? '' : `location = /counters {
            return 200 $sio_zone_counters;
        }`}

        location = /worker {
            return 200 $pid;
        }
    }
}
`;
}


let version;

function nginxVersion() {
  if (!version) {
    const { spawnSync } = require('child_process');
    const text = String(spawnSync(NGINX, ['-v']).stderr);
    const m = /nginx\/(\d+)\.(\d+)\.(\d+)/.exec(text);

    version = m ? m.slice(1).map(Number) : [1, 22, 1];
  }

  return version;
}


/* whether nginx was built with that module */

function configured(module) {
  const { spawnSync } = require('child_process');

  return String(spawnSync(NGINX, ['-V']).stderr).includes(`--with-${module}`);
}


function http2Directive() {
  const [a, b, c] = nginxVersion();

  return a > 1 || b > 25 || (b === 25 && c >= 1);
}


/* what must never be in an error log, and what may be if a test says so */

const BAD = [/\[alert\]/, /\[emerg\]/, /\[crit\]/,
             /ERROR: AddressSanitizer/, /runtime error:/, /LeakSanitizer/,
             /ERROR SUMMARY: [1-9]/];


function badLines(text, allow) {
  return text.split('\n').filter((line) =>
    BAD.some((re) => re.test(line)) && !allow.some((re) => re.test(line)));
}


/*
 * startNginx(options): an nginx of its own directory and ports.
 *
 *   workers      worker_processes, 4
 *   location     inside "location PATH { }", "sio on;"
 *   path         PATH, "/socket.io/"
 *   server, http, main   directives to add there
 *   zone         "1m" or "NAME:1m": adds sio_zone
 *   tls, http2   adds a listen with TLS (HTTP/2)
 *   reuseport    true; false for one listening socket for all workers
 *   connections  worker_connections, 4096
 *   shutdownTimeout  worker_shutdown_timeout, "3s"
 *   logLevel     of the error log, "info"
 *   conf         a whole nginx.conf instead: a string, or a function of
 *                {dir, port, tlsPort, module} that returns one
 *   allow        [RegExp] of log lines that are not a failure
 *   env          more environment
 *
 * Returns {port, tlsPort, url, tlsUrl, pid, dir, conf, ca, errorLog(),
 * workers(), counters(), settled(), spread(), signal(), reload(), test(),
 * stop()}.
 */

async function startNginx(options = {}) {
  const o = { workers: 4, ...options };

  for (let attempt = 0; ; attempt++) {
    try {
      return await launch(o);

    } catch (e) {
      if (attempt < 4 && /Address already in use/.test(e.message)) {
        continue;
      }

      throw e;
    }
  }
}


async function launch(o) {
  const dir = makeDir();
  const ports = { plain: await freePort() };

  if (o.tls || o.http2) {
    ports.tls = await freePort();
  }

  const conf = path.join(dir, 'nginx.conf');
  const server = new Nginx(dir, conf, ports, o);

  server.write(o);
  server.start(o);

  try {
    await server.ready();

  } catch (e) {
    const log = server.errorLog() + server.stderr();

    await server.kill();
    server.discard();
    throw new Error(`nginx did not start: ${e.message}\n${log}`);
  }

  return server;
}


function makeDir() {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'sio-'));

  fs.mkdirSync(path.join(dir, 'tmp'));
  fs.writeFileSync(path.join(dir, 'error.log'), '');
  fs.chmodSync(dir, 0o755);

  return dir;
}


class Nginx {
  constructor(dir, conf, ports, o) {
    this.dir = dir;
    this.conf = conf;
    this.ports = ports;
    this.port = ports.plain;
    this.tlsPort = ports.tls;
    this.url = `http://127.0.0.1:${ports.plain}`;
    this.tlsUrl = ports.tls ? `https://localhost:${ports.tls}` : undefined;
    this.path = o.path || '/socket.io/';
    this.nworkers = o.workers;
    this.allow = [...(o.allow || [])];
    this.readyPath = o.readyPath || '/worker';
    this.kind = 'nginx';
    this.exited = false;
  }

  get ca() {
    return this.tlsPort ? certificate().pem : undefined;
  }

  /* writes nginx.conf anew; used before reload(), too */

  write(options) {
    const o = { workers: this.nworkers, path: this.path, ...options };
    let text;

    if (typeof o.conf === 'function') {
      text = o.conf({ dir: this.dir, port: this.port, tlsPort: this.tlsPort,
                      module: MODULE, root: ROOT });
    } else {
      text = o.conf || configuration(this.dir, this.ports, o);
    }

    this.nworkers = o.workers;
    fs.writeFileSync(this.conf, text);
  }

  start(o) {
    const wrap = (process.env.SIO_WRAP || '').split(/\s+/).filter(Boolean)
                 .map((w) => w.replace(/%D/g, this.dir));
    const args = [...wrap, NGINX, '-p', this.dir, '-c', this.conf,
                  '-e', path.join(this.dir, 'error.log')];
    const err = fs.openSync(path.join(this.dir, 'stderr'), 'a');

    this.child = spawn(args[0], args.slice(1), {
      cwd: this.dir,
      env: sanitizerEnv(this.dir, o.env),
      stdio: ['ignore', err, err],
    });

    fs.closeSync(err);
    this.pid = this.child.pid;
    this.child.unref();
    running.add(this);

    this.gone = new Promise((resolve) => {
      this.child.on('exit', (code, signal) => {
        this.exited = true;
        this.exitCode = code;
        this.exitSignal = signal;
        running.delete(this);
        resolve();
      });

      this.child.on('error', (e) => {
        this.exited = true;
        this.spawnError = e;
        running.delete(this);
        resolve();
      });
    });
  }

  async ready() {
    await until(async () => {
      if (this.exited) {
        throw new Error(this.spawnError ? this.spawnError.message
                                        : `exit code ${this.exitCode}`);
      }

      if (this.workers().length < this.nworkers) {
        return false;
      }

      try {
        const r = await raw.http({ port: this.port, path: this.readyPath });
        return r.status > 0;
      } catch (e) {
        return false;
      }
    }, 15000, 'nginx accepting connections');
  }

  /* pids of workers that are not shutting down; {all: true}: those too */

  workers({ all } = {}) {
    return children(this.pid)
      .filter(({ title }) => /nginx|valgrind/.test(title)
              && !/cache (manager|loader)/.test(title)
              && (all || !/is shutting down/.test(title)))
      .map(({ pid }) => pid);
  }

  errorLog() {
    return fs.readFileSync(path.join(this.dir, 'error.log'), 'utf8');
  }

  stderr() {
    try {
      return fs.readFileSync(path.join(this.dir, 'stderr'), 'utf8');
    } catch (e) {
      return '';
    }
  }

  sanitizerLogs() {
    return fs.readdirSync(this.dir)
      .filter((name) => /^(sanitizer|valgrind)\./.test(name))
      .map((name) => fs.readFileSync(path.join(this.dir, name), 'utf8'))
      .join('\n');
  }

  /* the zone's counters as an object of numbers */

  async counters() {
    const r = await raw.http({ port: this.port, path: '/counters' });

    return parseCounters(r.text);
  }

  /*
   * Waits until the counters are those of `base` again: what a test made,
   * it left nothing of.  Pages and totals may differ.
   */

  async settled(base, ms = 10000) {
    const names = ['sessions', 'sockets', 'rooms', 'memberships', 'messages',
                   'namespaces', 'acks', 'entries'];
    let now;

    try {
      await until(async () => {
        now = await this.counters();
        return names.every((n) => !(n in base) || now[n] === base[n]);
      }, ms, 'counters');

    } catch (e) {
      const differ = names.filter((n) => n in base && now[n] !== base[n])
                          .map((n) => `${n}=${now[n]} (was ${base[n]})`);

      throw new Error(`zone not as before: ${differ.join(', ')}`);
    }

    return now;
  }

  /*
   * One keep-alive connection to each worker: Map of pid to Conn.  Only
   * chance decides who accepts, so it tries until each one has.
   */

  async spread({ tls = false, perWorker = 1, limit = 2000 } = {}) {
    const wanted = new Set(this.workers());
    const held = new Map();
    const spare = [];

    for (let n = 0; n < limit; n++) {
      const conn = await raw.connect({ port: tls ? this.tlsPort : this.port,
                                       tls });
      const r = await conn.request({ path: '/worker' });
      const pid = Number(r.text);
      const list = held.get(pid) || [];

      if (!wanted.has(pid) || list.length >= perWorker) {
        spare.push(conn);
        continue;
      }

      conn.worker = pid;
      list.push(conn);
      held.set(pid, list);

      if ([...wanted].every((p) => held.has(p)
                            && held.get(p).length >= perWorker)) {
        break;
      }
    }

    spare.forEach((conn) => conn.destroy());

    if (held.size < wanted.size) {
      throw new Error(`only ${held.size} of ${wanted.size} workers answer`);
    }

    if (perWorker > 1) {
      return held;
    }

    return new Map([...held].map(([pid, list]) => [pid, list[0]]));
  }

  /* a keep-alive connection to that worker */

  async connectTo(pid, { tls = false, limit = 2000 } = {}) {
    const spare = [];

    try {
      for (let n = 0; n < limit; n++) {
        const conn = await raw.connect({ port: tls ? this.tlsPort : this.port,
                                         tls });
        const r = await conn.request({ path: '/worker' });

        if (Number(r.text) === pid) {
          conn.worker = pid;
          return conn;
        }

        spare.push(conn);
      }

    } finally {
      spare.forEach((conn) => conn.destroy());
    }

    throw new Error(`worker ${pid} does not answer`);
  }

  signal(name) {
    process.kill(this.pid, name);
  }

  /* reload, and wait until the workers are new ones */

  async reload(options) {
    const old = new Set(this.workers({ all: true }));

    if (options) {
      this.write(options);
    }

    this.signal('SIGHUP');

    await until(() => {
      const now = this.workers().filter((pid) => !old.has(pid));
      return now.length >= this.nworkers;
    }, 10000, 'new workers after reload');
  }

  /*
   * QUIT, and TERM for one that does not go.  Throws if the error log or a
   * sanitizer has something to say that is not in `allow`.
   */

  async stop({ allow = [], signal = 'SIGQUIT', timeout = 8000, check = true }
             = {}) {
    const late = [];

    if (!this.exited) {
      this.child.ref();
      this.signal(signal);

      if (!await this.ends(timeout)) {
        late.push(`nginx did not end ${timeout} ms after ${signal}`);
        await this.kill();
      }
    }

    if (!check) {
      this.discard();
      return;
    }

    const bad = badLines(this.errorLog() + this.stderr()
                         + this.sanitizerLogs(), [...this.allow, ...allow])
                .concat(late);

    if (bad.length) {
      this.forgetPorts();
      throw new Error(`${this.dir}: ${bad.length} bad lines:\n`
                      + bad.slice(0, 20).join('\n'));
    }

    this.discard();
  }

  async ends(timeout) {
    await Promise.race([this.gone, sleep(timeout * SLOW, { unref: true })]);
    return this.exited;
  }

  async kill() {
    if (this.exited) {
      return;
    }

    const pids = this.workers({ all: true });

    this.child.ref();
    this.signal('SIGTERM');

    if (!await this.ends(3000)) {
      for (const pid of [this.pid, ...pids]) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch (e) {
          /* gone already */
        }
      }

      await this.gone;
    }
  }

  forgetPorts() {
    releasePort(this.port);
    if (this.tlsPort) {
      releasePort(this.tlsPort);
    }
  }

  discard() {
    this.forgetPorts();

    if (!process.env.SIO_KEEP) {
      fs.rmSync(this.dir, { recursive: true, force: true });
    }
  }
}


function sanitizerEnv(dir, more) {
  const log = `log_path=${dir}/sanitizer`;
  const join = (v) => [v, log].filter(Boolean).join(':');

  return {
    ...process.env,
    ASAN_OPTIONS: join(process.env.ASAN_OPTIONS || 'detect_odr_violation=0'),
    UBSAN_OPTIONS: join(process.env.UBSAN_OPTIONS
                        || 'print_stacktrace=1'),
    ...more,
  };
}


function parseCounters(text) {
  const out = {};

  for (const [, name, value] of text.matchAll(/(\w+)=(-?\d+)/g)) {
    out[name] = Number(value);
  }

  return out;
}


/*
 * testConfig(options): "nginx -t" of the configuration that startNginx()
 * would write: {ok, output, conf (its text), line(re)}; line() finds the
 * number of the first line that matches.
 */

async function testConfig(options = {}) {
  const { spawnSync } = require('child_process');
  const o = { workers: 1, counters: false, ...options };
  const dir = makeDir();
  const file = path.join(dir, 'nginx.conf');
  const text = typeof o.conf === 'string' ? o.conf
             : configuration(dir, { plain: 8080 }, o);

  for (const [name, body] of Object.entries(o.files || {})) {
    fs.writeFileSync(path.join(dir, name), body);
  }

  fs.writeFileSync(file, text);

  const r = spawnSync(NGINX, ['-t', '-p', dir, '-c', file,
                              '-e', path.join(dir, 'error.log')],
                      { env: sanitizerEnv(dir, o.env), encoding: 'utf8' });
  const sanitizer = fs.readdirSync(dir).filter((n) => /^sanitizer/.test(n))
    .map((n) => fs.readFileSync(path.join(dir, n), 'utf8')).join('');

  fs.rmSync(dir, { recursive: true, force: true });

  return {
    ok: r.status === 0,
    status: r.status,
    signal: r.signal,
    output: r.stderr + sanitizer,
    conf: text,
    file,
    line: (re) => text.split('\n').findIndex((l) => re.test(l)) + 1,
  };
}


/*
 * startReference(options): Node's socket.io in this process.  `app(io)` is
 * the application, all other options are socket.io's.  What it returns has
 * the shape of startNginx()'s.
 */

async function startReference({ app, ...options } = {}) {
  const { Server } = require('socket.io');
  const server = http.createServer((req, res) => {
    if (req.url === '/worker') {
      res.end(String(process.pid));
      return;
    }

    res.writeHead(404);
    res.end();
  });
  const io = new Server(server, { serveClient: false, ...options });
  const sockets = new Set();

  server.keepAliveTimeout = 60000;

  /* how long a closed polling session is kept: 30 s would hold the process */

  io.engine.on('connection', ({ transport }) => {
    if ('closeTimeout' in transport) {
      transport.closeTimeout = 2000;
    }
  });

  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.unref();
    socket.on('close', () => sockets.delete(socket));
  });

  if (app) {
    await app(io);
  }

  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();

  const port = server.address().port;

  return {
    kind: 'node',
    io,
    port,
    url: `http://127.0.0.1:${port}`,
    path: '/socket.io/',
    workers: () => [process.pid],
    errorLog: () => '',

    counters: async () => ({
      sessions: io.engine.clientsCount,
      sockets: [...io._nsps.values()]
               .reduce((n, nsp) => n + nsp.sockets.size, 0),
    }),

    settled: async (base, ms = 10000) => until(() =>
      io.engine.clientsCount === base.sessions, ms, 'sessions to end'),

    stop: async () => {
      io.disconnectSockets(true);
      await new Promise((resolve) => {
        io.close(() => resolve());
        sockets.forEach((socket) => socket.destroy());
      });
    },
  };
}


/*
 * startTarget({nginx, node}): the server that SIO_TARGET names, so that a
 * test can be tried against Node first.
 */

async function startTarget({ nginx = {}, node = {} }, target) {
  return (target || process.env.SIO_TARGET || 'nginx') === 'node'
         ? startReference(node) : startNginx(nginx);
}


/* -- official clients ---------------------------------------------------- */

/* waits for one event of an emitter; resolves to its arguments */

function once(emitter, event, ms = 5000) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      emitter.off(event, done);
      reject(new Error(`no "${event}" within ${ms * SLOW} ms`));
    }, ms * SLOW);

    function done(...args) {
      clearTimeout(timer);
      resolve(args);
    }

    emitter.once(event, done);
  });
}


/* waits until a client's socket is connected; resolves to the socket */

async function connected(socket, ms = 5000) {
  if (socket.connected) {
    return socket;
  }

  let last;
  const note = (e) => { last = e; };

  socket.on('connect_error', note);

  try {
    await until(() => socket.connected, ms, 'connect');

  } catch (e) {
    throw last || e;

  } finally {
    socket.off('connect_error', note);
  }

  return socket;
}


/* emits and waits for the acknowledgement; resolves to its arguments */

function emitAck(socket, event, ...args) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ack of "${event}"`)),
                             5000 * SLOW);

    socket.emit(event, ...args, (...answer) => {
      clearTimeout(timer);
      resolve(answer);
    });
  });
}


/* collects the arguments of every such event in an array */

function collect(socket, event) {
  const list = [];

  socket.on(event, (...args) => list.push(args.length === 1 ? args[0]
                                                            : args));
  return list;
}


function randomId(n = 8) {
  return crypto.randomBytes(n).toString('hex');
}


module.exports = {
  ROOT, MODULE, NGINX, SLOW,
  startNginx, startReference, startTarget, testConfig, parseCounters,
  nginxVersion, configured, certificate, freePort, releasePort, alive,
  children, badLines,
  until, sleep, once, connected, emitAck, collect, randomId,
  ...raw,
};
