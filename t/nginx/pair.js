'use strict';

/*
 * The same hostile client against Node's socket.io and against nginx: each
 * case returns what it saw, and both must have seen the same.  A `want` is
 * what that should be, so that the reference is not trusted blindly, and
 * `nginx` what nginx answers where it differs on purpose.
 *
 * SIO_TARGET=node leaves nginx out.
 */

const test = require('node:test');
const assert = require('node:assert');

const sio = require('../lib/sio.js');

/* an application that echoes, in both languages */

const ECHO = {
  rules: `
    sio_on echo  { emit echo $sio_args; ack $sio_args; }
    sio_on alive { ack; }
    sio_on join  { join $sio_arg_0; ack; }
    sio_on shout { emit shout $sio_args to=$sio_arg_0; ack; }

    sio_namespace /custom {
        sio_on echo  { emit echo $sio_args; ack $sio_args; }
        sio_on alive { ack; }
    }`,

  app(io) {
    const echo = (socket) => {
      socket.on('echo', (...args) => {
        const ack = typeof args[args.length - 1] === 'function'
                    ? args.pop() : () => {};
        socket.emit('echo', ...args);
        ack(...args);
      });

      socket.on('alive', (...args) => call(args));
      socket.on('join', (...args) => {
        socket.join(args[0]);
        call(args);
      });
      socket.on('shout', (...args) => {
        const plain = args.filter((a) => typeof a !== 'function');
        io.to(args[0]).emit('shout', ...plain);
        call(args);
      });
    };

    io.on('connection', echo);
    io.of('/custom').on('connection', echo);
  },
};


function call(args) {
  const last = args[args.length - 1];

  if (typeof last === 'function') {
    last();
  }
}


/* ids differ from run to run */

function plain(text) {
  return String(text).replace(/"sid":"[\w-]{20}"/g, '"sid":"SID"');
}


/*
 * pair(title, {directives, options, app, ...}, cases): `options` are
 * socket.io's, `directives` the same for nginx; a case is {name, run(s),
 * want, nginx, skip}.  Behind each case the zone must be as it was before.
 * `only: "nginx"`: Node is not asked.
 */

function pair(title, { directives = '', options = {}, app = ECHO, workers = 4,
                       nginx = {}, only }, cases)
{
  const without = process.env.SIO_TARGET === 'node';

  test(title, { timeout: 200000 * sio.SLOW,
                skip: without && only === 'nginx' }, async (t) => {
    const node = only === 'nginx' ? null
      : await sio.startReference({ ...options, app: app.app });
    const server = without ? null
      : await sio.startNginx({
          workers,
          location: `sio on; ${directives} ${app.rules}`,
          ...nginx,
        });
    const base = server && await server.counters();
    let broken = false;

    try {
      for (const c of cases) {
        await t.test(c.name, { skip: c.skip }, async () => {
          const expected = node ? clean(await c.run(node)) : c.want;

          if (node && c.want !== undefined) {
            assert.deepEqual(expected, c.want, 'the reference');
          }

          if (!server) {
            return;
          }

          assert.deepEqual(clean(await c.run(server)),
                           c.nginx === undefined ? expected : c.nginx);

          if (!broken) {
            try {
              await server.settled(base, 5000);

            } catch (e) {
              broken = true;
              throw e;
            }
          }
        });
      }

    } finally {
      if (node) {
        await node.stop();
      }

      if (server) {
        await server.stop();
      }
    }
  });
}


function clean(value) {
  return JSON.parse(JSON.stringify(value), (key, v) =>
    typeof v === 'string' ? plain(v) : v);
}


module.exports = { pair, plain, call, ECHO };
