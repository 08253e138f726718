'use strict';

/*
 * sio_limit_events.  Rates of one in a minute are as good as none within a
 * test, so that what passes is exactly the burst; a CONNECT counts as one.
 * Where a rate matters, what may have passed follows from the time that it
 * really took.
 */

const assert = require('node:assert');
const { describe, it } = require('node:test');

const { io } = require('socket.io-client');
const msgpack = require('socket.io-msgpack-parser');

const sio = require('../lib/sio.js');
const { Backend } = require('./backend.js');

const { until } = sio;

const ONE = '127.0.0.2', OTHER = '127.0.0.3';

const KINDS = ['events', 'event_nacks', 'event_closes', 'event_dry_runs'];

const RULES = `
  sio_on n { ack $sio_arg_0; }
  sio_on other { ack $sio_arg_0; }
  sio_on size { ack $sio_arg_0; }
`;

/* each has its own server: some at a time */

const tests = [];
const test = (name, run) => tests.push([name, run]);


/* a server for one test; what was refused since it began */

async function serve(t, limits, options = {}) {
  const s = await sio.startNginx({
    location: `sio on; ${limits} ${RULES} ${options.directives || ''}`,
    ...options,
  });

  t.after(async () => {
    try {
      await s.settled({ sessions: 0, sockets: 0, rooms: 0, messages: 0 });

    } finally {
      await s.stop({ allow: options.allow });
    }
  });

  s.refused = async () => {
    const now = await s.counters();

    return Object.fromEntries(KINDS.map((k) => [k, now[`refused_${k}`]])
                                   .filter(([, n]) => n));
  };

  s.total = async () => Object.values(await s.refused())
                              .reduce((a, b) => a + b, 0);

  return s;
}

async function opened(s, o) {
  const w = await sio.wsOpen({ port: s.port, ...o });

  await w.connectNsp('/');

  return w;
}

async function closed(...list) {
  await Promise.all(list.map(async (w) => {
    w.close(1000);
    await w.waitClose();
  }));
}


/*
 * Sends n events and waits until each is answered or counted as refused; the
 * numbers of those that were answered
 */

async function burst(s, w, n, { event = 'n', nsp = '' } = {}) {
  const before = await s.total();
  const got = [];

  for (let i = 0; i < n; i++) {
    w.send(`42${nsp}${i}["${event}",${i}]`);
  }

  while (got.length + await s.total() - before < n) {
    while (w.messages.length) {
      got.push(JSON.parse((await w.recvText()).slice(2)
                          .replace(/^(\/[^,]*,)?\d+/, ''))[0]);
    }
  }

  assert.equal(w.messages.length, 0);

  return got;
}

const numbers = (n) => Array.from({ length: n }, (_, i) => i);


test('per connection, WebSocket', async (t) => {
  const s = await serve(t, 'sio_limit_events rate=1r/m burst=11;');
  const a = await opened(s), b = await opened(s);

  assert.deepEqual(await burst(s, a, 30), numbers(10));
  assert.deepEqual(await burst(s, a, 5), []);
  assert.deepEqual(await burst(s, b, 10), numbers(10));
  assert.deepEqual(await s.refused(), { events: 25 });

  /* another namespace of the connection does not help, nor does it to join
     again: not even that is answered but with an error */

  a.send('41');
  a.send('40');
  assert.match(await a.recvText(),
               /^44\{"message":"too many events","data":\{"retry_after":\d+\.\d{3}\}\}$/);
  assert.deepEqual(await s.refused(), { events: 26 });

  await closed(a, b);
});


test('polling, POSTs at any worker, and after the upgrade', async (t) => {
  const s = await serve(t, 'sio_limit_events rate=1r/m burst=101;');
  const conns = await s.spread();
  const p = await sio.poll({ port: s.port });

  await p.connectNsp();

  const before = await s.total();
  const list = [...conns.values()];
  let n = 0;

  /* to all workers at once, one by one: one POST at a time is allowed */

  for (let i = 0; i < 20; i++) {
    const packets = numbers(4).map(() => `42${n}["n",${n++}]`);
    const r = await p.post(packets, { conn: list[i % list.length] });

    assert.equal(r.status, 200);
  }

  assert.equal(n, 80);
  assert.equal(await s.total() - before, 0);

  const answers = [];

  await until(async () => {
    answers.push(...(await p.get({ conn: list[n % list.length] })).packets);
    return answers.length >= 80;
  });

  assert.deepEqual(answers, numbers(80).map((i) => `43${i}[${i}]`));

  const w = await p.upgrade();

  assert.deepEqual(await burst(s, w, 30), numbers(20));

  await closed(w);
  list.forEach((c) => c.destroy());
});


test('a key: several clients share a bucket, on 4 workers', async (t) => {
  const s = await serve(t, `
    sio_limit_events key=$remote_addr rate=1r/m burst=50;
    sio_limit_events key=$arg_user rate=1r/m burst=40;`);

  const workers = s.workers();
  const mine = [], others = [], user = [];

  for (const pid of workers) {
    for (const [list, from, who] of [[mine, ONE, ''], [others, OTHER, ''],
                                     [user, '127.0.0.1', '&user=x']]) {
      list.push(sio.wsOpen({
        port: s.port, from: list === user ? `127.0.1.${list.length + 1}`
                                          : from,
        path: `/socket.io/?EIO=4&transport=websocket${who}`,
      }));
    }
  }

  const sent = async (promises) => {
    const list = await Promise.all(promises);

    await Promise.all(list.map((w) => w.connectNsp('/')));

    /* all at once: the workers count in the same bucket at the same time */

    const before = await s.total();

    for (let i = 0; i < 25; i++) {
      list.forEach((w) => w.send(`42${i}["n",${i}]`));
    }

    let got = 0;

    while (got + await s.total() - before < 25 * list.length) {
      for (const w of list) {
        got += w.messages.splice(0).length;
      }
    }

    return got;
  };

  assert.equal(await sent(mine), 46);       /* 4 for the CONNECTs */
  assert.equal(await sent(others), 46);
  assert.equal(await sent(user), 36);

  await closed(...await Promise.all([...mine, ...others, ...user]));
});


test('every variable, at every time', async (t) => {
  const s = await serve(t, `
    sio_set $size size all;
    sio_set $sockets sockets *;
    sio_set $query query /x;
    sio_limit_events rate=1r/m burst=720 "key=$sio_id $sio_nsp $sio_event \
      $sio_args $sio_arg_0 $sio_args_1 $sio_ack $sio_rooms $sio_auth \
      $sio_handshake $sio_data_x $sio_reason $sio_error $sio_transport \
      $sio_recovered $sio_user $sio_time";
    sio_limit_events rate=1r/m burst=720 "key=$size $sockets $query $map";
    sio_limit_events rate=1r/m burst=720 "key=$msec $time_local $pid";
  `.replace(/\\\n +/g, ''), {
    http: 'map $sio_data_x$sio_id $map { volatile; default "x$sio_rooms"; }',
    directives: `sio_on ask { emit q ack=q; } sio_on_ack q { emit answered; }
                 sio_on connect { set x $sio_id; join all; }
                 sio_namespace /b { sio_on n { ack $sio_arg_0; } }`,
  });

  for (const polling of [false, true]) {
    const w = polling ? await sio.poll({ port: s.port })
                      : await sio.wsOpen({ port: s.port });
    const send = (x) => (polling ? w.post(x) : w.send(x));
    const next = (x) => (polling ? w.wait(x) : w.recvText());

    await w.connectNsp('/');
    await w.connectNsp('/b');
    await send('421["n",1]');
    assert.equal(await next('431[1]'), '431[1]');
    await send('42/b,1["n",1]');
    assert.equal(await next('43/b,1[1]'), '43/b,1[1]');
    await send('42["ask"]');
    await send(`43${/\d+/.exec((await next(/^42\d+/)).slice(2))[0]}[1]`);
    assert.equal(await next('42["answered"]'), '42["answered"]');
    await send('40/nobody,');
    assert.match(await next(/^44/), /Invalid namespace/);
    await (polling ? w.close() : closed(w));
  }

  assert.equal(await s.total(), 0);
});


test('a user, wherever the sockets are', async (t) => {
  const s = await serve(t, `
    sio_limit_events key=$sio_user rate=1r/m burst=60;`, {
    directives: `sio_set $name auth /name; sio_user $name;
                 sio_namespace /b { sio_user $name;
                                    sio_on n { ack $sio_arg_0; } }`,
  });
  const list = [];

  for (let i = 0; i < 8; i++) {
    const w = await sio.wsOpen({ port: s.port });
    const nsp = i % 2 ? '/b,' : '';

    /* a CONNECT is of nobody yet */

    w.send(`40${nsp}{"name":"${i === 7 ? 'eve' : 'bob'}"}`);
    assert.match(await w.recvText(), /^40/);
    w.nsp = nsp;
    list.push(w);
  }

  for (let i = 0; i < 30; i++) {
    list.forEach((w) => w.send(`42${w.nsp}1["n",1]`));
  }

  const sum = () => list.reduce((a, w) => a + w.messages.length, 0);

  await until(async () => sum() + await s.total() === 240);
  assert.equal(list[7].messages.length, 30);
  assert.equal(sum(), 30 + 60);

  list.forEach((w) => w.messages.splice(0));
  await closed(...list);
});


test('workers that are killed take nothing along', async (t) => {
  const s = await serve(t, `
    sio_limit_events key=$remote_addr rate=1r/m burst=40;`, {
    allow: [/exited on signal 9/] });
  let passed = 0;

  for (let round = 0; round < 4; round++) {
    const list = await Promise.all(numbers(2).map(() => opened(s)));
    const workers = s.workers();

    passed += 2;

    for (const w of list) {
      passed += (await burst(s, w, 4)).length;
    }

    workers.forEach((pid) => process.kill(pid, 'SIGKILL'));
    await Promise.all(list.map((w) => w.closed));
    await until(() => s.workers().length === 4
                      && !s.workers().some((p) => workers.includes(p)));
  }

  assert.equal(passed, 40);

  const w = await sio.wsOpen({ port: s.port });

  w.send('40');
  assert.match(await w.recvText(), /^44/);
  await closed(w);
});


test('an empty key is not limited', async (t) => {
  const s = await serve(t, 'sio_limit_events key=$arg_user rate=1r/m;');
  const w = await opened(s);

  assert.deepEqual(await burst(s, w, 200), numbers(200));

  await closed(w);
});


test('keys of rules: $sio_id, $sio_data, sio_set, text', async (t) => {
  const s = await serve(t, `
    sio_set $room args /1/room string;
    sio_limit_events event=n key=$sio_id rate=1r/m burst=5;
    sio_limit_events event=other key=$sio_data_who rate=1r/m burst=7;
    sio_limit_events event=size "key=room $room" rate=1r/m burst=3;`,
  { directives: `sio_on connect { set who $arg_who; }
                 sio_namespace /b { sio_on n { ack $sio_arg_0; } }` });

  const at = (who) => opened(s, {
    path: `/socket.io/?EIO=4&transport=websocket&who=${who}` });
  const [a, b, c] = await Promise.all([at('x'), at('x'), at('y')]);

  assert.equal((await burst(s, a, 10)).length, 5);
  assert.equal((await burst(s, b, 10)).length, 5);

  /* another socket of the same connection */

  await a.connectNsp('/b');
  assert.equal((await burst(s, a, 10, { nsp: '/b,' })).length, 5);

  assert.equal((await burst(s, a, 4, { event: 'other' })).length, 4);
  assert.equal((await burst(s, b, 4, { event: 'other' })).length, 3);
  assert.equal((await burst(s, c, 9, { event: 'other' })).length, 7);

  const before = await s.total();
  let got = 0;

  for (const w of [a, b, c]) {
    for (const room of ['r1', 'r2']) {
      w.send(`421["size",1,{"room":"${room}"}]`);
      w.send(`421["size",1,{"room":"${room}"}]`);
    }
  }

  while (got + await s.total() - before < 12) {
    [a, b, c].forEach((w) => { got += w.messages.splice(0).length; });
  }

  assert.equal(got, 6);

  await closed(a, b, c);
});



/*
 * Bytes: 10 in a minute, so a test that takes seconds gains none or two.
 * What a packet counts: its text without the Engine.IO type, its binaries as
 * bytes, however they came.
 */

test('bytes, attachments included', async (t) => {
  const s = await serve(t, 'sio_limit_events event=size rate=10/m burst=6000;');
  const text = '51-1["size",{"_placeholder":true,"num":0}]';
  const answer = '461-1[{"_placeholder":true,"num":0}]';

  const w = await opened(s);
  const p = await sio.poll({ port: s.port });
  let refused = 0;

  await p.connectNsp();

  const ws = async (n) => {
    w.send(`4${text}`);
    w.send(Buffer.alloc(n - text.length));
  };
  const polling = async (n) => {
    await p.post([`4${text}`,
                  `b${Buffer.alloc(n - text.length).toString('base64')}`]);
  };

  for (const send of [ws, polling]) {
    const passed = async () => {
      if (send === polling) {
        assert.equal(await p.wait(answer), answer);
        await p.wait((x) => x[0] === 'b');

      } else {
        assert.equal(await w.recvText(), answer);
        await w.recv();
      }
    };

    await send(4000);
    await passed();
    await send(2020);
    await until(async () => await s.total() === ++refused || refused--);
    await send(1995);
    await passed();
    await send(50);
    await until(async () => await s.total() === ++refused || refused--);
  }

  /* other events are not counted */

  assert.equal((await burst(s, w, 50)).length, 50);

  await closed(w);
  await p.close();
});


test('a packet larger than the burst waits for a full bucket', async (t) => {
  const s = await serve(t, 'sio_limit_events event=size rate=6000k/m;');
  const w = await opened(s);
  const start = process.hrtime.bigint();

  /* 100k at once, 100k a second: 300k are three seconds' */

  w.send(`421["size",1,"${'x'.repeat(300 * 1024)}"]`);
  assert.equal(await w.recvText(), '431[1]');

  w.send('422["size",2]');

  await until(async () => {
    w.send('423["size",3]');
    return w.messages.length;
  }, 20000);

  const took = Number(process.hrtime.bigint() - start) / 1e9;

  assert.ok(took >= 1.9, `${took} s`);
  assert.ok(await s.total() >= 1);

  await closed(w);
});


test('msgpack', async (t) => {
  const s = await serve(t, `
    sio_parser msgpack;
    sio_limit_events event=size rate=10/m burst=3000;
    sio_limit_events event=n rate=1r/m burst=4 action=nack;`);

  const socket = io(s.url, { transports: ['websocket'], parser: msgpack,
                             forceNew: true, reconnection: false });

  await sio.connected(socket);

  await socket.timeout(5000).emitWithAck('size', 1, Buffer.alloc(2900));
  socket.emit('size', 2, Buffer.alloc(200));
  await until(async () => (await s.refused()).events === 1);

  const answers = await Promise.all(numbers(6).map((i) => (
    socket.timeout(5000).emitWithAck('n', i))));

  assert.deepEqual(answers.slice(0, 4), [0, 1, 2, 3]);
  assert.equal(answers[4].error, 'too many events');
  assert.equal(answers[5].error, 'too many events');
  assert.deepEqual(await s.refused(), { events: 1, event_nacks: 2 });

  socket.close();
});


test('Engine.IO v3', async (t) => {
  const s = await serve(t, `
    sio_allow_eio3 on;
    sio_limit_events rate=1r/m burst=6 action=nack;`);

  for (const transports of [['websocket'], ['polling']]) {
    const before = await s.total();
    const socket = require('socket.io-client-2')(s.url, {
      transports, forceNew: true, reconnection: false });

    await sio.connected(socket);

    /* one is spent on the connection to "/" */

    const answers = await Promise.all(numbers(8).map((i) => (
      new Promise((resolve) => { socket.emit('n', i, resolve); }))));

    assert.deepEqual(answers.slice(0, 5), numbers(5));
    assert.deepEqual(answers.slice(5).map((a) => a.error),
                     Array(3).fill('too many events'));
    assert.equal(await s.total() - before, 3);

    socket.close();
    await s.settled({ sessions: 0 });
  }
});


test('plain Engine.IO', async (t) => {
  const s = await serve(t, `
    sio_protocol engine.io;
    sio_limit_events rate=1r/m burst=6;
    sio_limit_events rate=10/m burst=1000;
    sio_on message { relay; }`);

  for (const binary of [false, true]) {
    const w = await sio.wsOpen({ port: s.port });
    const before = await s.total();
    const say = (n) => w.send(binary ? Buffer.alloc(n)
                                     : `4${'x'.repeat(n)}`);

    say(900);
    await w.recv();
    say(150);
    await until(async () => await s.total() - before === 1);
    numbers(6).forEach(() => say(2));
    await until(async () => w.messages.length + await s.total() - before
                            === 7);
    assert.equal(w.messages.length, 4);

    await closed(w);
  }
});


test('several limits, all must allow; who refuses takes nothing', async (t) => {
  const s = await serve(t, `
    sio_limit_events rate=1r/m burst=21;
    sio_limit_events event=n rate=1r/m burst=5;
    sio_limit_events event=n rate=1r/m burst=5;
    sio_limit_events event=other rate=1r/m burst=100;`);
  const w = await opened(s);

  assert.equal((await burst(s, w, 40)).length, 5);
  assert.equal((await burst(s, w, 40, { event: 'other' })).length, 15);

  await closed(w);
});


test('of a namespace', async (t) => {
  const s = await serve(t, 'sio_limit_events rate=1r/m burst=40;', {
    directives: `
      sio_namespace /a {
        sio_limit_events rate=1r/m burst=11;
        sio_on n { ack $sio_arg_0; }
      }
      sio_namespace ~ ^/r-(?<room>.*)$ {
        sio_limit_events key=$room rate=1r/m burst=8;
        sio_on n { ack $sio_arg_0; }
      }`,
  });

  const a = await opened(s), b = await opened(s);

  await a.connectNsp('/a');
  assert.equal((await burst(s, a, 20, { nsp: '/a,' })).length, 10);

  await a.connectNsp('/r-x');
  await b.connectNsp('/r-x');
  assert.equal((await burst(s, a, 3, { nsp: '/r-x,' })).length, 3);
  assert.equal((await burst(s, b, 9, { nsp: '/r-x,' })).length, 3);

  await b.connectNsp('/r-y');
  assert.equal((await burst(s, b, 9, { nsp: '/r-y,' })).length, 7);

  /* a: 3 CONNECTs and 13 events */

  assert.equal((await burst(s, a, 60)).length, 40 - 16);

  await closed(a, b);
});


test('nack', async (t) => {
  const s = await serve(t, `
    sio_limit_events rate=2r/m burst=3 action=nack;`);
  const w = await opened(s);

  assert.equal((await burst(s, w, 2)).length, 2);

  w.send('425["n",5]');

  const m = /^435\[(.*)\]$/.exec(await w.recvText());
  const { error, data } = JSON.parse(m[1]);

  assert.equal(error, 'too many events');
  assert.deepEqual(Object.keys(data), ['retry_after']);
  assert.ok(data.retry_after > 0 && data.retry_after <= 30.001, m[1]);

  w.send('42["n",6]');                  /* waits for nothing, gets nothing */
  await until(async () => (await s.refused()).event_nacks === 2);
  assert.equal(w.messages.length, 0);

  await closed(w);
});


test('disconnect', async (t) => {
  const s = await serve(t, `
    sio_limit_events rate=1r/m burst=4 action=disconnect;`, {
    directives: `sio_on disconnect { emit gone $sio_reason to=watch; }
                 sio_on watch { join watch; }
                 sio_namespace /a { }`,
  });

  const watch = await opened(s);

  watch.send('42["watch"]');

  for (const transports of [['websocket'], ['polling']]) {
    const socket = io(s.url, { transports, forceNew: true,
                               reconnection: false });
    const a = socket.io.socket('/a');

    await Promise.all([sio.connected(socket), sio.connected(a)]);

    const gone = Promise.all([sio.once(socket, 'disconnect'),
                              sio.once(a, 'disconnect')]);

    numbers(5).forEach((i) => socket.emit('n', i));

    assert.deepEqual((await gone).flat().filter((x) => typeof x === 'string'),
                     ['io server disconnect', 'io server disconnect']);
    assert.equal(await watch.recvText(),
                 '42["gone","server namespace disconnect"]');
    await s.settled({ sessions: 1 });
  }

  assert.deepEqual(await s.refused(), { event_closes: 2 });

  await closed(watch);
});


test('disconnect at CONNECT', async (t) => {
  const s = await serve(t, `
    sio_limit_events key=$remote_addr rate=1r/m burst=2 action=disconnect;`);
  const a = await opened(s), b = await opened(s);
  const c = await sio.wsOpen({ port: s.port });

  c.send('40');
  await c.waitClose();
  assert.equal(c.messages.length, 0);
  assert.deepEqual(await s.refused(), { event_closes: 1 });

  await closed(a, b);
});


test('dry run', async (t) => {
  const s = await serve(t, `
    sio_limit_events rate=1r/m burst=4 action=disconnect dry_run;
    sio_limit_events event=n rate=1r/m burst=10;`);
  const w = await opened(s);
  const got = [];

  numbers(30).forEach((i) => w.send(`42${i}["n",${i}]`));

  await until(async () => (await s.refused()).events === 20);

  while (w.messages.length) {
    got.push(await w.recvText());
  }

  assert.equal(got.length, 10);

  /* 3 were within the dry limit; the rest was over, those dropped as well */

  assert.deepEqual(await s.refused(), { events: 20, event_dry_runs: 27 });
  assert.match(s.errorLog(), /\[error\].*over "rate=1r\/m".*dry run/);

  await closed(w);
});


test('answers of clients count', async (t) => {
  const s = await serve(t, 'sio_limit_events rate=1r/m burst=7;', {
    directives: `
      sio_on ask { emit q to=all ack=q timeout=60s; }
      sio_on q { emit q ack=q timeout=60s; emit q ack=q timeout=60s; }
      sio_on_ack q { emit answered $sio_arg_0; }`,
  });

  for (const polling of [false, true]) {
    const w = polling ? await sio.poll({ port: s.port }) : await opened(s);
    const before = await s.total();
    const send = async (x) => (polling ? w.post(x) : w.send(x));
    const next = async (re) => (polling ? w.wait(re) : w.recvText());

    if (polling) {
      await w.connectNsp('/');
    }

    await send('42["q"]');
    await send('42["q"]');

    const ids = [];

    for (let i = 0; i < 4; i++) {
      ids.push(/^42(\d+)/.exec(await next(/^42\d+/))[1]);
    }

    /* one CONNECT, two events: four are left */

    for (const id of [9999, ...ids]) {
      await send(`43${id}["${id}"]`);
    }

    await until(async () => await s.total() - before === 1);

    for (const id of ids.slice(0, 3)) {
      assert.equal(await next(/answered/), `42["answered","${id}"]`);
    }

    if (polling) {
      await w.close();

    } else {
      assert.equal(w.messages.length, 0);
      await closed(w);
    }
  }
});


test('CONNECTs are answered with an error, pongs are free', async (t) => {
  const s = await serve(t, `
    sio_ping_interval 100ms;
    sio_limit_events rate=1r/m burst=3 action=drop;`);
  const w = await sio.wsOpen({ port: s.port });
  const p = await sio.poll({ port: s.port });

  for (const nsp of ['/x', '/y', '/z', '/']) {
    w.send(`40${nsp === '/' ? '' : `${nsp},`}`);
  }

  assert.deepEqual((await Promise.all(numbers(4).map(() => w.recvText())))
    .filter((m) => m !== '2')
    .map((m) => JSON.parse(m.slice(m.indexOf('{'))).message),
  ['Invalid namespace', 'Invalid namespace', 'Invalid namespace',
    'too many events']);

  /* three that are answered, and still nothing else is spent */

  await p.connectNsp('/');

  for (let i = 0; i < 3; i++) {
    await p.post(['3', '3', '3']);
  }

  await p.post('421["n",1]');
  await p.wait('431[1]');
  await p.post('422["n",2]');
  await p.wait('432[2]');
  assert.deepEqual(await s.refused(), { events: 1 });

  await closed(w);
  await p.close();
});


test('burst, then steady', async (t) => {
  const s = await serve(t, `
    sio_limit_events event=n key=$remote_addr rate=200r/s burst=400;
    sio_limit_events event=size key=$remote_addr rate=20k/s burst=40k;`);
  const list = await Promise.all(s.workers().map(() => opened(s)));
  const pad = 'x'.repeat(200);
  const start = process.hrtime.bigint();
  const took = () => Number(process.hrtime.bigint() - start) / 1e9;
  const got = { n: 0, size: 0 };
  let sent = 0;

  const take = () => {
    for (const w of list) {
      for (const m of w.messages.splice(0)) {
        got[/"s"/.test(m.text) ? 'size' : 'n']++;
      }
    }
  };

  do {
    for (const w of list) {
      for (let i = 0; i < 50; i++, sent += 2) {
        w.send('421["n",1]');
        w.send(`422["size","s","${pad}"]`);
      }
    }

    await until(async () => {
      take();
      return got.n + got.size + await s.total() === sent;
    }, 20000);

  } while (took() < 1.5 * sio.SLOW);

  const t1 = took();
  const size = '22["size","s",""]'.length + pad.length;

  /* at most the burst and what the time gave; at least half of that */

  const most = 400 + 200 * t1 + 1;
  const bytes = (40 * 1024 + 20 * 1024 * t1) / size + 1;

  assert.ok(got.n <= most && got.n >= 400, `${got.n} in ${t1} s`);
  assert.ok(got.size <= bytes && got.size >= Math.floor(40 * 1024 / size),
            `${got.size} in ${t1} s`);
  assert.ok(got.n > 400 + 50 * t1, `${got.n} in ${t1} s`);

  await closed(...list);
});


/*
 * What waits for a hook counts when it came: who keeps to his rate is not
 * refused for it, and who does not gains nothing.
 */

test('behind a hook', async (t) => {
  const backend = new Backend();
  let release;

  backend.handlers['event:slow'] = () => (
    new Promise((resolve) => { release = resolve; }));

  await backend.start();
  t.after(() => backend.stop());

  const s = await serve(t, `
    sio_limit_events event=n rate=100r/s burst=30;
    sio_limit_events event=other rate=1r/s burst=2;`, {
    directives: 'sio_on slow { hook /ask; ack done; }',
    server: `location = /ask { internal;
               proxy_pass http://127.0.0.1:${backend.port}; }`,
  });
  const w = await opened(s);

  w.send('4299["slow"]');
  await until(() => release);

  const start = process.hrtime.bigint();

  for (let i = 0; i < 50; i++) {
    w.send(`42${i}["n",${i}]`);
    w.send(`42["other",${i}]`);
    await sio.sleep(30);
  }

  const took = Number(process.hrtime.bigint() - start) / 1e9;

  assert.equal(w.messages.length, 0);
  release('');
  assert.equal(await w.recvText(), '4399["done"]');

  for (let i = 0; i < 50; i++) {
    assert.equal(await w.recvText(), `43${i}[${i}]`);
  }

  const lost = (await s.refused()).events;

  assert.ok(lost >= 50 - 2 - took - 1 && lost <= 48, `${lost} in ${took} s`);

  await closed(w);

  /* a POST: all of it came at once */

  const p = await sio.poll({ port: s.port });

  await p.connectNsp();
  release = null;

  const post = p.post(['4299["slow"]', ...numbers(40).map((i) => (
    `42["other",${i}]`)), '4298["n",1]']);

  await until(() => release);
  await sio.sleep(1500);
  release('');
  await post;
  await p.wait('4398[1]');
  assert.equal((await s.refused()).events - lost, 38);

  await p.close();
});


test('a reload keeps the buckets, and takes another rate', async (t) => {
  const limit = (text) => `sio on; ${RULES} ${text}`;
  const s = await serve(t, 'sio_limit_events rate=1r/m burst=11;');
  const p = await sio.poll({ port: s.port });

  await p.connectNsp('/');

  const sent = async (n) => {
    const before = await s.total();

    await p.post(numbers(n).map((i) => `42${i}["n",${i}]`));

    const lost = await s.total() - before;

    for (let i = 0; i < n - lost; i++) {
      await p.wait(/^43/);
    }

    return n - lost;
  };

  assert.equal(await sent(6), 6);

  /* the old workers still have the old limits */

  const reload = async (text) => {
    await s.reload({ ...s.options, location: limit(text) });
    await until(() => s.workers({ all: true }).length === 4);
  };

  await reload('sio_limit_events rate=1r/m burst=11;');
  assert.equal(await sent(9), 4);

  await reload('sio_limit_events rate=1r/m burst=5;');
  assert.equal(await sent(9), 5);

  await reload('');
  assert.equal(await sent(30), 30);

  await p.close();
});


test('the log: a line a second, at its level, the key escaped', async (t) => {
  const s = await serve(t, `
    sio_limit_events_log_level notice;
    sio_limit_events event=n key=$sio_arg_1 rate=1r/m;
    sio_limit_events event=other rate=1r/m;`, { workers: 1 });
  const w = await opened(s);
  const start = Date.now();

  w.send('42["n",1,"a\\"\\n\\u001b[31m\\\\"]');

  for (let i = 0; i < 300; i++) {
    w.send('42["n",1,"a\\"\\n\\u001b[31m\\\\"]');
    w.send('42["other"]');
  }

  await until(async () => await s.total() === 599);

  const lines = s.errorLog().split('\n').filter((l) => /sio limit/.test(l));
  const most = 2 * (1 + Math.ceil((Date.now() - start) / 1000));

  assert.ok(lines.length >= 2 && lines.length <= most, lines.join('\n'));
  assert.match(lines[0], /\[notice\] .*sio limit: 1 over "rate=1r\/m" in /);
  assert.ok(lines.some((l) => l.endsWith(
    ', now by "a\\x22\\x0A\\x1B[31m\\x5C" in namespace "/", dropped')),
            lines.join('\n'));
  assert.ok(lines.some((l) => l.includes(`now by "${w.open.sid}"`)),
            lines.join('\n'));

  await closed(w);
});


test('mistakes in the configuration', async () => {
  const list = {
    '': /invalid number of arguments/,
    'burst=5': /needs "rate="/,
    'rate=5': /invalid "rate=5": it is a number of events, as in 10r\/s/,
    'rate=0r/s': /invalid "rate=0r\/s"/,
    'rate=xr/s': /invalid "rate=xr\/s"/,
    'rate=5r/h': /invalid "rate=5r\/h"/,
    'rate=r/s': /invalid "rate=r\/s"/,
    'rate=/s': /invalid "rate=\/s"/,
    'rate=9999999999r/s': /invalid "rate=9999999999r\/s"/,
    'rate=5r/s rate=6r/s': /unknown or duplicate parameter "rate=6r\/s"/,
    'rate=5r/s burst=0': /invalid "burst=0": it is a number of events/,
    'rate=5k/s burst=x': /invalid "burst=x": it is a number of bytes/,
    'rate=1r/m burst=721': /"burst=721" is what the rate allows in more than 12 hours/,
    'rate=5r/s action=kill': /invalid "action=kill": it is drop, nack or/,
    'rate=5r/s key=': /"key=" is empty/,
    'rate=5r/s key=$nobody': /unknown variable "\$nobody"/,
    'rate=5r/s key=$sio_nobody': /unknown variable "\$sio_nobody"/,
    'rate=5r/s key=$1': /"\$1" stands in no rule with a regex/,
    'rate=5r/s event=': /"event=" is not the name of an event/,
    'rate=5r/s event=connect': /"event=connect" is not the name of an event/,
    'rate=5r/s event=$sio_id': /"event=\$sio_id" is not the name/,
    'rate=5r/s brust=5': /unknown or duplicate parameter "brust=5"/,
    'rate=5r/s now': /unknown or duplicate parameter "now"/,
  };

  await Promise.all(Object.entries(list).map(async ([text, error]) => {
    const r = await sio.testConfig({
      location: `sio on;\n sio_limit_events ${text};` });

    assert.ok(!r.ok, text);
    assert.match(r.output, error);
    assert.match(r.output, /nginx\.conf:\d+/, text);
  }));

  const many = 'sio_limit_events rate=1r/s;\n'.repeat(17);
  const r = await sio.testConfig({ location: `sio on; ${many}` });

  assert.match(r.output, /too many "sio_limit_events", 16 may stand here/);

  const fine = await sio.testConfig({ location: `sio on;
    sio_limit_events rate=1r/m burst=720;
    sio_limit_events rate=1m/s burst=10m key=$sio_user$remote_addr;
    sio_namespace / { sio_limit_events rate=1r/s; }
    sio_namespace ~ ^/(a+)$ { sio_limit_events rate=1r/s key=$1; }` });

  assert.ok(fine.ok, fine.output);
});


describe('sio_limit_events', { concurrency: 3 }, () => {
  for (const [name, run] of tests) {
    it(name, run);
  }
});
