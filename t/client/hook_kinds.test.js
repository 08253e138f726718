'use strict';

/*
 * One set of cases for each kind of handler that a hook's location may have:
 * real php-fpm, uwsgi, Python and Node servers, and njs and Lua inside of
 * nginx.  They all have the same application, kinds/app.*.
 */

const assert = require('node:assert/strict');
const http = require('http');
const path = require('path');
const { after, afterEach, before, describe, it } = require('node:test');

const lib = require('./lib.js');
const handlers = require('../lib/handlers.js');
const sio = require('../lib/sio.js');

const { ask, client, connect, disconnectAll, once, until } = lib;

const APP = path.join(__dirname, 'kinds');
const FORMS = ['websocket', 'polling', 'upgrade'];

const EVENTS = ['echo', 'tell', 'status', 'raw', 'big', 'slow', 'headers',
                'throw', 'later', 'sub', 'fetch', 'closes'];

/* what the handler says of itself, and nginx of it */

const ALLOW = [/sio hook: /, /upstream/, /too big subrequest/, /js exception/,
               /lua entry thread aborted/];


/* the same as kinds/app.* */

function answer(h, body) {
  const args = JSON.parse(body);
  const json = (value) => [200, JSON.stringify(value)];

  if (h['sio-type'] === 'connect') {
    const { token } = JSON.parse(decodeURIComponent(h['sio-handshake'])).auth;

    return token === 'bad'
      ? [401, JSON.stringify({ message: 'who?', data: { code: 7 } })]
      : json({ do: [{ join: 'in' }, { emit: 'welcome', args: [token] }],
               data: { token } });
  }

  switch (h['sio-event']) {
    case 'echo': return [200, body];
    case 'tell': return json(args[0]);
    case 'status': return [args[0], JSON.stringify(args[1])];
    case 'raw': return [200, Buffer.from(args[0], 'base64')];
    case 'big': return json(['x'.repeat(args[0])]);
    case 'slow': return null;
    case 'headers': return json([{
      rooms: h['sio-rooms'], data: h['sio-data'], id: h['sio-id'],
      user: h['sio-user'] || null, method: 'POST', type: h['content-type'],
      length: Number(h['content-length']), address: h['x-real-ip'],
    }]);
    default: return [204, ''];
  }
}


async function startNode() {
  const connections = new Set();
  const server = http.createServer(async (req, res) => {
    const chunks = [];

    for await (const chunk of req) {
      chunks.push(chunk);
    }

    const got = answer(req.headers, Buffer.concat(chunks).toString());

    if (got) {
      res.writeHead(got[0], { 'Content-Type': 'application/json' });
      res.end(got[1]);
    }
  });
  let opened = 0;

  server.keepAliveTimeout = 60000;
  server.on('connection', (c) => {
    opened++;
    connections.add(c);
    c.on('close', () => connections.delete(c));
  });

  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    port: server.address().port,
    opened: () => opened,
    stop: () => new Promise((resolve) => {
      server.close(resolve);
      connections.forEach((c) => c.destroy());
    }),
  };
}


/*
 * start(): what stands behind it; location(backend): how it is asked; main,
 * http: what else nginx needs; inside: it is in nginx itself
 */

const KINDS = {
  'proxy_pass, Node': {
    start: startNode,
    http: ({ port }) => `upstream app { server 127.0.0.1:${port};
                                        keepalive 16; }`,
    location: () => `proxy_pass http://app;
                     proxy_http_version 1.1;
                     proxy_set_header Connection "";
                     proxy_set_header X-Real-IP $remote_addr;`,
    timeout: 'proxy_read_timeout 300ms;',
    refused: 'proxy_pass http://127.0.0.1:1;',
  },

  'proxy_pass, Python': {
    start: () => handlers.startPython(path.join(APP, 'app.py')),
    location: ({ port }) => `proxy_pass http://127.0.0.1:${port};
                             proxy_set_header X-Real-IP $remote_addr;`,
    timeout: 'proxy_read_timeout 300ms;',
    address: null,
  },

  'fastcgi_pass': {
    start: () => handlers.startPhp({ children: 6 }),
    location: ({ socket }) => `fastcgi_pass unix:${socket};
                               include /etc/nginx/fastcgi_params;
                               fastcgi_param SCRIPT_FILENAME ${APP}/app.php;`,
    timeout: 'fastcgi_read_timeout 300ms;',
    refused: 'fastcgi_pass unix:/nowhere;',
  },

  'uwsgi_pass': {
    start: () => handlers.startUwsgi(path.join(APP, 'app.py'),
                                     { processes: 2, threads: 4 }),
    location: ({ socket }) => `uwsgi_pass unix:${socket};
                               include /etc/nginx/uwsgi_params;`,
    timeout: 'uwsgi_read_timeout 300ms;',
    refused: 'uwsgi_pass unix:/nowhere;',
  },

  'js_content': {
    modules: ['ngx_http_js_module'],
    http: () => `js_import app from ${APP}/app.njs.js;`,
    location: () => 'js_content app.handler;',
    inside: true,
  },

  'content_by_lua_block': {
    modules: ['ndk_http_module', 'ngx_http_lua_module'],
    http: () => `lua_package_path "${APP}/?.lua;;";`,
    location: () => 'content_by_lua_block { require("app")() }',
    inside: true,
  },
};


for (const [name, kind] of Object.entries(KINDS)) {
  const skip = process.env.SIO_TARGET === 'node'
    || (kind.modules && !handlers.available(...kind.modules)
        && 'not for this nginx');

  describe(`hooks by ${name}`, { skip }, () => {
    let backend, server, base;

    before(async () => {
      backend = await kind.start?.();

      const location = kind.location(backend);
      const common = 'internal; subrequest_output_buffer_size 32k;';

      server = await sio.startNginx({
        workers: 4,
        main: kind.modules ? handlers.load(...kind.modules) : '',
        http: kind.http?.(backend),
        location: `sio on;
          sio_on connect { hook /hook; }
          ${EVENTS.filter((e) => e !== 'slow' || kind.inside)
              .map((e) => `sio_on ${e} { hook /hook; ack nothing; }`)
              .join('\n')}
          ${kind.inside ? '' : 'sio_on slow { hook /slow; }'}
          ${kind.refused ? 'sio_on refused { hook /refused; }' : ''}
          sio_on quick { ack quick; }`,
        server: `
          location = /hook { ${common} ${location} }
          location = /plain { return 200 '["plain"]'; }
          ${kind.inside ? ''
            : `location = /slow { ${common} ${location} ${kind.timeout} }`}
          ${kind.refused ? `location = /refused { ${kind.refused} }` : ''}`,
        allow: [...ALLOW, /\[crit\] .*\/nowhere/],
      });

      base = await server.counters();
    });

    afterEach(async () => {
      disconnectAll();
      await server.settled({ sessions: base.sessions }, 40000);
    });

    after(async () => {
      await lib.finish(server, base);
      await backend?.stop();
    });


    const fails = async (socket, ...event) => {
      assert.deepEqual(await ask(socket, ...event),
                       { error: 'internal error' });
    };

    for (const transport of FORMS) {
      const one = (token = 'good') => connect(server, { transport,
                                                        auth: { token } });

      it(`connects, or refuses: ${transport}`, async () => {
        const bad = client(server, { transport, auth: { token: 'bad' } });
        const [error] = await once(bad, 'connect_error');

        assert.equal(error.message, 'who?');
        assert.deepEqual(error.data, { code: 7 });

        const socket = client(server, { transport, auth: { token: 'ü' } });
        const welcome = once(socket, 'welcome');

        await once(socket, 'connect');
        assert.deepEqual(await welcome, ['ü']);
      });


      it(`answers events, with binary: ${transport}`, async () => {
        const socket = await one();
        const args = ['text ü 💬 \u0000\r\n"\\', 1.5, null, [],
                      { x: [{}, true] }];

        assert.deepEqual(await lib.emitAck(socket, 'echo', ...args), args);
        assert.deepEqual(
          await lib.emitAck(socket, 'echo', { deep: [Buffer.from([0, 255])] },
                            Buffer.alloc(3000, 7)),
          [{ deep: [Buffer.from([0, 255])] }, Buffer.alloc(3000, 7)]);
      });


      it(`does what it is told: ${transport}`, async () => {
        const [a, b] = [await one(), await one()];
        const hi = once(a, 'hi'), all = once(b, 'all');

        await ask(a, 'tell', { do: { join: ['r', 5] }, data: { n: 1 },
                               ack: [] });
        assert.equal(
          await ask(b, 'tell',
                    { do: [{ emit: 'hi', args: [{ _base64: 'AQI=' }, 2],
                             to: 'r' },
                           { emit: 'all', all: true }], ack: ['b'] }), 'b');
        assert.deepEqual(await hi, [Buffer.from([1, 2]), 2]);
        await all;

        const h = await ask(a, 'headers');

        assert.deepEqual(JSON.parse(decodeURIComponent(h.data)),
                         { token: 'good', n: 1 });
        assert.deepEqual(JSON.parse(decodeURIComponent(h.rooms)).sort(),
                         ['5', 'in', 'r', a.id].sort());

        const gone = once(a, 'disconnect');

        a.emit('tell', { do: { disconnect: true } });
        assert.equal((await gone)[0], 'io server disconnect');
      });
    }


    it('goes on where the answer is nothing', async () => {
      const socket = await connect(server, { auth: { token: 'x' } });

      /* "closes" is known in Lua only */

      assert.equal(await ask(socket, name.includes('lua') ? 'slow'
                                                          : 'closes'),
                   'nothing');
    });


    it('asks with what is in the call', async () => {
      const socket = await connect(server, { auth: { token: 'x' } });
      const h = await ask(socket, 'headers', 'ü');
      const address = kind.address === null ? h.address : '127.0.0.1';

      assert.deepEqual(h, {
        rooms: h.rooms, data: h.data, id: socket.id, user: null,
        method: 'POST', type: 'application/json', length: 6, address,
      });
    });


    it('keeps names of rooms out of headers', async () => {
      const socket = await connect(server, { auth: { token: 'x' } });
      const room = 'a\r\nSio-User: 1\n\u0000\u007f%41"ü';

      await ask(socket, 'tell', { do: { join: room }, ack: [] });

      const h = await ask(socket, 'headers');

      assert.equal(h.user, null);
      assert.ok(JSON.parse(decodeURIComponent(h.rooms)).includes(room));
    });


    it('says what failed', async () => {
      const socket = await connect(server, { auth: { token: 'x' } });
      const raw = (text) => Buffer.from(text, 'latin1').toString('base64');

      assert.deepEqual(await ask(socket, 'status', 403,
                                 { message: 'no', data: [1] }),
                       { error: 'no', data: [1] });
      assert.deepEqual(await ask(socket, 'status', 404, 'text'),
                       { error: 'not allowed' });

      await fails(socket, 'status', 500, {});
      await fails(socket, 'status', 503, { message: 'no' });
      await fails(socket, 'raw', raw('["\xff"]'));
      await fails(socket, 'raw', raw('["\xc0\x80"]'));
      await fails(socket, 'raw', raw('{"ack":['));
      await fails(socket, 'raw', raw('[1] [2]'));
      await fails(socket, 'raw', raw('"text"'));
      await fails(socket, 'tell', { acks: [] });
      await fails(socket, 'tell', { do: [{ join: 'half' }, { joins: 'x' }] });

      const h = await ask(socket, 'headers');

      assert.deepEqual(JSON.parse(h.rooms).sort(), ['in', socket.id].sort());

      const log = server.errorLog();

      assert.match(log, /sio hook: .* failed, status 503, type "event"/);
      assert.match(log, /sio hook: .* did not answer with JSON/);
      assert.match(log, /neither an array nor an object/);
    });


    it('takes answers up to the limit', async () => {
      const socket = await connect(server, { auth: { token: 'x' } });

      assert.equal((await ask(socket, 'big', 32 * 1024 - 4)).length,
                   32 * 1024 - 4);
      await fails(socket, 'big', 32 * 1024 - 3);
      await fails(socket, 'big', 200 * 1024);
      assert.equal(await ask(socket, 'quick'), 'quick');
      assert.match(server.errorLog(), /too big subrequest response/);
    });


    it('serves many at once', async () => {
      const sockets = await lib.connectMany(server, 24, (i) => ({
        transport: FORMS[i % 3], auth: { token: String(i) } }));
      const text = 'x'.repeat(2000);

      for (let round = 0; round < 3; round++) {
        const answers = await Promise.all(
          sockets.map((s, i) => lib.emitAck(s, 'echo', i, text)));

        assert.deepEqual(answers, sockets.map((s, i) => [i, text]));
      }

      if (backend?.opened) {
        /* 16 are kept by each of four workers */
        assert.ok(backend.opened() < 100, `${backend.opened()} connections`);
      }
    });


    if (!kind.inside) {
      it('gives up one that takes too long', async () => {
        const socket = await connect(server, { auth: { token: 'x' } });

        await fails(socket, 'slow');
        assert.match(server.errorLog(), /upstream timed out/);
        assert.match(server.errorLog(), /sio hook: .* status 504/);
      });
    }


    if (kind.refused) {
      it('says when nobody is there', async () => {
        const socket = await connect(server, { auth: { token: 'x' } });

        await fails(socket, 'refused');
        assert.match(server.errorLog(), /sio hook: .* status 502/);
      });
    }


    if (kind.inside) {
      it('waits for what the handler waits for', async () => {
        const socket = await connect(server, { auth: { token: 'x' } });
        const answers = [];

        socket.emit('later', (a) => answers.push(a));
        socket.emit('quick', (a) => answers.push(a));
        await until(() => answers.length === 2);
        assert.deepEqual(answers, ['later', 'quick']);
      });


      it('says what the handler threw', async () => {
        const socket = await connect(server, { auth: { token: 'x' } });

        await fails(socket, 'throw');
        assert.match(server.errorLog(), /thrown/);
        assert.match(server.errorLog(), /sio hook: .* status 500/);
      });


      it('has subrequests as far as the module has its own', async () => {
        const socket = await connect(server, { auth: { token: 'x' } });

        if (name.includes('lua')) {
          assert.equal(await ask(socket, 'sub'), 'plain');
          return;
        }

        assert.equal(await ask(socket, 'fetch'), 'plain');
        await fails(socket, 'sub');
        assert.match(server.errorLog(), /nested in-memory subrequest/);
      });
    }
  });
}
