'use strict';

/*
 * One room, and in it every kind of client there is, each on long-polling
 * and on WebSocket: everybody hears everybody, exactly once, all in one
 * order.
 */

const assert = require('node:assert/strict');
const { after, before, describe, it } = require('node:test');

const app = require('./app.js');
const lib = require('./lib.js');
const { Python, FORMS } = require('./python.js');

const { collect, connected, emitAck, until } = lib;

const ROUNDS = 6;

const APP = {
  ...app,
  directives: 'sio_allow_eio3 on;',
  options: { allowEIO3: true },
  locations: { '/msgpack/': { directives: 'sio_parser msgpack;' } },
};

/* Node's server has one parser */

const KINDS = [...Object.keys(lib.CLIENTS), ...FORMS,
               ...(lib.NODE ? [] : ['msgpack'])];


/* what client `who` says in a round, and what all hear */

const text = (who, round) => [who, round, 'text \u2028 \u00e9 \u{1f600} \\ "'];

const json = (who, round) => [who, round, {
  name: 'Zo\u00eb \u{1f469}\u200d\u{1f680}', '\u20ac': [],
  list: [-1, 0.5, 1e-7, true, false, null, '', { deep: [[{}]] }],
}];

const binary = (who, round) => [who, round, Buffer.from([who, round, 0x1e]),
                                { deep: ['x', Buffer.alloc(0)] },
                                Buffer.alloc(3000, round)];

const SAYINGS = [text, json, binary];


describe('a mixed room', () => {
  const programs = {};
  let server, base;

  before(async () => {
    server = await lib.serve({ app: APP });
    base = await server.counters();

    for (const form of FORMS) {
      programs[form] = new Python(form);
    }
  });

  after(async () => {
    try {
      await Promise.all(FORMS.map((form) => programs[form].stop()));
    } finally {
      await lib.finish(server, base);
    }
  });


  function client(kind, transport) {
    if (FORMS.includes(kind)) {
      return programs[kind].client(server, { transports: [transport] });
    }

    return lib.client(server, kind === 'msgpack' ? {
      transport, path: '/msgpack/',
      parser: require('socket.io-msgpack-parser'),
    } : { version: kind, transport });
  }


  it('hears everybody once, in one order', async () => {
    const members = ['polling', 'websocket'].flatMap((transport) =>
      KINDS.map((kind) => client(kind, transport)));

    const logs = members.map((socket) => collect(socket, 'said'));
    const total = members.length * ROUNDS * SAYINGS.length;

    await Promise.all(members.map((socket) => connected(socket)));
    await Promise.all(members.map((s) => emitAck(s, 'join', 'mixed')));

    for (let round = 0; round < ROUNDS; round++) {
      await Promise.all(members.map((socket, who) => {
        for (const saying of SAYINGS) {
          socket.emit('say', 'mixed', ...saying(who, round));
        }

        return round % 2 ? null : emitAck(socket, 'id');
      }));
    }

    await until(() => logs.every((log) => log.length >= total), 20000,
                'all messages at all members');

    /* nothing comes behind: an answer passes all that was there before */

    await Promise.all(members.map((socket) => emitAck(socket, 'id')));

    members.forEach((_, who) => {
      const expected = [];

      for (let round = 0; round < ROUNDS; round++) {
        expected.push(...SAYINGS.map((saying) => saying(who, round)));
      }

      assert.deepEqual(logs[0].filter(([w]) => w === who), expected);
    });

    logs.forEach((log, i) => {
      assert.equal(log.length, total);
      assert.deepEqual(log, logs[0], `${KINDS[i % KINDS.length]} hears`);
    });
  });
});
