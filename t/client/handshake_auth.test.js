'use strict';

/*
 * Who may connect: what nginx has for other locations has to work in one with
 * "sio", for every transport, and a client that is refused has to see what
 * Node's server would tell it.
 */

const assert = require('node:assert/strict');
const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const http2 = require('http2');
const net = require('net');
const os = require('os');
const path = require('path');
const { execFileSync } = require('child_process');
const { after, afterEach, before, describe, it } = require('node:test');

const express = require('express');
const { chromium } = require('playwright-core');

const raw = require('../lib/raw.js');
const lib = require('./lib.js');
const { Python, FORMS: PYTHONS } = require('./python.js');

const { ask, client, connect, once, until } = lib;

const FORMS = Object.keys(lib.TRANSPORTS);
const HANDSHAKE = '?EIO=4&transport=polling';

const json = (message) => JSON.stringify({ code: 4, message });
const basic = (who, password = 'secret') => ({
  Authorization: `Basic ${Buffer.from(`${who}:${password}`)
                          .toString('base64')}`,
});


/* from 127.0.0.2, say */

const from = (localAddress) => ({ agent: new http.Agent({ localAddress }) });


/* what an official client is told when it is refused */

async function refused(server, options) {
  const socket = client(server, { reconnection: false, ...options });
  let told;

  /* at once: the request of an error is aborted behind the listeners */

  socket.on('connect_error', (e) => {
    told = {
      message: e.message, type: e.type,
      description: e.description?.message ?? e.description,
      status: e.context?.status, text: e.context?.responseText,
    };
  });

  return until(() => told, 5000, 'a refusal');
}

const pollRefused = (status, text) => ({
  message: 'xhr poll error', type: 'TransportError', description: status,
  status, text,
});

const wsRefused = (status) => ({
  message: 'websocket error', type: 'TransportError',
  description: `Unexpected server response: ${status}`,
  status: undefined, text: undefined,
});

/* by every transport; `upgrade` begins with a GET */

async function allRefused(server, options, status, text) {
  for (const transport of FORMS) {
    assert.deepEqual(await refused(server, { transport, ...options }),
                     transport === 'websocket' ? wsRefused(status)
                                               : pollRefused(status, text));
  }
}


/* an application that knows who its users are, behind auth_request */

class Backend {
  constructor() {
    this.asked = [];
    this.app = express();

    this.app.get('/check', (req, res) => {
      const { authorization = '', cookie = '' } = req.headers;
      const token = /^Bearer (\w+)/.exec(authorization)?.[1]
                    ?? /token=(\w+)/.exec(cookie)?.[1]
                    ?? new URL(req.headers['x-original-uri'], 'http://x')
                         .searchParams.get('token');

      this.asked.push(token);

      switch (token) {
      case 'ann':
        res.set({ 'X-User': 'ann', 'X-Role': 'admin' }).sendStatus(204);
        break;
      case 'bob':
        res.set('X-User', 'bob').send('welcome');
        break;
      case 'mallory':
        res.sendStatus(403);
        break;
      case 'crash':
        res.sendStatus(500);
        break;
      default:
        res.set('WWW-Authenticate', 'Bearer realm="app"').sendStatus(401);
      }
    });
  }

  async start() {
    await new Promise((resolve) => {
      this.server = this.app.listen(0, '127.0.0.1', resolve);
    });
    this.server.keepAliveTimeout = 60000;
    this.port = this.server.address().port;
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }
}


const rules = `
    sio_on tell { emit told $sio_user "to=user:$sio_user"; ack $sio_user; }
    sio_on who  { ack '{"user": $remote_user, "app": $auth_user,
                        "role": $auth_role, "address": $remote_addr,
                        "inside": $inside, "dn": $ssl_client_s_dn,
                        "print": $ssl_client_fingerprint,
                        "verified": $ssl_client_verify}'; }
    sio_on handshake { ack $sio_handshake; }

    sio_namespace /admins {
        sio_use    { require $auth_role = admin "error=admins only"
                             'data={"role": $auth_role}'; }
        sio_on who { ack $auth_user; }
    }
    sio_namespace /inside {
        sio_use    { require $inside error=outside; }
        sio_on who { ack $remote_addr; }
    }
    sio_namespace /cert {
        sio_use    { require $ssl_client_verify = SUCCESS
                             "error=no certificate"; }
        sio_on who { ack $ssl_client_s_dn; }
    }
`;

const who = async (socket) => {
  const answer = await ask(socket, 'who');

  /* nginx knows the difference between none and an empty one, now and then */

  for (const name of Object.keys(answer)) {
    if (answer[name] === '' || answer[name] === null) {
      delete answer[name];
    }
  }

  return answer;
};


describe('who may connect', { skip: lib.NODE && 'nginx\'s own ways' }, () => {
  const backend = new Backend();
  let server, base, dir;

  before(async () => {
    dir = fs.mkdtempSync(path.join(os.tmpdir(), 'sio-auth-'));
    fs.chmodSync(dir, 0o755);
    fs.writeFileSync(path.join(dir, 'users'),
                     'ann:{PLAIN}secret\nbob:{PLAIN}secret\n');
    await backend.start();

    const users = `auth_basic closed;
                   auth_basic_user_file ${dir}/users;`;
    const sio = 'sio zone=default;';

    server = await lib.startNginx({
      http2: true,
      http: `
        upstream app { server 127.0.0.1:${backend.port}; keepalive 8; }

        # of handshakes only: an empty key is not counted
        map $sio_sid $new {
            ""       $binary_remote_addr;
            default  "";
        }
        map $sio_sid $realm {
            ""       closed;
            default  off;
        }
        limit_req_zone  $new zone=new:64k rate=1r/m;
        limit_req_zone  $new zone=new429:64k rate=1r/m;
        limit_req_zone  $new zone=slow:64k rate=10r/s;
        limit_req_zone  $new zone=preflight:64k rate=1r/m;
        limit_conn_zone $binary_remote_addr zone=held:64k;

        geo $inside {
            default       "";
            127.0.0.0/8   yes;
            127.0.0.3/32  "";
        }`,

      location: `sio on; sio_user $auth_user; sio_user_room on; ${rules}`,

      server: `
        location = /check {
            internal;
            proxy_pass http://app/check;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header X-Original-URI $request_uri;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
        }
        location = /check-once {
            internal;
            if ($sio_sid) { return 204; }
            proxy_pass http://app/check;
            proxy_set_header X-Original-URI $request_uri;
        }

        location /request/ {
            ${sio}
            sio_cors_origin ~^http://localhost;
            sio_cors_credentials on;
            auth_request /check;
            auth_request_set $auth_user $upstream_http_x_user;
            auth_request_set $auth_role $upstream_http_x_role;
        }
        location /request-once/ { ${sio} auth_request /check-once; }

        location /basic/ { ${sio} ${users} sio_cors_origin *; }
        location /basic-once/ {
            ${sio} auth_basic $realm; auth_basic_user_file ${dir}/users;
        }
        location /deny/   { ${sio} allow 127.0.0.2; deny all; }
        location /any/    { ${sio} satisfy any; allow 127.0.0.2; deny all;
                            ${users} }
        location /new/    { ${sio} limit_req zone=new burst=1 nodelay; }
        location /new429/ { ${sio} limit_req zone=new429;
                            limit_req_status 429; }
        location /preflight/ { ${sio} sio_cors_origin *;
                               limit_req zone=preflight; }
        location /slow/   { ${sio} limit_req zone=slow burst=10; }
        location /late/   { ${sio} auth_delay 100ms; ${users} }
        location /held/   { ${sio} limit_conn held 1; }

        location /page/ {
            ${sio} ${users}
            sio_cors_origin *;
            error_page 401 /denied.json;
            error_page 403 = @login;
            if ($arg_x) { return 403; }
        }
        location = /denied.json {
            default_type application/json;
            return 401 '{"mine":true}';
        }
        location @login   { return 302 /login; }
        location /login-page/ { ${sio} ${users}
                                error_page 401 =302 https://example.com/; }
        location /return/ {
            ${sio} sio_cors_origin *;
            if ($arg_x = text) { return 403 "in my words"; }
            if ($arg_x = 401)  { return 401; }
            if ($arg_x = 404)  { return 404; }
            if ($arg_x = 503)  { return 503; }
            limit_except GET POST OPTIONS { deny all; }
        }
        location = /plain { deny all; }`,
    });

    base = await server.counters();
  });

  afterEach(() => lib.disconnectAll());

  after(async () => {
    await lib.finish(server, base);
    await backend.stop();
    fs.rmSync(dir, { recursive: true });
  });

  /* a handshake; who only asks whether he may does not stay */

  const get = async (where, options) => {
    const o = { port: server.port, path: where + HANDSHAKE, ...options };
    const r = await lib.http(o);

    if (r.status === 200 && r.text[0] === '0') {
      const { sid } = JSON.parse(r.text.slice(1));
      const end = await lib.http({ ...o, path: `${o.path}&sid=${sid}`,
                                   method: 'POST', body: '1' });

      assert.equal(end.text, 'ok');
    }

    return r;
  };

  const wsAt = (where, options) => lib.ws({
    port: server.port, path: `${where}?EIO=4&transport=websocket`,
    ...options });


  describe('auth_request', () => {
    for (const transport of FORMS) {
      it(`a user is let in, by ${transport}`, async () => {
        for (const [token, more] of [
          ['ann', { extraHeaders: { Authorization: 'Bearer ann' } }],
          ['bob', { extraHeaders: { Cookie: 'a=b; token=bob' } }],
          ['bob', { query: { token: 'bob' } }],
        ]) {
          const s = await connect(server, { path: '/request/', transport,
                                            ...more });
          const { app, role } = await who(s);

          assert.equal(app, token);
          assert.equal(role, token === 'ann' ? 'admin' : undefined);
        }
      });


      it(`what it tells decides in rules, by ${transport}`, async () => {
        const at = { path: '/request/', nsp: '/admins', transport };
        const ann = await connect(server, { ...at, query: { token: 'ann' } });

        assert.equal(await ask(ann, 'who'), 'ann');

        const bob = client(server, { ...at, query: { token: 'bob' } });
        const [e] = await once(bob, 'connect_error');

        assert.equal(e.message, 'admins only');
        assert.deepEqual(e.data, { role: '' });
      });
    }


    it('sio_user is whom it names, with a room of his own', async () => {
      const list = await lib.connectMany(server, 6, (i) => ({
        path: '/request/', transport: FORMS[i % 3],
        query: { token: i < 4 ? 'ann' : 'bob' } }));
      const told = list.map((s) => lib.collect(s, 'told'));

      assert.equal(await ask(list[0], 'tell'), 'ann');
      assert.equal(await ask(list[4], 'tell'), 'bob');
      await until(() => told.every((l) => l.length));
      assert.deepEqual(told, list.map((s, i) => [i < 4 ? 'ann' : 'bob']));
    });


    it('401 and 403 are Engine.IO\'s, with the status', async () => {
      await allRefused(server, { path: '/request/' }, 401,
                       json('Unauthorized'));
      await allRefused(server, { path: '/request/',
                                 query: { token: 'mallory' } },
                       403, json('Forbidden'));

      const r = await get('/request/');

      assert.equal(r.header('www-authenticate'), 'Bearer realm="app"');
      assert.equal(r.header('content-type'), 'application/json');
    });


    it('a backend that fails lets nobody in', async () => {
      const r = await get('/request/', {
        headers: { Cookie: 'token=crash', Origin: 'http://localhost' } });

      assert.equal(r.status, 500);
      assert.equal(r.header('access-control-allow-origin'),
                   'http://localhost');
      assert.match((await refused(server, {
        path: '/request/', query: { token: 'crash' }, transport: 'websocket',
      })).description, /500/);
    });


    it('each request of a session is asked for', async () => {
      const ok = { Authorization: 'Bearer bob' };
      const s = await lib.poll({ port: server.port, path: '/request/',
                                 headers: ok });
      const n = backend.asked.length;

      await s.post('40');
      assert.match((await s.get()).text, /^40/);
      assert.equal(backend.asked.length, n + 2);

      const r = await s.post('40/inside', { headers: { A: 'b' } });

      assert.deepEqual([r.status, r.text], [401, json('Unauthorized')]);

      const w = await wsAt('/request/', { path:
        `/request/?EIO=4&transport=websocket&sid=${s.sid}` });

      assert.deepEqual([w.response.status, w.response.text,
                        w.response.header('content-type')],
                       [401, 'Unauthorized', 'text/html']);

      /* it was the request that was refused, not the session */

      assert.equal((await s.post('42["who"]')).text, 'ok');
      await s.post('1');
    });


    it('or the handshake only', async () => {
      backend.asked = [];

      const s = await connect(server, { path: '/request-once/',
                                        query: { token: 'bob' } ,
                                        transport: 'polling' });

      await who(s);
      assert.deepEqual(backend.asked, ['bob']);

      /* whatever is a handshake to the handler is one there */

      for (const more of ['', '&sid=', '&sid=x&sid=', '&sid=x&%73id=',
                          '&sid', '&sid=&x', '&SID=x', '&sid=x&sid']) {
        const r = await get('/request-once/', {
          path: `/request-once/${HANDSHAKE}${more}` });

        assert.equal(r.status, 401, more);
      }

      for (const more of ['&sid=x', '&%73id=x', '&sid=&sid=x']) {
        const r = await get('/request-once/', {
          path: `/request-once/${HANDSHAKE}${more}` });

        assert.equal(r.text, '{"code":1,"message":"Session ID unknown"}');
      }
    });
  });


  describe('auth_basic', () => {
    for (const transport of FORMS) {
      it(`by ${transport}`, async () => {
        const at = { path: '/basic/', transport };
        const s = await connect(server, { ...at, extraHeaders: basic('ann') });

        assert.equal((await who(s)).user, 'ann');
      });
    }


    it('401, and why', async () => {
      await allRefused(server, { path: '/basic/' }, 401,
                       json('Unauthorized'));
      await allRefused(server, { path: '/basic/',
                                 extraHeaders: basic('ann', 'wrong') },
                       401, json('Unauthorized'));
      assert.equal((await get('/basic/')).header('www-authenticate'),
                   'Basic realm="closed"');
    });


    it('auth_delay', () => allRefused(server, { path: '/late/' }, 401,
                                      json('Unauthorized')));


    it('at the handshake only', async () => {
      const s = await lib.poll({ port: server.port, path: '/basic-once/',
                                 headers: basic('bob') });

      assert.equal((await s.post('40', { headers: { A: 'b' } })).text, 'ok');
      await s.post('1', { headers: { A: 'b' } });
      assert.equal((await get('/basic-once/')).status, 401);
    });


    it('a preflight needs no credentials; CORS headers on the 401',
       async () => {
      const Origin = 'http://other.example';
      const pre = await get('/basic/', {
        method: 'OPTIONS',
        headers: { Origin, 'Access-Control-Request-Method': 'GET',
                   'Access-Control-Request-Headers': 'authorization' } });

      assert.equal(pre.status, 204);
      assert.equal(pre.header('access-control-allow-headers'),
                   'authorization');

      const r = await get('/basic/', { headers: { Origin } });

      assert.equal(r.status, 401);
      assert.deepEqual(r.headers.filter(([n]) => /^access/i.test(n)),
                       [['Access-Control-Allow-Origin', '*']]);

      /* without CORS nobody asks, and nobody is answered */

      assert.equal((await get('/basic-once/', { method: 'OPTIONS' })).status,
                   401);
    });


    it('python-socketio is told', async () => {
      await Promise.all(PYTHONS.map(async (form) => {
        const python = new Python(form);

        try {
          for (const transports of [['polling'], ['polling', 'websocket']]) {
            const s = python.client(server, { path: 'basic', transports,
                                              reconnection: false });
            const [why] = await once(s, 'connect_error', 15000);

            assert.deepEqual(why, JSON.parse(json('Unauthorized')));
          }

          const s = python.client(server, { path: 'basic',
                                            headers: basic('ann') });

          await once(s, 'connect', 15000);
          assert.equal((await who(s)).user, 'ann');

        } finally {
          await python.stop();
        }
      }));
    });
  });


  describe('allow and deny', () => {
    for (const transport of FORMS) {
      it(`by ${transport}`, async () => {
        const s = await connect(server, { path: '/deny/', transport,
                                          ...from('127.0.0.2') });

        assert.equal((await who(s)).address, '127.0.0.2');
      });
    }


    it('403', () => allRefused(server, { path: '/deny/' }, 403,
                               json('Forbidden')));


    it('satisfy any', async () => {
      for (const transport of FORMS) {
        const at = { path: '/any/', transport };
        const near = await connect(server, { ...at, ...from('127.0.0.2') });
        const known = await connect(server, { ...at,
                                              extraHeaders: basic('bob') });

        assert.deepEqual([(await who(near)).user, (await who(known)).user],
                         [undefined, 'bob']);
      }

      await allRefused(server, { path: '/any/' }, 401, json('Unauthorized'));
      assert.equal((await get('/any/')).header('www-authenticate'),
                   'Basic realm="closed"');
      assert.equal((await get('/any/', { from: '127.0.0.2' }))
        .header('www-authenticate'), undefined);
    });


    it('geo, and a rule that requires it', async () => {
      for (const transport of FORMS) {
        const at = { nsp: '/inside', transport };
        const s = await connect(server, { ...at, ...from('127.0.0.4') });
        const [e] = await once(client(server, { ...at,
                                                ...from('127.0.0.3') }),
                               'connect_error');

        assert.equal(await ask(s, 'who'), '127.0.0.4');
        assert.equal(e.message, 'outside');
      }
    });
  });


  describe('limit_req', () => {
    it('counts handshakes, whichever worker they come to', async () => {
      let n = 5;

      for (const transport of FORMS) {
        const at = { path: '/new/', transport, ...from(`127.0.0.${++n}`) };

        /* one, and the burst */

        for (let i = 0; i < 2; i++) {
          const s = await connect(server, at);

          for (let k = 0; k < 5; k++) {
            await who(s);
          }
        }

        assert.deepEqual(await refused(server, at), transport === 'websocket'
          ? wsRefused(503) : pollRefused(503, json('Service unavailable')));
      }
    });


    it('lets those wait that are a few too many', async () => {
      for (const transport of FORMS) {
        const list = await lib.connectMany(server, 3, {
          path: '/slow/', transport, ...from('127.0.0.11') });

        for (const s of list) {
          assert.equal((await who(s)).address, '127.0.0.11');
        }
      }
    });


    it('limit_req_status', async () => {
      const one = { from: '127.0.0.6' };

      assert.equal((await get('/new429/', one)).status, 200);

      const r = await get('/new429/', one);

      assert.deepEqual([r.status, r.text], [429, json('Too many requests')]);
      assert.equal((await wsAt('/new429/', one)).response.text,
                   'Too many requests');
      assert.equal((await get('/new429/', { from: '127.0.0.7' })).status,
                   200);
    });


    it('does not count preflights', async () => {
      const one = { from: '127.0.0.8' };

      for (let i = 0; i < 5; i++) {
        assert.equal((await get('/preflight/', { ...one, method: 'OPTIONS' }))
          .status, 204);
      }

      assert.equal((await get('/preflight/', one)).status, 200);

      const r = await get('/preflight/', one);

      assert.equal(r.status, 503);
      assert.equal(r.header('access-control-allow-origin'), '*');
    });
  });


  it('over HTTP/2', async () => {
    const session = http2.connect(server.tlsUrl, { ca: server.ca });

    try {
      for (const [method, status, text] of [['GET', 403, json('Forbidden')],
                                            ['HEAD', 403, '']]) {
        const stream = session.request({
          ':method': method, ':path': `/deny/${HANDSHAKE}` });
        const [headers] = await once(stream, 'response');
        let body = '';

        for await (const chunk of stream) {
          body += chunk;
        }

        assert.deepEqual([headers[':status'], headers['content-type'], body],
                         [status, 'application/json', text]);
      }
    } finally {
      session.destroy();
    }

    await allRefused(server, { tls: true, path: '/deny/' }, 403,
                     json('Forbidden'));
  });


  it('limit_conn counts requests: a GET that waits, no WebSocket',
     async () => {
    const at = { path: '/held/', ...from('127.0.0.9') };
    const list = [];

    for (let i = 0; i < 4; i++) {
      list.push(await connect(server, at));
    }

    for (const s of list) {
      assert.equal((await who(s)).address, '127.0.0.9');
    }

    const one = { port: server.port, path: '/held/', from: '127.0.0.10' };

    /* on one connection, as a request counts until its worker has let go */

    const conn = await raw.connect(one);
    const p = await lib.poll({ ...one, conn });

    await p.post('40', { conn });
    await p.get({ conn });

    let { response, abort } = await p.hang({ conn });
    let late = false;

    response.then((r) => { late = r.status === 503; });

    const refusedPost = await until(async () => {

      if (late) {                       /* it came while a POST was counted */
        late = false;
        ({ response, abort } = await p.hang({ conn }));
        response.then((r) => { late = r.status === 503; });
      }

      const r = await p.send({ method: 'POST', path: p.url(), body: '3' });

      return r.status === 503 && r;
    });

    assert.equal(refusedPost.text, json('Service unavailable'));
    abort();
    await response;
  });


  describe('the administrator\'s own answers stay', () => {
    it('error_page, a redirect, other statuses', async () => {
      const mine = await get('/page/');

      assert.deepEqual([mine.status, mine.text, mine.header('content-type')],
                       [401, '{"mine":true}', 'application/json']);

      const login = await get('/page/', {
        path: `/page/${HANDSHAKE}&x=1`, headers: basic('ann') });

      assert.deepEqual([login.status, login.header('location')],
                       [302, `http://localhost:${server.port}/login`]);

      const away = await get('/login-page/');

      assert.deepEqual([away.status, away.header('location')],
                       [302, 'https://example.com/']);
      assert.match(away.text, /<html>/);

      for (const [x, status, text] of [
        ['text', 403, /^in my words$/], ['401', 401, /^\{"code":4,.*rized/],
        ['404', 404, /<html>/], ['503', 503, /^\{"code":4,.*available"\}$/],
      ]) {
        const r = await get('/return/', {
          path: `/return/${HANDSHAKE}&x=${x}` });

        assert.equal(r.status, status);
        assert.match(r.text, text);
        assert.equal(r.header('access-control-allow-origin'), '*', x);
      }

      const put = await get('/return/', { method: 'PUT' });

      assert.deepEqual([put.status, put.text], [403, json('Forbidden')]);
      assert.match((await get('/plain')).text, /<html>/);
    });


    it('a HEAD has no body; a connection goes on, one for an upgrade ends',
       async () => {
      const conn = await raw.connect({ port: server.port });
      const deny = '/deny/' + HANDSHAKE;

      for (const method of ['HEAD', 'GET', 'POST', 'GET']) {
        const r = await conn.request({ method, path: deny });

        assert.deepEqual([r.status, r.text],
                         [403, method === 'HEAD' ? '' : json('Forbidden')]);
      }

      const w = await wsAt('/deny/', { conn });

      assert.equal(w.response.header('connection'), 'close');
      assert.equal(w.response.header('content-length'), '9');
      assert.equal(await conn.closed, 'end');
    });
  });


  describe('in a page of another origin', () => {
    let browser, pages, page;

    before(async () => {
      pages = http.createServer((req, res) => {
        res.setHeader('Content-Type', 'text/html');
        res.end('<html></html>');
      });
      await new Promise((resolve) => pages.listen(0, '127.0.0.1', resolve));

      browser = await chromium.launch({
        executablePath: process.env.SIO_CHROMIUM || '/usr/bin/chromium',
        args: ['--headless', '--no-sandbox', '--disable-gpu',
               '--no-first-run', '--disable-background-networking'],
      });
      page = await browser.newPage();
      page.setDefaultTimeout(20000 * lib.SLOW);
      await page.goto(`http://localhost:${pages.address().port}/`);
      await page.addScriptTag({ path: require.resolve(
        'socket.io-client/dist/socket.io.js') });
    });

    after(async () => {
      await browser?.close();
      pages?.closeAllConnections();
      pages?.close();
    });

    const tell = (more) => page.evaluate(([url, options]) =>
      new Promise((resolve) => {
        const s = window.io(url, { path: '/request/', forceNew: true,
                                   reconnection: false, ...options });

        s.on('connect_error', (e) => {
          resolve({ message: e.message, type: e.type,
                    description: e.description?.type ?? e.description,
                    status: e.context?.status,
                    text: e.context?.responseText });
        });
        s.on('connect', () => s.emit('who', ({ app }) => {
          s.disconnect();
          resolve(app);
        }));
      }), [server.url, more]);


    it('a client is let in, its preflight asked nothing', async () => {
      for (const transports of [['polling'], ['polling', 'websocket']]) {
        assert.equal(await tell({
          transports, withCredentials: true,
          transportOptions: { polling: {
            extraHeaders: { Authorization: 'Bearer ann' } } },
          query: { token: 'bob' },
        }), 'ann');
      }

      assert.equal(await tell({ transports: ['websocket'],
                                query: { token: 'bob' } }), 'bob');
    });


    it('a client that is refused can read why', async () => {
      assert.deepEqual(await tell({ transports: ['polling'] }),
                       pollRefused(401, json('Unauthorized')));
      assert.deepEqual(await tell({
        transports: ['polling'], withCredentials: true,
        extraHeaders: { Authorization: 'Bearer mallory' } }),
                       pollRefused(403, json('Forbidden')));
      assert.equal((await tell({ transports: ['websocket'] })).message,
                   'websocket error');
    });
  });


  /* what Node tells whom its allowRequest() refuses */

  describe('as Node does it', () => {
    let node;

    before(async () => {
      node = await lib.startReference({
        app: () => {}, path: '/deny/', destroyUpgrade: false,
        cors: { origin: '*' },
        allowRequest: (req, done) => done(null, false),
      });
    });

    after(() => node.stop());

    for (const version of ['4.8', '4.0', '3.1']) {
      it(`a client of ${version}`, async () => {
        const [a, b] = await Promise.all([node, server].map((s) =>
          refused(s, { path: '/deny/', transport: 'polling', version })));

        assert.deepEqual(a, b);

        const [x, y] = await Promise.all([node, server].map((s) =>
          refused(s, { path: '/deny/', transport: 'websocket', version })));

        /* Node knows no other status for an upgrade */

        assert.match(x.description, /400$/);
        assert.deepEqual({ ...x, description: '' },
                         { ...y, description: '' });
      });
    }


    it('byte for byte', async () => {
      const plain = ({ status, headers, text }) => ({
        status, text,
        headers: headers.map(([n, v]) => [n.toLowerCase(), v]).filter(([n]) =>
          ['content-type', 'transfer-encoding', 'content-length'].includes(n)),
      });
      const [a, b] = await Promise.all([node, server].map((s) => lib.http({
        port: s.port, path: `/deny/${HANDSHAKE}` })));

      assert.deepEqual(plain(a), plain(b));

      const [x, y] = await Promise.all([node, server].map((s) => lib.ws({
        port: s.port, path: '/deny/?EIO=4&transport=websocket' })));

      assert.deepEqual({ ...plain(x.response), status: 403 },
                       plain(y.response));
    });


    it('CORS comes before who it is', async () => {
      const pre = await Promise.all([
        [node, '/deny/'], [server, '/basic/']].map(([s, where]) => lib.http({
          port: s.port, method: 'OPTIONS', path: where + HANDSHAKE,
          headers: { Origin: 'http://a.example' } })));

      assert.deepEqual(pre.map((r) => [r.status,
        r.header('access-control-allow-origin')]), [[204, '*'], [204, '*']]);
    });
  });
});


/* -- TLS ------------------------------------------------------------------ */

function certificates() {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'sio-ca-'));
  const file = (name) => path.join(dir, name);
  const run = (...args) => execFileSync('openssl', args, { stdio: 'ignore' });
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1',
              '-nodes'];

  const issue = (ca, name, subject) => {
    run('req', ...ec, '-subj', subject, '-keyout', file(`${name}.key`),
        '-out', file(`${name}.csr`));
    run('x509', '-req', '-in', file(`${name}.csr`), '-days', '30',
        '-CA', file(`${ca}.pem`), '-CAkey', file(`${ca}.key`),
        '-CAcreateserial', '-out', file(`${name}.pem`));

    return { key: fs.readFileSync(file(`${name}.key`)),
             cert: fs.readFileSync(file(`${name}.pem`)) };
  };

  for (const ca of ['ca', 'other']) {
    run('req', '-x509', ...ec, '-days', '30', '-subj', `/CN=${ca}`,
        '-keyout', file(`${ca}.key`), '-out', file(`${ca}.pem`));
  }

  return {
    dir, ca: file('ca.pem'),
    ann: issue('ca', 'ann', '/O=Example/CN=ann'),
    stranger: issue('other', 'stranger', '/CN=stranger'),
  };
}


describe('client certificates', { skip: lib.NODE && 'nginx\'s own' }, () => {
  let server, base, certs, ports;

  before(async () => {
    certs = certificates();
    ports = { optional: await lib.freePort(), required: await lib.freePort() };

    const { key, cert } = lib.certificate();
    const secure = (port, verify, more) => `
        server {
            listen 127.0.0.1:${port} ssl reuseport;
            ssl_certificate ${cert};
            ssl_certificate_key ${key};
            ssl_client_certificate ${certs.ca};
            ssl_verify_client ${verify};
            location /socket.io/ { sio zone=default; }
            ${more}
        }`;

    server = await lib.startNginx({
      location: `sio on; sio_user $ssl_client_s_dn; sio_user_room on; ${rules}`,
      http: ['auth_user', 'auth_role', 'inside'].map((name) =>
        `map "" $${name} { default ""; }`).join('\n')
            + secure(ports.optional, 'optional', `
              location /strict/ {
                  sio zone=default;
                  if ($ssl_client_verify != SUCCESS) { return 403; }
              }`) + secure(ports.required, 'on', ''),
    });
    base = await server.counters();
  });

  afterEach(() => lib.disconnectAll());

  after(async () => {
    await lib.finish(server, base);
    fs.rmSync(certs.dir, { recursive: true });
  });

  const at = (port) => ({ tlsUrl: `https://localhost:${port}`,
                          ca: lib.certificate().pem });

  const join = (port, more) => connect(at(port), { tls: true, ...more });


  for (const transport of FORMS) {
    it(`are known to rules, by ${transport}`, async () => {
      const print = new crypto.X509Certificate(certs.ann.cert)
        .fingerprint.replaceAll(':', '').toLowerCase();

      for (const port of [ports.optional, ports.required]) {
        const { dn, print: own, verified } = await who(
          await join(port, { transport, ...certs.ann }));

        assert.deepEqual([dn, own, verified],
                         ['CN=ann,O=Example', print, 'SUCCESS']);
      }

      const s = await join(ports.optional, { transport, nsp: '/cert',
                                             ...certs.ann });
      const user = await join(ports.optional, { transport, ...certs.ann });

      assert.equal(await ask(user, 'tell'), 'CN=ann,O=Example');

      assert.equal(await ask(s, 'who'), 'CN=ann,O=Example');
    });


    it(`may be missing, by ${transport}`, async () => {
      const none = await who(await join(ports.optional, { transport }));

      assert.equal(none.verified, 'NONE');
      assert.equal(none.dn, undefined);

      const s = client(at(ports.optional), { tls: true, transport,
                                             nsp: '/cert' });
      const [e] = await once(s, 'connect_error');

      assert.equal(e.message, 'no certificate');
    });
  }


  it('must not be missing', async () => {
    for (const cert of [{}, certs.stranger]) {
      const why = await refused(at(ports.required), {
        tls: true, transport: 'polling', ...cert });

      assert.equal(why.description, 400);
      assert.match(why.text, /SSL certificate/);
      assert.deepEqual(await refused(at(ports.required), {
        tls: true, transport: 'websocket', ...cert }), wsRefused(400));
    }

    await allRefused(at(ports.optional), { tls: true, path: '/strict/' },
                     403, json('Forbidden'));
    assert.equal((await who(await join(ports.optional, {
      path: '/strict/', ...certs.ann }))).verified, 'SUCCESS');
  });
});


/* -- behind a proxy -------------------------------------------------------- */

/* a proxy that says who its client is, as HAProxy and others do */

async function proxy(to, address) {
  const family = net.isIPv6(address) ? 'TCP6' : 'TCP4';
  const own = net.isIPv6(address) ? '::1' : '127.0.0.1';
  const sockets = new Set();

  const server = net.createServer((a) => {
    const b = net.connect(to, '127.0.0.1');

    b.write(`PROXY ${family} ${address} ${own} 1234 80\r\n`);

    for (const [x, y] of [[a, b], [b, a]]) {
      sockets.add(x);
      x.on('error', () => {});
      x.on('close', () => { sockets.delete(x); y.destroy(); });
      x.pipe(y);
    }
  });

  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    url: `http://127.0.0.1:${server.address().port}`,
    port: server.address().port,
    close: () => { sockets.forEach((s) => s.destroy()); server.close(); },
  };
}


describe('the real address', {
  skip: lib.NODE && 'nginx\'s own'
        || !lib.configured('http_realip_module') && 'not built in',
}, () => {
  let server, base, port;

  before(async () => {
    port = await lib.freePort();
    server = await lib.startNginx({
      location: `sio on;
        sio_limit sessions=2;
        set_real_ip_from 127.0.0.0/8;
        real_ip_header X-Forwarded-For;
        sio_on who       { ack $remote_addr $inside; }
        sio_on handshake { ack $sio_handshake; }`,

      http: `
        geo $inside { default ""; 192.0.2.0/24 yes; 2001:db8::/32 yes; }
        limit_req_zone $binary_remote_addr zone=new:64k rate=1r/m;

        server {
            listen 127.0.0.1:${port} proxy_protocol reuseport;
            set_real_ip_from 127.0.0.1;
            real_ip_header proxy_protocol;

            location /socket.io/ { sio zone=default; }
            location /allow/     { sio zone=default;
                                   allow 192.0.2.0/24; deny all; }
            location /new/       { sio zone=default; limit_req zone=new; }
        }`,

      server: `
        location /allow/ {
            sio zone=default;
            set_real_ip_from 127.0.0.1;
            real_ip_header X-Forwarded-For;
            allow 192.0.2.0/24;
            deny all;
        }`,
    });
    base = await server.counters();
  });

  afterEach(() => lib.disconnectAll());

  after(() => lib.finish(server, base));


  const forwarded = (address) => ({
    extraHeaders: { 'X-Forwarded-For': address } });

  for (const transport of FORMS) {
    it(`of X-Forwarded-For, by ${transport}`, async () => {
      for (const [address, inside] of [['192.0.2.7', 'yes'],
                                       ['198.51.100.7', ''],
                                       ['2001:db8::7', 'yes']]) {
        const s = await connect(server, { transport, ...forwarded(address) });

        assert.deepEqual(await lib.emitAck(s, 'who'), [address, inside]);
        assert.equal((await ask(s, 'handshake')).address, address);
        s.disconnect();
      }

      const s = await connect(server, { transport, path: '/allow/',
                                        ...forwarded('192.0.2.8') });

      assert.equal((await ask(s, 'handshake')).address, '192.0.2.8');
    });


    it(`of the PROXY protocol, by ${transport}`, async () => {
      for (const [address, inside] of [['192.0.2.7', 'yes'],
                                       ['203.0.113.9', ''],
                                       ['2001:db8::9', 'yes']]) {
        const way = await proxy(port, address);

        try {
          const s = await connect(way, { transport });

          assert.deepEqual(await lib.emitAck(s, 'who'), [address, inside]);
          assert.equal((await ask(s, 'handshake')).address, address);

          if (inside === '') {
            assert.equal((await refused(way, { path: '/allow/', transport }))
              .description, transport === 'websocket'
                ? 'Unexpected server response: 403' : 403);
          }

          lib.disconnectAll();
          await server.settled({ sessions: 0 });

        } finally {
          way.close();
        }
      }
    });
  }


  it('is what the limits are by', async () => {
    await server.settled({ sessions: 0 });

    const [a, b] = [await proxy(port, '192.0.2.20'),
                    await proxy(port, '192.0.2.21')];

    try {
      await connect(a);
      await connect(server, forwarded('192.0.2.20'));

      assert.deepEqual(await refused(a, { transport: 'polling' }),
                       pollRefused(403, json('Too many sessions')));
      assert.deepEqual(await refused(server, { transport: 'polling',
                                               ...forwarded('192.0.2.20') }),
                       pollRefused(403, json('Too many sessions')));
      await connect(b);

      /* nginx's own: one session each */

      const c = await proxy(port, '192.0.2.22');

      try {
        const own = await connect(c, { path: '/new/' });

        assert.deepEqual(await refused(c, { path: '/new/' }), wsRefused(503));
        own.disconnect();
        await server.settled({ sessions: 3 });
      } finally {
        c.close();
      }

      await connect(b, { path: '/new/' });
      lib.disconnectAll();
      await server.settled({ sessions: 0 });

    } finally {
      a.close();
      b.close();
    }
  });


  it('nobody else may say who he is', async () => {
    const s = await connect(server, { path: '/socket.io/',
                                      ...forwarded('192.0.2.30, 127.0.0.1') });

    assert.equal((await ask(s, 'handshake')).address, '127.0.0.1');
  });
});


describe('the pages', { skip: lib.NODE && 'nginx\'s own' }, () => {
  const publicKey = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .publicKey.export({ format: 'jwk' });

  for (const file of ['docs/auth.md', 'README.md']) {
    it(`${file} has configurations that nginx takes`, async () => {
      const page = fs.readFileSync(path.join(lib.ROOT, file), 'utf8');
      const blocks = [...page.matchAll(/```nginx\n([^]*?)```/g)]
        .map(([, text]) => text.replaceAll('jwks=keys/', 'jwks='));

      assert.ok(blocks.length);

      for (const text of blocks) {
        const http = /^server/m.test(text) ? text : `server { ${text} }`;
        const r = await lib.testConfig({
          location: 'return 204;',
          files: { 'issuer.jwks': JSON.stringify({ keys: [publicKey] }),
                   'jwt.secret': 'x'.repeat(32) },
          http: `upstream app { server 127.0.0.1:1; }
                 ${/map \$sio_sid \$new_client/.test(text) ? ''
                   : 'map $sio_sid $new_client { "" $remote_addr; }'}
                 ${http.replace('server {',
                                'server { listen 127.0.0.1:1;')}` });

        assert.ok(r.ok, `${r.output}\n${text}`);
        assert.doesNotMatch(r.output, /warn/);
      }
    });
  }
});
