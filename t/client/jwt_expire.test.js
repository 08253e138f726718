'use strict';

/*
 * The end of a token is the end of its socket: on whatever worker and
 * transport, not before and with nothing run behind it.
 */

const assert = require('node:assert/strict');
const { after, before, describe, it } = require('node:test');

const lib = require('./lib.js');
const sio = require('../lib/sio.js');
const { SECRET, makeKeys, now } = require('./tokens.js');

const { ask, client, connect, until } = lib;

const FORMS = ['websocket', 'polling', 'upgrade'];


describe('the end of a token', { skip: lib.NODE, concurrency: true }, () => {
  let server, base, keys, watch;
  const gone = [];

  const location = `sio on;
    sio_jwt auth /token "secret=${SECRET}";
    sio_on who  { ack $sio_jwt_sub; }
    sio_on now  { ack $msec; }
    sio_on disconnecting { emit ending $sio_jwt_sub to=* nsp=/watch; }
    sio_on disconnect    { emit gone $sio_jwt_sub $sio_reason to=* nsp=/watch; }

    sio_namespace /watch { sio_jwt off; }
    sio_namespace /other { sio_on who { ack $sio_jwt_sub; } }
    sio_namespace /warn  { sio_jwt auth /token "secret=${SECRET}"
                                   expire=expiring grace=2s; }
    sio_namespace /off   { sio_jwt auth /token "secret=${SECRET}" expire=off;
                           sio_on who { ack $sio_jwt_sub; } }
    sio_namespace /late  { sio_jwt auth /token "secret=${SECRET}" leeway=2s;
                           sio_on who { ack $sio_jwt_sub; } }`;

  before(async () => {
    keys = await makeKeys();

    server = await sio.startNginx({
      workers: 4, tls: true, location,
    });

    base = await server.counters();
    watch = await connect(server, { nsp: '/watch' });
    watch.on('gone', (...args) => gone.push(args));
  });

  after(async () => {
    await lib.finish(server, base);
    keys.remove();
  });


  const token = (seconds, sub = 'ann') =>
    keys.sign({ sub, ...(seconds && { exp: now() + seconds }) });

  const ended = (socket) => new Promise((resolve) =>
    socket.on('disconnect', (reason) => resolve({ reason, at: Date.now() })));


  for (const transport of FORMS) {
    for (const tls of transport === 'upgrade' ? [true] : [false]) {
      it(`disconnects, ${transport}`, async () => {
        const sub = `of ${transport}`;
        const exp = now() + 3;
        const socket = await connect(server, {
          transport, tls, auth: { token: keys.sign({ sub, exp }) } });
        const end = await ended(socket);

        assert.equal(end.reason, 'io server disconnect');
        assert.ok(end.at >= exp * 1000, `${exp * 1000 - end.at} ms early`);
        await until(() => gone.some(([name, reason]) => name === sub
          && reason === 'server namespace disconnect'));

        /* it may come back, with a fresh one */

        socket.auth = { token: keys.sign({ sub, exp: exp - 60 }) };
        socket.connect();

        const e = await new Promise((resolve) =>
          socket.once('connect_error', resolve));

        assert.equal(e.message, 'token expired');

        socket.auth = { token: token(0, sub) };
        socket.connect();
        await sio.connected(socket);
        assert.equal(await ask(socket, 'who'), sub);
        socket.disconnect();
      });


      it(`disconnects one of two, ${transport}`, async () => {
        const socket = await connect(server, {
          transport, tls, auth: { token: token(3, 'one') } });
        const other = socket.io.socket('/other',
                                       { auth: { token: token(60, 'two') } });
        const off = socket.io.socket('/off',
                                     { auth: { token: token(3, 'three') } });
        const late = socket.io.socket('/late',
                                      { auth: { token: token(2, 'four') } });
        const lateEnd = ended(late);

        await Promise.all([other, off, late].map((s) => sio.connected(s)));

        assert.equal((await ended(socket)).reason, 'io server disconnect');
        assert.equal(await ask(other, 'who'), 'two');
        assert.equal((await lateEnd).reason, 'io server disconnect');
        assert.equal(await ask(other, 'who'), 'two');
        assert.equal(await ask(off, 'who'), 'three');

        other.disconnect();
        off.disconnect();
      });


      it(`says so before, ${transport}`, async () => {
        const exp = now() + 5;
        const socket = client(server, {
          transport, tls, nsp: '/warn', auth: { token: keys.sign({ exp }) } });
        const heard = lib.record(socket);
        const end = await ended(socket);

        assert.equal(heard.length, 1);
        assert.equal(heard[0][0], 'expiring');
        assert.ok([0, 1, 2].includes(heard[0][1]), `${heard[0][1]} seconds`);
        assert.equal(end.reason, 'io server disconnect');
        assert.ok(end.at >= exp * 1000);
      });


      it(`says so at once, ${transport}`, async () => {
        const socket = client(server, {
          transport, tls, nsp: '/warn', auth: { token: token(3) } });
        const heard = lib.record(socket);

        await ended(socket);
        assert.equal(heard.length, 1);
      });
    }
  }


  it('runs nothing behind it', async () => {
    const sockets = await Promise.all(FORMS.map((transport) =>
      connect(server, { transport, auth: { token: token(3) } })));
    const last = Math.max(...await Promise.all(sockets.map(async (socket) => {
      const end = ended(socket);
      let at = 0, over = false;

      end.then(() => { over = true; });

      while (!over) {
        await Promise.race([end, new Promise((resolve) =>
          socket.emit('now', (t) => { at = Number(t); resolve(); }))]);
      }

      return at;
    })));

    const { exp } = JSON.parse(Buffer.from(sockets[2].auth.token.split('.')[1],
                                           'base64url'));

    assert.ok(last > exp - 3 && last < exp, `${last} is not before ${exp}`);
  });


  it('holds for many at once', async () => {
    const exp = now() + 5;
    const auth = { token: keys.sign({ sub: 'many', exp }) };
    const sockets = await lib.connectMany(server, 60, (i) =>
      ({ transport: FORMS[i % 2], auth }));

    const ends = await Promise.all(sockets.map(ended));

    assert.ok(ends.every((e) => e.reason === 'io server disconnect'
                                && e.at >= exp * 1000));
    await until(() => gone.filter(([sub]) => sub === 'many').length === 60);
  });
});
