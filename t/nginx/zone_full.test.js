'use strict';

/*
 * The smallest zone that is accepted, filled to the brim: refusals and no
 * alert, and all is well when clients have left.
 */

const test = require('node:test');
const assert = require('node:assert');

const sio = require('../lib/sio.js');

const LOCATION = `
  sio on;
  sio_max_http_buffer_size 100k;
  sio_on join  { join $sio_arg_0; ack; }
  sio_on shout { emit shout $sio_args to=*; ack; }
  sio_on alive { ack; }`;


/* the least size in KB that "nginx -t" takes */

async function smallest() {
  let low = 4;
  let high = 4096;

  assert.ok((await sio.testConfig({ zone: `${high}k`,
                                    location: 'sio on;' })).ok);

  while (high - low > 4) {
    const middle = Math.round((low + high) / 8) * 4;
    const r = await sio.testConfig({ zone: `${middle}k`,
                                     location: 'sio on;' });

    assert.equal(r.signal, null, r.output);

    if (r.ok) {
      high = middle;
    } else {
      assert.match(r.output, /zone/);
      low = middle;
    }
  }

  return `${high}k`;
}


async function works(s) {
  const w = await sio.wsOpen(s);

  await w.connectNsp();
  w.send('421["join","r"]');
  assert.equal(await w.recvText(), '431[]');
  w.send('422["shout",1]');
  assert.equal(await w.recvText(), '42["shout",1]');
  assert.equal(await w.recvText(), '432[]');
  await w.close(1000);

  const c = await sio.poll(s);

  await c.connectNsp();
  await c.post('421["alive"]');
  await c.wait('431[]');
  await c.close();
}


/* sessions over both transports until one is refused; all that were made */

async function fill(s) {
  const made = [];
  let refused = 0;

  for (let n = 0; refused < 20; n++) {
    assert.ok(n < 20000, 'the zone is never full');

    if (n % 2) {
      const w = await sio.ws(s);

      if (w.status === 503) {
        refused++;
        continue;
      }

      assert.equal(w.status, 101);
      made.push(w);

    } else {
      const c = new sio.Poll(s);
      const r = await sio.http({ port: s.port, path: c.url() });

      if (r.status === 503) {
        refused++;
        continue;
      }

      assert.equal(r.status, 200);
      c.sid = JSON.parse(r.text.slice(1)).sid;
      made.push(c);
    }
  }

  return made;
}


/* CONNECT and join: both may be refused when there is no room for them */

async function use(made) {
  for (const x of made) {
    if (x instanceof sio.Ws) {
      x.send('40');
      x.send('421["join","a room"]');

    } else {
      await x.post('40\x1e421["join","another room"]');
    }
  }
}


async function leave(made) {
  await Promise.all(made.map(async (x) => {
    if (x instanceof sio.Ws) {
      x.destroy();
      return;
    }

    /* one that the server closed is kept for a last GET */

    if ((await x.close()).status !== 200) {
      await x.get();
    }
  }));
}


test('a zone of the smallest size', { timeout: 200000 * sio.SLOW },
     async () => {
  const size = await smallest();
  const s = await sio.startNginx({ workers: 4, zone: size,
                                   location: LOCATION });

  const base = await s.counters();

  await works(s);

  for (let cycle = 0; cycle < 3; cycle++) {
    const made = await fill(s);

    assert.ok(made.length >= 10, `${made.length} sessions in ${size}`);

    await use(made);

    const now = await s.counters();

    assert.ok(now.sessions <= made.length);

    await leave(made);
    await s.settled(base, 20000);
    await works(s);
  }

  await s.stop();
});


test('messages that fill it', { timeout: 200000 * sio.SLOW }, async () => {
  const size = await smallest();
  const s = await sio.startNginx({ workers: 4, zone: size,
                                   location: LOCATION });
  const base = await s.counters();

  for (let cycle = 0; cycle < 3; cycle++) {
    const quiet = [];

    /* who does not poll gets a queue, in the zone */

    for (let n = 0; n < 10; n++) {
      const c = await sio.poll(s);

      await c.connectNsp();
      await c.post('421["join","r"]');
      await c.wait('431[]');
      quiet.push(c);
    }

    let w = await sio.wsOpen(s);
    let lost = 0;

    await w.connectNsp();

    for (let n = 0; n < 300; n++) {
      w.send(`42["shout","${'x'.repeat(5000)}"]`);
      w.send('429["alive"]');

      try {
        while ((await w.recvText()) !== '439[]') {
          /* its own share */
        }

      } catch (e) {
        /* it was closed, or cannot be: a client comes back */
        lost++;
        await w.waitClose();

        const next = await sio.ws(s);

        assert.ok(next.status === 101 || next.status === 503);

        if (next.status === 503) {
          break;
        }

        w = next;
        w.send('40');
      }
    }

    assert.ok(lost <= 300);
    w.destroy();
    await leave(quiet);
    await s.settled(base, 20000);
    await works(s);
  }

  await s.stop();
});


test('a zone that is too small is refused', async () => {
  for (const size of ['0', '4k', '8k', 'x', '', '-1', '1q']) {
    const r = await sio.testConfig({
      http: `sio_zone zone=default:${size}; # HERE`,
      location: 'sio on;',
    });

    assert.ok(!r.ok, `"${size}" is accepted`);
    assert.match(r.output, /\[emerg\]/);
    assert.match(r.output, new RegExp(`:${r.line(/# HERE/)}\\b`));
  }
});
