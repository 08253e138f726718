#!/usr/bin/env node
'use strict';

/*
 * What a token costs nginx at a connect, by algorithm: see README.md.
 *
 *   jwt.js [CONNECTS [ROUNDS]]      2000 with each algorithm, 5 rounds
 */

const fs = require('fs');

const sio = require('../lib/sio.js');
const tokens = require('../client/tokens.js');

const CONNECTS = Number(process.argv[2] || 2000);
const ROUNDS = Number(process.argv[3] || 5);

const ALGS = ['none', 'HS256', 'HS512', 'RS256', 'PS256', 'ES256', 'ES384',
              'ES512', 'EdDSA'];


/* CPU of a process in microseconds */

const cpu = (pid) => Number(
  fs.readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1000;


/* joins the namespace and leaves it, again and again */

async function connects(w, nsp, token, n) {
  const auth = token ? JSON.stringify({ token }) : '{}';

  while (n--) {
    w.send(`40/${nsp},${auth}`);

    let text = await w.recvText();

    if (text === '2') {
      w.send('3');
      text = await w.recvText();
    }

    if (!text.startsWith(`40/${nsp},{"sid"`)) {
      throw new Error(`${nsp}: ${text}`);
    }

    w.send(`41/${nsp},`);
  }
}


async function main() {
  const keys = await tokens.makeKeys();
  const exp = Math.floor(Date.now() / 1000) + 3600;
  const jwks = `${keys.dir}/all.jwks`;

  const server = await sio.startNginx({
    workers: 1,
    logLevel: 'warn',
    location: `sio on; sio_ping_interval 1h;
      ${ALGS.map((alg) => `sio_namespace /${alg} {
          ${alg === 'none' ? '' : `sio_jwt auth /token jwks=${jwks};`}
          sio_on connect { require !$sio_event; }
        }`).join('\n')}`,
  });

  const [pid] = server.workers();
  const w = await sio.wsOpen(server);
  const took = ALGS.map(() => []);

  for (let round = 0; round <= ROUNDS; round++) {
    for (const [i, alg] of ALGS.entries()) {
      const token = alg !== 'none'
        && keys.sign({ sub: 'ann', org: 'acme', exp },
                     { alg, header: { kid: { HS: 'secret', RS: 'rsa',
                                             PS: 'rsa', ES256: 'p256',
                                             ES384: 'p384', ES512: 'p521',
                                             Ed: 'ed25519' }[
                       alg.startsWith('ES') ? alg : alg.slice(0, 2)] } });
      const before = cpu(pid);

      await connects(w, alg, token, CONNECTS);

      if (round) {                                  /* the first warms up */
        took[i].push((cpu(pid) - before) / CONNECTS);
      }
    }
  }

  const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
  const none = median(took[0]);

  console.log('| alg | us of CPU a connect | of the token | rounds |');
  console.log('|---|---|---|---|');

  ALGS.forEach((alg, i) => {
    const us = median(took[i]);

    console.log(`| ${alg} | ${us.toFixed(1)} | ${(us - none).toFixed(1)} | `
                + `${took[i].map((t) => t.toFixed(1)).join(' ')} |`);
  });

  await w.close(1000);
  await server.stop();
  keys.remove();
}


main().catch((e) => {
  console.error(e);
  process.exit(1);
});
