'use strict';

/*
 * What a client of today can do, over every transport, with and without TLS,
 * on one worker and on four; and the older ones of this protocol, and one with
 * the msgpack parser.
 */

const assert = require('node:assert/strict');
const { after, afterEach, before, describe, it } = require('node:test');

const parser = require('socket.io-msgpack-parser');

const lib = require('./lib.js');

const { ask, client, collect, connected, emitAck, once, record, until } = lib;

const WORKERS = lib.NODE ? [1] : [1, 4];

const FORMS = [...lib.combinations({ version: ['4.8'],
                                     transport: Object.keys(lib.TRANSPORTS),
                                     tls: [false, true] })];

const OLDER = [
  { version: '4.0', transport: 'websocket', tls: true },
  { version: '4.0', transport: 'polling', tls: false },
  { version: '4.0', transport: 'upgrade', tls: true },
  { version: '3.1', transport: 'websocket', tls: false },
  { version: '3.1', transport: 'polling', tls: true },
  { version: '3.1', transport: 'upgrade', tls: false },
  { version: '2.5', transport: 'websocket', tls: true },
  { version: '2.5', transport: 'polling', tls: false },
  { version: '2.5', transport: 'upgrade', tls: true },
];

const bytes = (...list) => Buffer.from(list);


for (const workers of WORKERS) {
  describe(`${workers} worker(s)`, () => {
    let server, base;

    before(async () => {
      server = await lib.serve({ workers, tls: true });
      base = await server.counters();
    });

    afterEach(() => lib.disconnectAll());

    after(() => lib.finish(server, base));

    for (const form of workers === 4 || lib.NODE ? [...FORMS, ...OLDER]
                                                 : FORMS) {
      const name = `client ${form.version}, ${form.transport}`
                   + (form.tls ? ', TLS' : '');

      describe(name, () => suite(() => server, form));
    }

    if (workers === 1 && !lib.NODE) {
      return;
    }

    for (const transport of ['websocket', 'polling', 'upgrade']) {
      const tls = transport === 'upgrade';
      const name = `msgpack, ${transport}` + (tls ? ', TLS' : '');

      describe(name, () => suite(() => server, {
        transport, tls, path: '/msgpack/', parser,
      }));
    }
  });
}


function suite(server, form) {
  const connect = (more) => lib.connect(server(), { ...form, ...more });

  /* Socket.IO protocol v4: no CONNECT payload, refusals are data alone */

  const v4 = form.version === '2.5';

  it('connects, and gets what "connect" emits', async () => {
    const socket = client(server(), form);
    const [id] = await once(socket, 'welcome');

    assert.equal(id, socket.id);
    assert.match(id, /^[\w-]{20}$/);
    assert.deepEqual(await emitAck(socket, 'id'), [id, '/']);

    if (form.transport === 'upgrade') {
      await until(() => socket.io.engine.transport.name === 'websocket',
                  5000, 'the upgrade');
      assert.equal(await ask(socket, 'id'), id);
    }

    assert.equal(await ask(socket, 'transport'),
                 form.transport === 'polling' ? 'polling' : 'websocket');
  });


  it('carries events both ways, any JSON, any length', async () => {
    const socket = await connect();
    const values = [
      [], ['text'], [1], [true, false, null],

      /* the parser of msgpack breaks whole numbers of 2^64 and more */
      [-0.5, form.parser ? 2 ** 60 : 1e21, 1e-7],
      ['\u0000\u001e\n"\\/', '\u2028 \u00e9 \u20ac \u{1f600}'],
      [{ a: [{ b: { c: [] } }], '': {}, '\u001e': 1 }],
      ['x'.repeat(200), 'y'.repeat(70000), '\u20ac'.repeat(40000)],
      [[[[[[[[[[1]]]]]]]]]],
    ];

    for (const args of values) {
      const answer = once(socket, 'echo');

      socket.emit('echo', ...args);
      assert.deepEqual(await answer, args);
      assert.deepEqual(await emitAck(socket, 'echoAck', ...args), args);
    }
  });


  it('carries binary: arguments, nested, in acknowledgements', async () => {
    const socket = await connect();
    const large = Buffer.alloc(100000, 0x1e);
    const values = [
      [bytes(1, 2, 3)],
      [bytes()],
      [bytes(0), 'text', bytes(255, 254)],
      [{ a: [{ b: bytes(30) }, 1, { c: bytes(4, 52) }], d: null }],
      [{ _placeholder: 1, num: 0 }, bytes(7)],
      Array.from({ length: 10 }, (_, i) => bytes(i, i)),
      [large, { half: large.subarray(0, 50000) }],
    ];

    for (const args of values) {
      const answer = once(socket, 'echo');

      socket.emit('echo', ...args);
      assert.deepEqual(await answer, args);
      assert.deepEqual(await emitAck(socket, 'echoAck', ...args), args);
    }

    assert.deepEqual(await emitAck(socket, 'denied', [9]), [
      { error: 'error not meant for you', data: { arg: [9] } },
    ]);
  });


  it('relays binary to a room, and keeps it apart', async () => {
    const [a, b] = await Promise.all([connect(), connect()]);
    const got = record(b);

    await emitAck(b, 'join', 'bin');
    a.emit('pass', 'bin', bytes(1), { x: bytes(2) });
    a.emit('say', 'bin', 'plain', bytes(3));
    a.emit('say', 'bin', 'end');
    await until(() => got.filter(([e]) => e === 'said').length === 2);

    assert.deepEqual(got.filter(([e]) => e !== 'welcome'), [
      ['pass', 'bin', bytes(1), { x: bytes(2) }],
      ['said', 'plain', bytes(3)],
      ['said', 'end'],
    ]);
  });


  it('asks clients for acknowledgements', async () => {
    const socket = await connect();

    socket.on('question', (a, b, ack) => ack(b, a, bytes(5)));

    for (const args of [['a', 1], [bytes(1), { x: null }]]) {
      const answer = once(socket, 'answered');

      socket.emit('ask', ...args);
      assert.deepEqual(await answer, [args[1], args[0], bytes(5)]);
    }

    const soon = once(socket, 'soon');

    socket.emit('askSoon', 1, 2);
    assert.deepEqual(await soon, [null, 2, 1, bytes(5)]);
  });


  it('tells when an acknowledgement does not come', async () => {
    const socket = await connect();
    let late;

    socket.on('question', (a, ack) => { late = ack; });

    const soon = collect(socket, 'soon');

    socket.emit('askSoon', 1);
    await until(() => soon.length, 5000, 'the timeout');

    assert.match(String([].concat(soon[0])[0]), /timed out/);

    late('too late');
    await emitAck(socket, 'id');
    assert.equal(soon.length, 1);
  });


  it('asks every member of a room', async () => {
    const list = await Promise.all([connect(), connect(), connect()]);
    const told = collect(list[0], 'told');

    await emitAck(list[0], 'watch');

    for (const [i, socket] of list.entries()) {
      socket.on('question', (arg, ack) => ack(`${arg} ${i}`));
      await emitAck(socket, 'join', 'asked');
    }

    list[2].emit('askRoom', 'asked', 'who');
    await until(() => told.length === 3, 5000, 'three answers');

    assert.deepEqual(told.map((t) => t.join()).sort(),
                     list.map((s, i) => `${s.id},who ${i}`).sort());
  });


  it('extracts arguments by pointer and type', async () => {
    const socket = await connect();

    assert.deepEqual(await ask(socket, 'pick', { text: 'a', count: 5 }),
                     { text: 'a', count: 5 });

    for (const arg of [{ text: 5, count: 'a' }, 'text']) {
      const { text, count, ...more } = await ask(socket, 'pick', arg);

      assert.deepEqual([text, count, more], [undefined, undefined, {}]);
    }
  });


  it('keeps data for each socket, and requires it', async () => {
    const [a, b] = await Promise.all([connect(), connect()]);

    assert.deepEqual(await ask(a, 'guarded'),
                     { error: 'no color', data: { code: 403 } });
    await emitAck(a, 'setColor', 'red');
    assert.equal(await ask(a, 'guarded'), 'red');
    assert.equal(await ask(a, 'getColor'), 'red');
    assert.equal(await ask(b, 'getColor') ?? null, null);
    await emitAck(a, 'setColor', { deep: [1] });
    assert.deepEqual(await ask(a, 'getColor'), { deep: [1] });
  });


  it('carries several namespaces on one connection', async () => {
    const main = await connect({ forceNew: undefined });
    const other = main.io.socket('/custom');
    const dynamic = main.io.socket('/dynamic-101');

    await Promise.all([connected(other), connected(dynamic)]);
    assert.equal(new Set([main.id, other.id, dynamic.id]).size, 3);
    assert.deepEqual(await emitAck(other, 'id'), [other.id, '/custom']);

    const echo = once(dynamic, 'echo');

    dynamic.emit('echo', 'x', bytes(1));
    assert.deepEqual(await echo, ['101', '/dynamic-101', 'x', bytes(1)]);

    const said = [main, other, dynamic].map((s) => collect(s, 'said'));

    await emitAck(other, 'join', 'r');
    main.emit('sayCustom', 'r', 'to the other');
    main.emit('sayAll', 'main');
    await once(main, 'said');
    other.emit('sayAll', 'other');
    dynamic.emit('sayAll', 'dynamic');
    await until(() => said[0].length && said[1].length > 1
                      && said[2].length);

    assert.deepEqual(said, [['main'], ['to the other', 'other'],
                            ['dynamic']]);

    /* leaving one leaves the others alone */

    other.disconnect();
    assert.equal(await ask(main, 'id'), main.id);
    other.connect();
    await connected(other);
    assert.deepEqual(await emitAck(other, 'id'), [other.id, '/custom']);
  });


  it('refuses unknown namespaces', async () => {
    for (const nsp of ['/unknown', '/dynamic-', '/dynamic-1x', '/custom/']) {
      const socket = client(server(), { ...form, nsp });
      const [error] = await once(socket, 'connect_error');

      assert.equal(error.message, 'Invalid namespace', nsp);
      assert.equal(socket.connected, false);
    }
  });


  it('runs middleware: message, data, and another try', async () => {
    const socket = client(server(), { ...form, nsp: '/guard' });
    const [error] = await once(socket, 'connect_error');

    assert.ok(error instanceof Error);
    assert.equal(error.message, v4 ? '' : 'who are you');
    assert.deepEqual(error.data, { code: 401, wants: 'user' });

    socket.auth = { user: v4 ? '' : 5 };
    socket.connect();
    await once(socket, 'connect_error');

    socket.auth = { user: 'ann' };
    socket.connect();
    await connected(socket);
    assert.equal(await ask(socket, 'whoami'), 'ann');
  });


  it('shows the CONNECT payload to rules', { skip: v4 }, async () => {
    const auth = { token: 'abc', deep: [{ x: '\u20ac' }] };
    const socket = await connect({ auth });

    assert.deepEqual(await ask(socket, 'auth'), auth);
  });


  it('shows the query of the handshake to rules', async () => {
    const socket = await connect({ query: { token: 'a b&\u20ac+' } });

    assert.equal(await ask(socket, 'query'), 'a b&\u20ac+');
  });


  it('names the reasons of a disconnect at both ends', async () => {
    const watcher = await connect({ transport: 'websocket' });
    const gone = record(watcher);
    const reasons = async (socket, act) => {
      const id = socket.id;
      const here = once(socket, 'disconnect');

      act(socket);

      const [reason] = await here;
      let there;

      await until(() => {
        there = gone.find(([e, who]) => e === 'gone' && who === id);
        return there;
      }, 5000, '"gone"');

      const leaving = gone.find(([e, who]) => e === 'leaving' && who === id);

      assert.equal(leaving[2], there[2]);
      assert.deepEqual(leaving[3].sort(), [id, 'room:reasons'].sort());
      return [reason, there[2]];
    };
    const one = async () => {
      const socket = await connect({ reconnection: false });

      await emitAck(socket, 'join', 'reasons');
      return socket;
    };

    await emitAck(watcher, 'watch');

    assert.deepEqual(await reasons(await one(), (s) => s.disconnect()),
                     ['io client disconnect', 'client namespace disconnect']);
    assert.deepEqual(await reasons(await one(), (s) => s.emit('bye')),
                     ['io server disconnect', 'server namespace disconnect']);
    assert.deepEqual(await reasons(await one(), (s) => s.emit('byeClose')),
                     ['io server disconnect', 'server namespace disconnect']);
    assert.deepEqual(await reasons(await one(), (s) => s.io.engine.close()),
                     ['forced close', 'transport close']);
  });


  it('disconnects a room, with and without its connections', async () => {
    for (const event of ['kick', 'kickClose']) {
      const list = await Promise.all([connect(), connect(), connect()]);
      const others = list.slice(1).map((s) => once(s, 'disconnect'));

      for (const socket of list.slice(1)) {
        await emitAck(socket, 'join', event);
      }

      list[0].emit(event, event);

      for (const other of others) {
        assert.deepEqual((await other)[0], 'io server disconnect');
      }

      assert.equal(await ask(list[0], 'id'), list[0].id);
      await until(() => list[1].io.engine.readyState === 'closed'
                        || event === 'kick');
      assert.equal(await ask(list[0], 'join', event), 1);
    }
  });


  it('takes clients back after a lost connection', async () => {
    const socket = await connect();
    const id = socket.id;

    for (let i = 0; i < 3; i++) {
      await emitAck(socket, 'join', 'again');

      const lost = once(socket, 'disconnect');

      socket.io.engine.close();
      assert.equal((await lost)[0], 'forced close');
      socket.emit('echo', 'sent meanwhile', i);
      assert.deepEqual(await once(socket, 'echo'), ['sent meanwhile', i]);
      assert.notEqual(socket.id, id);
      assert.deepEqual(await ask(socket, 'rooms'), [socket.id]);
    }
  });


  it('delivers volatile events to one who listens', async () => {
    const socket = await connect();

    await until(async () => {
      const said = once(socket, 'said', 300).catch(() => null);

      socket.emit('sayVolatile', 'now', bytes(1));

      const got = await said;

      if (got) {
        assert.deepEqual(got, ['now', bytes(1)]);
      }

      return got;
    }, 5000, 'a volatile event');
  });


  it('joins, leaves, and counts', async () => {
    const [a, b] = await Promise.all([connect(), connect()]);

    assert.equal(await ask(a, 'join', 'r'), 1);
    assert.equal(await ask(a, 'join', 'r'), 1);
    assert.equal(await ask(b, 'join', 'r'), 2);
    await emitAck(b, 'setColor', 'blue');
    assert.deepEqual(sorted(await ask(a, 'peers', 'r')),
                     sorted([{ id: a.id, data: {} },
                             { id: b.id, data: { color: 'blue' } }]));
    assert.deepEqual((await ask(a, 'rooms')).sort(), [a.id, 'room:r'].sort());
    assert.equal(await ask(a, 'leave', 'r'), 1);
    assert.equal(await ask(a, 'leave', 'r'), 1);
    assert.deepEqual(await ask(a, 'rooms'), [a.id]);
    assert.deepEqual(await ask(a, 'peers', 'nobody'), []);
    b.disconnect();
    await until(async () => await ask(a, 'join', 'r') === 1);
    assert.equal(await ask(a, 'everyone'), 1);
  });


  it('addresses rooms: union once, except, self, everyone', async () => {
    const list = await Promise.all(Array.from({ length: 5 },
                                              () => connect()));
    const logs = list.map((s) => collect(s, 'said'));
    const [a, b, c, d] = list;

    for (const [socket, name] of [[a, 'x'], [b, 'x'], [c, 'y'], [d, 'x'],
                                  [d, 'y']]) {
      await emitAck(socket, 'join', name);
    }

    a.emit('say', 'x', 'x');
    a.emit('sayOthers', 'x', 'others of x');
    a.emit('sayBoth', 'x', 'y', 'union');
    a.emit('sayExcept', 'x', 'y', 'x without y');
    a.emit('sayExcept', 'y', 'x', 'y without x');
    a.emit('say', 'nobody', 'lost');
    a.emit('sayPlain', c.id, 'private');
    a.emit('sayAllOthers', 'all others');
    a.emit('sayAll', 'all');
    await until(() => logs.every((log) => log.includes('all')));

    assert.deepEqual(logs, [
      ['x', 'union', 'x without y', 'all'],
      ['x', 'others of x', 'union', 'x without y', 'all others', 'all'],
      ['union', 'y without x', 'private', 'all others', 'all'],
      ['x', 'others of x', 'union', 'all others', 'all'],
      ['all others', 'all'],
    ]);
  });


  it('moves the sockets of a room', async () => {
    const [a, b, c] = await Promise.all([connect(), connect(), connect()]);
    const logs = [a, b, c].map((s) => collect(s, 'said'));

    await emitAck(a, 'join', 'from');
    await emitAck(b, 'join', 'from');
    await emitAck(c, 'moveIn', 'from', 'into');
    c.emit('say', 'into', 1);
    await emitAck(c, 'moveOut', 'from', 'into');
    c.emit('say', 'into', 2);
    c.emit('sayAll', 3);
    await until(() => logs.every((log) => log.includes(3)));

    assert.deepEqual(logs, [[1, 3], [1, 3], [3]]);
  });


  it('lets no more than "max" into a room', async () => {
    const list = await Promise.all(Array.from({ length: 6 },
                                              () => connect()));
    const answers = await Promise.all(list.map((s) => ask(s, 'joinMax',
                                                          'small')));

    assert.equal(answers.filter((a) => a === 'joined').length, 2);
    assert.equal(answers.filter((a) => typeof a.error === 'string').length,
                 4);

    /* who is in may join again */

    const first = list[answers.indexOf('joined')];

    assert.equal(await ask(first, 'joinMax', 'small'), 'joined');
    first.disconnect();
    await until(async () => {
      const again = list[answers.findIndex((a) => a !== 'joined')];
      return await ask(again, 'joinMax', 'small') === 'joined';
    });
  });


  it('takes the number 5 and "5" for one room', async () => {
    const [a, b, c] = await Promise.all([connect(), connect(), connect()]);
    const logs = [a, b, c].map((s) => collect(s, 'said'));

    await emitAck(a, 'joinPlain', 5);
    await emitAck(b, 'joinPlain', '5');
    await emitAck(c, 'joinPlain', '5.0');
    a.emit('sayPlain', 5, 'number');
    a.emit('sayPlain', '5', 'string');
    a.emit('sayAll', 'end');
    await until(() => logs.every((log) => log.includes('end')));

    assert.deepEqual(logs, [['number', 'string', 'end'],
                            ['number', 'string', 'end'], ['end']]);
  });


  it('keeps a room of the name "*" or "self" a room', async () => {
    const [a, b] = await Promise.all([connect(), connect()]);
    const logs = [a, b].map((s) => collect(s, 'said'));

    await emitAck(b, 'joinPlain', '*');
    a.emit('sayPlain', '*', 1);
    a.emit('sayPlain', 'self', 2);
    await emitAck(a, 'id');
    await emitAck(b, 'joinPlain', 'self');
    a.emit('sayPlain', 'self', 3);
    a.emit('sayAll', 4);
    await until(() => logs.every((log) => log.includes(4)));

    assert.deepEqual(logs, [[4], [1, 3, 4]]);
  });


  it('keeps the order of what one socket sends', async () => {
    const [a, b] = await Promise.all([connect(), connect()]);
    const burst = collect(a, 'burst');
    const said = collect(b, 'said');

    await emitAck(b, 'join', 'order');

    for (let i = 0; i < 50; i++) {
      a.emit('burst', i, bytes(i));
      a.emit('say', 'order', i, ...(i % 3 ? [] : [bytes(i)]));
    }

    await until(() => burst.length === 400 && said.length === 50);

    assert.deepEqual(burst, Array.from({ length: 400 }, (_, i) =>
      [String(i % 8), i >> 3, bytes(i >> 3)]));
    assert.deepEqual(said, Array.from({ length: 50 }, (_, i) =>
      i % 3 ? i : [i, bytes(i)]));
  });


  it('lets an emit take effect before the next event', async () => {
    const [a, b] = await Promise.all([connect(), connect()]);
    const said = collect(b, 'said');

    for (let i = 0; i < 20; i++) {
      b.emit('join', 'effect', () => {});
      b.emit('say', 'effect', i);
      b.emit('leave', 'effect', () => {});
      b.emit('say', 'effect', 'nobody hears it');
    }

    b.emit('echo');
    await once(b, 'echo');
    assert.deepEqual(said, Array.from({ length: 20 }, (_, i) => i));
    assert.equal(await ask(a, 'join', 'effect'), 1);
  });
}


function sorted(list) {
  return list.sort((a, b) => (a.id < b.id ? -1 : 1));
}
