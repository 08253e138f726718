'use strict';

/*
 * "user" in the answers of hooks, and their signature after the Standard
 * Webhooks scheme, as its own library and node:crypto verify it.
 */

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { after, afterEach, before, describe, it } = require('node:test');

const { Webhook } = require('standardwebhooks');

const { Backend, location } = require('./backend.js');
const lib = require('./lib.js');
const sio = require('../lib/sio.js');

const { ask: emitAck, client, connect, disconnectAll, once, until } = lib;

const skip = process.env.SIO_TARGET === 'node';

const OLD = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const NEW = 'a secret, {raw}; "as it is"';


describe('hooks that know users, and are signed', { skip }, () => {
  const backend = new Backend();
  let server, base;

  before(async () => {
    await backend.start();

    server = await sio.startNginx({
      workers: 4,
      tls: true,
      http: 'sio_hook_secret "not these" "nor those";',
      location: `sio on; sio_allow_eio3 on;
        sio_hook_secret ${OLD} '${NEW}';
        sio_limit user=20;
        sio_set $who auth /user;
        sio_user $who;
        sio_user_room on;
        sio_user_sessions 2 refuse;
        sio_use            { hook /backend/use; }
        sio_on connect     { hook /backend/in; }
        sio_on disconnect  { hook /backend/out; }
        sio_on ask         { hook /backend/ask; }
        sio_on later       { hook /backend/later async; ack; }
        sio_on who         { ack $sio_user $sio_rooms; }
        sio_room_hook /backend/rooms create-room;
        sio_namespace /free { sio_hook /backend/free; }
        sio_namespace /mine { sio_hook /backend/mine;
                              sio_on who { ack $sio_user $sio_rooms; }
                              sio_join_allow "mine:$sio_user"; }`,
      server: location(backend),
      allow: [/sio hook: /],
    });

    base = await server.counters();
  });

  afterEach(async () => {
    await disconnectAll();
    await until(async () => (await server.counters()).sessions
                            === base.sessions);
    backend.handlers = {};
    backend.asked.length = 0;
  });

  after(async () => {
    await lib.finish(server, base);
    await backend.stop();
  });


  const forms = [
    { transport: 'websocket' }, { transport: 'polling' },
    { transport: 'websocket', tls: true }, { transport: 'upgrade', tls: true },
  ];

  for (const form of forms) {
    const title = `${form.transport}${form.tls ? ', TLS' : ''}`;

    it(`a hook makes a socket somebody: ${title}`, async () => {
      const answers = { '/backend/use': { user: 'ü:1' },
                        '/backend/in': '' };

      backend.handlers.connect = ({ url }) => answers[url];
      backend.handlers.event = ({ args: [answer] }) => answer;

      const socket = await connect(server, { ...form,
                                             auth: { user: 'first' } });

      assert.deepEqual(await lib.emitAck(socket, 'who'),
                       ['ü:1', [socket.id, 'user:ü:1']]);
      assert.deepEqual(backend.of('connect').map((a) => [a.url, a.user]),
                       [['/backend/use', 'first'], ['/backend/in', 'ü:1']]);

      /* later, as a number, as nobody; with data and orders */

      await emitAck(socket, 'ask', { user: 42, data: { n: 1 },
                                     do: { emit: 'x', to: 'user:42' },
                                     ack: [] });
      assert.deepEqual(await lib.emitAck(socket, 'who'),
                       ['42', [socket.id, 'user:42']]);

      await emitAck(socket, 'ask', { user: null, ack: [] });
      assert.equal(backend.of('event', 'ask').at(-1).user, '42');
      assert.deepEqual(await lib.emitAck(socket, 'who'),
                       [null, [socket.id]]);

      await emitAck(socket, 'ask', { user: 'z', ack: [] });
      assert.equal(backend.of('event', 'ask').at(-1).user, undefined);

      const { id } = socket;

      socket.disconnect();
      await until(() => backend.of('disconnect', 'disconnect')
                               .some((a) => a.id === id));
      assert.equal(backend.of('disconnect', 'disconnect').at(-1).user, 'z');
    });
  }


  it('an async hook does, too', async () => {
    const socket = await connect(server);

    backend.handlers.event = () => ({ user: 'late' });
    await emitAck(socket, 'later');
    await until(async () => (await emitAck(socket, 'who')) === 'late');
  });


  it('a user that cannot be is nobody, and nothing is done', async () => {
    const socket = await connect(server, { auth: { user: 'me' } });
    const invalid = async () => (await server.counters()).hooks_invalid;

    backend.handlers.event = ({ args: [answer] }) => answer;

    for (const user of ['x'.repeat(21), 1.5, 1e17, true, ['a'], { a: 1 },
                        'a\ufffd']) {
      const before = await invalid();

      assert.deepEqual(
        await emitAck(socket, 'ask', { user, data: { bad: 1 },
                                       do: { join: 'bad' }, ack: [] }),
        { error: 'internal error' }, JSON.stringify(user));
      assert.equal(await invalid(), before + 1);
    }

    /* nor is the user taken with what is too large */

    assert.deepEqual(
      await emitAck(socket, 'ask', { user: 'other', ack: [],
                                     data: { x: 'x'.repeat(5000) } }),
      { error: 'internal error' });

    assert.deepEqual(await lib.emitAck(socket, 'who'),
                     ['me', [socket.id, 'user:me']]);
    await emitAck(socket, 'ask', { user: 'x'.repeat(20), ack: [] });
    assert.equal(await emitAck(socket, 'who'), 'x'.repeat(20));
  });


  it('what is allowed is allowed to the new user', async () => {
    backend.handlers.connect = () =>
      ({ user: 'me', do: { join: 'mine:me' } });
    backend.handlers.event = ({ args: [answer] }) => answer;

    const socket = await connect(server, { nsp: '/mine' });
    const who = async () => {
      const [user, rooms] = await lib.emitAck(socket, 'who');

      return [user, rooms.filter((room) => /^mine/.test(room))];
    };

    assert.deepEqual(await who(), ['me', ['mine:me']]);

    assert.deepEqual(
      await emitAck(socket, 'ask', { user: 'other', ack: [],
                                     do: { join: 'mine:me' } }),
      { error: 'internal error' });
    assert.deepEqual(await who(), ['me', ['mine:me']]);

    await emitAck(socket, 'ask', { user: 'other', ack: [],
                                   do: { join: 'mine:other' } });
    assert.deepEqual(await who(), ['other', ['mine:me', 'mine:other']]);
  });


  it('one session more than a user may have is refused', async () => {
    const auth = { user: 'busy' };
    const other = await connect(server);

    await connect(server, { auth });
    await connect(server, { auth });

    backend.handlers.event = () => ({ user: 'busy', data: { a: 1 },
                                      ack: ['taken'] });
    assert.deepEqual(await emitAck(other, 'ask'),
                     { error: 'too many sessions' });
    assert.equal(await emitAck(other, 'who'), null);

    backend.handlers.connect = () => ({ user: 'busy' });

    const socket = client(server);
    const [error] = await once(socket, 'connect_error');

    assert.equal(error.message, 'too many sessions');
  });


  /* the library's own verification, by each of the keys; and by hand */

  function verify(a) {
    const headers = {
      'webhook-id': a.headers['webhook-id'],
      'webhook-timestamp': a.headers['webhook-timestamp'],
      'webhook-signature': a.headers['webhook-signature'],
    };

    new Webhook(OLD).verify(a.text, headers);
    new Webhook(NEW, { format: 'raw' }).verify(a.text, headers);

    assert.throws(() => new Webhook(OLD).verify(`${a.text} `, headers));
    assert.throws(() => new Webhook('not these', { format: 'raw' })
                          .verify(a.text, headers));
    assert.throws(() => new Webhook(OLD).verify(a.text, {
      ...headers, 'webhook-id': `${headers['webhook-id']}x` }));

    const sign = (key) => crypto.createHmac('sha256', key)
      .update(`${headers['webhook-id']}.${headers['webhook-timestamp']}.`)
      .update(a.raw).digest('base64');

    assert.equal(headers['webhook-signature'],
                 `v1,${sign(Buffer.from(OLD.slice(6), 'base64'))} `
                 + `v1,${sign(NEW)}`);

    assert.match(headers['webhook-id'], /^msg_[\w-]{20}$/);
    assert.ok(Math.abs(headers['webhook-timestamp'] - Date.now() / 1000)
              < 60);

    return headers['webhook-id'];
  }


  it('each question is signed, each with an id of its own', async () => {
    const sockets = await Promise.all([
      connect(server, { auth: { user: 'a' } }),
      connect(server, { transport: 'polling', tls: true,
                        auth: { user: 'b' } }),
      connect(server, { version: '2.5' }),
      connect(server, { nsp: '/free' }),
    ]);

    backend.handlers.event = () => [];

    for (const socket of sockets.slice(0, 3)) {
      await emitAck(socket, 'ask', { 'ü\u2028': '☃', n: 1.50 },
                    Buffer.from([1, 2, 3]));
      await emitAck(socket, 'ask');
      await emitAck(socket, 'ask', 'x'.repeat(200000));
    }

    const [a] = sockets;

    a.disconnect();
    await until(() => backend.of('disconnect', 'disconnect').length
                      && backend.of('create-room').length >= 2);

    const ids = backend.asked.map(verify);

    assert.ok(ids.length >= 16);
    assert.equal(new Set(ids).size, ids.length);
  });
});
