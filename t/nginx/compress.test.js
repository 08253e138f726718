'use strict';

/*
 * Long answers are deflated a slice at a time: whatever happens between two of
 * them.
 */

const assert = require('node:assert');
const test = require('node:test');
const zlib = require('zlib');

const sio = require('../lib/sio.js');

const N = 3500000;

/* little of it repeats: some 100 ms of work */

const TEXT = Array.from({ length: N / 6 | 0 }, (_, i) => (
  String((i * 7919 + (i >> 5) * 104729) % 900000 + 100000))).join('');

const location = (options = '') => `
  sio on;
  sio_max_http_buffer_size 4m;
  sio_limit queue_size=16m;
  sio_on blow { emit blow $sio_args to=room; ack; }
  sio_on join { join room; ack; }
  sio_on ack { ack $sio_args; }
  ${options}`;


/* a polling session in the room, and one that speaks to it */

async function both(s) {
  const p = await sio.poll({ ...s, port: s.port,
                             headers: { 'Accept-Encoding': 'gzip' } });
  const w = await sio.wsOpen({ port: s.port });

  await w.connectNsp();
  await p.connectNsp();
  await p.post('420["join"]');
  await p.wait('430[]');

  return { p, w };
}

async function blow(w) {
  w.send(`420["blow","${TEXT}"]`);
  assert.equal(await w.recvText(), '430[]');
}

const plain = (r) => {
  assert.equal(r.status, 200);
  assert.equal(r.header('content-encoding'), 'gzip');
  return zlib.gunzipSync(r.body).toString();
};


test('others are served meanwhile', async () => {
  const s = await sio.startNginx({ workers: 1, location: location() });

  try {
    const { p, w } = await both(s);

    for (let i = 0; i < 4; i++) {
      await blow(w);
    }

    const answer = p.get();
    let served = 0, done = false;

    answer.finally(() => { done = true; });

    /* each answer is a turn of the worker's loop, or several, of more than a
       hundred; were it one, only its beginning and end could be met */

    while (!done) {
      w.send('421["ack"]');
      assert.equal(await w.recvText(), '431[]');
      served++;
    }

    assert.equal(plain(await answer),
                 Array(4).fill(`42["blow","${TEXT}"]`).join('\x1e'));
    assert.ok(served > 3, `${served} events`);
    await p.close();
    w.close(1000);

  } finally {
    await s.stop();
  }
});


test('clients that go away, and sessions that end', async () => {
  const s = await sio.startNginx({ workers: 2, location: location() });
  const base = await s.counters();

  try {
    for (let i = 0; i < 12; i++) {
      const { p, w } = await both(s);
      const conn = await sio.connect(s);

      if (i % 2) {
        /* parked, or it is there already */
        const hang = await p.parked({ conn });

        await blow(w);

        if (i % 4 === 1) {
          hang.abort();

        } else {
          assert.equal(plain(await hang.response), `42["blow","${TEXT}"]`);
        }

      } else {
        await blow(w);
        conn.write(Buffer.from(`GET ${p.url()} HTTP/1.1\r\nHost: x\r\n`
                               + 'Accept-Encoding: gzip\r\n\r\n'));

        if (i % 4) {
          await p.post('41');
          await p.close();
        }
      }

      conn.reset();
      w.close(1000);
      await p.close().catch(() => {});
    }

    await s.settled({ sockets: 0, rooms: base.rooms });

  } finally {
    await s.stop();
  }
});


test('a worker that shuts down sends what it has begun', async () => {
  const s = await sio.startNginx({ workers: 1, location: location(),
                                   shutdownTimeout: '10s' });

  try {
    const { p, w } = await both(s);

    await blow(w);

    const answer = p.get();

    w.send('421["ack"]');
    await w.recvText();               /* the GET is being answered, or was */
    s.signal('SIGHUP');
    assert.equal(plain(await answer), `42["blow","${TEXT}"]`);
    w.destroy();
    await p.close();

  } finally {
    await s.stop();
  }
});


test('over HTTP/2', { skip: !sio.configured('http_v2_module') }, async () => {
  const http2 = require('http2');
  const s = await sio.startNginx({ workers: 2, location: location(),
                                   tls: true, http2: true });

  try {
    const { p, w } = await both(s);

    await blow(w);

    const client = http2.connect(`https://localhost:${s.tlsPort}`,
                                 { ca: s.ca });
    const stream = client.request({ ':path': p.url(),
                                    'accept-encoding': 'gzip' });
    const chunks = [];

    stream.on('data', (d) => chunks.push(d));
    await new Promise((resolve, reject) => {
      stream.on('end', resolve);
      stream.on('error', reject);
    });

    assert.equal(zlib.gunzipSync(Buffer.concat(chunks)).toString(),
                 `42["blow","${TEXT}"]`);
    client.destroy();
    w.close(1000);
    await p.close();

  } finally {
    await s.stop();
  }
});
