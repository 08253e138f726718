'use strict';

/*
 * Rules that disconnect: themselves and others, from each kind of block, over
 * both transports, by the same worker and by another one.  Each socket's end
 * is said exactly once, to "disconnecting" and to "disconnect".
 */

const test = require('node:test');
const assert = require('node:assert');

const sio = require('../lib/sio.js');

const LOCATION = `
  sio on;

  sio_on connect       { join all; }
  sio_on watch         { join log; ack; }
  sio_on bye           { emit bye; disconnect; emit never; }
  sio_on close         { disconnect close; emit never; }
  sio_on kick          { disconnect in=$sio_arg_0; ack; }
  sio_on out           { disconnect close in=$sio_arg_0; ack; }
  sio_on everybody     { disconnect in=*; ack; }
  sio_on echo          { emit echo $sio_args; }
  sio_on ask           { emit question ack=answer; }
  sio_on_ack answer    { disconnect; }
  sio_on late          { emit question ack=timed timeout=100ms; }
  sio_on_ack timed     { disconnect close; }

  sio_on disconnecting { emit leaving $sio_id to=log; disconnect; }
  sio_on disconnect    { emit gone $sio_id $sio_reason to=log;
                         disconnect; disconnect close in=$sio_id; }

  sio_namespace /self   { sio_on connect { emit hello; disconnect; } }
  sio_namespace /close  { sio_on connect { emit hello; disconnect close; } }
  sio_namespace /last   { sio_on connect { disconnect in=*; } }
  sio_namespace /chain  { sio_on connect    { join chain; }
                          sio_on go         { disconnect; }
                          sio_on disconnect { disconnect in=chain; } }`;


/* one that hears of each end */

class Watcher {
  constructor(w) {
    this.w = w;
    this.leaving = new Map();
    this.gone = new Map();
    this.reasons = new Map();
  }

  static async open(s) {
    const w = await sio.wsOpen(s);

    w.id = await w.connectNsp('/');
    w.send('421["watch"]');
    assert.equal(await w.recvText(), '431[]');

    const watcher = new Watcher(w);

    watcher.run();
    return watcher;
  }

  async run() {
    try {
      for (;;) {
        const [name, id, reason] = JSON.parse((await this.w.recvText(60000))
                                              .replace(/^42/, ''));
        const map = this[name];

        map.set(id, (map.get(id) || 0) + 1);
        this.reasons.set(id, reason);
      }
    } catch (e) {
      /* closed */
    }
  }

  async ended(id, reason) {
    await sio.until(() => this.gone.get(id), 5000, `the end of ${id}`);
    assert.equal(this.leaving.get(id), 1);
    assert.equal(this.gone.get(id), 1);

    if (reason) {
      assert.equal(this.reasons.get(id), reason);
    }
  }
}


/* the same words for both transports */

async function client(s, transport, conn) {
  if (transport === 'websocket') {
    const w = await sio.wsOpen({ ...s, conn });

    w.id = await w.connectNsp('/');
    w.say = (packet) => w.send(packet);
    w.hear = async (packet) => assert.equal(await w.recvText(), packet);
    w.closed_ = () => w.waitClose();
    return w;
  }

  const p = await sio.poll(s);

  p.id = await p.connectNsp('/');
  p.say = async (packet) => assert.equal((await p.post(packet)).text, 'ok');
  p.hear = (packet) => p.wait(packet);
  p.closed_ = () => sio.until(async () => (await p.get()).status === 400, 5000,
                              'the end of the session');
  return p;
}


const SERVER = 'server namespace disconnect';

for (const workers of [1, 4]) {

  test(`${workers} worker(s)`, async (t) => {
    const s = await sio.startNginx({ workers, location: LOCATION });
    const base = await s.counters();
    const log = await Watcher.open(s);

    for (const transport of ['websocket', 'polling']) {

      await t.test(`${transport}: itself, in an event`, async () => {
        const c = await client(s, transport);

        await c.say('42["bye"]');
        await c.hear('42["bye"]');
        await c.hear('41');
        await log.ended(c.id, SERVER);

        /* the session is there, the namespace may be joined again */

        await c.say('40');
        await c.hear.call(null, await again(c));
        await c.close();
      });

      await t.test(`${transport}: with its session`, async () => {
        const c = await client(s, transport);

        await c.say('42["close"]');
        await c.hear('41');
        await c.closed_();
        await log.ended(c.id, SERVER);
      });

      await t.test(`${transport}: in an ack`, async () => {
        const c = await client(s, transport);

        await c.say('42["ask"]');

        const id = await question(c);

        await c.say(`43${id}[]`);
        await c.hear('41');
        await log.ended(c.id, SERVER);
        await c.close();
      });

      await t.test(`${transport}: in an ack that does not come`, async () => {
        const c = await client(s, transport);

        await c.say('42["late"]');

        const id = await question(c);

        await c.hear('41');
        await c.closed_();
        await log.ended(c.id, SERVER);

        if (transport === 'polling') {
          assert.notEqual((await c.post(`43${id}[]`)).status, 500);
        }
      });

      await t.test(`${transport}: in connect`, async () => {
        const c = await client(s, transport);

        await c.say('40/self,');
        await nsp(c, '/self');
        await c.hear('42/self,["hello"]');
        await c.hear('41/self,');

        await c.say('40/last,');
        await nsp(c, '/last');
        await c.hear('41/last,');

        await c.say('40/close,');
        await nsp(c, '/close');
        await c.hear('42/close,["hello"]');
        await c.closed_();
        await log.ended(c.id, SERVER);
      });

      await t.test(`${transport}: others, by each worker`, async () => {
        const pids = s.workers();
        const victims = [];

        for (let n = 0; n < 8; n++) {
          victims.push(await client(s, transport));
        }

        for (const [n, victim] of victims.entries()) {
          const conn = await s.connectTo(pids[n % pids.length]);
          const w = await sio.wsOpen({ ...s, conn });

          await w.connectNsp('/');
          w.send(`427["${n % 2 ? 'kick' : 'out'}","${victim.id}"]`);
          assert.equal(await w.recvText(), '437[]');

          await victim.hear('41');
          await log.ended(victim.id, SERVER);

          if (n % 2 === 0) {
            await victim.closed_();
          } else {
            await victim.close();
          }

          await w.close();
        }
      });

      await t.test(`${transport}: a chain`, async () => {
        const list = [];

        for (let n = 0; n < 6; n++) {
          const c = await client(s, n % 2 ? 'websocket' : transport);

          await c.say('40/chain,');
          await nsp(c, '/chain');
          list.push(c);
        }

        await list[3].say('42/chain,["go"]');
        await Promise.all(list.map((c) => c.hear('41/chain,')));
        await Promise.all(list.map((c) => c.close()));
      });
    }

    /*
     * A polling session that is thrown out while it posts, polls and
     * upgrades: whoever comes first, there is one end.
     */

    await t.test('thrown out while it talks and upgrades', async () => {
      const ids = [];
      const kicker = await sio.wsOpen(s);

      await kicker.connectNsp('/');

      await Promise.all(Array.from({ length: 60 }, async (x, n) => {
        const p = await sio.poll(s);
        const id = await p.connectNsp('/');

        ids.push(id);

        const work = n % 3 === 0 ? p.post('42["echo",1]')
                   : n % 3 === 1 ? p.post('42["bye"]')
                   : p.upgrade().then((w) => { w.send('42["bye"]');
                                               p.w = w; });

        kicker.send(`42["${n % 2 ? 'kick' : 'out'}","${id}"]`);
        await work.catch(() => {});
        await log.ended(id);

        if (p.w) {
          /* what it says to a namespace it has left closes it */
          p.w.send('42["echo",2]');
          await p.w.waitClose();
        } else {
          await p.close();
        }
      }));

      await sio.sleep(200);

      for (const id of ids) {
        assert.equal(log.leaving.get(id), 1, `"disconnecting" of ${id}`);
        assert.equal(log.gone.get(id), 1, `"disconnect" of ${id}`);
      }

      await kicker.close();
    });

    await t.test('everybody', async () => {
      const list = [];

      for (let n = 0; n < 12; n++) {
        list.push(await client(s, n % 2 ? 'polling' : 'websocket'));
      }

      await list[0].say('42["everybody"]');
      await Promise.all(list.map((c) => c.hear('41')));
      await Promise.all(list.map((c) => c.close()));
    });

    await log.w.close();
    await s.settled(base, 40000);
    await s.stop();
  });
}


/* the CONNECT answer, whatever the id */

async function nsp(c, name) {
  const re = new RegExp(`^40${name},\\{`);

  if (c.recvText) {
    assert.match(await c.recvText(), re);
  } else {
    await c.wait(re);
  }
}

async function again(c) {
  const packet = c.recvText ? await c.recvText() : await c.wait(/^40\{/);

  assert.match(packet, /^40\{/);

  /* hear() of what comes next */

  await c.say('42["echo",3]');
  return '42["echo",3]';
}

async function question(c) {
  const re = /^42(\d+)\["question"\]$/;
  const packet = c.recvText ? await c.recvText() : await c.wait(re);

  return re.exec(packet)[1];
}
