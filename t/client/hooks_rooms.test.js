'use strict';

/*
 * sio_room_hook: the life of rooms, each event once, whoever on whichever
 * worker caused it.
 */

const assert = require('node:assert/strict');
const { after, afterEach, before, describe, it } = require('node:test');

const { Backend, location } = require('./backend.js');
const lib = require('./lib.js');
const sio = require('../lib/sio.js');

const { ask: emitAck, connect, connectMany, disconnectAll, until } = lib;

const skip = process.env.SIO_TARGET === 'node';
const FORMS = ['websocket', 'polling', 'upgrade'];
const LIVES = ['create-room', 'join-room', 'leave-room', 'delete-room'];


/* what the backend knows of rooms: it must be a life that can be lived */

function rooms(backend) {
  const told = backend.asked.filter((a) => LIVES.includes(a.type));
  const order = (a) => [Number(a.headers['sio-seq']), LIVES.indexOf(a.type)];
  const known = new Map();

  /* between workers the time of arrival says nothing */

  told.sort((a, b) => order(a)[0] - order(b)[0] || order(a)[1] - order(b)[1]);

  for (const { type, nsp, id, args: [name, who] } of told) {
    const key = `${nsp} ${name}`;
    const members = known.get(key);

    assert.equal(who, id, `${type} ${key}`);

    switch (type) {
      case 'create-room':
        assert.equal(members, undefined, `${key} is created again`);
        known.set(key, new Set());
        break;
      case 'join-room':
        assert.ok(members && !members.has(id), `${id} joins ${key} again`);
        members.add(id);
        break;
      case 'leave-room':
        assert.ok(members && members.delete(id), `${id} leaves ${key} again`);
        break;
      default:
        assert.equal(members?.size, 0, `${key} is deleted with members`);
        known.delete(key);
    }
  }

  return Object.fromEntries([...known].map(([k, v]) => [k, v.size]));
}


function setup(options) {
  const s = { backend: new Backend() };

  before(async () => {
    await s.backend.start();
    s.server = await sio.startNginx({
      workers: 4,
      allow: [/sio hook: /, /exited on signal 9/, /was locked by \d+/],
      ...options,
      server: `${location(s.backend)}
               location /api/ { sio_api; allow all; }`,
    });
    s.base = await s.server.counters();
    s.rooms = () => rooms(s.backend);

    /* the events that have been caused have come */

    s.told = async (expected) => {
      let now;

      try {
        await until(() => {
          try {
            now = s.rooms();
          } catch (e) {
            now = e;                        /* not all, as yet */
          }

          return JSON.stringify(Object.entries(now).sort())
                 === JSON.stringify(Object.entries(expected).sort());
        });

      } catch (e) {
        assert.deepEqual(now, expected);
      }
    };

    s.api = async (orders) => {
      const r = await fetch(`${s.server.url}/api/`, {
        method: 'POST', headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(orders),
      });

      assert.equal(r.status, 200, await r.clone().text());
      return r.json();
    };
  });

  afterEach(async () => {
    await disconnectAll();
    await until(async () => (await s.server.counters()).sessions
                            === s.base.sessions, 40000);
    await s.told({});
    s.backend.handlers = {};
    s.backend.asked.length = 0;
  });

  after(async () => {
    await lib.finish(s.server, s.base);
    await s.backend.stop();
  });

  return s;
}


const RULES = 'sio_on join { join $sio_arg_0; ack; }';

describe('the life of rooms', { skip }, () => {
  const s = setup({
    location: `sio on; sio_ping_interval 2s; sio_ping_timeout 2s;
      sio_allow_eio3 on;
      sio_room_hook /backend/rooms;
      sio_on join  { join $sio_arg_0; ack; }
      sio_on leave { leave $sio_arg_0; ack; }
      sio_on ask   { hook /backend/ask; }
      sio_on both  { join a b c; leave b; ack; }
      sio_on out   { disconnect; }
      sio_namespace /other {
          sio_room_hook /backend/other create-room delete-room;
          sio_on join { join $sio_arg_0; ack; }
      }
      sio_namespace ~ ^/re { sio_room_hook /backend/re join-room leave-room;
          sio_on connect { join here; }
      }
      sio_namespace /deaf { sio_on connect { join here; } }`,
  });


  for (const transport of FORMS) {
    it(`by rules: ${transport}`, async () => {
      const [a, b] = await connectMany(s.server, 2, { transport });

      assert.deepEqual(s.rooms(), {});        /* ids are no rooms */
      await emitAck(a, 'join', 'r');
      await emitAck(a, 'join', 'r');
      await emitAck(b, 'join', 'r');
      await emitAck(b, 'both');
      await s.told({ '/ r': 2, '/ a': 1, '/ c': 1 });
      await emitAck(a, 'leave', 'r');
      await emitAck(a, 'leave', 'r');
      await s.told({ '/ r': 1, '/ a': 1, '/ c': 1 });

      const join = s.backend.of('join-room').find((x) => x.id === a.id);

      assert.equal(join.room, 'r');
      assert.equal(join.url, '/backend/rooms');
      assert.equal(join.method, 'POST');
      assert.deepEqual(join.args, ['r', a.id]);

      const create = s.backend.of('create-room').find((x) => x.room === 'r');

      assert.equal(create.id, undefined);
      assert.deepEqual(create.args, ['r']);

      b.emit('out');
      await s.told({});
      assert.equal(s.backend.of('create-room').length, 4);
      assert.equal(s.backend.of('delete-room').length, 4);
    });
  }


  it('of one socket come in their order', async () => {
    const socket = await connect(s.server);

    s.backend.handlers['create-room'] = () => sio.sleep(20);

    for (let n = 0; n < 5; n++) {
      socket.emit('join', 'r');
      socket.emit('leave', 'r');
    }

    await until(() => s.backend.asked.length === 20);
    assert.deepEqual(s.backend.asked.map((a) => a.type),
                     Array(5).fill(LIVES).flat());
  });


  it('in namespaces, those that are asked for', async () => {
    const other = await connect(s.server, { nsp: '/other' });
    const re = await connect(s.server, { nsp: '/regex' });
    const deaf = await connect(s.server, { nsp: '/deaf' });

    await emitAck(other, 'join', 'x');
    await until(() => s.backend.asked.length >= 2);

    const of = (nsp) => s.backend.asked.filter((a) => a.nsp === nsp)
      .map((a) => [a.url, a.type, a.room, a.id]);

    const { id } = re;

    other.disconnect();
    re.disconnect();
    deaf.disconnect();
    await until(() => s.backend.asked.length >= 4);

    assert.deepEqual(of('/other'), [
      ['/backend/other', 'create-room', 'x', undefined],
      ['/backend/other', 'delete-room', 'x', undefined]]);
    assert.deepEqual(of('/regex'), [
      ['/backend/re', 'join-room', 'here', id],
      ['/backend/re', 'leave-room', 'here', id]]);
    assert.deepEqual(of('/deaf'), []);
    s.backend.asked.length = 0;
  });


  it('of clients of Socket.IO 2', async () => {
    const socket = await connect(s.server, { version: '2.5', nsp: '/regex' });

    await until(() => s.backend.asked.length);
    assert.equal(s.backend.asked[0].id, socket.id);
    assert.match(socket.id, /^\/regex#/);
    socket.disconnect();
    await until(() => s.backend.asked.length === 2);
    s.backend.asked.length = 0;
  });


  it('by the API, on sockets of all workers', async () => {
    const sockets = await connectMany(s.server, 12,
                                      (i) => ({ transport: FORMS[i % 3] }));

    await s.api([{ join: ['a', 'b'], all: true },
                 { leave: 'b', in: sockets.slice(0, 5).map((x) => x.id) },
                 { join: 'c', in: 'b' }]);
    await s.told({ '/ a': 12, '/ b': 7, '/ c': 7 });

    await s.api([{ leave: 'c', all: true },
                 { disconnect: true, in: sockets[11].id }]);
    await s.told({ '/ a': 11, '/ b': 6 });
    await s.api({ disconnect: true, close: true, all: true });
  });


  it('by answers of hooks', async () => {
    const [a, b] = await connectMany(s.server, 2);

    s.backend.handlers.event = ({ args: [what] }) => what;

    await emitAck(a, 'ask', { do: { join: 'mine' }, ack: [] });
    await emitAck(a, 'ask', { do: { join: 'both', in: [a.id, b.id] },
                              ack: [] });
    await s.told({ '/ mine': 1, '/ both': 2 });
  });


  it('whose answers give orders', async () => {
    const [a, b] = await connectMany(s.server, 2);
    const count = async () => (await s.server.counters()).hooks_invalid;
    const heard = lib.once(b, 'seen');

    s.backend.handlers['join-room'] = ({ id, room }) => (room === 'r'
      ? { do: [{ emit: 'seen', args: [id], to: b.id },
               { join: 'next', in: id }] } : '');

    await emitAck(a, 'join', 'r');
    assert.deepEqual(await heard, [a.id]);
    await s.told({ '/ r': 1, '/ next': 1 });

    for (const answer of [[], { ack: [] }, { data: {} }, { user: 'x' },
                          { do: { emit: 'x' } },
                          { do: { relay: true, to: 'r' } },
                          { do: { emit: 'x', to: 'r', except_self: true } }]) {
      const before = await count();

      s.backend.handlers['leave-room'] = () => answer;
      await emitAck(a, 'join', 'bad');
      await emitAck(a, 'leave', 'bad');
      await until(async () => await count() === before + 1, 5000,
                  JSON.stringify(answer));
    }
  });


  it('keep names of clients out of headers', async () => {
    const socket = await connect(s.server);
    const names = ['a\r\nSio-Id: x\n%41', 'x'.repeat(8000), 'ü☃',
                   'x'.repeat(8192), '\n'.repeat(3000)];

    for (const name of names) {
      await emitAck(socket, 'join', name);
    }

    await until(() => s.backend.of('join-room').length === names.length);

    const asked = names.map((name) =>
      s.backend.of('join-room').find((a) => a.args[0] === name));

    assert.deepEqual(asked.map((a) => a.id), names.map(() => socket.id));
    assert.equal(asked[0].headers['sio-room'], 'a%0D%0ASio-Id: x%0A%2541');
    assert.equal(asked[1].headers['sio-room'], names[1]);
    assert.equal(asked[2].room, names[2]);

    /* the body has those that are too long for a header */

    for (const { headers } of asked.slice(3)) {
      assert.equal(headers['sio-room'], undefined);
      assert.equal(headers['sio-omitted'], 'Sio-Room');
    }
  });


  it('at random, on all workers', async () => {
    const sockets = await connectMany(s.server, 24,
                                      (i) => ({ transport: FORMS[i % 3] }));
    const members = {};
    let seed = 7;
    const random = (n) => {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      return Math.floor(seed / 65536) % n;
    };

    await Promise.all(sockets.map(async (socket) => {
      for (let n = 0; n < 25; n++) {
        const room = `r${random(5)}`;

        if (random(2)) {
          await emitAck(socket, 'join', room);
          (members[room] ??= new Set()).add(socket);
        } else {
          await emitAck(socket, 'leave', room);
          members[room]?.delete(socket);
        }
      }
    }));

    const expected = () => Object.fromEntries(
      Object.entries(members).filter(([, set]) => set.size)
        .map(([room, set]) => [`/ ${room}`, set.size]));

    await s.told(expected());

    for (const socket of sockets.slice(0, 12)) {
      socket.disconnect();
      Object.values(members).forEach((set) => set.delete(socket));
    }

    await s.told(expected());
    assert.equal((await s.server.counters()).hooks_lost, 0);
  });


  it('when a worker is killed', async () => {
    const sockets = await connectMany(s.server, 16,
                                      (i) => ({ transport: FORMS[i % 2],
                                                reconnection: false }));

    for (const socket of sockets) {
      await emitAck(socket, 'join', `own:${socket.id}`);
      await emitAck(socket, 'join', 'all');
    }

    const expected = () => {
      const left = sockets.filter((x) => x.connected);

      return Object.fromEntries(
        [...left.map((x) => [`/ own:${x.id}`, 1]),
         ...(left.length ? [['/ all', left.length]] : [])]);
    };

    await s.told(expected());

    const workers = s.server.workers();

    process.kill(workers[0], 'SIGKILL');
    await until(() => {
      const now = s.server.workers();

      return now.length === 4 && !now.includes(workers[0]);
    });

    /* those that polled there find out when they poll */

    await until(async () => {
      const { sockets: n } = await s.server.counters();

      return n === sockets.filter((x) => x.connected).length && n < 16;
    }, 20000);

    await s.told(expected());
  });
});


describe('limits of the life of rooms', { skip }, () => {
  const s = setup({
    workers: 1,
    location: `sio on; sio_limit room_hooks=5 hooks=3;
      sio_room_hook /backend/joins join-room;
      ${RULES}`,
  });


  it('room_hooks: one more is lost, and counted', async () => {
    const socket = await connect(s.server);
    const lost = async () => (await s.server.counters()).hooks_lost;
    let open;
    const gate = new Promise((resolve) => { open = resolve; });

    s.backend.handlers['join-room'] = () => gate;

    const join = (...names) =>
      Promise.all(names.map((name) => emitAck(socket, 'join', name)));

    /* three are asked, five wait */

    await join('a', 'b', 'c');
    await until(() => s.backend.asked.length === 3);
    await join('d', 'e', 'f', 'g', 'h');
    assert.equal(await lost(), 0);
    await join('i');
    assert.equal(await lost(), 1);

    open();
    await until(() => s.backend.asked.length === 8);
    assert.deepEqual(s.backend.asked.map((a) => a.room).sort(),
                     [...'abcdefgh']);
    await join('j');
    await until(() => s.backend.asked.length === 9);
    assert.equal(await lost(), 1);
    s.backend.asked.length = 0;
  });
});


describe('the life of many rooms', { skip }, () => {
  const s = setup({
    location: `sio on; sio_room_hook /backend/rooms;
               sio_limit rooms=3000; ${RULES}`,
  });


  it('a socket in 1500 rooms of long names leaves them', async () => {
    const socket = await connect(s.server);
    const names = Array.from({ length: 1500 },
                             (_, i) => `${i}:`.padEnd(i % 100 ? 20 : 3000));

    await Promise.all(names.map((name) => emitAck(socket, 'join', name)));

    await until(() => s.backend.asked.length === 3000, 20000);
    socket.disconnect();
    await until(() => s.backend.asked.length === 6000, 20000);
    assert.deepEqual(s.rooms(), {});
    assert.equal((await s.server.counters()).hooks_lost, 0);
  });
});
