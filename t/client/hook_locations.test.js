'use strict';

/*
 * What else of nginx is in a hook's location: return, files, the cache, gzip,
 * error pages, redirects, limits, other upstreams; and what nginx leaves out.
 */

const assert = require('node:assert/strict');
const fs = require('fs');
const http = require('http');
const path = require('path');
const zlib = require('zlib');
const { after, afterEach, before, describe, it } = require('node:test');

const lib = require('./lib.js');
const sio = require('../lib/sio.js');

const { ask, client, connect, disconnectAll, once } = lib;


/* "/what" of the hook's URI says what to answer; `asked` counts them */

const ANSWERS = {
  '/count': (req, body, n) => [200, JSON.stringify([n])],
  '/echo': (req, body) => [200, body],
  '/gzip': (req, body) => [200, zlib.gzipSync(body),
                           { 'Content-Encoding': 'gzip' }],
  '/gzip-asked': (req, body) =>
    [200, JSON.stringify([req.headers['accept-encoding'] || null])],
  '/broken': () => [500, '{}'],
  '/redirect': () => [200, '', { 'X-Accel-Redirect': '/files/answer.json' }],
  '/redirect-on': () => [200, '', { 'X-Accel-Redirect': '/again' }],
  '/redirect-named': () => [200, '', { 'X-Accel-Redirect': '@answer' }],
  '/redirect-big': () => [200, '', { 'X-Accel-Redirect': '/files/big.json' }],
  '/auth': () => [401, '{}'],
  '/moved': () => [302, '', { Location: 'http://127.0.0.1/' }],
  '/address': (req) =>
    [200, JSON.stringify([req.headers['x-server'], req.headers['x-client'],
                          req.headers['x-host']])],
  '/chunked': (req, body) => [200, body, {}, true],
  '/cut': (req, body) => [200, body, { 'Content-Length': 1000 }],
  '/cut-chunked': (req, body) => [200, body, { cut: 'yes' }, true],
  '/empty-cut': () => [200, '', { 'Content-Length': 1000 }],
};

class Backend {
  async start() {
    this.asked = {};
    this.sockets = new Set();
    this.server = http.createServer((req, res) => this.answer(req, res));
    this.server.keepAliveTimeout = 60000;
    this.server.on('connection', (s) => {
      this.sockets.add(s);
      s.on('close', () => this.sockets.delete(s));
    });
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1',
                                                      resolve));
    this.port = this.server.address().port;
  }

  async answer(req, res) {
    const chunks = [];

    for await (const chunk of req) {
      chunks.push(chunk);
    }

    const n = this.asked[req.url] = (this.asked[req.url] || 0) + 1;
    const [status, body, headers, chunked] =
      ANSWERS[req.url](req, Buffer.concat(chunks).toString(), n);

    res.writeHead(status, {
      'Content-Type': 'application/json',
      ...(chunked ? {} : { 'Content-Length': Buffer.byteLength(body) }),
      ...headers,
    });

    if (headers?.cut || headers?.['Content-Length']) {
      res.flushHeaders();
      res.write(body);
      req.socket.end();
      return;
    }

    res.end(body);
  }

  stop() {
    this.sockets.forEach((s) => s.destroy());
    return new Promise((resolve) => this.server.close(resolve));
  }
}


const EVENTS = ['return', 'nothing', 'file', 'missing', 'big-file', 'try',
                'cached', 'cached-body', 'gzip', 'gunzip', 'asks-gzip',
                'page', 'page-named', 'page-fails', 'page-of-other',
                'accel', 'accel-on', 'accel-named', 'accel-big', 'auth',
                'limit', 'refuse', 'next', 'next-none', 'close', 'close-page', 'moved',
                'rewrite', 'cycle', 'address', 'chunked', 'cut',
                'cut-chunked', 'cut-unbuffered', 'empty-cut', 'sub', 'rated',
                'conn', 'unbuffered'];


describe('locations of hooks', { skip: process.env.SIO_TARGET === 'node' },
         () => {
  const backend = new Backend();
  let server, base, dir;

  before(async () => {
    await backend.start();

    dir = fs.mkdtempSync('/tmp/sio-hooks-');
    fs.chmodSync(dir, 0o755);
    fs.writeFileSync(path.join(dir, 'answer.json'), '["from a file"]');
    fs.writeFileSync(path.join(dir, 'big.json'),
                     `["${'x'.repeat(100000)}"]`);

    const wild = await sio.freePort();

    server = await sio.startNginx({
      workers: 4,
      http: `
        upstream app { server 127.0.0.1:${backend.port}; keepalive 8; }
        upstream some { server 127.0.0.1:1; server 127.0.0.1:${backend.port};}
        upstream none { server 127.0.0.1:1; server 127.0.0.1:2; }
        limit_req_zone $http_sio_id zone=hooks:1m rate=20r/s;
        limit_req_zone $request_body zone=bodies:1m rate=1r/m;
        limit_conn_zone $http_sio_nsp zone=nsp:1m;
        proxy_cache_path ${dir}/cache keys_zone=answers:1m levels=1:2
                         use_temp_path=off;
        proxy_http_version 1.1;
        proxy_set_header Connection "";`,
      location: `sio on;
        ${EVENTS.map((e) => `sio_on ${e} { hook /${e}; ack nothing; }`)
            .join('\n')}
        sio_namespace /guarded { sio_on connect { hook /auth; join in; } }`,
      server: `
        listen ${wild};

        location = /return   { internal; return 200 '["returned"]'; }
        location = /nothing  { internal; return 204; }

        # POST for a file is 405 in nginx; the page is asked for with GET
        location = /file     { internal; error_page 405 =200 /files/answer.json;
                               root ${dir}; try_files /answer.json =404; }
        location = /big-file { internal; error_page 405 =200 /files/big.json;
                               root ${dir}; try_files /big.json =404; }
        location = /missing  { internal; root ${dir}; }
        location /files/     { internal; alias ${dir}/; }
        location = /try      { internal; root ${dir};
                               try_files /none.json /return; }

        location = /cached   { internal; proxy_pass http://app/count;
                               proxy_cache answers;
                               proxy_cache_methods POST;
                               proxy_cache_key $http_sio_event$request_body;
                               proxy_cache_lock on;
                               proxy_cache_valid 1h; }
        location = /cached-body { internal; proxy_pass http://app/echo;
                               proxy_cache answers;
                               proxy_cache_methods POST;
                               proxy_cache_key $http_sio_event$request_body;
                               proxy_cache_valid 1h; }

        location = /gzip     { internal; proxy_pass http://app/gzip; }
        location = /gunzip   { internal; proxy_pass http://app/gzip;
                               gunzip on; }
        location = /asks-gzip { internal; proxy_pass http://app/gzip-asked;
                               gzip on; gzip_types *; gzip_min_length 0;
                               gzip_proxied any; }

        location = /page     { internal; proxy_pass http://app/broken;
                               proxy_intercept_errors on;
                               error_page 500 =200 /return; }
        location = /page-named { internal; proxy_pass http://none;
                               error_page 502 = @answer; }
        location = /page-fails { internal; proxy_pass http://none;
                               error_page 502 = /close; }
        location = /page-of-other { internal; error_page 404 /return;
                               proxy_pass http://none; }
        location @answer     { return 200 '["named"]'; }

        location = /accel    { internal; proxy_pass http://app/redirect; }
        location = /accel-on { internal; proxy_pass http://app/redirect-on; }
        location = /again    { internal; proxy_pass http://app/redirect; }
        location = /accel-named { internal;
                               proxy_pass http://app/redirect-named; }
        location = /accel-big { internal;
                               proxy_pass http://app/redirect-big; }

        location = /auth     { internal; auth_request /auth-backend;
                               deny all; auth_basic none;
                               auth_basic_user_file /none;
                               return 200 '["not asked"]'; }
        location = /auth-backend { proxy_pass http://app/auth; }

        location = /limit    { internal; limit_req zone=hooks burst=3;
                               proxy_pass http://app/echo; }
        location = /refuse   { internal; limit_req zone=bodies;
                               proxy_pass http://app/echo; }
        location = /conn     { internal; limit_conn nsp 100;
                               proxy_pass http://app/echo; }
        location = /rated    { internal; proxy_pass http://app/echo;
                               limit_rate 4k; proxy_limit_rate 20k; }

        location = /next     { internal; proxy_pass http://some/echo; }
        location = /next-none { internal; proxy_pass http://none/echo; }

        location = /close    { internal; return 444; }
        location = /close-page { internal; error_page 404 /return;
                               return 444; }
        location = /moved    { internal; proxy_pass http://app/moved; }
        location = /rewrite  { internal; rewrite ^ /return; }
        location = /cycle    { internal; rewrite ^ /cycle last; }

        location = /address  { internal; proxy_pass http://app/address;
                               proxy_set_header X-Server
                                   $server_addr:$server_port;
                               proxy_set_header X-Client
                                   $remote_addr:$remote_port;
                               proxy_set_header X-Host
                                   $scheme://$host$request_uri; }
        location = /chunked  { internal; proxy_pass http://app/chunked; }
        location = /cut      { internal; proxy_pass http://app/cut; }
        location = /cut-chunked { internal;
                               proxy_pass http://app/cut-chunked; }
        location = /empty-cut { internal; proxy_pass http://app/empty-cut; }
        location = /cut-unbuffered { internal; proxy_buffering off;
                               proxy_pass http://app/cut; }
        location = /unbuffered { internal; proxy_buffering off;
                               proxy_pass http://app/echo; }
        location = /sub      { internal; proxy_pass http://app/echo;
                               sub_filter '"a"' '"b"'; sub_filter_types *; }`,
      allow: [/sio hook: /, /upstream/],
    });

    base = await server.counters();
  });

  afterEach(async () => {
    disconnectAll();
    await server.settled({ sessions: base.sessions }, 40000);
  });

  after(async () => {
    await lib.finish(server, base);
    await backend.stop();
    fs.rmSync(dir, { recursive: true });
  });


  const FAILED = { error: 'internal error' };

  for (const transport of ['websocket', 'polling']) {
    let socket;

    const answers = (name, event, expected, ...args) =>
      it(`${name}: ${transport}`, async () => {
        socket = await connect(server, { transport });
        assert.deepEqual(await ask(socket, event, ...args), expected);
      });

    const fails = (name, event, log, ...args) =>
      it(`${name}: ${transport}`, async () => {
        socket = await connect(server, { transport });
        assert.deepEqual(await ask(socket, event, ...args), FAILED);
        await sio.until(() => log.test(server.errorLog()), 2000, log);
      });

    answers('return', 'return', 'returned');
    answers('return 204', 'nothing', 'nothing');

    answers('a file, by error_page', 'file', 'from a file');
    answers('a file that is missing', 'missing', { error: 'not allowed' });
    answers('try_files', 'try', 'returned');
    fails('a file that is too big', 'big-file', /too big subrequest/);

    fails('an answer in gzip', 'gzip',
          /sio hook: .*"Content-Encoding: gzip".*gunzip on/, 'a');
    answers('gunzip on', 'gunzip', 'ü'.repeat(500), 'ü'.repeat(500));
    answers('no gzip is asked for', 'asks-gzip', null);

    answers('error_page', 'page', 'returned');
    answers('error_page to a named location', 'page-named', 'named');
    fails('error_page that fails', 'page-fails', /sio hook: .*no answer/);
    fails('error_page of another status', 'page-of-other', /status 502/);

    answers('X-Accel-Redirect to a file', 'accel', 'from a file');
    answers('X-Accel-Redirect twice', 'accel-on', 'from a file');
    answers('X-Accel-Redirect to a named location', 'accel-named', 'named');
    fails('X-Accel-Redirect to what is too big', 'accel-big',
          /too big subrequest/);

    answers('access rules are not asked', 'auth', 'not asked');

    answers('proxy_next_upstream', 'next', 'a', 'a');
    fails('proxy_next_upstream without another', 'next-none', /status 502/);

    fails('return 444', 'close', /sio hook: .*no answer/);
    fails('return 444 beside error_page', 'close-page',
          /sio hook: .*no answer/);
    fails('a redirect', 'moved', /status 302/);
    answers('rewrite', 'rewrite', 'returned');
    fails('a cycle', 'cycle', /rewrite or internal redirection cycle/);

    answers('a chunked answer', 'chunked', 'ü', 'ü');
    answers('an answer without buffering', 'unbuffered', 'ü', 'ü');
    fails('an answer that is cut', 'cut', /sio hook: .*no answer/, 'ü');
    fails('a chunked answer that is cut', 'cut-chunked',
          /sio hook: .*no answer/, 'ü');
    fails('an answer without buffering that is cut', 'cut-unbuffered',
          /sio hook: .*no answer/, 'ü');
    fails('an answer that is cut before its first byte', 'empty-cut',
          /sio hook: .*no answer/);
    answers('sub_filter', 'sub', 'b', 'a');
    answers('limit_conn', 'conn', 'a', 'a');
    answers('limit_rate', 'rated', 'x'.repeat(3000), 'x'.repeat(3000));


    it(`the cache: ${transport}`, async () => {
      socket = await connect(server, { transport });

      const other = await connect(server, { transport });
      const key = `${transport} key`;
      const n = await ask(socket, 'cached', key);

      for (const s of [socket, other, socket, other]) {
        assert.equal(await ask(s, 'cached', key), n);
      }

      assert.equal(await ask(other, 'cached', `${key} 2`), n + 1);

      const list = await Promise.all(
        Array.from({ length: 10 }, () => ask(socket, 'cached', `${key} 3`)));

      assert.deepEqual(list, Array(10).fill(n + 2));

      /* as long as an answer may be */

      const asked = backend.asked['/echo'] || 0;
      const text = 'y'.repeat(3000);

      for (const s of [socket, other]) {
        assert.equal(await ask(s, 'cached-body', text, transport), text);
      }

      assert.equal(backend.asked['/echo'], asked + 1);
    });


    it(`limit_req delays, and refuses: ${transport}`, async () => {
      socket = await connect(server, { transport });

      /* of one client one is asked at a time: each waits for its turn */

      const begin = Date.now();

      for (let i = 0; i < 5; i++) {
        assert.equal(await ask(socket, 'limit', i), i);
      }

      assert.ok(Date.now() - begin >= 190, `${Date.now() - begin} ms`);

      assert.equal(await ask(socket, 'refuse', transport), transport);
      assert.deepEqual(await ask(socket, 'refuse', transport), FAILED);
      assert.match(server.errorLog(), /sio hook: .*status 503/);
    });


    it(`access rules are not asked at connect, either: ${transport}`,
       async () => {
         /* the access phase is nobody's here: the rule goes on */

         socket = client(server, { transport, nsp: '/guarded' });
         await once(socket, 'connect');
       });


    it(`addresses are not those of wildcards: ${transport}`, async () => {
      socket = await connect(server, { transport });

      const [at, from, host] = await lib.emitAck(socket, 'address');

      assert.match(at, /^127\.0\.0\.1:\d+$/);
      assert.match(from, /^127\.0\.0\.1:/);
      assert.equal(host, 'http://localhost/socket.io/');
    });
  }
});
