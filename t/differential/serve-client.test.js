'use strict';

/* The client files, served as Node does. */

const assert = require('node:assert/strict');
const fs = require('fs');
const path = require('path');
const zlib = require('zlib');
const { after, before, describe, it } = require('node:test');

const lib = require('./lib.js');

const DIR = path.join(path.dirname(require.resolve('socket.io/package.json')),
                      'client-dist');

const NAMES = ['socket.io.js', 'socket.io.min.js', 'socket.io.esm.min.js',
               'socket.io.msgpack.min.js'].flatMap((n) => [n, `${n}.map`]);


describe('client files', () => {
  const both = lib.pair({
    directives: `sio_serve_client ${DIR}; sio_cors_origin *;`,
    options: { serveClient: true, cors: { origin: '*' } },
    locations: {
      '/bare/': { directives: '', options: { serveClient: false } },
      '/plain/': { directives: `sio_serve_client ${DIR};`,
                   options: { serveClient: true } },
    },
  });

  before(() => both.start());
  after(() => both.stop());

  /* an ETag is the version of Node's package; ours may be anything */

  const shape = (r) => ({
    status: r.status,
    type: r.header('content-type'),
    cache: r.header('cache-control'),
    etag: r.header('etag') ? /^"[^"]+"$/.test(r.header('etag')) : 'none',
    cors: r.header('access-control-allow-origin'),
    vary: r.header('vary'),
    length: r.body.length,
  });

  for (const name of NAMES) {
    it(name, () => both.compare(async ({ note, http }) => {
      const file = fs.readFileSync(path.join(DIR, name));

      for (const where of ['/socket.io/', '/plain/']) {
        const r = await http({ path: where + name });

        assert.ok(r.body.equals(file));
        note(shape(r));

        const query = await http({ path: `${where}${name}?v=1&x=%20` });

        assert.ok(query.body.equals(file));
        note(shape(query));
      }
    }));
  }


  it('with conditions', () => both.compare(async ({ note, http }) => {
    const url = '/socket.io/socket.io.js';
    const etag = (await http({ path: url })).header('etag');

    for (const value of [etag, `W/${etag}`, '"other"']) {
      const r = await http({ path: url, headers: { 'If-None-Match': value } });

      note(r.status, r.body.length);
    }
  }));


  it('by other methods', () => both.compare(async ({ note, http }) => {
    const path_ = '/socket.io/socket.io.js';

    note(shape(await http({ path: path_, method: 'HEAD' })));
    note((await http({ path: path_, method: 'OPTIONS', headers: {
      'Access-Control-Request-Method': 'GET' } })).status);
  }));


  it('other names are for the engine', () => both.compare(
    async ({ note, http }) => {
      for (const name of ['socket.io.min.js.gz', 'socket.io.JS', 'x.js',
                          'socket.io.js/', 'socket.io.js.', 'package.json',
                          '%73ocket.io.json',
                          'x/socket.io.js', '%73ocket.io.js.map.map']) {
        note(name, await http({ path: `/socket.io/${name}` }));
      }

      note(await http({ path: '/bare/socket.io.js' }));
    }));


  it('compressed or not, the content is the same', () => both.compare(
    async ({ note, http }) => {
      const file = fs.readFileSync(path.join(DIR, 'socket.io.js'));

      for (const accept of ['gzip', 'identity', 'gzip;q=0', 'x']) {
        const r = await http({ path: '/socket.io/socket.io.js',
                               headers: { 'Accept-Encoding': accept } });
        const coding = r.header('content-encoding');
        const body = coding === 'gzip' ? zlib.gunzipSync(r.body) : r.body;

        assert.ok(body.equals(file), accept);
        note(accept, r.status);
      }
    }));
});
