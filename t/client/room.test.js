'use strict';

/*
 * A crowded room: 200 members on every transport, 20 of them talk, others
 * come and go meanwhile.  Each message reaches each member exactly once, and
 * all members in one same order, whichever workers they are on.
 */

const assert = require('node:assert/strict');
const { after, afterEach, before, describe, it } = require('node:test');

const lib = require('./lib.js');

const { ask, emitAck, until } = lib;

const MEMBERS = 200;
const TALKERS = 20;
const MOVERS = 20;
const MESSAGES = 30;        /* of each talker */


describe('a crowded room', () => {
  let server, base;

  before(async () => {
    server = await lib.serve({ workers: 4 });
    base = await server.counters();
  });

  afterEach(() => lib.disconnectAll());

  after(() => lib.finish(server, base));


  it('gives each message once to each, all in one order', async () => {
    const form = (i) => ({
      version: i % 2 ? '4.0' : '4.8',
      transport: ['websocket', 'upgrade', 'polling'][i % 3],
      upgraded: false,
    });
    const members = await lib.connectMany(server, MEMBERS, form);
    const movers = await lib.connectMany(server, MOVERS, form);
    const logs = members.map((s) => listen(s));
    let talking = true;

    await Promise.all(members.map((s) => emitAck(s, 'join', 'crowd')));

    const moves = movers.map((s) => move(s, () => talking));

    for (let n = 0; n < MESSAGES; n++) {
      const part = members.slice(0, TALKERS);

      await Promise.all(part.map((s, who) => {
        const args = n % 5 ? [] : [Buffer.from([who, n])];

        s.emit('say', 'crowd', who * MESSAGES + n, ...args);
        return n % 3 ? null : emitAck(s, 'id');
      }));
    }

    const total = TALKERS * MESSAGES;

    await until(() => logs.every((log) => log.length >= total), 30000,
                'all messages at all members');
    talking = false;

    /* nothing comes behind: an answer passes all that was there before */

    await Promise.all(members.map((s) => emitAck(s, 'id')));

    const order = logs[0];

    assert.equal(order.length, total);
    assert.deepEqual([...order].sort((a, b) => a - b),
                     Array.from({ length: total }, (_, i) => i));

    for (const log of logs) {
      assert.deepEqual(log, order);
    }

    for (let who = 0; who < TALKERS; who++) {
      const own = order.filter((n) => Math.floor(n / MESSAGES) === who);

      assert.deepEqual(own, Array.from({ length: MESSAGES },
                                       (_, n) => who * MESSAGES + n));
    }

    /* who was there for a while saw that while without a gap */

    const place = new Map(order.map((n, i) => [n, i]));

    for (const stays of await Promise.all(moves)) {
      for (const stay of stays) {
        stay.forEach((n, i) => {
          assert.equal(place.get(n), place.get(stay[0]) + i);
        });
      }

      assert.ok(stays.length > 0);
    }

    assert.equal(await ask(movers[0], 'leave', 'crowd'), MEMBERS);
  });


  it('counts right when many join and leave at once', async () => {
    const list = await lib.connectMany(server, 60, (i) => ({
      transport: i % 2 ? 'websocket' : 'polling',
    }));

    for (let round = 0; round < 5; round++) {
      const sizes = await Promise.all(list.map((s) => ask(s, 'join', 'n')));

      /* between a join and its count others may have come, on other workers */

      assert.ok(sizes.every((n) => n >= 1 && n <= list.length));
      assert.ok(sizes.includes(list.length));

      const left = await Promise.all(list.map((s) => ask(s, 'leave', 'n')));

      assert.ok(left.every((n) => n >= 0 && n < list.length));
      assert.ok(left.includes(0));
    }
  });


  it('lets exactly "max" in, whoever asks where', async () => {
    const list = await lib.connectMany(server, 40, {});

    for (let round = 0; round < 10; round++) {
      const name = `max ${round}`;
      const answers = await Promise.all(list.map((s) => ask(s, 'joinMax',
                                                            name)));

      assert.equal(answers.filter((a) => a === 'joined').length, 2);
    }
  });
});


function listen(socket) {
  const log = [];

  socket.on('said', (n, bytes) => {
    if (n % MESSAGES % 5 === 0) {
      assert.deepEqual(bytes, Buffer.from([Math.floor(n / MESSAGES),
                                           n % MESSAGES]));
    } else {
      assert.equal(bytes, undefined);
    }

    log.push(n);
  });

  return log;
}


/* joins and leaves while it lasts; resolves to what each stay saw */

async function move(socket, lasts) {
  const log = listen(socket);
  const stays = [];

  while (lasts()) {
    await emitAck(socket, 'join', 'crowd');
    await emitAck(socket, 'id');
    await emitAck(socket, 'leave', 'crowd');
    stays.push(log.splice(0));
  }

  /* the last one left: nothing more may come */

  await emitAck(socket, 'id');
  assert.deepEqual(log, []);

  return stays;
}
