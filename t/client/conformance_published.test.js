'use strict';

/*
 * The protocols' own test suites as they are published, against nginx with
 * one worker and with four.  They are not part of this repository; each runs
 * if an environment variable names its directory in a checkout of
 * socketio/socket.io, "npm ci" done there:
 *
 *   SIO_SUITE_EIO4  docs/engine.io-protocol/v4-test-suite
 *   SIO_SUITE_EIO3  docs/engine.io-protocol/v3-test-suite
 *   SIO_SUITE_SIO5  docs/socket.io-protocol/v5-test-suite
 *
 * They expect their server at localhost:3000.
 */

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('fs');
const net = require('net');
const path = require('path');
const { execFile } = require('child_process');

const sio = require('../lib/sio.js');
const { APPS } = require('./conformance.js');

const PORT = 3000;

const SUITES = {
  SIO_SUITE_EIO4: { app: APPS.engine, ours: 'conformance_eio4.test.js' },
  SIO_SUITE_EIO3: { app: APPS.engine3, ours: 'conformance_eio3.test.js' },
  SIO_SUITE_SIO5: { app: APPS.socket, ours: 'conformance_sio5.test.js' },
};


/* why a suite cannot run, or undefined */

async function missing(variable) {
  const dir = process.env[variable];

  if (!dir) {
    return `${variable} names no checkout`;
  }

  if (!fs.existsSync(path.join(dir, 'test-suite.js'))) {
    return `${variable}: no test-suite.js in ${dir}`;
  }

  if (!fs.existsSync(path.join(dir, 'node_modules/mocha/bin/mocha'))) {
    return `${variable}: "npm ci" was not done in ${dir}`;
  }

  const taken = await new Promise((resolve) => {
    const server = net.createServer();

    server.on('error', () => resolve(true));
    server.listen(PORT, () => server.close(() => resolve(false)));
  });

  return taken ? `port ${PORT} is in use` : undefined;
}


/*
 * With several workers a GET and a POST that are sent at once on two
 * connections are seen in either order, and some cases count on one.  So a
 * case gets more attempts there; one that is wrong fails all of them.
 */

function mocha(dir, retries) {
  const args = ['node_modules/mocha/bin/mocha', 'test-suite.js',
                '--reporter', 'json', '--retries', String(retries)];

  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { cwd: dir, maxBuffer: 1 << 24 },
             (error, out) => {
               try {
                 resolve(JSON.parse(out.slice(out.indexOf('{'))));
               } catch (e) {
                 reject(error || e);
               }
             });
  });
}


/*
 * localhost:3000.  What follows a 101 is passed on a moment later: the suite
 * for v3 listens for the first message only when it has seen the 101, and
 * misses one that comes in the same segment.
 */

async function front(s) {
  const open = new Set();

  const server = net.createServer({ allowHalfOpen: true }, (client) => {
    const upstream = net.connect({ port: s.port, host: '127.0.0.1',
                                   allowHalfOpen: true });
    let seen = false;

    for (const [from, to] of [[client, upstream], [upstream, client]]) {
      open.add(from);
      from.setNoDelay(true);
      from.on('end', () => to.end());
      from.on('error', () => to.destroy());
      from.on('close', () => { open.delete(from); to.destroy(); });
    }

    client.on('data', (data) => upstream.write(data));
    upstream.on('data', (data) => {
      if (seen || !/^HTTP\/1.1 101 /.test(data)) {
        client.write(data);

      } else {
        const end = data.indexOf('\r\n\r\n') + 4;

        client.write(data.subarray(0, end));
        upstream.unshift(data.subarray(end));
        upstream.pause();
        setTimeout(() => upstream.resume(), 20);
      }

      seen = true;
    });
  });

  await new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(PORT, resolve);
  });

  return {
    stop: async () => {
      open.forEach((socket) => socket.destroy());
      await new Promise((resolve) => server.close(resolve));
    },
  };
}


/* strings of a source, those that are joined with "+" as one */

function strings(file) {
  return fs.readFileSync(path.join(__dirname, file), 'utf8')
           .replace(/'\s*\+\s*'/g, '');
}


test('the suites as published', async (t) => {
  for (const [variable, { app, ours }] of Object.entries(SUITES)) {
    for (const workers of [1, 4]) {
      await t.test(`${variable}, ${workers} worker(s)`, async (t) => {
        const skip = await missing(variable);

        if (skip) {
          t.skip(skip);
          return;
        }

        const s = await sio.startNginx({
          workers,
          path: app.path,
          location: `sio on; ${app.directives}
                     sio_ping_interval 300ms;
                     sio_ping_timeout 200ms;
                     sio_connect_timeout 1s;
                     sio_cors_origin *;
                     ${app.rules}`,
        });
        const proxy = await front(s);

        try {
          const r = await mocha(process.env[variable], workers > 1 ? 3 : 1);
          const source = strings(ours);

          assert.ok(r.stats.tests > 20);
          assert.deepEqual(r.failures.map((f) => [f.fullTitle,
                                                  f.err.message]), []);

          for (const { title } of r.tests) {
            assert.ok(source.includes(title), `${ours} has "${title}"`);
          }

          t.diagnostic(`${r.stats.passes} of ${r.stats.tests} cases passed, `
                       + `${r.stats.pending} are skipped by the suite`);

        } finally {
          await proxy.stop();
          await s.stop();
        }
      });
    }
  }
});
