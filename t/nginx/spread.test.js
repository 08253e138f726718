'use strict';

/*
 * One session whose requests go to every worker in turn: nothing but the
 * zone knows it.
 */

const test = require('node:test');
const assert = require('node:assert');

const sio = require('../lib/sio.js');
const { call } = require('./pair.js');

const TARGET = {
  nginx: {
    workers: 4,
    location: `
      sio on;
      sio_on echo  { emit echo $sio_args; ack $sio_args; }
      sio_on join  { join $sio_arg_0; ack; }
      sio_on shout { emit shout $sio_arg_1 to=$sio_arg_0; ack; }`,
  },
  node: {
    app(io) {
      io.on('connection', (socket) => {
        socket.on('echo', (...args) => {
          const plain = args.filter((a) => typeof a !== 'function');
          socket.emit('echo', ...plain);
          args[args.length - 1](...plain);
        });
        socket.on('join', (room, ack) => { socket.join(room); ack(); });
        socket.on('shout', (room, text, ...more) => {
          io.to(room).emit('shout', text);
          call(more);
        });
      });
    },
  },
};


/* a connection to each worker, in a ring */

async function ring(s) {
  const list = s.kind === 'node'
    ? await Promise.all([1, 2, 3, 4].map(() => sio.connect(s)))
    : [...(await s.spread()).values()];
  let n = 0;

  return {
    next: () => list[n++ % list.length],
    list,
    destroy: () => list.forEach((conn) => conn.destroy()),
  };
}


async function target(t) {
  const s = await sio.startTarget(TARGET);
  const base = await s.counters();

  return { s, base };
}


test('each request of a session at another worker', async () => {
  const { s, base } = await target();
  const workers = await ring(s);
  const c = new sio.Poll(s);
  const answered = new Set();

  await c.handshake({ conn: workers.next() });
  await c.post('40', { conn: workers.next() });

  const first = await c.get({ conn: workers.next() });

  assert.match(first.text, /^40\{"sid"/);

  for (let n = 0; n < 100; n++) {
    const r = await c.post(`42${n}["echo",${n},"${'x'.repeat(n * 20)}"]`,
                           { conn: workers.next() });

    assert.equal(r.text, 'ok');
    answered.add(r.worker);

    const got = await c.get({ conn: workers.next() });

    assert.deepEqual(got.packets, [
      `42["echo",${n},"${'x'.repeat(n * 20)}"]`,
      `43${n}[${n},"${'x'.repeat(n * 20)}"]`]);
    answered.add(got.worker);

    /* or the two would keep step with the workers */
    if (n % 3 === 0) {
      workers.next();
    }
  }

  if (s.kind === 'nginx') {
    assert.equal(answered.size, 4);
  }

  await c.post('1', { conn: workers.next() });
  workers.destroy();
  await s.settled(base);
  await s.stop();
});


test('a GET waits at one worker, the POST comes to another', async () => {
  const { s, base } = await target();
  const workers = await ring(s);
  const c = new sio.Poll(s);

  await c.handshake({ conn: workers.list[0] });
  await c.connectNsp();

  for (const at of workers.list) {
    for (const other of workers.list) {
      if (at === other) {
        continue;
      }

      const get = await c.parked({ conn: at });

      await c.post('427["echo",1]', { conn: other });

      const packets = (await get.response).packets;

      while (packets.length < 2) {
        packets.push(...(await c.get({ conn: at })).packets);
      }

      assert.deepEqual(packets, ['42["echo",1]', '437[1]']);
    }
  }

  await c.close();
  workers.destroy();
  await s.settled(base);
  await s.stop();
});


test('overlapping requests are seen across workers', async () => {
  const { s, base } = await target();
  const workers = await ring(s);

  for (const at of workers.list) {
    const c = await sio.poll(s);
    const other = workers.list.find((conn) => conn !== at);
    const get = await c.parked({ conn: at });
    const second = await c.get({ conn: other });
    const first = await get.response;

    assert.equal(first.text, '1');
    assert.equal(second.status, 400);
    assert.equal(second.text, '');
    assert.equal((await c.get({ conn: at })).text,
                 '{"code":1,"message":"Session ID unknown"}');
  }

  workers.destroy();
  await s.settled(base);
  await s.stop();
});


test('the upgrade at each worker, the GET and POST at others', async () => {
  const { s, base } = await target();
  const pids = s.workers();

  for (let n = 0; n < 4; n++) {
    const workers = await ring(s);
    const c = new sio.Poll(s);

    await c.handshake({ conn: workers.next() });
    await c.post('40', { conn: workers.next() });
    await c.get({ conn: workers.next() });

    const get = await c.parked({ conn: workers.list[n] });
    const conn = s.kind === 'node' ? undefined
               : await s.connectTo(pids[n]);
    const w = await c.candidate({ conn });

    w.send('2probe');
    assert.equal(await w.recvText(), '3probe');
    assert.equal((await get.response).text, '6');

    /* the last words on polling, then the first on the WebSocket */

    const body = [];

    for (let i = 0; i < 20; i++) {
      body.push(`42["echo",${i}]`);
    }

    const last = workers.list[(n + 2) % 4];

    if (s.kind === 'node') {
      body.forEach((p, i) => { body[i] = p.replace('42', `42${i}`); });
    }

    assert.equal((await c.post(body, { conn: last })).text, 'ok');
    w.send('5');
    w.send('4299["echo","on the WebSocket"]');

    const got = [];

    while (got[got.length - 1] !== '4399["on the WebSocket"]') {
      got.push(await w.recvText());
    }

    const echoes = got.filter((p) => p.startsWith('42'))
                      .map((p) => JSON.parse(p.slice(2))[1]);

    assert.deepEqual(echoes, [...Array(20).keys(), 'on the WebSocket']);
    await w.close(1000);
    workers.destroy();
  }

  await s.settled(base);
  await s.stop();
});


/* a packet with its attachments back in their places */

function binary([packet, ...attachments]) {
  const at = packet.indexOf('[');

  return {
    head: packet.slice(0, at),
    args: JSON.parse(packet.slice(at), (key, v) =>
      v && v._placeholder ? attachments[v.num].slice(1) : v),
  };
}


test('binary in pieces over all workers', async () => {
  const { s, base } = await target();
  const workers = await ring(s);
  const c = new sio.Poll(s);

  await c.handshake({ conn: workers.next() });
  await c.connectNsp();

  /* header and attachments come in POSTs of their own */

  await c.post('452-1["echo",{"_placeholder":true,"num":1},'
               + '{"_placeholder":true,"num":0}]', { conn: workers.next() });
  await c.post('bAQI=', { conn: workers.next() });
  await c.post('3', { conn: workers.next() });
  await c.post('bAwQ=', { conn: workers.next() });

  const packets = [];

  while (packets.length < 6) {
    packets.push(...(await c.get({ conn: workers.next() })).packets);
  }

  /* Node numbers them anew, nginx passes on what came */

  assert.deepEqual([binary(packets.slice(0, 3)), binary(packets.slice(3))], [
    { head: '452-', args: ['echo', 'AwQ=', 'AQI='] },
    { head: '462-1', args: ['AwQ=', 'AQI='] }]);

  await c.close();
  workers.destroy();
  await s.settled(base);
  await s.stop();
});


test('a room with members at every worker', async () => {
  const { s, base } = await target();
  const members = [];

  for (const pid of s.kind === 'node' ? [0, 0] : s.workers()) {
    for (let n = 0; n < 3; n++) {
      const conn = pid ? await s.connectTo(pid) : undefined;
      const w = await sio.wsOpen({ port: s.port, conn });

      await w.connectNsp();
      w.send('421["join","r"]');
      assert.equal(await w.recvText(), '431[]');
      members.push(w);
    }
  }

  const c = await sio.poll(s);

  await c.connectNsp();
  await c.post('421["join","r"]');
  await c.wait('431[]');

  const talkers = members.slice(0, 6);

  talkers.forEach((w, k) => {
    for (let n = 0; n < 50; n++) {
      w.send(`42["shout","r","${k}:${n}"]`);
    }
  });

  const lists = await Promise.all(members.map(async (w) => {
    const list = [];

    while (list.length < talkers.length * 50) {
      list.push(await w.recvText());
    }

    return list;
  }));

  for (const list of lists) {
    assert.deepEqual(list, lists[0], 'one order for all');
  }

  assert.equal(new Set(lists[0]).size, talkers.length * 50);

  const polled = [];

  await sio.until(async () => {
    if (polled.length < lists[0].length) {
      const r = await c.get();

      polled.push(...r.packets.filter((p) => p !== '2'));
    }

    return polled.length >= lists[0].length;
  });

  assert.deepEqual(polled, lists[0], 'and for who polls');

  await c.close();
  await Promise.all(members.map((w) => w.close(1000)));
  await s.settled(base);
  await s.stop();
});
