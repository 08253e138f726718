'use strict';

/*
 * A POST of very many packets is processed in slices: others have their turn
 * meanwhile, its own order stays, and what happens to its session in between
 * counts for the rest.
 */

const assert = require('node:assert');
const test = require('node:test');

const sio = require('../lib/sio.js');

const { until } = sio;

const MANY = 2000000;                     /* packets, of two bytes each */


async function serve(t, rules, options = {}) {
  const s = await sio.startNginx({
    workers: 1,
    location: `sio on; sio_max_http_buffer_size 16m; ${rules}`,
    ...options,
  });

  t.after(async () => {
    try {
      await s.settled({ sessions: 0, sockets: 0, rooms: 0 });

    } finally {
      await s.stop();
    }
  });

  return s;
}

async function opened(s) {
  const w = await sio.wsOpen({ port: s.port });

  await w.connectNsp('/');

  return w;
}

const filler = (n) => Buffer.alloc(2 * n, '\x1e3');


test('others are served meanwhile', async (t) => {
  const s = await serve(t, 'sio_on n { ack $sio_arg_0; }');
  const p = await sio.poll({ port: s.port });
  const w = await opened(s);
  let done = false, n = 0;

  await p.connectNsp();

  const post = p.post(Buffer.concat([Buffer.from('42["n"]'), filler(MANY)]))
                .then((r) => { done = true; return r; });

  for (; !done; n++) {
    w.send(`42${n}["n",${n}]`);
    assert.equal(await w.recvText(), `43${n}[${n}]`);
  }

  assert.equal((await post).text, 'ok');

  /* it takes half a second and more; without slices it would be a few, while
     the body comes in */

  assert.ok(n >= 40, `${n} times`);

  await p.close();
  w.close(1000);
  await w.waitClose();
});


test('the order stays, whatever the transport does', async (t) => {
  const s = await serve(t, `
    sio_on n { emit n $sio_arg_0 to=* nsp=$sio_arg_1; ack $sio_arg_0; }
    sio_namespace /b { sio_on n { emit n $sio_arg_0 to=* nsp=/; } }
    sio_limit queue=100000;`, { workers: 4 });
  const p = await sio.poll({ port: s.port });
  const w = await opened(s);
  const packets = [];
  const want = [];

  await p.connectNsp();

  for (let i = 0; i < 3000; i++) {

    if (i === 1000) {
      packets.push('40/b,');
    }

    packets.push(i < 1000 || i >= 2000 || i % 2 ? `42["n",${i},"/"]`
                                                : `42/b,["n",${i}]`);

    if (i === 2000) {
      packets.push('41/b,');
    }

    want.push(`42["n",${i}]`);
  }

  packets.push('423000["n",3000,"/"]');
  want.push('42["n",3000]');

  assert.equal((await p.post(packets)).text, 'ok');
  await p.wait('433000[3000]', { ms: 10000 });

  for (const text of want) {
    assert.equal(await w.recvText(), text);
  }

  await p.close();
  w.close(1000);
  await w.waitClose();
});


for (const close of ['', ' close']) {

  test(`disconnect${close} in the middle`, async (t) => {
    const s = await serve(t, `
      sio_on connect { join all; }
      sio_on begin { emit begin to=watch; }
      sio_on end { emit end to=watch; join later; }
      sio_on watch { leave all; join watch; ack; }
      sio_on stop { disconnect${close} in=all; ack; }
      sio_on disconnect { emit gone $sio_reason to=watch; }`);
    const p = await sio.poll({ port: s.port });
    const w = await opened(s);

    w.send('421["watch"]');
    assert.equal(await w.recvText(), '431[]');

    await p.connectNsp();

    const post = p.post(Buffer.concat([
      Buffer.from('42["begin"]'), filler(MANY), Buffer.from('\x1e42["end"]'),
    ]));

    assert.equal(await w.recvText(), '42["begin"]');
    w.send('422["stop"]');

    assert.deepEqual([await w.recvText(), await w.recvText()].sort(),
                     ['42["gone","server namespace disconnect"]', '432[]']);
    assert.equal((await post).text, 'ok');

    /* nothing of it happens any more */

    w.send('423["watch"]');
    assert.equal(await w.recvText(), '433[]');
    assert.equal((await s.counters()).rooms, 1);

    if (close) {
      await p.wait('41');
      await p.get();

    } else {
      await p.close();
    }

    w.close(1000);
    await w.waitClose();
  });
}


test('the client goes in the middle', async (t) => {
  const s = await serve(t, `
    sio_on watch { join watch; ack; }
    sio_on begin { emit begin to=watch; }`);
  const w = await opened(s);
  const p = await sio.poll({ port: s.port });

  w.send('421["watch"]');
  await w.recvText();
  await p.connectNsp();

  const conn = await sio.connect({ port: s.port });
  const post = p.post(Buffer.concat([Buffer.from('42["begin"]'),
                                     filler(MANY)]), { conn });

  assert.equal(await w.recvText(), '42["begin"]');
  conn.destroy();
  await post.catch(() => { /* as it should be */ });

  /* the rest is processed all the same, then nobody is there for "ok" */

  await until(async () => {
    const r = await p.post('1');

    return r.status === 200 || r.status === 400;
  });

  w.close(1000);
  await w.waitClose();
});


test('a reload, and the end, in the middle', async (t) => {
  const s = await serve(t, `
    sio_on watch { join watch; ack; }
    sio_on begin { emit begin to=watch; }
    sio_on end { ack $sio_event; }`);
  const p = await sio.poll({ port: s.port });
  const w = await opened(s);

  w.send('421["watch"]');
  await w.recvText();
  await p.connectNsp();

  const post = p.post(Buffer.concat([
    Buffer.from('42["begin"]'), filler(MANY), Buffer.from('\x1e427["end"]'),
  ]));

  assert.equal(await w.recvText(), '42["begin"]');
  await s.reload();

  assert.equal((await post).text, 'ok');
  await p.wait('437["end"]');
  await until(() => s.workers({ all: true }).length === 1);
  await w.waitClose();
  await p.close();
});
