'use strict';

/*
 * `join` and the size right behind it are one step on all workers: of many who
 * come at the same time each has a number of its own.
 */

const assert = require('node:assert/strict');
const test = require('node:test');

const sio = require('../lib/sio.js');

const CLIENTS = 40;
const ROUNDS = 20;


test('who joins is counted once', async () => {
  const s = await sio.startNginx({
    workers: 4,
    location: `
      sio on;
      sio_set $n size $sio_arg_0;

      sio_on enter { join other $sio_arg_0; ack $n $sio_arg_0; }
      sio_on again { join $sio_arg_0; leave $sio_arg_0; ack $n; }
      sio_on self  { join $sio_id; ack $self; }
      sio_set $self size $sio_id;`,
  });
  const clients = await Promise.all(Array.from({ length: CLIENTS },
    () => sio.wsOpen(s)));

  await Promise.all(clients.map((w) => w.connectNsp()));

  for (let round = 0; round < ROUNDS; round++) {
    const room = `r${round}`;

    clients.forEach((w) => w.send(`421["enter","${room}"]`));

    const counts = await Promise.all(clients.map(async (w) => {
      const [n, name] = JSON.parse((await w.recvText()).slice(3));

      assert.equal(name, room);
      return n;
    }));

    assert.deepEqual(counts.sort((a, b) => a - b),
                     clients.map((w, i) => i + 1));
  }

  /* what was joined is not remembered when it is left, nor a socket's own */

  clients[0].send('422["again","nobody"]');
  assert.equal(await clients[0].recvText(), '432[0]');
  clients[0].send('423["again","r0"]');
  assert.equal(await clients[0].recvText(), `433[${CLIENTS - 1}]`);
  clients[0].send('424["self"]');
  assert.equal(await clients[0].recvText(), '434[1]');

  await Promise.all(clients.map((w) => w.close(1000)));
  await s.settled({ sessions: 0, sockets: 0, rooms: 0 });
  await s.stop();
});
