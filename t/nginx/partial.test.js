'use strict';

/*
 * A packet in progress, its binaries still to come: between POSTs of several
 * workers, over the upgrade, with a session that ends, up to its limit.
 */

const test = require('node:test');
const assert = require('node:assert');

const sio = require('../lib/sio.js');

const LOCATION = `
  sio on;
  sio_max_http_buffer_size 20k;
  sio_limit packet_size=64k;
  sio_on echo { emit echo $sio_args; }`;

const HEAD = (n) => `45${n}-["echo",${Array.from({ length: n },
  (x, i) => `{"_placeholder":true,"num":${i}}`).join(',')}]`;
const b64 = (buf) => `b${buf.toString('base64')}`;
const bytes = (n, fill) => Buffer.alloc(n, fill);


async function start() {
  const s = await sio.startNginx({ workers: 4, zone: '4m',
                                   location: LOCATION });
  return { s, base: await s.counters() };
}


/* the echo at a WebSocket */

async function echoed(w, n, size) {
  assert.equal(await w.recvText(), HEAD(n));

  for (let i = 0; i < n; i++) {
    const m = await w.recv();

    assert.equal(m.opcode, sio.BINARY);
    assert.deepEqual(m.data, bytes(size, i));
  }
}


test('half over POSTs of all workers, half over the WebSocket', async () => {
  const { s, base } = await start();
  const conns = [...(await s.spread({ perWorker: 1 })).values()];

  for (let first = 0; first <= 4; first++) {
    const p = await sio.poll(s);

    await p.connectNsp('/');
    await p.post(HEAD(4), { conn: conns[first % 4] });

    for (let i = 0; i < first; i++) {
      const r = await p.post(b64(bytes(9000, i)), { conn: conns[i % 4] });
      assert.equal(r.text, 'ok');
    }

    if (first === 4) {
      await p.wait(HEAD(4));
      await p.close();
      continue;
    }

    const w = await p.upgrade();

    for (let i = first; i < 4; i++) {
      w.send(bytes(9000, i));
    }

    await echoed(w, 4, 9000);
    await w.close(1000);
  }

  conns.forEach((conn) => conn.destroy());
  await s.settled(base);
  await s.stop();
});


test('the session ends before the last binary', async () => {
  const { s, base } = await start();

  const closed = await sio.poll(s);
  await closed.connectNsp('/');
  await closed.post([HEAD(3), b64(bytes(500, 1))]);
  await closed.close();

  /* text between binaries */

  const wrong = await sio.poll(s);
  await wrong.connectNsp('/');
  await wrong.post([HEAD(3), b64(bytes(500, 1))]);
  await wrong.post('42["echo",1]');
  await sio.until(async () => (await wrong.get()).status === 400, 5000,
                  'the end of the session');

  /* the same behind an upgrade */

  const p = await sio.poll(s);
  await p.connectNsp('/');
  await p.post([HEAD(3), b64(bytes(500, 1))]);
  const w = await p.upgrade();
  w.send('42["echo",1]');
  await w.waitClose();

  /* the connection is lost */

  const lost = await sio.wsOpen(s);
  await lost.connectNsp('/');
  lost.send(HEAD(3));
  lost.send(bytes(500, 1));
  lost.reset();

  /* too large a POST changes nothing of what is there */

  const large = await sio.poll(s);
  await large.connectNsp('/');
  await large.post([HEAD(2), b64(bytes(500, 0))]);
  assert.equal((await large.post(b64(bytes(20000, 1)))).status, 413);
  await large.post(b64(bytes(500, 1)));
  await large.wait(HEAD(2));
  await large.close();

  await s.settled(base, 40000);
  await s.stop();
});


test('its size has a limit', async () => {
  const { s, base } = await start();

  /* 64k: 4 of 15000 bytes, not 5 */

  for (const n of [4, 5]) {
    const p = await sio.poll(s);

    await p.connectNsp('/');
    await p.post(HEAD(n));

    for (let i = 0; i < n; i++) {
      const r = await p.post(b64(bytes(14900 + (n === 5 ? 0 : 100), i)));
      assert.equal(r.text, 'ok');
    }

    if (n === 4) {
      await p.wait(HEAD(4));
      await p.close();
    } else {
      assert.equal((await p.get()).status, 400);
    }

    const w = await sio.wsOpen(s);

    await w.connectNsp('/');
    w.send(HEAD(n));

    for (let i = 0; i < n; i++) {
      w.send(bytes(15000, i));
    }

    if (n === 4) {
      await echoed(w, 4, 15000);
      await w.close(1000);
    } else {
      await w.waitClose();
    }
  }

  await s.settled(base, 40000);
  await s.stop();
});


test('many that wait do not stop the others', async () => {
  const { s, base } = await start();
  const list = [];

  /* 100 x 45000 bytes are more than the zone has */

  for (let n = 0; n < 100; n++) {
    const p = await sio.poll(s).catch((e) => {
      assert.match(e.message, /503/);
    });

    if (!p) {
      break;
    }

    list.push(p);

    if ((await p.post('40')).status === 200) {
      await p.post(HEAD(4));

      for (let i = 0; i < 3; i++) {
        await p.post(b64(bytes(15000, i)));
      }
    }
  }

  /* who gives up makes place */

  await Promise.all(list.map((p) => p.close()));
  await s.settled(base, 40000);

  const w = await sio.wsOpen(s);

  await w.connectNsp('/');
  w.send('42["echo",1]');
  assert.equal(await w.recvText(), '42["echo",1]');
  await w.close(1000);

  await s.stop();
});
