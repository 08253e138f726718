'use strict';

/*
 * The end of nginx, and of its workers, while sessions live and talk: QUIT,
 * TERM, worker_shutdown_timeout; and one process without a master.
 */

const test = require('node:test');
const assert = require('node:assert');

const sio = require('../lib/sio.js');

const LOCATION = `
  sio on;
  sio_on connect { join all; }
  sio_on say     { emit said $sio_args to=all; ack; }`;


/* WebSockets and polling sessions that talk until they are cut off */

async function crowd(s, n = 12) {
  const list = [];

  for (let i = 0; i < n; i++) {
    const w = await sio.wsOpen(s);

    await w.connectNsp('/');
    w.talk = (async () => {
      while (!w.ended) {
        w.send('42["say","w"]');
        await sio.sleep(3);
      }
    })();
    list.push({ w, talk: w.talk });

    const p = await sio.poll(s);

    await p.connectNsp('/');

    const poll = (async () => {
      try {
        while ((await p.get()).status === 200) { /* void */ }
      } catch (e) { /* refused: nobody listens */ }
    })();

    const post = (async () => {
      try {
        while ((await p.post('42["say","p"]')).status === 200) {
          await sio.sleep(3);
        }
      } catch (e) { /* the same */ }
    })();

    list.push({ p, talk: Promise.all([poll, post]) });
  }

  return list;
}


for (const [signal, drain] of [['SIGQUIT', '0'], ['SIGQUIT', '300ms'],
                               ['SIGTERM', '300ms']]) {

  test(`${signal}, drained in ${drain}`, async () => {
    const s = await sio.startNginx({ location: LOCATION,
                                     http: `sio_drain_time ${drain};` });
    const list = await crowd(s);

    await sio.sleep(100);
    await s.stop({ signal });

    for (const { w, talk } of list) {
      if (w) {
        const how = await w.waitClose();

        /* never a DISCONNECT: clients would not come back after one */

        assert.ok(w.frames.every((f) => f.opcode !== 1
                                        || f.payload.toString() !== '41'));

        if (signal === 'SIGQUIT') {
          assert.equal(how.code, 1005);
        }
      }

      await talk;
    }
  });
}


test('a client that does not answer the close', async () => {
  const s = await sio.startNginx({ location: LOCATION, shutdownTimeout: '1s',
                                   http: 'sio_drain_time 0;' });
  const w = await sio.wsOpen({ ...s, echo: false });

  await w.connectNsp('/');

  /* one that reads nothing, with something to read */

  const slow = await sio.wsOpen(s);

  await slow.connectNsp('/');
  slow.conn.socket.pause();

  for (let n = 0; n < 100; n++) {
    w.send(`42["say","${'x'.repeat(10000)}"]`);
  }

  /* a body that does not come, a candidate that says nothing */

  const p = await sio.poll(s);
  const conn = await sio.connect(s);

  conn.write(`POST ${p.url()} HTTP/1.1\r\nHost: x\r\n`
             + 'Content-Length: 100\r\n\r\n42["');

  const other = await sio.poll(s);
  const candidate = await other.candidate();

  await s.stop();
  slow.destroy();
  candidate.destroy();
  conn.destroy();
});


test('a candidate that is the only connection of its worker', async () => {
  const s = await sio.startNginx({ location: LOCATION, workers: 1,
                                   http: 'sio_drain_time 0;' });
  const p = await sio.poll(s);
  const candidate = await p.candidate();
  const closed = candidate.waitClose();

  await s.stop();
  await closed;
});


/* the official client does not poll any more behind "3probe" */

for (const late of [false, true]) {
  test(`a candidate that has probed, its "5" ${late ? 'never comes' : 'comes'}`,
       async () => {
    const config = { location: `${LOCATION} sio_upgrade_timeout 1s;`,
                     workers: 1, http: 'sio_drain_time 0;' };
    const s = await sio.startNginx(config);
    const base = await s.counters();
    const p = await sio.poll(s);

    await p.connectNsp('/');

    const other = await sio.wsOpen(s);
    const candidate = await p.candidate();
    const closed = candidate.waitClose();

    candidate.send('2probe');
    assert.equal(await candidate.recvText(), '3probe');

    await s.reload(config);
    await other.waitClose();

    if (!late) {
      candidate.send('5');
    }

    await closed;
    await sio.until(() => s.workers({ all: true }).length === 1, 10000,
                    'the old worker to end');

    /* as a WebSocket it has gone with its worker, else it still polls */

    const r = await p.post('3');

    assert.equal(r.status, late ? 200 : 400, r.text);

    if (late) {
      await p.close();
    }

    await s.settled(base, 10000);
    await s.stop();
  });
}


test('a worker ends in the middle of a reload, its sessions do not', async () => {
  const s = await sio.startNginx({ location: LOCATION,
                                   http: 'sio_drain_time 5s;' });
  const base = await s.counters();
  const list = await crowd(s, 6);
  const old = s.workers();

  await s.reload({ location: LOCATION, http: 'sio_drain_time 5s;' });

  /* TERM to those that drain: what they had is taken apart by the others */

  for (const pid of old) {
    try {
      process.kill(pid, 'SIGTERM');
    } catch (e) { /* it has gone */ }
  }

  await Promise.all(list.filter(({ w }) => w).map(({ w }) => w.waitClose()));

  const w = await sio.wsOpen(s);

  await w.connectNsp('/');
  w.send('421["say","x"]');
  await sio.until(async () => (await w.recvText()) === '431[]', 5000, 'an ack');
  await w.close(1000);

  for (const { p } of list) {
    if (p) {
      await p.close().catch(() => {});
    }
  }

  await Promise.all(list.map(({ talk }) => talk));
  await s.settled(base, 40000);
  await s.stop();
});


test('without a master', async () => {
  const s = await sio.startNginx({
    workers: 0,
    conf: ({ dir, port, module }) => `
      load_module ${module};
      daemon off;
      master_process off;
      worker_shutdown_timeout 3s;
      error_log ${dir}/error.log info;
      pid ${dir}/nginx.pid;
      events { }
      http {
          access_log off;
          client_body_temp_path ${dir}/tmp/body;
          sio_drain_time 0;
          server {
              listen 127.0.0.1:${port};
              location /socket.io/ { ${LOCATION} }
              location = /worker { return 200 $pid; }
          }
      }`,
  });

  const w = await sio.wsOpen(s);
  const p = await sio.poll(s);

  await w.connectNsp('/');
  await p.connectNsp('/');
  await p.post('42["say",1]');
  assert.equal(await w.recvText(), '42["said",1]');
  await p.wait('42["said",1]');

  const up = await p.upgrade();

  up.send('42["say",2]');
  assert.equal(await w.recvText(), '42["said",2]');

  await s.stop({ signal: 'SIGQUIT' });
  await w.waitClose();
});
