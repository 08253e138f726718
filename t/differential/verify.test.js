'use strict';

/*
 * Which test of a request comes first: every combination of transport, sid,
 * version, method and Upgrade, each an exchange of its own.
 */

const { after, before, describe, it } = require('node:test');

const lib = require('./lib.js');

const NOBODY = 'AAAAAAAAAAAAAAAAAAAA';

const transports = [undefined, 'polling', 'websocket', 'pigeon'];
const versions = ['4', '3', undefined];
const methods = ['GET', 'POST', 'OPTIONS', 'HEAD'];


/* what an upgrade is answered with: text, and the end of the connection */

async function upgrade({ note, ws }, path, method) {
  const w = await ws({ path, method });

  if (!w.ok) {
    note(method === 'HEAD' ? w.response.status : w.response,
         w.response.header('connection'));
    w.destroy();
    return;
  }

  note(w.response);
  note(path.includes('&sid=') ? '' : await w.recvText().catch(() => ''));
  w.close();
  note((await w.waitClose()).code);
}


async function request({ note, http }, path, method) {
  const r = await http({ path, method,
                         body: method === 'POST' ? '3' : undefined });

  note(r, r.header('connection'));
}


/* on a server with polling and WebSocket, and on those with one of them */

for (const where of ['socket.io', 'polling-only', 'ws-only']) {
  describe(`verify, /${where}/`, () => {
    const both = lib.pair({
      node: () => {},
      locations: {
        '/polling-only/': {
          directives: 'sio_transports polling;',
          options: { transports: ['polling'] },
        },
        '/ws-only/': {
          directives: 'sio_transports websocket;',
          options: { transports: ['websocket'] },
        },
      },
    });

    before(() => both.start());
    after(() => both.stop());

    const few = where !== 'socket.io';

    for (const transport of few ? transports.slice(1) : transports) {
      for (const version of few ? ['4'] : versions) {
        for (const method of few ? ['GET', 'POST'] : methods) {
          for (const sid of [undefined, NOBODY]) {
            for (const exchange of [request, upgrade]) {
              const query = [version && `EIO=${version}`,
                             transport && `transport=${transport}`,
                             sid && `sid=${sid}`]
                .filter(Boolean).join('&');
              const name = `${method} ${query || 'nothing'}`
                           + (exchange === upgrade ? ', Upgrade' : '');

              /* Node says 101, and then "HTTP/1.1 400" in the WebSocket */

              const odd = exchange === upgrade && method === 'GET'
                          && version !== '4' && transport === 'websocket'
                          && !sid;

              if (odd || (where === 'polling-only' && exchange === upgrade)) {
                continue;
              }

              it(name, () => both.compare((tools) => exchange(
                tools, `/${where}/?${query}`, method)));
            }
          }
        }
      }
    }
  });
}


/* the same with a session: one that polls, one with a WebSocket */

for (const kind of ['polling', 'websocket']) {
  describe(`verify, with a session of ${kind}`, () => {
    const both = lib.pair({ node: () => {} });
    const sessions = {};

    before(async () => {
      await both.start();

      for (const s of Object.values(both.servers)) {
        sessions[s.port] = kind === 'polling' ? await lib.poll(s)
                                              : await lib.wsOpen(s);
      }
    });

    after(async () => {
      for (const s of Object.values(sessions)) {
        if (kind === 'websocket') {
          await s.close();
        }
      }

      await both.stop();
    });

    for (const transport of transports) {
      for (const version of versions) {
        for (const method of [...methods, 'PUT']) {
          for (const exchange of [request, upgrade]) {
            const query = [version && `EIO=${version}`,
                           transport && `transport=${transport}`]
              .filter(Boolean).join('&');
            const name = `${method} ${query || 'nothing'}`
                         + (exchange === upgrade ? ', Upgrade' : '');

            /* a GET that waits, and a candidate: see overlap and upgrade */

            if (version === '4' && method === 'GET'
                && (transport === 'polling' || transport === 'websocket'))
            {
              continue;
            }

            /* Node forgets to answer this one */

            if (version === '4' && transport === kind
                && kind === 'websocket' && exchange === request)
            {
              continue;
            }

            it(name, () => both.compare((tools) => exchange(
              tools, `/socket.io/?${query}&sid=${sessions[tools.port].sid}`,
              method)));
          }
        }
      }
    }
  });
}
