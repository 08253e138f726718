'use strict';

/*
 * Tokens outlive what verified them: their claims and their end are in the
 * zone.
 */

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { after, afterEach, before, describe, it } = require('node:test');

const lib = require('../client/lib.js');
const sio = require('../lib/sio.js');
const { SECRET, makeKeys, now } = require('../client/tokens.js');

const { ask, client, disconnectAll, until } = lib;

const FORMS = ['websocket', 'polling', 'upgrade'];


describe('tokens', { skip: lib.NODE }, () => {
  let server, base, keys;

  const location = (file) => `sio on;
    sio_jwt auth /token "secret=${SECRET}";
    sio_on who { ack $sio_jwt_sub; }
    sio_namespace /keys { sio_jwt auth /token key=${file};
                          sio_on who { ack $sio_jwt_sub; } }`;

  before(async () => {
    keys = await makeKeys();
    fs.copyFileSync(path.join(keys.dir, 'rsa.pub'),
                    path.join(keys.dir, 'current.pub'));

    server = await sio.startNginx({
      workers: 4,
      location: location(path.join(keys.dir, 'current.pub')),
      allow: [/exited on signal 9/, /was locked by \d+/],
    });

    base = await server.counters();
  });

  afterEach(() => disconnectAll());

  after(async () => {
    await lib.finish(server, base);
    keys.remove();
  });


  it('outlive a reload', async () => {
    const exp = now() + 4;
    const sockets = await lib.connectMany(server, 8, (i) =>
      ({ transport: 'polling',
         auth: { token: keys.sign({ sub: `r${i}`, exp }) } }));
    const ids = sockets.map((s) => s.id);
    const ends = Promise.all(sockets.map((socket) => new Promise((resolve) =>
      socket.once('disconnect', (reason) => resolve([reason, Date.now()])))));

    await server.reload();

    if (now() < exp - 1) {
      for (const [i, socket] of sockets.entries()) {
        assert.equal(await ask(socket, 'who'), `r${i}`);
        assert.equal(socket.id, ids[i]);
      }
    }

    for (const [reason, at] of await ends) {
      assert.equal(reason, 'io server disconnect');
      assert.ok(at >= exp * 1000);
    }
  });


  it('outlive workers', async () => {
    const auth = { token: keys.sign({ sub: 'ann', exp: now() + 5 }) };

    await lib.connectMany(server, 24, (i) =>
      ({ transport: FORMS[i % 3], auth }));

    const [first, second] = server.workers();

    process.kill(first, 'SIGKILL');
    process.kill(second, 'SIGKILL');

    /* those that lost their connection come back, and end as well */

    await until(async () => {
      const c = await server.counters();

      return c.tokens === 0 && c.sockets === 0;
    }, 15000, 'the end of all sockets');

    assert.ok(now() * 1000 >= JSON.parse(Buffer.from(
      auth.token.split('.')[1], 'base64url')).exp * 1000);
  });


  it('are looked at with the keys of now', async () => {
    const sign = (key) => keys.sign({ sub: key }, { alg: 'RS256', key });
    const current = path.join(keys.dir, 'current.pub');

    /* true, or what it is told */

    const enter = (key) => new Promise((resolve) => {
      const socket = client(server, { nsp: '/keys', reconnection: false,
                                      auth: { token: sign(key) } });

      socket.on('connect', () => resolve(true));
      socket.on('connect_error', (e) => resolve(e.message));
    });

    assert.equal(await enter('rsa'), true);
    assert.equal(await enter('rsa2'), 'invalid token');

    fs.copyFileSync(path.join(keys.dir, 'rsa2.pub'), current);
    assert.equal(await enter('rsa'), true);
    await server.reload();

    /* an old worker may still answer */

    await until(async () => await enter('rsa2') === true);
    await until(async () => await enter('rsa') === 'invalid token');

    /* a key that is no good leaves the old configuration as it is */

    fs.writeFileSync(current, 'nothing');

    const before = server.errorLog().length;

    server.allow.push(/no public key in/);
    server.signal('SIGHUP');
    await until(() => /no public key in ".*current.pub"/.test(
      server.errorLog().slice(before)));
    assert.equal(await enter('rsa2'), true);
  });
});
