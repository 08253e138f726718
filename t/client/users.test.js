'use strict';

/*
 * Who a socket is: sio_user, its room, sessions of one user.
 */

const assert = require('node:assert/strict');
const { after, afterEach, before, describe, it } = require('node:test');

const lib = require('./lib.js');
const sio = require('../lib/sio.js');

const { ask: emitAck, client, connect, connectMany, disconnectAll,
        until } = lib;

const FORMS = ['websocket', 'polling', 'upgrade'];
const KEY = 'a key of the backend';

const RULES = `
    sio_set $name auth /user;
    sio_set $org auth /org;
    sio_user $name;
    sio_user_room on;

    sio_use { require $sio_user != nobody "error=not you"; }

    sio_on who    { ack $sio_user $sio_rooms; }
    sio_on join   { join $sio_arg_0; ack; }
    sio_on leave  { leave $sio_arg_0; ack $sio_rooms; }
    sio_on away   { leave $sio_rooms; ack $sio_rooms; }
    sio_on tell   { emit told $sio_user $sio_arg_1 to=user:$sio_arg_0; }
    sio_on disconnecting { emit leaving $sio_user $sio_rooms to=watch; }
    sio_on disconnect { emit left $sio_user $sio_reason to=watch; }

    sio_namespace /org {
        sio_user "$org/$name";
        sio_user_room "member of ";
        sio_on who  { ack $sio_user $sio_rooms; }
        sio_on join { join $sio_arg_0; ack; }
    }
    sio_namespace ~ ^/as-(\\w+)$ {
        sio_user $1;
        sio_user_room off;
        sio_on who  { ack $sio_user $sio_rooms; }
        sio_on join { join $sio_arg_0; ack; }
    }
    sio_namespace /same {
        sio_on who { ack $sio_user $sio_rooms; }
    }
    sio_namespace /basic {
        sio_user $remote_user;
        sio_on who { ack $sio_user $sio_rooms; }
    }
    sio_namespace /address {
        sio_user "$remote_addr $arg_token";
        sio_on who { ack $sio_user $sio_rooms; }
    }
`;


function api(server) {
  return async (path, body) => {
    const r = await fetch(`${server.url}/api/${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { Authorization: `Bearer ${KEY}`,
                 'Content-Type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });

    return r.json();
  };
}

const refused = (server, options) =>
  new Promise((resolve, reject) => {
    const s = client(server, { reconnection: false, ...options });

    s.on('connect_error', resolve);
    s.on('connect', () => reject(new Error('it was let in')));
  });


describe('users', { skip: process.env.SIO_TARGET === 'node' }, () => {
  let server, base, call;

  before(async () => {
    server = await sio.startNginx({
      workers: 4,
      tls: true,
      location: `sio on; sio_allow_eio3 on; ${RULES}`,
      server: `location /msgpack/ { sio zone=default; sio_parser msgpack; }
               location /api/ { sio_api; sio_api_key "${KEY}"; }`,
    });
    base = await server.counters();
    call = api(server);
  });

  afterEach(() => disconnectAll());

  after(() => lib.finish(server, base));


  const whoIs = (s) => new Promise((resolve) =>
    s.emit('who', (...answer) => resolve(answer)));

  for (const transport of FORMS) {
    it(`names a socket, ${transport}`, async () => {
      const s = await connect(server, { transport, auth: { user: 'ann' } });

      assert.deepEqual(await whoIs(s), ['ann', [s.id, 'user:ann']]);

      const n = await connect(server, { transport });

      assert.deepEqual(await whoIs(n), [null, [n.id]]);
    });
  }


  it('knows 42 and "42" for one user, and tells all its sockets',
     async () => {
       const users = ['42', 42, 42.0, '42', 42, '42', '43', 420];
       const list = await connectMany(server, users.length, (i) => ({
         transport: FORMS[i % 3], tls: i % 2 === 1,
         auth: { user: users[i] },
       }));

       for (const s of list) {
         s.heard = [];
         s.on('told', (...args) => s.heard.push(args));
       }

       assert.deepEqual(await call('', { emit: 'told', args: ['api'],
                                         to: 'user:42' }), { receivers: 6 });
       list[7].emit('tell', '42', Buffer.from([1, 2]));

       await until(() => list.slice(0, 6).every((s) => s.heard.length === 2),
                   10000, 'all sockets of 42 to have heard both');

       for (const s of list.slice(0, 6)) {
         assert.deepEqual(s.heard, [['api'],
                                    ['420', Buffer.from([1, 2])]]);
       }

       assert.deepEqual(list[6].heard.concat(list[7].heard), []);

       const page = await call('sockets?room=user:42');

       assert.equal(page.total, 6);
       assert.deepEqual(new Set(page.sockets.map((s) => s.user)),
                        new Set(['42']));
       assert.deepEqual(await call('rooms/user:43'),
                        { room: 'user:43', size: 1 });
     });


  it('refuses what names nobody', async () => {
    for (const user of [{}, [], [1], true, false, 1.5, 2 ** 53, 1e300]) {
      const e = await refused(server, { auth: { user } });

      assert.equal(e.message, 'invalid user', JSON.stringify(user));
    }

    const n = Number.MAX_SAFE_INTEGER;
    const list = await connectMany(server, 3, (i) => ({
      auth: { user: [n, -n, 0][i] },
    }));

    assert.deepEqual((await Promise.all(list.map(whoIs))).map((a) => a[0]),
                     [`${n}`, `-${n}`, '0']);
  });


  it('takes empty, null and missing for nobody', async () => {
    for (const auth of [{ user: '' }, { user: null }, {}, undefined]) {
      const s = await connect(server, { auth });

      assert.deepEqual(await whoIs(s), [null, [s.id]]);
    }
  });


  it('takes a name of 256 bytes, and not one more', async () => {
    const s = await connect(server, { auth: { user: 'ü'.repeat(128) } });

    assert.equal((await whoIs(s))[0], 'ü'.repeat(128));

    const e = await refused(server, { auth: { user: 'x'.repeat(257) } });

    assert.equal(e.message, "the user's name is too long");
  });


  it('is asked before sio_use', async () => {
    const e = await refused(server, { auth: { user: 'nobody' } });

    assert.equal(e.message, 'not you');
  });


  it('is another one in each namespace', async () => {
    const auth = { user: 'ann', org: 'x' };
    const org = await connect(server, { nsp: '/org', auth });
    const as = await connect(server, { nsp: '/as-bob', auth });
    const same = await connect(server, { nsp: '/same', auth });

    assert.deepEqual(await whoIs(org),
                     ['x/ann', [org.id, 'member of x/ann']]);
    assert.deepEqual(await whoIs(as), ['bob', [as.id]]);
    assert.deepEqual(await whoIs(same), ['ann', [same.id, 'user:ann']]);

    /* a part that is missing names nobody: never "x/" */

    for (const a of [{ org: 'x' }, { user: 'ann' }, { user: '', org: 'x' }]) {
      const s = await connect(server, { nsp: '/org', auth: a });

      assert.deepEqual(await whoIs(s), [null, [s.id]]);
    }
  });


  it('knows variables of the handshake', async () => {
    const s = await connect(server, { nsp: '/address',
                                      query: { token: 'tea' } });

    assert.deepEqual(await whoIs(s), ['127.0.0.1 tea',
                                      [s.id, 'user:127.0.0.1 tea']]);
  });


  it('refuses bytes that are no UTF-8', async () => {
    const basic = (user) => sio.wsOpen({ ...server, headers: {
      Authorization: `Basic ${Buffer.from(`${user}:x`, 'latin1')
                                    .toString('base64')}`,
    } });
    const w = await basic('\xff');

    w.send('40/basic,');
    assert.match(await w.recvText(), /^44\/basic,.*not valid UTF-8/);
    await w.close(1000);

    const v = await basic('ann');

    v.send('40/basic,');
    assert.match(await v.recvText(), /^40\/basic,/);
    v.send('42/basic,1["who"]');
    assert.match(await v.recvText(), /^43\/basic,1\["ann",/);
    await v.close(1000);
  });


  it('lets nobody else in or out of the room', async () => {
    const s = await connect(server, { auth: { user: 'ann' } });
    const t = await connect(server, { auth: { user: 'bob' } });

    assert.deepEqual(await emitAck(t, 'join', 'user:ann'),
                     { error: 'not allowed' });
    assert.deepEqual(await emitAck(t, 'join', 'user:'),
                     { error: 'not allowed' });
    await emitAck(t, 'join', 'user');
    assert.deepEqual(await emitAck(s, 'leave', 'user:ann'),
                     [s.id, 'user:ann']);
    assert.deepEqual(await emitAck(t, 'away'), [t.id, 'user:bob']);

    const r = await call('', { join: ['a', 'user:ann'], to: t.id });

    assert.match(r.error.message, /join/);
    await call('', { leave: 'user:ann', all: true });
    assert.deepEqual((await whoIs(s))[1], [s.id, 'user:ann']);
    assert.deepEqual((await whoIs(t))[1], [t.id, 'user:bob']);

    /* where the prefix is another one, or there is none, it is a room */

    const org = await connect(server, { nsp: '/org',
                                        auth: { user: 'a', org: 'b' } });
    const as = await connect(server, { nsp: '/as-bob' });

    await emitAck(org, 'join', 'user:ann');
    await emitAck(as, 'join', 'user:ann');
    assert.deepEqual(await emitAck(org, 'join', 'member of b/c'),
                     { error: 'not allowed' });
  });


  it('is known until the end', async () => {
    const watch = await connect(server);
    const s = await connect(server, { auth: { user: 'ann' } });
    const heard = [];

    await emitAck(watch, 'join', 'watch');
    watch.onAny((...args) => heard.push(args));

    const { id } = s;

    s.disconnect();
    await until(() => heard.length === 2, 10000, 'the end of ann');
    assert.deepEqual(heard, [
      ['leaving', 'ann', [id, 'user:ann']],
      ['left', 'ann', 'client namespace disconnect'],
    ]);
  });


  it('names Socket.IO v2 clients, and those with msgpack', async () => {
    const old = await connect(server, { version: '2.5', nsp: '/address',
                                        query: { token: 'old' } });

    assert.deepEqual(await whoIs(old), ['127.0.0.1 old',
                                        [old.id, 'user:127.0.0.1 old']]);

    const packed = await connect(server, {
      path: '/msgpack/', parser: require('socket.io-msgpack-parser'),
      auth: { user: 7 },
    });

    assert.deepEqual(await whoIs(packed), ['7', [packed.id, 'user:7']]);
  });
});
