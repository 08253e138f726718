'use strict';

/*
 * Hooks in progress when a worker exits: it waits for them, until
 * worker_shutdown_timeout, and no longer.
 */

const assert = require('node:assert');
const http = require('http');
const test = require('node:test');

const handlers = require('../lib/handlers.js');
const sio = require('../lib/sio.js');


async function backend() {
  const held = [];
  const server = http.createServer((req, res) => {
    req.resume();
    held.push((body) => res.end(body));

    if (req.url === '/begun') {
      res.writeHead(200, { 'Content-Length': 100 });
      res.write('[');
    }
  });

  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

  return { held, port: server.address().port,
           stop: () => {
             server.closeAllConnections();
             return new Promise((resolve) => server.close(resolve));
           } };
}


function start(port, more) {
  const lua = handlers.available('ngx_http_lua_module');

  return sio.startNginx({
    workers: 1,
    main: lua ? handlers.load('ndk_http_module', 'ngx_http_lua_module') : '',
    http: 'sio_drain_time 50ms;',
    location: `sio on;
      sio_on held { hook /held; ack nothing; }
      sio_on later { hook /held async; }
      sio_on begun { hook /begun; }
      sio_on sleeps { hook /sleeps; }
      sio_on limited { hook /limited; }
      sio_on left { hook /held; }
      sio_on disconnect { hook /held; }`,
    server: `
      location /held { internal; proxy_pass http://127.0.0.1:${port}; }
      location /begun { internal; proxy_pass http://127.0.0.1:${port}; }
      location /limited { internal; limit_rate 1;
                          proxy_pass http://127.0.0.1:${port}; }
      location /sleeps { internal; ${lua
        ? 'content_by_lua_block { ngx.sleep(60) }'
        : `proxy_pass http://127.0.0.1:${port};`} }`,
    allow: [/sio hook: /],
    ...more,
  });
}


test('a worker that exits waits for answers', async () => {
  const b = await backend();
  const s = await start(b.port, { shutdownTimeout: '60s' });
  const w = await sio.wsOpen(s);

  await w.connectNsp('/');
  w.send('421["held"]');
  w.send('42["later"]');

  const p = await sio.poll(s);

  await p.connectNsp('/');

  const post = p.post('42["left"]');

  await sio.until(() => b.held.length >= 2);

  const [old] = s.workers();

  await s.reload();
  b.held.forEach((answer) => answer('["answered"]'));

  /* what went with the old worker's connections */

  await sio.until(() => {
    b.held.splice(0).forEach((answer) => answer(''));
    return !sio.alive(old);
  }, 10000, 'the old worker to end');

  await post.catch(() => {});
  await s.stop({ timeout: 20000 });
  await b.stop();
});


for (const how of ['reload', 'stop']) {
  test(`and no longer than worker_shutdown_timeout: ${how}`, async () => {
    const b = await backend();
    const s = await start(b.port, { shutdownTimeout: '300ms' });
    const clients = [];

    for (const event of ['held', 'later', 'begun', 'sleeps', 'limited']) {
      for (let i = 0; i < 3; i++) {
        const w = await sio.wsOpen(s);

        await w.connectNsp('/');
        w.send(`421["${event}"]`);
        clients.push(w);
      }
    }

    await sio.until(() => b.held.length >= 12);

    const [old] = s.workers();

    if (how === 'reload') {
      await s.reload();
      await sio.until(() => !sio.alive(old), 10000, 'the old worker to end');
    }

    /* stop() fails for a worker that left sockets open, or does not go */

    await s.stop({ timeout: 10000 });
    clients.forEach((w) => w.conn.socket.destroy());
    await b.stop();
  });
}
