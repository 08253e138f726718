#!/usr/bin/env node
'use strict';

/*
 * What a hook costs nginx, by kind of handler: see README.md.
 *
 *   hooks.js [CALLS [ROUNDS]]      10000 calls of each kind, 5 rounds
 */

const fs = require('fs');
const http = require('http');
const path = require('path');

const handlers = require('../lib/handlers.js');
const sio = require('../lib/sio.js');

const CALLS = Number(process.argv[2] || 10000);
const ROUNDS = Number(process.argv[3] || 5);
const CLIENTS = 50;

const LUA = ['ndk_http_module', 'ngx_http_lua_module'];
const NJS = ['ngx_http_js_module'];

const PHP = `<?php
file_get_contents('php://input');
header('Content-Type: application/json');
echo '[1]';
`;

const PYTHON = `
def application(environ, start_response):
    environ['wsgi.input'].read()
    start_response('200 OK', [('Content-Type', 'application/json')])
    return [b'[1]']
`;

const JS = `
export default {
    answer: (r) => { JSON.parse(r.requestText); r.return(200, '[1]'); },
};
`;


/* CPU of a process in microseconds */

const cpu = (pid) => Number(
  fs.readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1000;


/* each client has one call under way, until all are answered */

function load(clients, event, calls) {
  let sent = 0, answered = 0;

  return new Promise((resolve, reject) => {
    for (const w of clients) {
      const next = () => {
        if (sent < calls) {
          w.send(`42${sent++}["${event}",{"some":"argument"}]`);
        }
      };

      w.onmessage = ({ text }) => {
        if (text === '2') {
          w.send('3');

        } else if (!/^43\d+\[1\]$/.test(text)) {
          reject(new Error(`${event}: ${text}`));

        } else if (++answered === calls) {
          resolve();

        } else {
          next();
        }
      };

      next();
    }
  });
}


/* what comes goes to onmessage from now on */

function pump(w) {
  (async () => {
    for (;;) {
      const message = await w.recv(1e9);

      w.onmessage(message);
    }
  })().catch(() => {});
}


async function main() {
  const dir = fs.mkdtempSync('/tmp/sio-bench-');

  fs.chmodSync(dir, 0o755);

  for (const [name, text] of Object.entries({
    'answer.json': '[1]', 'app.php': PHP, 'app.py': PYTHON, 'app.js': JS })) {
    fs.writeFileSync(path.join(dir, name), text);
  }

  const node = http.createServer((req, res) => {
    req.resume();
    req.on('end', () => {
      res.writeHead(200, { 'Content-Type': 'application/json',
                           'Content-Length': 3 });
      res.end('[1]');
    });
  });

  node.keepAliveTimeout = 600000;
  await new Promise((resolve) => node.listen(0, '127.0.0.1', resolve));

  const php = await handlers.startPhp({ children: 8 });
  const uwsgi = await handlers.startUwsgi(path.join(dir, 'app.py'));

  const kinds = {
    'none': null,
    'return': `return 200 '[1]';`,
    'njs': handlers.available(...NJS) && 'js_content app.answer;',
    'Lua': handlers.available(...LUA) && `content_by_lua_block {
      ngx.req.get_body_data() ngx.print("[1]") }`,
    'a file': `root ${dir}; error_page 405 =200 /answer.json;
               try_files /answer.json =404;`,
    'proxy, keepalive': `proxy_pass http://node; proxy_http_version 1.1;
                         proxy_set_header Connection "";`,
    'proxy': `proxy_pass http://127.0.0.1:${node.address().port};`,
    'php-fpm, keepalive': `fastcgi_pass php; fastcgi_keep_conn on;
                           fastcgi_param SCRIPT_FILENAME ${dir}/app.php;
                           fastcgi_param REQUEST_METHOD $request_method;
                           fastcgi_param CONTENT_TYPE $content_type;
                           fastcgi_param CONTENT_LENGTH $content_length;`,
    'php-fpm': `fastcgi_pass unix:${php.socket};
                include /etc/nginx/fastcgi_params;
                fastcgi_param SCRIPT_FILENAME ${dir}/app.php;`,
    'uwsgi': `uwsgi_pass unix:${uwsgi.socket};
              include /etc/nginx/uwsgi_params;`,
  };

  const names = Object.keys(kinds).filter((n) => kinds[n] !== false);

  const server = await sio.startNginx({
    workers: 1,
    main: (kinds.njs ? handlers.load(...NJS) : '')
          + (kinds.Lua ? handlers.load(...LUA) : ''),
    logLevel: 'warn',
    http: `upstream node { server 127.0.0.1:${node.address().port};
                           keepalive 64; keepalive_requests 1000000; }
           upstream php { server unix:${php.socket}; keepalive 4;
                          keepalive_requests 1000000; }
           ${kinds.njs ? `js_import app from ${dir}/app.js;` : ''}`,
    location: `sio on; ${names.map((n, i) => `sio_on e${i} { ${
      kinds[n] ? `hook /h${i};` : 'ack json:1;'} }`).join('\n')}`,
    server: names.map((n, i) => (kinds[n]
      ? `location = /h${i} { internal; ${kinds[n]} }` : '')).join('\n')
      + `location = /answer.json { internal; root ${dir}; }`,
    allow: [/./],
  });

  const [pid] = server.workers();
  const clients = [];

  for (let i = 0; i < CLIENTS; i++) {
    const w = await sio.wsOpen(server);

    await w.connectNsp('/');
    pump(w);
    clients.push(w);
  }

  const took = names.map(() => []);

  for (let round = 0; round <= ROUNDS; round++) {
    for (const i of names.keys()) {
      /* the first round warms up */
      const calls = round ? CALLS : Math.ceil(CALLS / 10);
      const before = cpu(pid);

      await load(clients, `e${i}`, calls);

      if (round) {
        took[i].push((cpu(pid) - before) / calls);
      }
    }
  }

  const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
  const none = median(took[0]);

  console.log('| handler | us of CPU a call | of the hook | rounds |');
  console.log('|---|---|---|---|');

  names.forEach((n, i) => {
    const us = median(took[i]);

    console.log(`| ${n} | ${us.toFixed(1)} | ${i ? (us - none).toFixed(1)
                                                  : '–'} | ${
      Math.min(...took[i]).toFixed(1)} … ${
      Math.max(...took[i]).toFixed(1)} |`);
  });

  clients.forEach((w) => w.conn.socket.destroy());
  await server.stop();
  await php.stop();
  await uwsgi.stop();
  node.closeAllConnections();
  node.close();
  fs.rmSync(dir, { recursive: true });
}


main().catch((e) => {
  console.error(e);
  process.exit(1);
});
