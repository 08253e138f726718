'use strict';

/*
 * sio_limit: each at its value and one beyond, what a client is told then,
 * and what is counted.  docs/limits.md lists them, and the others.
 */

const assert = require('node:assert');
const test = require('node:test');

const sio = require('../lib/sio.js');

const ONE = '127.0.0.2', OTHER = '127.0.0.3';

const REFUSED = '{"code":4,"message":"Too many sessions"}';
const FULL = '{"code":3,"message":"Server is full"}';

const RULES = `
  sio_on echo { relay; }
  sio_on ack { ack $sio_args; }
  sio_on count { ack $sio_arg_3 $sio_args_3; }
  sio_on join { join $sio_arg_0; ack; }
  sio_on blow { emit blow $sio_args to=$sio_arg_0; ack; }
  sio_on drop { emit drop $sio_args to=$sio_arg_0 volatile; ack; }
  sio_on * { ack $sio_event; }
`;


/* a server for one test, at whose end nothing is left */

async function serve(t, limits, options = {}) {
  const s = await sio.startNginx({
    location: `sio on; ${limits ? `sio_limit ${limits};` : ''} ${RULES}
               ${options.directives || ''}`,
    ...options,
  });

  const base = await s.counters();

  t.after(async () => {
    try {
      await s.settled(base);

    } finally {
      await s.stop({ allow: options.allow });
    }
  });

  /* how many were refused meanwhile, by kind */

  s.refused = async () => {
    const now = await s.counters();

    return Object.fromEntries(Object.keys(now)
      .filter((n) => /^refused_/.test(n) && now[n] !== base[n])
      .map((n) => [n.slice(8), now[n] - base[n]]));
  };

  return s;
}

const handshake = (s, o) => sio.http({
  port: s.port, path: '/socket.io/?EIO=4&transport=polling', ...o });

const upgrade = (s, o) => sio.ws({
  port: s.port, path: '/socket.io/?EIO=4&transport=websocket', ...o });

/* an open one, by either transport, and how to end it */

async function opened(s, websocket, o) {
  if (websocket) {
    const w = await sio.wsOpen({ port: s.port, ...o });

    return { end: async () => { w.close(1000); await w.waitClose(); } };
  }

  const p = await sio.poll({ port: s.port, ...o });

  return { end: () => p.close() };
}


test('sessions of an address', async (t) => {
  const s = await serve(t, 'sessions=6');
  const mine = [];

  for (let i = 0; i < 6; i++) {
    mine.push(await opened(s, i % 2, { from: ONE }));
  }

  for (let i = 0; i < 8; i++) {           /* by several workers */
    const r = await handshake(s, { from: ONE });

    assert.deepEqual([r.status, r.text, r.header('content-type')],
                     [403, REFUSED, 'application/json']);

    const w = await upgrade(s, { from: ONE });

    assert.deepEqual([w.status, w.response.text], [400, 'Too many sessions']);
  }

  assert.deepEqual(await s.refused(), { sessions: 16 });

  /* not another's, and an upgrade is no other session */

  const others = await opened(s, true, { from: OTHER });

  await mine.pop().end();
  await sio.until(async () => (await s.counters()).sessions === 6);

  const p = await sio.poll({ port: s.port, from: ONE });

  await p.connectNsp();
  assert.equal((await handshake(s, { from: ONE })).status, 403);

  const w = await p.upgrade();

  w.send('420["ack",1]');
  assert.equal(await w.recvText(), '430[1]');
  w.close(1000);
  await w.waitClose();

  await Promise.all([others, ...mine].map((m) => m.end()));
});


test('sessions of who is killed are given back', async (t) => {
  const s = await serve(t, 'sessions=3', { allow: [/exited on signal 9/] });

  for (let round = 0; round < 3; round++) {
    const held = await Promise.all([0, 1, 2].map(() => (
      sio.wsOpen({ port: s.port, from: ONE }))));
    const workers = s.workers();

    assert.equal((await handshake(s, { from: ONE })).status, 403);

    for (const pid of workers) {
      process.kill(pid, 'SIGKILL');
    }

    await Promise.all(held.map((w) => w.closed));
    await sio.until(() => s.workers().length === 4
                          && !s.workers().some((p) => workers.includes(p)));
    await sio.until(async () => (await s.counters()).sessions === 0);
  }

  const p = await sio.poll({ port: s.port, from: ONE });

  await p.close();
});


test('a limit is taken over by a reload', async (t) => {
  const conf = (limit) => `sio on; sio_limit sessions=${limit}; ${RULES}`;
  const s = await sio.startNginx({ workers: 2, location: conf(2) });
  const held = [];

  t.after(() => s.stop());

  for (let i = 0; i < 2; i++) {
    held.push(await sio.poll({ port: s.port, from: ONE }));
  }

  assert.equal((await handshake(s, { from: ONE })).status, 403);
  await s.reload({ location: conf(3) });
  held.push(await sio.poll({ port: s.port, from: ONE }));
  assert.equal((await handshake(s, { from: ONE })).status, 403);
  await Promise.all(held.map((p) => p.close()));
});


test('addresses behind a proxy', async (t) => {
  if (!sio.configured('http_realip_module')) {
    t.skip('nginx without the realip module');
    return;
  }

  const s = await serve(t, 'sessions=1', {
    server: 'set_real_ip_from 127.0.0.0/8; real_ip_header X-Real-IP;' });

  const from = (address) => ({ headers: { 'X-Real-IP': address } });
  const held = [];

  for (const [one, same, other] of [
    ['192.0.2.1', '192.0.2.1', '192.0.2.2'],
    ['2001:db8::1', '2001:db8::ffff:1', '2001:db8:0:1::1'],
    ['::ffff:192.0.2.3', '192.0.2.3', '192.0.2.4'],
  ]) {
    held.push(await opened(s, true, from(one)));
    assert.equal((await handshake(s, from(same))).status, 403, same);
    held.push(await opened(s, false, from(other)));
  }

  await Promise.all(held.map((m) => m.end()));
});


test('handshakes that are not gone on with', async (t) => {
  const s = await serve(t, 'handshakes=4');
  const held = [];

  for (let i = 0; i < 4; i++) {
    held.push(await (i % 2 ? sio.wsOpen(s) : sio.poll(s)));
  }

  const r = await handshake(s);

  assert.deepEqual([r.status, r.text, r.header('retry-after')],
                   [503, FULL, '5']);

  const w = await upgrade(s);

  assert.deepEqual([w.status, w.response.text], [503, 'Server is full']);
  assert.deepEqual(await s.refused(), { handshakes: 2 });
  assert.equal((await s.counters()).handshakes, 4);

  /* who joins, or goes, makes room */

  await held[0].connectNsp();
  held.push(await sio.wsOpen(s));
  assert.equal((await handshake(s)).status, 503);
  await held[2].close();
  held[2] = await sio.poll(s);
  await held[1].connectNsp();
  await held[2].connectNsp();
  held.push(await sio.poll(s), await sio.poll(s));
  assert.equal((await handshake(s)).status, 503);

  for (const h of held) {
    h.close(1000);
  }
});


test('plain Engine.IO has no handshakes to go on with', async (t) => {
  const s = await serve(t, 'handshakes=1', {
    location: `sio on; sio_limit handshakes=1; sio_protocol engine.io;
               sio_on message { relay; }` });

  const held = [await opened(s, true), await opened(s, false),
                await opened(s, true)];

  assert.equal((await s.counters()).handshakes, 0);
  await Promise.all(held.map((m) => m.end()));
});


/* a client for what is in packets */

async function talk(s, websocket, packets) {
  const c = websocket ? await sio.wsOpen(s) : await sio.poll(s);

  await c.connectNsp();

  if (websocket) {
    packets.forEach((p) => c.send(p));

  } else {
    /* one after the other: several may be larger than a POST */

    for (const p of packets) {
      await c.post(typeof p === 'string' ? p : `b${p.toString('base64')}`);
    }
  }

  return c;
}

const B = Buffer.from([1]);
const holder = (n) => `{"_placeholder":true,"num":${n}}`;
/* an event with three binaries that is held in so many bytes: without Engine.IO's
   type, each part with a head of 4 */

function parts(n) {
  const text = `453-0["ack",${holder(0)},${holder(1)},${holder(2)}]`;
  const rest = n - text.length + 1 - 4 * 4 - 2000;

  return [text, Buffer.alloc(1000), Buffer.alloc(1000), Buffer.alloc(rest)];
}

const nested = (n) => '['.repeat(n) + ']'.repeat(n);

/* what is answered at the limit, and what closes the connection; the
   default where it says so */

const PACKETS = {
  'event_name=20': [['420["' + 'e'.repeat(20) + '"]'],
                    ['420["' + 'e'.repeat(21) + '"]']],
  'event_name=20, escaped': [['420["' + '\\u0065'.repeat(20) + '"]'],
                             ['420["' + '\\u0065'.repeat(21) + '"]']],
  'event_name=20, in bytes': [['420["' + '\u20ac'.repeat(6) + 'ee"]'],
                              ['420["' + '\u20ac'.repeat(7) + '"]']],
  'event_name: 8k': [['420["' + 'e'.repeat(8192) + '"]'],
                     ['420["' + 'e'.repeat(8193) + '"]']],
  'depth=5': [[`420["ack",${nested(4)}]`], [`420["ack",${nested(5)}]`]],
  'depth: 64': [[`420["ack",${nested(63)}]`], [`420["ack",${nested(64)}]`]],
  'attachments=2': [
    [`452-0["ack",${holder(0)},${holder(1)}]`, B, B],
    [`453-0["ack",${holder(0)},${holder(1)},${holder(2)}]`, B, B, B]],
  'attachments=0': [
    ['420["ack"]'], [`451-0["ack",${holder(0)}]`, B]],
  'attachments: 10': [
    [`4510-0["ack",${[...Array(10).keys()].map(holder)}]`,
     ...Array(10).fill(B)],
    [`4511-0["ack",${[...Array(11).keys()].map(holder)}]`,
     ...Array(11).fill(B)]],
  'packet_size=3k': [parts(3072), parts(3073)],
};

for (const [name, [fits, not]] of Object.entries(PACKETS)) {
  test(name, async (t) => {
    const s = await serve(t, /=/.test(name) && name.replace(/,.*/, ''), {
      directives: 'sio_max_http_buffer_size '
                  + (/packet_size/.test(name) ? '1536;' : '100k;') });

    for (const websocket of [true, false]) {
      const c = await talk(s, websocket, fits);

      if (websocket) {
        assert.match(await c.recvText(), /^4(3|6\d+-)0\[/);
        c.close(1000);

      } else {
        await c.wait(/^4(3|6\d+-)0\[/);
        await c.close();
      }

      const bad = await talk(s, websocket, not);

      if (websocket) {
        assert.equal((await bad.waitClose()).code, 1005);

      } else {
        await sio.until(async () => (await bad.get()).status === 400);
      }
    }

    assert.deepEqual(await s.refused(), { packets: 2 });
    assert.match(s.errorLog(), /\[info\].*sio packet: /);
  });
}


/* packets are MessagePack: what is in them has the same limits */

const notepack = require('notepack.io');
const pack = (data, id) => notepack.encode({ type: 2, data, nsp: '/', id });
const deep = (n) => (n ? [deep(n - 1)] : []);

const MSGPACK = {
  'event_name=20': [pack(['e'.repeat(20)], 0), pack(['e'.repeat(21)], 0)],
  'depth=5': [pack(['ack', deep(3)], 0), pack(['ack', deep(4)], 0)],
  'attachments=2': [pack(['ack', B, B], 0), pack(['ack', B, B, B], 0)],
  'attachments: 1000': [pack(['ack', ...Array(1000).fill(B)], 0),
                        pack(['ack', ...Array(1001).fill(B)], 0)],
};

for (const [name, [fits, not]] of Object.entries(MSGPACK)) {
  test(`MessagePack, ${name}`, async (t) => {
    const s = await serve(t, /=/.test(name) && name, {
      directives: 'sio_parser msgpack;' });
    const open = async () => {
      const w = await sio.wsOpen(s);

      w.send(notepack.encode({ type: 0, data: {}, nsp: '/' }));
      assert.equal(notepack.decode((await w.recv()).data).type, 0);
      return w;
    };

    const w = await open(), bad = await open();

    w.send(fits);
    assert.equal(notepack.decode((await w.recv()).data).type, 3);
    bad.send(not);
    assert.equal((await bad.waitClose()).code, 1005);
    assert.deepEqual(await s.refused(), { packets: 1 });
    w.close(1000);
  });
}


test('args: what has a number; all are relayed', async (t) => {
  const s = await serve(t, 'args=3');
  const w = await sio.wsOpen(s);

  await w.connectNsp();
  w.send('420["ack",1,2,3,4]');
  assert.equal(await w.recvText(), '430[1,2,3,4]');
  w.send('42["echo",1,2,3,4]');
  assert.equal(await w.recvText(), '42["echo",1,2,3,4]');
  w.close(1000);
});


test('namespaces: their names', async (t) => {
  const s = await serve(t, 'namespace_name=10 namespaces=2', {
    directives: 'sio_namespace ~ ^/ { sio_on a { ack; } }' });
  const w = await sio.wsOpen(s);

  w.send(`40/${'n'.repeat(9)},`);
  assert.match(await w.recvText(), /^40\/n{9},\{"sid"/);
  w.send('40/b,');
  assert.match(await w.recvText(), /^40\/b,\{"sid"/);
  w.send('40/c,');
  assert.equal(await w.recvText(),
               '44/c,{"message":"too many namespaces"}');
  w.send('41/b,');
  w.send('40/c,');
  assert.match(await w.recvText(), /^40\/c,\{"sid"/);
  w.send(`40/${'n'.repeat(10)},`);
  await w.waitClose();
  assert.deepEqual(await s.refused(), { namespaces: 1, packets: 1 });
});


test('auth: the payload of CONNECT', async (t) => {
  const s = await serve(t, 'auth=100', { directives: `
    sio_on auth { ack $sio_auth; }` });
  const auth = (n) => ({ token: 'x'.repeat(n - '{"token":""}'.length) });

  for (const open of [sio.wsOpen, sio.poll]) {
    const c = await open(s);

    await assert.rejects(c.connectNsp('/', auth(101)), /auth is too large/);
    await c.connectNsp('/', auth(100));
    c.close(1000);
  }

  assert.deepEqual(await s.refused(), { packets: 2 });
});


test('parameters of the query', async (t) => {
  const s = await serve(t, 'auth=64k', { directives: `
    sio_allow_eio3 on;
    sio_on query { ack $sio_handshake; }
    sio_namespace ~ ^/ { sio_on auth { ack $sio_auth; } }` });

  const query = (n) => Array.from({ length: n }, (_, i) => (
    `${i.toString(36)}=`)).join('&');
  const count = async (w, packet) => {
    w.send(packet);

    const [answer] = JSON.parse((await w.recvText()).replace(/^[^[]+/, ''));

    return Object.keys(answer.query || answer).length;
  };

  /* EIO and transport are two of them */

  for (const [n, kept] of [[254, 256], [255, 256]]) {
    const w = await sio.ws({
      port: s.port,
      path: `/socket.io/?EIO=4&transport=websocket&${query(n)}` });

    await w.recv();
    await w.connectNsp();
    assert.equal(await count(w, '420["query"]'), kept);
    w.close(1000);
  }

  /* Engine.IO 3: a CONNECT's */

  for (const n of [64, 65]) {
    const w = await sio.ws({
      port: s.port, path: '/socket.io/?EIO=3&transport=websocket' });

    await w.recv();
    assert.equal(await w.recvText(), '40');
    w.send(`40/a?${query(n)}`);

    if (n === 64) {
      assert.match(await w.recvText(), /^40\/a/);
      assert.equal(await count(w, '42/a,0["auth"]'), 64);
      w.close(1000);

    } else {
      await w.waitClose();
    }
  }

  assert.deepEqual(await s.refused(), { packets: 1 });
});


test('rooms: their number and names', async (t) => {
  const s = await serve(t, 'rooms=2 room_name=20');

  for (const open of [sio.wsOpen, sio.poll]) {
    const c = await open(s);
    const ask = async (text) => {
      if (open === sio.poll) {
        await c.post(`420["join",${text}]`);
        return (await c.wait(/^430/)).slice(3);
      }

      c.send(`420["join",${text}]`);
      return (await c.recvText()).slice(3);
    };

    await c.connectNsp();
    assert.equal(await ask(`"${'r'.repeat(20)}"`), '[]');
    assert.match(await ask(`"${'r'.repeat(21)}"`), /error/);
    assert.equal(await ask('"b"'), '[]');
    assert.equal(await ask('"b"'), '[]');
    assert.match(await ask('"c"'), /error/);
    c.close(1000);
  }

  assert.deepEqual(await s.refused(), { rooms: 4 });
});


test('data and acks: what rules keep of a socket', async (t) => {
  const s = await serve(t, 'data=100 acks=2', { directives: `
    sio_on keep { set key $sio_arg_0; ack; }
    sio_on ask { emit question ack=answer; ack; }
    sio_on_ack answer { emit answered $sio_args; }` });

  for (const open of [sio.wsOpen, sio.poll]) {
    const c = await open(s);
    const got = [];
    const send = (p) => (open === sio.poll ? c.post(p) : c.send(p));
    const wait = async (re) => {
      if (open === sio.poll) {
        return c.wait((p) => { got.push(p); return re.test(p); });
      }

      for (;;) {
        got.push(await c.recvText());

        if (re.test(got.at(-1))) {
          return got.at(-1);
        }
      }
    };

    await c.connectNsp();

    const room = 100 - '{"key":""}'.length;

    await send(`420["keep","${'x'.repeat(room)}"]`);
    assert.equal(await wait(/^430/), '430[]');
    await send(`420["keep","${'x'.repeat(room + 1)}"]`);
    assert.match(await wait(/^430/), /error/);

    /* a third: over a WebSocket it is not asked, else the first is lost */

    for (let i = 0; i < 3; i++) {
      await send('420["ask"]');
      await wait(/^430/);
    }

    const asked = got.flatMap((p) => /^42(\d+)\["question/.exec(p)?.[1] || []);

    for (const id of new Set(asked)) {
      await send(`43${id}["${id}"]`);
    }

    await send('420["ack","end"]');
    await wait(/^430\["end/);
    assert.equal(got.filter((p) => /^42\["answered/.test(p)).length, 2);
    c.close(1000);
  }

  assert.deepEqual(await s.refused(), { data: 2, acks: 2 });
});


test('queue: what waits for a client that does not poll', async (t) => {
  const s = await serve(t, 'queue=5 queue_size=10k');
  const w = await sio.wsOpen(s);

  await w.connectNsp();

  for (const [n, size] of [[5, 10], [3, 3000]]) {
    const p = await sio.poll(s);
    const room = `${n} of ${size}`;

    await p.connectNsp();
    await p.post(`420["join","${room}"]`);
    await p.wait('430[]');

    for (let i = 0; i < n + 1; i++) {
      if (i === n) {
        assert.equal((await s.counters()).sessions, 2, 'not yet');
      }

      w.send(`420["blow","${room}","${'x'.repeat(size)}"]`);
      assert.equal(await w.recvText(), '430[]');
    }

    await sio.until(async () => (await s.counters()).sessions === 1);
    assert.equal((await p.get()).status, 400);
  }

  assert.deepEqual(await s.refused(), { queues: 2 });
  w.close(1000);
});


/*
 * A client that reads nothing: what the kernel takes is not ours, so that the
 * limit is found by what happens, not by a number of bytes.
 */

test('buffer: a WebSocket that reads nothing is closed, but not for what is'
     + ' volatile', async (t) => {
  const s = await serve(t, 'buffer=512k', { tls: true });

  for (const tls of [false, true]) {
    const at = { port: tls ? s.tlsPort : s.port, tls };
    const w = await sio.wsOpen(at), slow = await sio.wsOpen(at);
    const room = `tls ${tls}`;
    const text = 'x'.repeat(100000);
    const say = async (event) => {
      w.send(`420["${event}","${room}","${text}"]`);
      assert.equal(await w.recvText(), '430[]');
    };

    await w.connectNsp();
    await slow.connectNsp();
    slow.send(`420["join","${room}"]`);
    assert.equal(await slow.recvText(), '430[]');

    slow.conn.socket.pause();

    /* as much volatile as one likes */

    for (let i = 0; i < 300; i++) {
      await say('drop');
    }

    assert.equal((await s.counters()).sessions, 2);

    let n = 0;

    await sio.until(async () => {
      await say('blow');
      n++;
      return (await s.counters()).sessions === 1;
    });

    assert.ok(n >= 5, `closed after ${n} messages`);
    assert.deepEqual(await s.refused(), { buffers: tls ? 2 : 1 });
    slow.destroy();
    w.close(1000);
  }

  assert.equal(s.errorLog().match(/client reads too slowly/g).length, 2);
});


/* a worker that is stopped does not empty its inbox */

test('inbox: messages on their way to a worker', async (t) => {
  const s = await serve(t, 'inbox=5', { workers: 2 });
  const [one, other] = [...await s.spread()];
  const w = await sio.wsOpen({ ...s, conn: one[1] });
  const member = await sio.wsOpen({ ...s, conn: other[1] });

  await w.connectNsp();
  await member.connectNsp();
  member.send('420["join","r"]');
  assert.equal(await member.recvText(), '430[]');

  for (const n of [5, 6]) {
    process.kill(other[0], 'SIGSTOP');

    try {
      for (let i = 0; i < n; i++) {
        w.send('420["blow","r"]');
        assert.equal(await w.recvText(), '430[]');
      }

    } finally {
      process.kill(other[0], 'SIGCONT');
    }

    if (n === 5) {
      for (let i = 0; i < n; i++) {
        assert.equal(await member.recvText(), '42["blow","r"]');
      }
    }
  }

  await member.closed;
  await s.settled({ sessions: 1, sockets: 1 });
  assert.deepEqual(await s.refused(), { inboxes: 1 });
  assert.match(s.errorLog(), /messages for this worker were lost/);
  w.close(1000);
});


/* 16 MB of pongs are more than a kernel keeps */

test('pings of a client that reads nothing: the last one counts',
     async (t) => {
  const s = await serve(t, 'buffer=64k');
  const w = await sio.wsOpen(s);
  const N = 130000;
  const ping = (i) => sio.frameBytes({
    opcode: 9, payload: String(i).padStart(120, '-') });

  await w.connectNsp();
  w.conn.socket.pause();

  for (let i = 1; i <= N; i += 1000) {
    w.write(Buffer.concat(Array.from({ length: 1000 }, (_, k) => (
      ping(i + k)))));
  }

  w.send('420["ack","all read"]');

  /* the answer may be in the kernel already, or wait with us */

  const pongs = () => w.frames.filter((f) => f.opcode === 10);

  w.conn.socket.resume();
  assert.equal(await w.recvText(), '430["all read"]');
  await sio.until(() => pongs().some((f) => (
    String(f.payload).endsWith(`-${N}`))));
  assert.ok(pongs().length < N, 'all were answered');
  assert.deepEqual(await s.refused(), {});
  w.close(1000);
});


test('messages that are too large', async (t) => {
  const s = await serve(t, null, {
    directives: 'sio_max_http_buffer_size 1000;' });
  const w = await sio.wsOpen(s);
  const p = await sio.poll(s);

  await w.connectNsp();
  await p.connectNsp();
  w.send('4' + 'x'.repeat(1000));
  assert.equal((await w.waitClose()).code, 1009);
  assert.equal((await p.post('4' + 'x'.repeat(1000))).status, 413);
  assert.equal((await p.post('4' + 'x'.repeat(1000),
                             { chunked: true })).status, 413);
  assert.deepEqual(await s.refused(), { messages: 3 });
  await p.close();
});
