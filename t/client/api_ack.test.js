'use strict';

/*
 * Orders that ask for acknowledgements: the answers of sockets at all workers,
 * over all transports and forms; those that are missing; what ends it early.
 */

const assert = require('node:assert/strict');
const http = require('node:http');
const http2 = require('node:http2');
const { after, afterEach, before, describe, it } = require('node:test');

const parser = require('socket.io-msgpack-parser');

const lib = require('./lib.js');
const sio = require('../lib/sio.js');

const { connectMany, disconnectAll, emitAck, until } = lib;

const SKIP = { skip: process.env.SIO_TARGET === 'node' };
const JSON_TYPE = { 'Content-Type': 'application/json' };

const RULES = 'sio_on join { join $sio_arg_0; ack; } sio_on echo { ack; }';


/* ask(server, order): {status, body}; with {signal}, {path}, {agent} */

function ask(server, order, { path = '', agent, signal,
                              type = 'application/json' } = {}) {
  return new Promise((resolve, reject) => {
    const r = http.request(`${server.url}/api/${path}`, {
      method: 'POST', agent, signal, headers: { 'Content-Type': type },
    }, (res) => {
      let text = '';

      res.setEncoding('utf8');
      res.on('data', (data) => { text += data; });
      res.on('error', reject);
      res.on('end', () => resolve({ status: res.statusCode,
                                    body: JSON.parse(text) }));
    });

    r.on('error', reject);
    r.end(typeof order === 'string' ? order : JSON.stringify(order));
  });
}

async function answers(server, order, options) {
  const r = await ask(server, { ack: true, timeout: 20000, ...order },
                      options);

  assert.equal(r.status, 200, JSON.stringify(r.body));
  return r.body;
}

const byText = (list) => list.map((x) => JSON.stringify(x)).sort();

/* {asked}: how often the socket was asked; the acks are kept in list */

function keep(socket, event, list) {
  socket.on(event, (...args) => list.push(args.at(-1)));
}


describe('acks of all workers', SKIP, () => {
  let server, base, list;

  before(async () => {
    server = await sio.startNginx({
      workers: 4,
      tls: true,
      location: `sio on; sio_allow_eio3 on; ${RULES}`,
      server: `location /msgpack/ { sio zone=default; sio_parser msgpack; }
               location /api/ { sio_api; allow all; }`,
    });
    base = await server.counters();

    const forms = [];

    for (const transport of ['websocket', 'polling', 'upgrade']) {
      forms.push({ transport }, { transport, tls: true },
                 { transport, version: '2.5' },
                 { transport, version: '3.1' },
                 { transport, path: '/msgpack/', parser });
    }

    list = await connectMany(server, forms.length, (i) => forms[i]);

    for (const [i, s] of list.entries()) {
      await emitAck(s, 'join', 'room');
      s.on('number', (x, cb) => cb(x + i, 'never told'));
      s.on('nothing', (cb) => cb());
      s.on('echo', (...args) => args.at(-1)(args[0]));
      s.on('binary', (cb) => cb({ n: [Buffer.from([1, 2, i])], ü: '"\n' }));
    }
  });

  after(() => lib.finish(server, base));

  it('collects them, one argument of each', async () => {
    for (let n = 0; n < 5; n++) {
      const r = await answers(server, { emit: 'number', args: [n * 100],
                                        to: 'room' });

      assert.equal(r.receivers, list.length);
      assert.equal(r.missing, 0);
      assert.deepEqual(byText(r.responses),
                       byText(list.map((_, i) => n * 100 + i)));
      assert.deepEqual(Object.keys(r), ['receivers', 'responses', 'missing']);
    }
  });

  it('tells null for an answer of nothing', async () => {
    const r = await answers(server, { emit: 'nothing', all: true });

    assert.deepEqual(r, { receivers: list.length, missing: 0,
                          responses: list.map(() => null) });
  });

  it('tells binary answers as {"_base64"}', async () => {
    const r = await answers(server, { emit: 'binary', in: 'room' });

    assert.deepEqual(byText(r.responses), byText(list.map((_, i) => ({
      n: [{ _base64: Buffer.from([1, 2, i]).toString('base64') }],
      ü: '"\n',
    }))));
  });

  it('asks with binary and long arguments', async () => {
    const long = 'ü'.repeat(20000);
    const r = await answers(server, {
      emit: 'echo', to: 'room', args: [{ b: { _base64: 'AAEC' }, long }],
    });

    assert.equal(r.missing, 0);

    for (const one of r.responses) {
      assert.deepEqual(one, { b: { _base64: 'AAEC' }, long });
    }
  });

  it('asks one socket, as emitWithAck() of a socket', async () => {
    for (const [i, s] of list.entries()) {
      const { id } = s;

      /* Socket.IO 2 knows its own id with the namespace in front */

      assert.deepEqual(await answers(server, { emit: 'number', args: [0],
                                               to: id.split('#').at(-1) }),
                       { receivers: 1, responses: [i], missing: 0 });
    }
  });

  it('asks by shorthand, and nobody', async () => {
    const r = await ask(server, '7', {
      path: 'emit/number?to=room&ack=1&timeout=20000' });

    assert.equal(r.status, 200);
    assert.equal(r.body.responses.length, list.length);

    for (const order of [{ to: [] }, { to: 'nowhere' },
                         { all: true, nsp: '/nobody' }]) {
      assert.deepEqual(await answers(server, { emit: 'x', ...order }),
                       { receivers: 0, responses: [], missing: 0 });
    }
  });

  it('keeps many at a time apart', async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 40 });

    const all = await Promise.all(Array.from({ length: 200 }, (_, n) =>
      answers(server, { emit: 'number', args: [n * 100], to: 'room' },
              { agent })));

    agent.destroy();

    for (const [n, r] of all.entries()) {
      assert.deepEqual(byText(r.responses),
                       byText(list.map((_, i) => n * 100 + i)));
    }
  });

  it('refuses to wait for what nobody waits for', async () => {
    const order = { emit: 'x', all: true, ack: true };
    const wrong = [
      [[order], '[0].ack is for an order that comes alone, not in an array'],
      [{ ...order, ack: 1 }, 'ack must be true or false'],
      [{ ...order, ack: false, timeout: 5 }, 'timeout goes with ack'],
      [{ emit: 'x', all: true, timeout: 5 }, 'timeout goes with ack'],
      [{ join: 'x', all: true, ack: true }, 'ack is not for this action'],
      ...[0, -1, 1.5, '5', null, 60001].map((timeout) =>
        [{ ...order, timeout }, 'timeout must be a whole number of '
                                + 'milliseconds that sio_limit api_timeout '
                                + 'allows']),
    ];

    for (const [body, message] of wrong) {
      assert.deepEqual(await ask(server, body), {
        status: 400, body: { error: { code: 'invalid_action', message } } });
    }

    assert.deepEqual(await ask(server, { ...order, timeout: 60000,
                                         to: [], all: false }),
                     { status: 200, body: { receivers: 0, responses: [],
                                            missing: 0 } });
  });
});


describe('acks that are missing', SKIP, () => {
  let server, base;

  before(async () => {
    server = await sio.startNginx({
      workers: 4,
      location: `sio on; ${RULES} sio_limit acks=2;`,
      server: 'location /api/ { sio_api; allow all; }',
    });
    base = await server.counters();
  });

  afterEach(() => disconnectAll());
  after(() => lib.finish(server, base));

  for (const transport of ['websocket', 'polling']) {

    it(`are counted at the timeout, ${transport}`, async () => {
      const list = await connectMany(server, 4, { transport });
      const late = [];

      list.slice(1).forEach((s, i) => s.on('x', (cb) => cb(i)));
      keep(list[0], 'x', late);

      const started = Date.now();
      const r = await answers(server, { emit: 'x', all: true, timeout: 400 });

      assert.ok(Date.now() - started >= 395);
      assert.deepEqual({ ...r, responses: byText(r.responses) },
                       { receivers: 4, responses: ['0', '1', '2'],
                         missing: 1 });

      /* an answer that comes late is nobody's, least of all the next one's */

      late[0]('late');
      await emitAck(list[0], 'echo');

      const next = answers(server, { emit: 'x', all: true });

      await until(() => late.length === 2);
      late[0]('late again');
      late[1]('now');
      assert.deepEqual(byText((await next).responses),
                       ['"now"', '0', '1', '2']);
    });

    it(`of a socket that goes, ${transport}, as in Node`, async (t) => {
      const node = await sio.startReference({
        app: (io) => io.on('connection', (s) => {
          s.on('ask', (cb) => io.timeout(400).emit('x', (e, all) =>
            cb(e !== null, all)));
        }),
      });
      const outcome = {};

      try {
        for (const [name, s] of Object.entries({ ours: server, node })) {
          const list = await connectMany(s, 3, { transport });

          list[0].on('x', () => list[0].disconnect());
          list[1].on('x', (cb) => cb(1));
          list[2].on('x', (cb) => cb(1));

          const started = Date.now();

          if (name === 'ours') {
            const r = await answers(s, { emit: 'x', all: true,
                                         timeout: 400 });

            outcome.ours = [r.missing > 0, r.responses];

          } else {
            outcome.node = await new Promise((resolve) =>
              list[1].emit('ask', (...args) => resolve(args)));
          }

          assert.ok(Date.now() - started >= 395, name);
          disconnectAll();
        }

      } finally {
        disconnectAll();
        await node.stop();
      }

      assert.deepEqual(outcome.ours, outcome.node);
    });
  }

  /* a WebSocket is not asked any more, of a polling one the oldest is given
     up: only that one needs to wait for its timeout here */

  for (const [transport, lost] of [['websocket', 2], ['polling', 0]]) {

    it(`past the limit of a socket, ${transport}`, async () => {
      const [s] = await connectMany(server, 1, { transport });
      const kept = [], all = [];

      keep(s, 'x', kept);

      for (let n = 0; n < 3; n++) {
        all.push(answers(server, { emit: 'x', to: s.id,
                                   timeout: n === lost ? 1000 : 20000 }));
        await until(() => kept.length === n + 1);
      }

      kept.forEach((cb) => cb('yes'));
      assert.deepEqual((await Promise.all(all)).map((r) => r.missing),
                       [0, 1, 2].map((n) => Number(n === lost)));
    });
  }

  it('but not of one that upgrades meanwhile', async () => {
    const list = await connectMany(server, 6, { transport: 'upgrade',
                                                upgraded: false });

    for (const s of list) {
      s.on('x', async (cb) => {
        await until(() => s.io.engine.transport.name === 'websocket');
        cb(s.id);
      });
    }

    const r = await answers(server, { emit: 'x', all: true });

    assert.deepEqual([...r.responses].sort(), list.map((s) => s.id).sort());
  });
});


describe('limits of those who wait for acks', SKIP, () => {
  let server, base;

  before(async () => {
    server = await sio.startNginx({
      workers: 1,
      tls: true,
      http2: true,
      location: `sio on; ${RULES}
                 sio_limit api_waiting=1 api_answers=100 api_timeout=30s;`,
      server: 'location /api/ { sio_api; allow all; }',
    });
    base = await server.counters();
  });

  afterEach(() => disconnectAll());
  after(() => lib.finish(server, base));

  it('api_timeout', async () => {
    const r = await ask(server, { emit: 'x', all: true, ack: true,
                                  timeout: 30001 });

    assert.equal(r.status, 400);
    assert.match(r.body.error.message, /^timeout must be .* api_timeout/);
  });

  it('api_answers: what has no room is left out', async () => {
    const list = await connectMany(server, 2);
    let length = 0;

    list.forEach((s) => s.on('x', (cb) => cb('x'.repeat(length))));

    const get = async (n, to) => {
      length = n - 2;
      return answers(server, { emit: 'x', ...to });
    };

    let r = await get(99, { to: list[0].id });
    assert.equal(r.responses[0].length, 97);
    assert.equal(r.truncated, undefined);

    assert.deepEqual(await get(100, { to: list[0].id }),
                     { receivers: 1, responses: [], missing: 1,
                       truncated: true });
    assert.deepEqual(await get(101, { to: list[0].id }),
                     { receivers: 1, responses: [], missing: 1,
                       truncated: true });

    r = await get(49, { all: true });
    assert.equal(r.missing, 0);
    assert.equal(r.truncated, undefined);

    r = await get(51, { all: true });
    assert.deepEqual([r.receivers, r.responses.length, r.missing,
                      r.truncated], [2, 1, 1, true]);
  });

  it('api_waiting: one more is refused, until one has gone', async () => {
    const [s] = await connectMany(server, 1);
    const kept = [];
    const order = { emit: 'x', all: true, ack: true, timeout: 30000 };

    keep(s, 'x', kept);

    for (let n = 0; n < 3; n++) {
      const gone = new AbortController();
      const first = ask(server, order, { signal: gone.signal });

      first.catch(() => {});
      await until(() => kept.length === 1);

      assert.deepEqual(await ask(server, order), {
        status: 503,
        body: { error: { code: 'busy', message: 'too many requests wait for '
                                                + 'acks in this worker' } },
      });

      if (n < 2) {
        gone.abort();
        await assert.rejects(first);
        kept.length = 0;

        /* its place is free: the next round is let in, at last */

        await until(async () => {
          const r = await ask(server, { ...order, emit: 'y', timeout: 1 });

          return r.status === 200;
        });
        kept.length = 0;

      } else {
        kept[0]('yes');
        assert.deepEqual((await first).body,
                         { receivers: 1, responses: ['yes'], missing: 0 });
      }
    }
  });

  it('a stream of HTTP/2 that is reset', async () => {
    const [s] = await connectMany(server, 1);
    const kept = [];
    const order = { emit: 'x', all: true, ack: true, timeout: 30000 };

    keep(s, 'x', kept);

    const session = http2.connect(server.tlsUrl, { ca: server.ca });

    session.on('error', () => {});

    const post = () => {
      const r = session.request({ ':method': 'POST', ':path': '/api/',
                                  'content-type': 'application/json' });

      r.on('error', () => {});
      r.end(JSON.stringify(order));
      return r;
    };

    const first = post();

    await until(() => kept.length === 1);
    first.close(http2.constants.NGHTTP2_CANCEL);

    await until(async () =>
      (await ask(server, { ...order, emit: 'y', timeout: 1 })).status
      === 200);

    kept.length = 0;

    const second = post();
    let text = '';

    second.on('data', (data) => { text += data; });
    await until(() => kept.length === 1);
    kept[0](5);
    await sio.once(second, 'end');
    assert.deepEqual(JSON.parse(text), { receivers: 1, responses: [5],
                                         missing: 0 });
    session.close();
  });
});


describe('acks when workers go', SKIP, () => {

  afterEach(() => disconnectAll());

  it('a reload: answers with what is there', async () => {
    const server = await sio.startNginx({
      workers: 4,
      http: 'sio_drain_time 0;',
      location: `sio on; ${RULES}`,
      server: 'location /api/ { sio_api; allow all; }',
    });

    try {
      const list = await connectMany(server, 6, (i) => ({
        transport: i % 2 ? 'websocket' : 'polling' }));
      const kept = [];

      list.forEach((s, i) => (i < 4 ? s.on('x', (cb) => cb(i))
                                    : keep(s, 'x', kept)));

      const first = answers(server, { emit: 'x', all: true, timeout: 60000 });

      await until(() => kept.length === 2);
      await Promise.all(list.map((s) => emitAck(s, 'echo')));
      await server.reload();

      const r = await first;

      assert.deepEqual({ ...r, responses: byText(r.responses) },
                       { receivers: 6, responses: ['0', '1', '2', '3'],
                         missing: 2 });

    } finally {
      disconnectAll();
      await server.stop();
    }
  });

  it('a worker dies: its sockets are missing, or who asked is told so',
     async () => {
       const server = await sio.startNginx({
         workers: 4,
         location: `sio on; ${RULES}`,
         server: `location /api/ { sio_api; allow all; }`,
       });

       try {
         const list = await connectMany(server, 8, (i) => ({
           transport: i % 2 ? 'websocket' : 'polling' }));
         const kept = [];

         list.forEach((s) => keep(s, 'x', kept));

         /* a request at each worker, so that one's is at the dead one */

         const conns = [...(await server.spread()).values()];
         const pids = server.workers();
         const all = conns.map((conn) => {
           const body = JSON.stringify({ emit: 'x', all: true, ack: true,
                                         timeout: 3000 });

           return conn.request({ method: 'POST', path: '/api/', body,
                                 headers: JSON_TYPE, timeout: 20000 })
             .then((r) => (r.text ? r.json() : null), () => null);
         });

         await until(() => kept.length === list.length * conns.length);
         process.kill(pids[0], 'SIGKILL');
         await until(() => !server.workers().includes(pids[0]));
         kept.forEach((cb) => cb('yes'));

         const got = await Promise.all(all);
         const left = got.filter((r) => r !== null);

         assert.equal(left.length, conns.length - 1);

         for (const r of left) {
           assert.equal(r.receivers, 8);
           assert.equal(r.responses.length + r.missing, 8);
           assert.ok(r.responses.length >= 1);
         }

         const r = await answers(server, { emit: 'nobody', to: 'nowhere' });

         assert.equal(r.receivers, 0);

       } finally {
         disconnectAll();
         await server.stop({ allow: [/exited on signal 9/] });
       }
     });
});
