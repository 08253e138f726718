'use strict';

/*
 * Who may use the API: what nginx has for a location, over HTTP/1.1 and
 * HTTP/2, with TLS and without; keys and their rotation; pages of others.
 */

const assert = require('node:assert/strict');
const fs = require('node:fs');
const http = require('node:http');
const http2 = require('node:http2');
const https = require('node:https');
const { after, before, describe, it } = require('node:test');

const sio = require('../lib/sio.js');

const SKIP = { skip: process.env.SIO_TARGET === 'node' };
const ASKED = sio.configured('http_auth_request_module');
const ORDER = '{"emit":"x","all":true}';
const { key, cert } = sio.certificate();
const PAIR = { key: fs.readFileSync(key), cert: fs.readFileSync(cert) };


/* request(server, form, path, {headers, method, body, pair}) */

async function request(server, form, path, { headers = {}, body = ORDER,
                                             method = 'POST', pair } = {}) {
  const all = { ...(body === undefined
                    ? {} : { 'content-type': 'application/json' }),
                ...headers };
  const tls = { ca: server.ca, ...(pair || {}) };

  if (form === 'http2') {
    const session = http2.connect(server.tlsUrl, tls);

    try {
      return await new Promise((resolve, reject) => {
        session.on('error', reject);

        const r = session.request({ ':method': method, ':path': path, ...all },
                                  { endStream: body === undefined });

        r.on('error', reject);
        r.on('response', (h) => text(r, h[':status'], h, resolve));

        if (body !== undefined) {
          r.end(body);
        }
      });

    } finally {
      session.destroy();
    }
  }

  return new Promise((resolve, reject) => {
    const r = (form === 'tls' ? https : http).request(
      (form === 'tls' ? server.tlsUrl : server.url) + path,
      { method, headers: all, agent: false, ...tls });

    r.on('error', reject);
    r.on('response', (res) => text(res, res.statusCode, res.headers,
                                   resolve));
    r.end(body);
  });
}

function text(stream, status, headers, done) {
  let s = '';

  stream.setEncoding('utf8');
  stream.on('data', (data) => { s += data; });
  stream.on('end', () => done({ status, headers, text: s }));
}

const bearer = (value) => ({ headers: { Authorization: `Bearer ${value}` } });
const basic = (value) => ({ headers: {
  Authorization: `Basic ${Buffer.from(value).toString('base64')}` } });


describe('access to the API', SKIP, () => {
  let server;

  before(async () => {
    server = await sio.startNginx({
      workers: 2,
      tls: true,
      http2: true,
      server: `
        ssl_client_certificate ${cert};
        ssl_verify_client optional;

        location /deny/ { sio_api; allow 192.0.2.0/24; deny all; }
        location /allow/ { sio_api; allow 127.0.0.1; deny all; }
        location /both/ { sio_api; sio_api_key k; allow 127.0.0.1; deny all; }
        location /key/ { sio_api; sio_api_key "a key"; sio_api_key second; }
        location /inside/ { internal; sio_api; }
        location /basic/ {
            sio_api;
            auth_basic api;
            auth_basic_user_file ${cert}.users;
        }
        ${ASKED ? 'location /asked/ { sio_api; auth_request /may; }' : ''}
        location = /may {
            internal;
            if ($http_x_may != yes) { return 403; }
            return 204;
        }
        location /client/ {
            sio_api;
            if ($ssl_client_verify != SUCCESS) { return 403; }
        }`,
    });

    /* {PLAIN}: crypt() is not needed */

    fs.writeFileSync(`${cert}.users`, 'backend:{PLAIN}word\n');
  });

  after(async () => {
    if (server) {
      await server.stop();
    }
  });

  const ok = (r, what) => {
    assert.equal(r.status, 200, `${what}: ${r.text}`);
    assert.deepEqual(JSON.parse(r.text), { receivers: 0 }, what);
  };

  const refused = (r, status, what) => {
    assert.equal(r.status, status, `${what}: ${r.text}`);
    assert.ok(!r.text.includes('receivers'), what);
  };

  for (const form of ['plain', 'tls', 'http2']) {

    it(`allow and deny, ${form}`, async () => {
      ok(await request(server, form, '/allow/'), 'allow');
      refused(await request(server, form, '/deny/'), 403, 'deny');
      refused(await request(server, form, '/deny/sockets',
                            { method: 'GET', body: undefined }), 403, 'GET');
      ok(await request(server, form, '/both/', bearer('k')), 'both');
      refused(await request(server, form, '/both/', bearer('l')), 401,
              'a key is asked for as well');
      refused(await request(server, form, '/inside/'), 404, 'internal');
    });

    it(`auth_basic, auth_request, ${form}`, async () => {
      ok(await request(server, form, '/basic/', basic('backend:word')),
         'basic');

      for (const wrong of [{}, basic('backend:other'), basic('x:word'),
                           bearer('word')]) {
        const r = await request(server, form, '/basic/', wrong);

        refused(r, 401, JSON.stringify(wrong));
        assert.match(r.headers['www-authenticate'], /^Basic/);
      }

      if (ASKED) {
        ok(await request(server, form, '/asked/',
                         { headers: { 'X-May': 'yes' } }), 'auth_request');
        refused(await request(server, form, '/asked/'), 403, 'auth_request');
      }
    });

    it(`keys, ${form}`, async () => {
      for (const right of ['a key', 'second']) {
        ok(await request(server, form, '/key/', bearer(right)), right);
        ok(await request(server, form, '/key/', {
          headers: { Authorization: `bEARER ${right}` } }), right);
      }

      for (const wrong of ['', 'a', 'a ke', 'a keY', 'a key2', 'secon',
                           'a key second', 'x'.repeat(5000)]) {
        const r = await request(server, form, '/key/', bearer(wrong));

        refused(r, 401, wrong);
        assert.equal(r.headers['www-authenticate'], 'Bearer');
        assert.equal(JSON.parse(r.text).error.code, 'unauthorized');
      }

      for (const headers of [{}, { Authorization: 'a key' },
                             { Authorization: 'Bearer' },
                             { Authorization: 'Basic a key' }]) {
        refused(await request(server, form, '/key/', { headers }), 401,
                JSON.stringify(headers));
      }

      /* nobody learns anything without one, also of what is not there */

      for (const [path, method] of [['/key/nothing', 'GET'],
                                    ['/key/sockets?x=1', 'GET'],
                                    ['/key/rooms', 'DELETE']]) {
        refused(await request(server, form, path,
                              { method, body: undefined }), 401, path);
      }
    });

    it(`certificates of clients, ${form}`, async () => {
      refused(await request(server, form, '/client/'), 403, 'none');

      if (form !== 'plain') {
        ok(await request(server, form, '/client/', { pair: PAIR }), 'one');
      }
    });

    it(`pages of others, ${form}`, async () => {
      const from = { Origin: 'http://evil.example' };

      /* what a page can send unasked: Fetch, CORS-safelisted request-header */

      for (const type of ['text/plain', 'application/x-www-form-urlencoded',
                          'multipart/form-data; boundary=x', undefined,
                          'text/plain; application/json',
                          'application/jsonp', 'application/x-ndjsonx']) {
        for (const path of ['/allow/', '/allow/emit/x?all=1']) {
          const r = await request(server, form, path, {
            headers: { ...from, 'content-type': type || '' } });

          refused(r, 415, `${type}`);
          assert.ok(!Object.keys(r.headers).some((name) =>
            name.startsWith('access-control-')));
        }
      }

      const asked = await request(server, form, '/allow/', {
        method: 'OPTIONS', body: undefined, headers: {
          ...from, 'Access-Control-Request-Method': 'POST',
          'Access-Control-Request-Headers': 'content-type' } });

      refused(asked, 405, 'a preflight');
      assert.ok(!Object.keys(asked.headers).some((name) =>
        name.startsWith('access-control-')));

      /* lines are for orders only */

      refused(await request(server, form, '/allow/emit/x?all=1', {
        headers: { 'content-type': 'application/x-ndjson' } }), 415, 'lines');

      const r = await request(server, form, '/allow/', { headers: from });

      ok(r, 'a type that asks for a preflight');
      assert.equal(r.headers['access-control-allow-origin'], undefined);
    });
  }
});


it('keys are rotated by two reloads', SKIP, async () => {
  const conf = (keys) => ({ server: `location /api/ { sio_api; ${
    keys.map((k) => `sio_api_key ${k};`).join(' ')} }` });
  const server = await sio.startNginx({ workers: 2, ...conf(['old']) });

  const may = async () => {
    const got = [];

    for (const k of ['old', 'new']) {
      got.push((await request(server, 'plain', '/api/', bearer(k))).status);
    }

    return got.join(' ');
  };

  try {
    assert.equal(await may(), '200 401');

    for (const [keys, want] of [[['old', 'new'], '200 200'],
                                [['new'], '401 200']]) {
      await server.reload(conf(keys));
      await sio.until(async () => await may() === want, 10000, want);
    }

  } finally {
    await server.stop();
  }
});
