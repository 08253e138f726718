'use strict';

/*
 * Reloads that take something away: the location, its rules, the size of the
 * zone, all of http{}; two zones; more workers than the zone has slots for.
 */

const test = require('node:test');
const assert = require('node:assert');

const sio = require('../lib/sio.js');

const ECHO = `sio on;
              sio_on echo { emit echo $sio_args; }`;


async function clients(s) {
  const w = await sio.wsOpen(s);
  const p = await sio.poll(s);

  await w.connectNsp('/');
  await p.connectNsp('/');
  return { w, p };
}

async function oldGone(s, old) {
  await sio.until(() => s.workers({ all: true })
                         .every((pid) => !old.includes(pid)), 10000,
                  'the end of the old workers');
}

async function echoes(s) {
  const { w, p } = await clients(s);

  w.send('42["echo",1]');
  assert.equal(await w.recvText(), '42["echo",1]');
  await p.post('42["echo",1]');
  await p.wait('42["echo",1]');
  await w.close(1000);
  await p.close();
}


test('without the location', async () => {
  const s = await sio.startNginx({ location: ECHO, http: 'sio_drain_time 0;' });
  const { w, p } = await clients(s);
  const old = s.workers();
  const get = await p.parked();

  await s.reload({ location: 'return 204;', counters: false });

  assert.equal((await w.waitClose()).code, 1005);
  assert.match((await get.response).text, /^[16]$/);
  await oldGone(s, old);
  assert.equal((await p.get()).status, 204);

  /* and with it again: the zone was let go */

  const without = s.workers();

  await s.reload({ location: ECHO });
  await oldGone(s, without);
  assert.equal((await p.get()).status, 400);
  await echoes(s);
  await s.stop();
});


test('the session\'s location is gone, its zone is not', async () => {
  const other = 'location /other/ { sio zone=default; }';
  const s = await sio.startNginx({ zone: '4m', location: 'sio zone=default;',
                                   server: other,
                                   http: 'sio_drain_time 0;' });
  const base = await s.counters();
  const p = await sio.poll({ ...s, path: '/other/' });

  const old = s.workers();

  await p.connectNsp('/');
  await s.reload({ zone: '4m', location: 'sio zone=default;',
                   http: 'sio_drain_time 0;' });
  await oldGone(s, old);

  /* its key has no options any more: it is closed at its next packet */

  p.options.path = '/socket.io/';
  assert.equal((await p.post('42["x"]')).text, 'ok');
  assert.equal((await p.get()).status, 400);
  await s.settled(base, 40000);
  await s.stop();
});


test('another size of the zone', async () => {
  const s = await sio.startNginx({ zone: '4m', location: ECHO,
                                   http: 'sio_drain_time 0;' });

  for (const size of ['8m', '2m', '8m']) {
    const { w, p } = await clients(s);
    const old = s.workers();

    await s.reload({ zone: size, location: ECHO,
                     http: 'sio_drain_time 0;' });

    assert.equal((await w.waitClose()).code, 1005);
    await oldGone(s, old);
    assert.equal((await p.get()).status, 400);
    assert.match(s.errorLog(), /the size of "default" has changed/);
    await echoes(s);
  }

  /* the zones that went left no eventfds with the master */

  const fds = require('fs').readdirSync(`/proc/${s.pid}/fd`).length;

  assert.ok(fds < 2 * 128, `the master has ${fds} files open`);
  await s.stop();
});


test('without http{}', async () => {
  const s = await sio.startNginx({ location: ECHO, http: 'sio_drain_time 0;' });
  const { w } = await clients(s);
  const old = s.workers();

  await s.reload({
    conf: ({ dir, module }) => `
      load_module ${module};
      ${process.getuid() === 0 ? 'user root;' : ''}
      daemon off;
      worker_processes 4;
      error_log ${dir}/error.log info;
      pid ${dir}/nginx.pid;
      events { }`,
  });

  assert.equal((await w.waitClose()).code, 1005);
  await oldGone(s, old);

  await s.reload({ location: ECHO });
  await echoes(s);
  await s.stop();
});


test('two zones, one taken away', async () => {
  const two = `location /b/ { sio zone=b;
                 sio_on echo { emit echo b to=*; } }`;
  const a = 'sio zone=a; sio_on echo { emit echo a to=*; }';
  const options = { http: 'sio_zone zone=a:2m; sio_zone zone=b:2m;'
                          + 'sio_drain_time 0;',
                    location: a, server: two, counters: false };
  const s = await sio.startNginx(options);
  const wa = await sio.wsOpen(s);
  const wb = await sio.wsOpen({ ...s, path: '/b/' });

  await wa.connectNsp('/');
  await wb.connectNsp('/');
  wa.send('42["echo"]');
  wb.send('42["echo"]');
  assert.equal(await wa.recvText(), '42["echo","a"]');
  assert.equal(await wb.recvText(), '42["echo","b"]');

  /* a session of one is unknown to the other */

  const p = await sio.poll(s);
  assert.equal((await sio.http({ port: s.port,
    path: `/b/?EIO=4&transport=polling&sid=${p.sid}` })).status, 400);

  await s.reload({ ...options, server: '',
                   http: 'sio_zone zone=a:2m; sio_drain_time 0;' });
  await wa.waitClose();
  await wb.waitClose();

  /* one that polls goes on where its zone stayed */

  await p.connectNsp('/');
  await p.close();
  await s.stop();
});


test('more workers than slots', { timeout: 60000 * sio.SLOW }, async () => {
  const o = { location: ECHO, connections: 64, zone: '8m',
              http: 'sio_drain_time 0;', reuseport: false };
  const s = await sio.startNginx({ ...o, workers: 132 });

  await sio.until(() => /no free slot/.test(s.errorLog()), 10000,
                  'a worker without a slot');
  assert.equal(s.errorLog().match(/no free slot/g).length, 4);

  /* who has none refuses; nobody fails */

  for (let n = 0; n < 50; n++) {
    const r = await sio.http({ port: s.port,
      path: '/socket.io/?EIO=4&transport=polling' });

    assert.match(String(r.status), /^(200|503)$/);
  }

  /* when the old ones are gone, the new ones have all they need */

  const old = s.workers();

  await s.reload({ ...o, workers: 2 });
  await oldGone(s, old);

  await sio.until(async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () =>
      sio.http({ port: s.port,
                 path: '/socket.io/?EIO=4&transport=polling' })));

    return answers.every((r) => r.status === 200);
  }, 10000, 'a slot for each worker');

  await echoes(s);
  await s.stop();
});
