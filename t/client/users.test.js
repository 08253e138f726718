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

    const there = { to: org.id, nsp: '/org' };
    const o = await call('', [{ join: 'user:bob', ...there },
                              { join: ['b', 'member of b/c'], ...there }]);

    assert.match(o.error.message, /^\[1\]\.join names a user's room/);
    assert.deepEqual(await call('', { join: 'user:bob', ...there }),
                     { sockets: 1 });
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


/* n sessions of one user: who comes, who goes, what they hear */

const SESSIONS = `
    sio_set $name auth /user;
    sio_user $name;
    sio_user_room on;
    sio_on rooms { ack $sio_rooms; }
    sio_on disconnecting { emit leaving $sio_user $sio_rooms to=watch; }

    sio_namespace /watch { sio_user watcher; sio_user_sessions off;
                           sio_on connect { join watch; } }
    sio_namespace /kick { sio_user_sessions 3 kick;
                          sio_on rooms { ack $sio_rooms; }
                          sio_on disconnecting {
                              emit leaving $sio_user $sio_rooms nsp=/watch
                                   to=watch;
                          } }
    sio_namespace /one { sio_user_sessions 1 kick;
                         sio_on connect { join one; }
                         sio_on rooms { ack $sio_rooms; } }
    sio_namespace /last { sio_user_sessions 1 kick;
                          sio_on connect { join last max=1; } }
    sio_namespace /refuse { sio_user_sessions 3 refuse;
                            sio_on rooms { ack $sio_rooms; } }
    sio_namespace /any { sio_on rooms { ack $sio_rooms; } }
    sio_namespace /v2 { sio_user $remote_addr; sio_user_sessions 2 kick; }
    sio_namespace /v2refuse { sio_user $remote_addr;
                              sio_user_sessions 1 refuse; }
`;


describe('sessions of a user', {
  skip: process.env.SIO_TARGET === 'node',
}, () => {
  let server, base, call;

  before(async () => {
    server = await sio.startNginx({
      workers: 4,
      connections: 2048,
      location: `sio on; sio_allow_eio3 on; ${SESSIONS}`,
      server: `location /api/ { sio_api; sio_api_key "${KEY}"; }`,
    });
    base = await server.counters();
    call = api(server);
  });

  afterEach(() => disconnectAll());

  after(() => lib.finish(server, base));


  const size = async (nsp, user) =>
    (await call(`rooms/user:${user}?nsp=${nsp}`)).size;

  it('kicks the one that connected first', async () => {
    const watch = await connect(server, { nsp: '/watch' });
    const left = [];
    const list = [];
    const ids = [];
    const reasons = [];

    watch.on('leaving', (...args) => left.push(args));

    for (let i = 0; i < 9; i++) {
      const s = await connect(server, {
        nsp: '/kick', transport: FORMS[i % 3], auth: { user: 'ann' },
      });

      s.on('disconnect', (reason) => reasons.push([i, reason]));
      list.push(s);
      ids.push(s.id);
      await until(() => reasons.length === Math.max(0, i - 2), 10000,
                  `${i - 2} to have gone`);
      assert.equal(await size('/kick', 'ann'), Math.min(i + 1, 3));
    }

    assert.deepEqual(reasons, [0, 1, 2, 3, 4, 5].map((i) =>
      [i, 'io server disconnect']));

    for (const s of list.slice(6)) {
      assert.deepEqual(await emitAck(s, 'rooms'), [s.id, 'user:ann']);
    }

    /* they were ann to the end, but in her room no more */

    await until(() => left.length === 6, 10000, 'six to have left');
    assert.deepEqual(left.sort(), ids.slice(0, 6).sort()
      .map((id) => ['ann', [id]]));
  });


  it('says what Node says with disconnect(true)', async () => {
    const w = await sio.wsOpen(server);

    w.send('40/one,{"user":"ann"}');
    assert.match(await w.recvText(), /^40\/one,/);
    w.send('40/any,');
    assert.match(await w.recvText(), /^40\/any,/);

    const p = await sio.poll(server);

    await p.post('40/one,{"user":"bob"}');
    assert.match((await p.get()).text, /^40\/one,/);

    const list = await connectMany(server, 2, (i) => ({
      nsp: '/one', auth: { user: ['ann', 'bob'][i] },
    }));

    /* the namespace, the others of its connection, the connection */

    const packets = [await w.recvText(), await w.recvText()];

    assert.deepEqual(packets.sort(), ['41/any,', '41/one,']);
    await w.waitClose();

    await p.wait('41/one,');
    await p.wait('1');
    assert.equal(await size('/one', 'ann'), 1);

    for (const s of list) {
      assert.ok(s.connected);
    }
  });


  it('refuses one more', async () => {
    const list = await connectMany(server, 3, (i) => ({
      nsp: '/refuse', transport: FORMS[i % 3], auth: { user: 'ann' },
    }));
    const options = { nsp: '/refuse', auth: { user: 'ann' } };

    const { refused_users: before } = await server.counters();

    for (const transport of FORMS) {
      const e = await refused(server, { ...options, transport });

      assert.equal(e.message, 'too many sessions');
      assert.equal(e.data, undefined);
    }

    assert.equal(await size('/refuse', 'ann'), 3);
    assert.equal(Number((await server.counters()).refused_users),
                 Number(before) + 3);

    /* others, nobody, another namespace */

    await connectMany(server, 4, (i) => ({
      nsp: '/refuse', auth: [{ user: 'bob' }, {}, {}, {}, {}][i],
    }));
    await connectMany(server, 5, { nsp: '/any', auth: { user: 'ann' } });

    list[1].disconnect();
    await until(async () => await size('/refuse', 'ann') === 2, 10000,
                'one to have gone');

    const s = await connect(server, options);

    assert.deepEqual(await emitAck(s, 'rooms'), [s.id, 'user:ann']);
    assert.equal((await refused(server, options)).message,
                 'too many sessions');
  });


  it('kicks nobody for one that is refused', async () => {
    const first = await connect(server, { nsp: '/last',
                                          auth: { user: 'ann' } });

    const e = await refused(server, { nsp: '/last', auth: { user: 'bob' } });

    assert.equal(e.message, 'room is full');

    const f = await refused(server, { nsp: '/last', auth: { user: 'ann' } });

    assert.equal(f.message, 'room is full');
    assert.ok(first.connected);
    assert.equal(await size('/last', 'ann'), 1);
  });


  /* at the same time on all workers; the room is looked at all the while */

  for (const [nsp, kicks] of [['/kick', true], ['/refuse', false]]) {
    it(`counts those of 4 workers at once, ${nsp}`, async () => {
      const N = 3;
      const COUNT = 50;
      let most = 0;
      let over = false;
      const said = { connect: 0, connect_error: 0, disconnect: 0 };
      const sockets = [];

      const watch = (async () => {
        while (!over) {
          most = Math.max(most, await size(nsp, 'many'));
        }
      })();

      for (let i = 0; i < COUNT; i++) {
        const s = client(server, {
          nsp, transport: FORMS[i % 3], reconnection: false, forceNew: true,
          auth: { user: 'many' },
        });

        for (const event of Object.keys(said)) {
          s.on(event, (why) => {
            said[event]++;

            if (event === 'connect_error') {
              assert.equal(why.message, 'too many sessions');
            }
          });
        }

        sockets.push(s);
      }

      const want = kicks ? { connect: COUNT, connect_error: 0,
                             disconnect: COUNT - N }
                         : { connect: N, connect_error: COUNT - N,
                             disconnect: 0 };

      await until(() => Object.keys(said).every((k) => said[k] >= want[k]),
                  20000, 'all to know').catch(() => { /* told below */ });
      over = true;
      await watch;

      assert.deepEqual(said, want);
      assert.ok(most <= N, `${most} at once`);
      assert.equal(await size(nsp, 'many'), N);
      assert.equal(sockets.filter((s) => s.connected).length, N);

      const page = await call(`sockets?nsp=${nsp}`);

      assert.equal(page.sockets.filter((s) => s.user === 'many').length, N);
    });
  }


  it('counts Socket.IO v2 clients', async () => {
    const options = { version: '2.5', nsp: '/v2', forceNew: true };
    const list = [];

    for (const transport of ['websocket', 'polling', 'upgrade']) {
      list.push(await connect(server, { ...options, transport }));
    }

    await until(() => !list[0].connected, 10000, 'the first to be gone');
    assert.equal(await size('/v2', '127.0.0.1'), 2);

    /* that of Socket.IO v4 is an error by itself */

    const first = await connect(server, { ...options, nsp: '/v2refuse' });
    const error = await new Promise((resolve) => {
      const s = client(server, { ...options, nsp: '/v2refuse',
                                 reconnection: false });

      s.on('error', resolve);
    });

    assert.equal(error, 'too many sessions');
    assert.ok(first.connected);
  });


  it('goes by what the configuration says now', async () => {
    const conf = (more) => ({
      workers: 4,
      location: `sio on; sio_set $name auth /user; sio_user $name; ${more}
                 sio_on rooms { ack $sio_rooms; }`,
      server: `location /api/ { sio_api; sio_api_key "${KEY}"; }`,
    });
    const own = await sio.startNginx(conf('sio_user_room on;'));
    const ask = api(own);
    const list = [];

    for (let i = 0; i < 6; i++) {
      const p = await sio.poll(own);

      p.id = await p.connectNsp('/', { user: 'ann' });
      list.push(p);
    }

    const reload = async (more) => {
      await own.reload(conf(more));
      await until(() => own.workers({ all: true }).length === 4, 10000,
                  'the old workers to have gone');
    };

    await reload('sio_user_room on; sio_user_sessions 2 kick;');
    assert.equal((await ask('rooms/user:ann')).size, 6);

    const s = await connect(own, { auth: { user: 'ann' } });

    assert.equal((await ask('rooms/user:ann')).size, 2);

    for (const p of list.slice(0, 5)) {
      await p.wait('41');
      await p.wait('1');
    }

    await list[5].post('420["rooms"]');
    assert.equal(await list[5].wait(/^43/), `430[["${list[5].id}",`
                                            + '"user:ann"]]');

    /* another prefix: who is there stays where it is, and counts there */

    s.disconnect();
    await reload('sio_user_room u/; sio_user_sessions 1 refuse;');
    await list[5].post('421["rooms"]');
    assert.equal(await list[5].wait(/^43/), `431[["${list[5].id}",`
                                            + '"user:ann"]]');

    const t = await connect(own, { auth: { user: 'ann' } });

    assert.deepEqual(await emitAck(t, 'rooms'), [t.id, 'u/ann']);
    assert.equal((await refused(own, { auth: { user: 'ann' } })).message,
                 'too many sessions');

    disconnectAll();
    await own.stop();
  });


  it('lives on when a worker is killed', async () => {
    const own = await sio.startNginx({
      workers: 4,
      location: `sio on; ${SESSIONS}`,
      server: `location /api/ { sio_api; sio_api_key "${KEY}"; }`,
    });
    const ask = api(own);

    /* no GET is waited for: nothing of them is at any worker */

    const list = [];

    for (let i = 0; i < 3; i++) {
      const p = await sio.poll(own);

      p.id = await p.connectNsp('/refuse', { user: 'ann' });
      list.push(p);
    }

    for (let i = 0; i < 2; i++) {
      const before = own.workers();

      process.kill(before[i], 'SIGKILL');
      await until(() => own.workers().length === 4
                        && !own.workers().includes(before[i]), 10000,
                  'a new worker');
    }

    for (const [i, p] of list.entries()) {
      await p.post(`42/refuse,${i}["rooms"]`);
      assert.equal(await p.wait(/^43/),
                   `43/refuse,${i}[["${p.id}","user:ann"]]`);
    }

    const page = await ask('sockets?nsp=/refuse&room=user:ann');

    assert.deepEqual(page.sockets.map((s) => s.user), ['ann', 'ann', 'ann']);
    assert.equal((await refused(own, { nsp: '/refuse',
                                       auth: { user: 'ann' } })).message,
                 'too many sessions');

    disconnectAll();
    await own.stop({
      allow: [/exited on signal 9/, /was locked by \d+/],
    });
  });
});


/* a backend says who it is */

const HOOKS = `
    sio_set $name auth /user;
    sio_user $name;
    sio_user_room on;
    sio_on who     { ack $sio_user $sio_rooms; }
    sio_on bob     { hook /bob; ack $sio_user $sio_rooms; }
    sio_on number  { hook /number; ack $sio_user; }
    sio_on nobody  { hook /nobody; ack $sio_user $sio_rooms; }
    sio_on long    { hook /long; ack $sio_user; }

    sio_namespace /at {
        sio_use { hook /bob; require $sio_user = bob; }
        sio_on who { ack $sio_user $sio_rooms; }
    }
    sio_namespace /refuse {
        sio_user_sessions 1 refuse;
        sio_on who { ack $sio_user $sio_rooms; }
        sio_on bob { hook /bob; ack $sio_user $sio_rooms; }
    }
    sio_namespace /kick {
        sio_user_sessions 1 kick;
        sio_on who { ack $sio_user $sio_rooms; }
        sio_on bob { hook /bob; ack $sio_user $sio_rooms; }
    }
    sio_namespace /allow {
        sio_join_allow "of:$sio_user:*";
        sio_emit_allow "of:$sio_user:*";
        sio_on who  { ack $sio_user $sio_rooms; }
        sio_on good { hook /good; ack $sio_user $sio_rooms; }
        sio_on bad  { hook /bad; ack $sio_user $sio_rooms; }
    }
`;


describe('users by hooks', { skip: process.env.SIO_TARGET === 'node' }, () => {
  let server, base, call;

  before(async () => {
    server = await sio.startNginx({
      workers: 4,
      location: `sio on; sio_limit user=40; ${HOOKS}`,
      server: `
        location /api/ { sio_api; sio_api_key "${KEY}"; }
        location = /bob { internal; return 200 '{"user":"bob"}'; }
        location = /number { internal; return 200 '{"user":42}'; }
        location = /nobody { internal; return 200 '{"user":""}'; }
        location = /long { internal;
                           return 200 '{"user":"${'x'.repeat(41)}"}'; }
        location = /good { internal; return 200 '{"user":"bob",
            "do":[{"join":"of:bob:x"},{"emit":"told","to":"user:bob"}]}'; }
        location = /bad { internal; return 200 '{"user":"eve",
            "do":[{"join":"of:ann:x"}]}'; }`,
    });
    base = await server.counters();
    call = api(server);
  });

  afterEach(() => disconnectAll());

  after(() => lib.finish(server, base));


  const all = (s, event) => lib.emitAck(s, event);

  for (const transport of FORMS) {
    it(`moves from room to room, ${transport}`, async () => {
      const s = await connect(server, { transport, auth: { user: 'ann' } });

      let heard = 0;

      s.on('told', () => heard++);

      assert.deepEqual(await all(s, 'bob'), ['bob', [s.id, 'user:bob']]);
      assert.deepEqual(await call('', { emit: 'told', to: 'user:ann' }),
                       { receivers: 0 });
      assert.deepEqual(await call('', { emit: 'told', to: 'user:bob' }),
                       { receivers: 1 });
      assert.deepEqual(await all(s, 'number'), ['42']);
      assert.deepEqual(await all(s, 'nobody'), [null, [s.id]]);
      assert.equal((await call('sockets')).sockets[0].user, null);

      const [answer] = await all(s, 'long');

      assert.ok(answer.error, JSON.stringify(answer));
      assert.deepEqual(await all(s, 'who'), [null, [s.id]]);
      await until(() => heard === 1, 10000, 'what bob was told');
    });
  }


  it('takes a name as long as sio_limit says, and not longer', async () => {
    const s = await connect(server, { auth: { user: 'x'.repeat(40) } });

    assert.equal((await all(s, 'who'))[0].length, 40);

    const e = await refused(server, { auth: { user: 'x'.repeat(41) } });

    assert.equal(e.message, "the user's name is too long");
  });


  it('replaces what sio_user says', async () => {
    const s = await connect(server, { nsp: '/at', auth: { user: 'ann' } });

    assert.deepEqual(await all(s, 'who'), ['bob', [s.id, 'user:bob']]);
  });


  it('counts sessions', async () => {
    const options = (nsp, user) => ({ nsp, auth: { user } });
    const bob = await connect(server, options('/refuse', 'bob'));
    const ann = await connect(server, options('/refuse', 'ann'));

    assert.deepEqual(await all(ann, 'bob'), [{ error: 'too many sessions' }]);
    assert.deepEqual(await all(ann, 'who'), ['ann', [ann.id, 'user:ann']]);
    bob.disconnect();
    await until(async () =>
      (await call('rooms/user:bob?nsp=/refuse')).size === 0, 10000,
                'bob to have gone');
    assert.deepEqual(await all(ann, 'bob'), ['bob', [ann.id, 'user:bob']]);

    const first = await connect(server, options('/kick', 'bob'));
    const second = await connect(server, options('/kick', 'ann'));
    const gone = new Promise((resolve) => first.on('disconnect', resolve));

    assert.deepEqual(await all(second, 'bob'),
                     ['bob', [second.id, 'user:bob']]);
    assert.equal(await gone, 'io server disconnect');
  });


  it('allows what the new user may', async () => {
    const s = await connect(server, { nsp: '/allow', auth: { user: 'ann' } });

    assert.deepEqual(await all(s, 'bad'), [{ error: 'internal error' }]);
    assert.deepEqual(await all(s, 'who'), ['ann', [s.id, 'user:ann']]);
    assert.deepEqual(await all(s, 'good'),
                     ['bob', [s.id, 'user:bob', 'of:bob:x']]);
  });
});
