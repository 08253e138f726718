'use strict';

/*
 * Reloads while official clients talk.  Polling sessions do not notice: their
 * state is in the zone.  WebSockets of the old workers are sent away by the
 * close of their transport, never by a DISCONNECT, and come back by
 * themselves; nobody hears anything twice or out of order; the old workers
 * end.
 */

const test = require('node:test');
const assert = require('node:assert');

const { io } = require('socket.io-client');

const sio = require('../lib/sio.js');

const ROUNDS = 5;
const WEBSOCKETS = 12;
const POLLING = 8;

const TARGET = {
  nginx: {
    workers: 4,
    http: 'sio_drain_time 500ms;',
    location: `
      sio on;
      sio_on join { join $sio_arg_0; ack; }
      sio_on say  { emit said $sio_arg_0 $sio_arg_1 to=room; ack; }`,
  },
};


function open(s, name, transports) {
  const socket = io(s.url, { transports, reconnectionDelay: 50,
                             reconnectionDelayMax: 200, forceNew: true });
  const c = { name, socket, heard: new Map(), reasons: [], connects: 0,
              wrong: [] };

  socket.on('connect', async () => {
    c.connects++;
    await socket.timeout(10000).emitWithAck('join', 'room');
    c.joined = true;
  });

  socket.on('disconnect', (reason) => {
    c.joined = false;
    c.reasons.push(reason);
  });

  /* numbers of one talker rise; a gap is for those who were away only */

  socket.on('said', (who, n) => {
    const last = c.heard.has(who) ? c.heard.get(who) : -1;

    if (n <= last || (transports[0] === 'polling' && n !== last + 1)) {
      c.wrong.push(`${who}: ${n} after ${last}`);
    }

    c.heard.set(who, n);
  });

  return c;
}


test(`reload, ${ROUNDS} times`, { timeout: 120000 * sio.SLOW }, async () => {
  const s = await sio.startTarget(TARGET);

  if (s.kind !== 'nginx') {
    await s.stop();
    return;
  }

  const base = await s.counters();
  const ws = [];
  const polling = [];

  for (let n = 0; n < POLLING; n++) {
    polling.push(open(s, `p${n}`, ['polling']));
  }

  for (let n = 0; n < WEBSOCKETS; n++) {
    ws.push(open(s, `w${n}`, ['websocket']));
  }

  const all = [...ws, ...polling];

  await sio.until(() => all.every((c) => c.joined), 10000, 'all joined');

  /* a polling client talks all the time, each word is acknowledged */

  const ids = polling.map((c) => c.socket.id);
  let talking = true;
  let n = 0;

  const talk = (async () => {
    while (talking) {
      await polling[0].socket.timeout(10000).emitWithAck('say', 'p0', n++);
      await sio.sleep(5);
    }
  })();

  for (let round = 0; round < ROUNDS; round++) {
    const old = s.workers();

    await s.reload();

    await sio.until(() => s.workers({ all: true })
                            .every((pid) => !old.includes(pid)),
                    15000, 'the end of the old workers');
    await sio.until(() => all.every((c) => c.joined)
                          && ws.every((c) => c.connects === round + 2),
                    15000, 'everybody is back');
  }

  talking = false;
  await talk;

  /* the last one may have been said before the last client had joined again */

  await polling[0].socket.timeout(10000).emitWithAck('say', 'p0', n++);

  await sio.until(() => all.every((c) => c.heard.get('p0') === n - 1), 10000,
                  'the last word');

  for (const c of all) {
    assert.deepEqual(c.wrong, [], c.name);
  }

  for (let k = 0; k < POLLING; k++) {
    assert.equal(polling[k].connects, 1, `${polling[k].name} had to reconnect: `
                                         + polling[k].reasons.join());
    assert.equal(polling[k].socket.id, ids[k]);
  }

  for (const c of ws) {
    assert.equal(c.connects, ROUNDS + 1, c.name);
    assert.deepEqual([...new Set(c.reasons)], ['transport close'], c.name);
  }

  all.forEach((c) => c.socket.disconnect());

  await s.settled(base, 15000);
  await s.stop();
});
