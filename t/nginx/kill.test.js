'use strict';

/*
 * kill -9 of a worker while four carry traffic, twenty times.  A member of
 * the room that is not at the dead worker loses nothing, gets nothing twice,
 * and sees the order that all others see; clients of the dead one come
 * back; polling sessions that had no request there do not notice.
 *
 * With SIO_TARGET=node nobody is killed.
 */

const test = require('node:test');
const assert = require('node:assert');

const sio = require('../lib/sio.js');
const { call } = require('./pair.js');

const ROUNDS = Number(process.env.SIO_ROUNDS || 20);
const SOCKETS = 20;
const IDLE = 6;
const PARKED = 6;

const TARGET = {
  nginx: {
    workers: 4,
    location: `
      sio on;

      # a client whose request was lost comes back; what it had is let go
      sio_ping_interval 3s;
      sio_ping_timeout  3s;

      sio_on join { join $sio_arg_0; ack; }
      sio_on say  { emit said $sio_arg_0 to=room; ack; }`,
    allow: [/exited on signal 9/, /was locked by \d+/],
  },
  node: {
    app(io) {
      io.on('connection', (socket) => {
        socket.on('join', (room, ack) => { socket.join(room); ack(); });
        socket.on('say', (text, ...more) => {
          io.to('room').emit('said', text);
          call(more);
        });
      });
    },
  },
};

const said = (packet) => {
  const m = /^42\["said","(.*)"\]$/.exec(packet);

  return m && m[1];
};


/* a WebSocket in the room; `log` is what it heard since the round began */

class Member {
  constructor(s, name) {
    this.s = s;
    this.name = name;
    this.acked = [];
    this.n = 0;
  }

  async join() {
    this.w = await sio.wsOpen(this.s);
    this.worker = this.w.worker;
    this.log = [];
    this.lost = false;
    this.acks = new Map();

    await this.w.connectNsp();
    this.w.send('420["join","room"]');
    assert.equal(await this.w.recvText(), '430[]');

    this.reading = this.read(this.w);
  }

  async read(w) {
    try {
      for (;;) {
        const text = await w.recvText(60000);
        const heard = said(text);

        if (heard !== null) {
          this.log.push(heard);
          continue;
        }

        const m = /^43(\d+)\[\]$/.exec(text);

        if (!m) {
          throw new Error(`${this.name} received ${text}`);
        }

        this.acks.get(Number(m[1]))(true);
      }

    } catch (e) {
      if (!/closed/.test(e.message)) {
        throw e;
      }

      this.lost = true;
      this.acks.forEach((done) => done(false));
    }
  }

  /* says something; true when it was acknowledged */

  async say(text) {
    const id = ++this.n;
    const answer = new Promise((resolve) => this.acks.set(id, resolve));

    this.w.send(`42${id}["say","${text}"]`);

    const ok = this.lost ? false : await answer;

    this.acks.delete(id);

    if (ok) {
      this.acked.push(text);
    }

    return ok;
  }
}


async function pollMember(s) {
  const c = await sio.poll(s);

  await c.connectNsp();
  await c.post('420["join","room"]');
  await c.wait('430[]');
  c.log = [];

  return c;
}


/* what waits for it, until it has heard `last` */

async function catchUp(c, last) {
  await sio.until(async () => {
    if (c.log.includes(last)) {
      return true;
    }

    const r = await c.get();

    assert.equal(r.status, 200, `a polling session is lost: ${r.text}`);
    await note(c, r);
    return false;
  }, 10000, `"${last}" at a polling session`);
}


async function note(c, r) {
  for (const packet of r.packets) {
    if (packet === '2') {
      await c.post('3');
    } else if (said(packet) !== null) {
      c.log.push(said(packet));
    }
  }
}


/* a polling session that keeps a GET open all the time */

class Parked {
  constructor(s) {
    this.s = s;
  }

  async join() {
    this.c = await pollMember(this.s);
    this.lost = false;
    this.running = this.loop(this.c);
  }

  async loop(c) {
    this.stop = false;

    while (!this.stop) {
      let r;

      try {
        this.get = await c.hang();
        r = await this.get.response;
      } catch (e) {
        r = { status: 0 };
      }

      this.get.abort();

      if (r.status !== 200 || r.text === '1') {
        this.lost = true;
        return;
      }

      await note(c, r);
    }
  }
}


test(`kill -9, ${ROUNDS} times`, { timeout: 240000 * sio.SLOW }, async () => {
  const s = await sio.startTarget(TARGET);
  const base = await s.counters();
  const members = [];
  const idle = [];
  const parked = [];
  let reconnected = 0;

  for (let n = 0; n < SOCKETS; n++) {
    members.push(new Member(s, `m${n}`));
    await members[n].join();
  }

  for (let n = 0; n < IDLE; n++) {
    idle.push(await pollMember(s));
  }

  for (let n = 0; n < PARKED; n++) {
    parked.push(new Parked(s));
    await parked[n].join();
  }

  for (let round = 0; round < ROUNDS; round++) {
    const before = s.workers();
    const victim = before[Math.floor(Math.random() * before.length)];
    let talking = true;

    members.forEach((m) => { m.log = []; m.acked = []; });
    [...idle, ...parked.map((p) => p.c)].forEach((c) => { c.log = []; });

    const talkers = members.map(async (m, k) => {
      for (let n = 0; talking && !m.lost && n < 8; n++) {
        await m.say(`${round}.${k}.${n}`);
        await sio.sleep(Math.random() * 10);
      }
    });

    await sio.sleep(20 + Math.random() * 40);

    if (s.kind === 'nginx') {
      process.kill(victim, 'SIGKILL');
    }

    await Promise.all(talkers);
    talking = false;

    if (s.kind === 'nginx') {
      await sio.until(() => {
        const now = s.workers();
        return now.length === 4 && !now.includes(victim);
      }, 5000, 'a new worker');
    }

    /* who was not at the dead worker is still there */

    for (const m of members) {
      if (s.kind === 'nginx' && m.worker === victim) {
        await sio.until(() => m.lost, 5000, 'the end of a lost connection');
      } else {
        assert.ok(!m.lost, `${m.name} at worker ${m.worker} lost its `
                           + `connection, ${victim} was killed`);
      }
    }

    const alive = members.filter((m) => !m.lost);

    /* the last word: all before it have come when it has */

    const last = `${round} is over`;

    if (alive.length) {
      assert.ok(await alive[0].say(last));
      await sio.until(() => alive.every((m) => m.log.includes(last)), 5000,
                      'the last word');

      const log = alive[0].log;

      assert.equal(new Set(log).size, log.length, 'something came twice');

      for (const m of alive) {
        assert.deepEqual(m.log, log, `${m.name} and ${alive[0].name}`);
      }

      for (const m of members) {
        for (const text of m.acked) {
          assert.ok(log.includes(text), `"${text}" is lost`);
        }
      }

      /* polling sessions without a request at the dead worker */

      for (const c of idle) {
        await catchUp(c, last);
        assert.deepEqual(c.log, log, 'an idle polling session');
      }

      for (const p of parked) {
        await sio.until(() => p.lost || p.c.log.includes(last), 5000,
                        'the last word at a parked session');
        if (!p.lost) {
          assert.deepEqual(p.c.log, log, 'a parked polling session');
        }
      }
    }

    /* the others come back */

    for (const m of members.filter((x) => x.lost)) {
      reconnected++;
      await m.join();
    }

    for (const p of parked.filter((x) => x.lost)) {
      await p.running;
      await p.join();
    }
  }

  if (s.kind === 'nginx') {
    assert.ok(reconnected > 0);
  }

  for (const p of parked) {
    p.stop = true;
    await p.c.close();
    await p.running;
  }

  await Promise.all(idle.map((c) => c.close()));
  await Promise.all(members.map((m) => m.w.close(1000)));
  await s.settled(base, 15000);
  await s.stop();
});
