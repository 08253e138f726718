'use strict';

/*
 * Hooks: a backend behind an internal location answers for the server.  Here
 * it is Node's own HTTP server through proxy_pass, and nginx itself.
 */

const assert = require('node:assert/strict');
const { after, afterEach, before, describe, it } = require('node:test');

const { Backend } = require('./backend.js');
const lib = require('./lib.js');
const sio = require('../lib/sio.js');

const { ask: emitAck, client, connect, connectMany, disconnectAll, once,
        until } = lib;

const FORMS = ['websocket', 'polling', 'upgrade'];


describe('hooks', { skip: process.env.SIO_TARGET === 'node' }, () => {
  const backend = new Backend();
  let server, base;

  before(async () => {
    await backend.start();

    server = await sio.startNginx({
      workers: 4,
      http: `upstream backend { server 127.0.0.1:${backend.port};
                                keepalive 16; }
             upstream nobody { server 127.0.0.1:1; }`,
      location: `sio on;
        sio_ping_interval 700ms;
        sio_ping_timeout 600ms;
        sio_use            { hook /backend/use; set seen yes; }
        sio_on connect     { require $sio_data_seen; hook /backend/in; }
        sio_on disconnect  { hook /backend/out async; }
        sio_on disconnecting { hook /backend/leaving; }
        sio_on ask         { hook /backend/ask?x=1; }
        sio_on two         { hook /backend/a; emit between $sio_data_n;
                             hook /backend/b; emit behind $sio_data_n; ack; }
        sio_on later       { hook /backend/later async; ack now; }
        sio_on question    { emit question ack=answer timeout=300ms; }
        sio_on_ack answer  { hook /backend/answer; emit got $sio_data_n; }
        sio_on echo        { ack $sio_args; }
        sio_on take        { ack; }
        sio_on plain       { hook /plain; ack never; }
        sio_on nothing     { hook /nothing; ack $sio_arg_0; }
        sio_on refused     { hook /refused; ack never; }
        sio_on missing     { hook /missing; ack never; }
        sio_on slow        { hook /slow; ack never; }
        sio_on page        { hook /page; ack never; }
        sio_namespace /free { sio_on ask { hook /backend/ask; } }`,
      server: `
        location /backend/ {
            internal;
            proxy_pass http://backend;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            subrequest_output_buffer_size 64k;
        }
        location = /plain   { internal; default_type application/json;
                              return 200 '["from nginx"]'; }
        location = /nothing { internal; return 204; }
        location = /refused { internal; proxy_pass http://nobody; }
        location = /slow    { internal; proxy_pass http://backend;
                              proxy_read_timeout 200ms; }
        location = /page    { internal; error_page 502 = /plain;
                              proxy_pass http://nobody; }`,
      allow: [/sio hook: /, /Connection refused/, /timed out/, /upstream/,
              /No such file/],
    });

    base = await server.counters();
  });

  afterEach(async () => {
    await disconnectAll();
    await until(async () => (await server.counters()).sessions
                            === base.sessions);
    backend.handlers = {};
    backend.asked.length = 0;
  });

  after(async () => {
    await lib.finish(server, base);
    await backend.stop();
  });


  const asked = (type, event = '') =>
    backend.asked.filter((a) => a.type === type && a.event === event);

  for (const transport of FORMS) {
    const one = (more = {}) => connect(server, { transport, ...more });

    describe(transport, () => {
      it('asks with the event, answers the acknowledgement', async () => {
        backend.handlers['event:ask'] = (a) => [a.args.length, a.args[1]];

        const socket = await one();

        assert.deepEqual(
          await socket.timeout(5000).emitWithAck('ask', { x: 'ü\n' }, [1, 2]),
          2);

        const [a] = asked('event', 'ask');

        assert.equal(a.url, '/backend/ask?x=1');
        assert.equal(a.method, 'POST');
        assert.equal(a.id, socket.id);
        assert.equal(a.nsp, '/');
        assert.equal(a.headers['content-type'], 'application/json');
        assert.equal(a.headers['sio-ack'], '1');
        assert.deepEqual(a.data, { seen: 'yes' });
        assert.deepEqual(JSON.parse(a.headers['sio-rooms']), [socket.id]);
        assert.deepEqual(a.args, [{ x: 'ü\n' }, [1, 2]]);
      });


      it('passes binary arguments both ways', async () => {
        backend.handlers['event:ask'] = (a) =>
          [a.args[0].deep[0], { again: { _base64: 'AAH/' } }];

        const socket = await one();
        const answer = await new Promise((resolve) =>
          socket.emit('ask', { deep: [Buffer.from([1, 2, 250])] },
                      (...args) => resolve(args)));

        assert.deepEqual(answer, [Buffer.from([1, 2, 250]),
                                  { again: Buffer.from([0, 1, 255]) }]);

        const [a] = asked('event', 'ask');

        assert.equal(a.headers['sio-attachments'], '1');
        assert.deepEqual(a.args, [{ deep: [{ _base64: 'AQL6' }] }]);
      });


      it('does what it is told: joins, emits, data, disconnects', async () => {
        backend.handlers['event:ask'] = ({ args: [what] }) => what;

        const [a, b] = [await one(), await one()];
        const hi = once(a, 'hi');
        const me = once(b, 'me');

        await emitAck(a, 'ask', { do: { join: ['r', 5] }, data: { n: 1 },
                                  ack: ['joined'] });
        assert.equal(await emitAck(b, 'ask',
                                   { do: [{ join: 'r' },
                                          { emit: 'hi', args: [1, [2]],
                                            to: 'r', except_self: true },
                                          { emit: 'me', args: ['you'] }],
                                     ack: ['b'] }), 'b');

        assert.deepEqual(await hi, [1, [2]]);
        assert.deepEqual(await me, ['you']);

        const heard = [];

        a.onAny((...args) => heard.push(args));
        b.onAny((...args) => heard.push(args));

        await emitAck(b, 'ask', { do: [{ emit: 'all', all: true }],
                                  data: { x: { y: 1, z: 2 } }, ack: [] });
        await emitAck(b, 'ask', { data: { x: { y: null }, seen: null },
                                  do: { relay: true, to: 'r',
                                        except_self: true }, ack: [] });
        await until(() => heard.length === 3);

        assert.deepEqual(heard.slice(0, 2), [['all'], ['all']]);
        assert.equal(heard[2][0], 'ask');
        assert.deepEqual(asked('event', 'ask').at(-1).data,
                         { seen: 'yes', x: { y: 1, z: 2 } });
        await emitAck(b, 'ask', { ack: [] });
        assert.deepEqual(asked('event', 'ask').at(-1).data,
                         { x: { z: 2 } });

        const gone = once(a, 'disconnect');
        const { id } = a;
        const ends = (type) => asked(type, type).filter((x) => x.id === id);

        a.emit('ask', { do: { disconnect: true } });
        assert.equal((await gone)[0], 'io server disconnect');
        await until(() => ends('disconnect').length);
        assert.equal(ends('disconnect')[0].headers['sio-reason'],
                     'server namespace disconnect');
        assert.deepEqual(
          JSON.parse(ends('disconnecting')[0].headers['sio-rooms']).sort(),
          ['5', 'r', id].sort());
      });


      it('waits in order, whatever comes meanwhile', async () => {
        let open;
        const gate = new Promise((resolve) => { open = resolve; });
        const order = [];

        backend.handlers['event:ask'] = async ({ args: [n] }) => {
          if (n === 0) {
            await gate;
          }

          order.push(n);
          return [n];
        };

        const socket = await one();
        const answers = [];

        for (let n = 0; n < 5; n++) {
          socket.emit('ask', n, (a) => answers.push(a));
          socket.emit('echo', `e${n}`, (a) => answers.push(a));
        }

        socket.emit('echo', Buffer.from('bin'),
                    (a) => answers.push(a.toString()));

        await until(() => asked('event', 'ask').length === 1);

        /* longer than a ping and its timeout */

        await sio.sleep(1600);
        assert.deepEqual(answers, []);
        open();

        await until(() => answers.length === 11);
        assert.deepEqual(answers, [0, 'e0', 1, 'e1', 2, 'e2', 3, 'e3', 4,
                                   'e4', 'bin']);
        assert.deepEqual(order, [0, 1, 2, 3, 4]);
        assert.ok(socket.connected);
      });


      it('goes on behind each hook of a block', async () => {
        backend.handlers['event:two'] = ({ url }) =>
          ({ data: { n: url } });

        const socket = await one();
        const heard = [];

        socket.onAny((...args) => heard.push(args));
        await emitAck(socket, 'two');

        assert.deepEqual(heard, [['between', '/backend/a'],
                                 ['behind', '/backend/b']]);
      });


      it('does not wait for async ones', async () => {
        let open;
        const gate = new Promise((resolve) => { open = resolve; });

        backend.handlers['event:later'] = async () => {
          await gate;
          return { do: [{ join: 'late' }, { emit: 'done' }], data: { n: 7 } };
        };

        const socket = await one();

        assert.equal(await emitAck(socket, 'later'), 'now');
        assert.equal(await emitAck(socket, 'echo', 1), 1);

        const done = once(socket, 'done');

        open();
        await done;
        backend.handlers['event:ask'] = () => [];
        await emitAck(socket, 'ask');

        const a = asked('event', 'ask')[0];

        assert.deepEqual(a.data, { seen: 'yes', n: 7 });
        assert.deepEqual(JSON.parse(a.headers['sio-rooms']).sort(),
                         ['late', socket.id].sort());
      });


      it('runs sio_use and connect, refuses with the answer', async () => {
        backend.handlers['connect'] = (a) => {
          const { token } = JSON.parse(decodeURIComponent(
            a.headers['sio-handshake'])).auth;

          if (token === 'bad') {
            return { status: 401, body: { message: 'who?',
                                          data: { code: 7 } } };
          }

          if (token === 'broken') {
            return { status: 500 };
          }

          return a.url === '/backend/in'
            ? { do: [{ join: 'in' }, { emit: 'welcome', args: [token] }],
                data: { token } } : '';
        };

        for (const [token, message, data] of [['bad', 'who?', { code: 7 }],
                                              ['broken', 'internal error']]) {
          const socket = client(server, { transport, auth: { token } });
          const [error] = await once(socket, 'connect_error');

          assert.equal(error.message, message);
          assert.deepEqual(error.data, data);
          socket.close();
        }

        const socket = client(server, { transport,
                                        auth: { token: 'good' } });
        const welcome = once(socket, 'welcome');

        await once(socket, 'connect');
        assert.deepEqual(await welcome, ['good']);

        backend.handlers['event:ask'] = () => [];
        await emitAck(socket, 'ask');

        const a = asked('event', 'ask')[0];

        assert.deepEqual(a.data, { seen: 'yes', token: 'good' });
        assert.deepEqual(JSON.parse(a.headers['sio-rooms']).sort(),
                         ['in', socket.id].sort());
        assert.deepEqual(asked('connect').at(-1).args, []);
      });


      it('runs for acknowledgements and their timeouts', async () => {
        backend.handlers['ack:answer'] = (a) =>
          ({ data: { n: a.headers['sio-error'] || a.args } });

        const socket = await one();

        socket.once('question', (cb) => cb('yes', 2));
        socket.emit('question');
        assert.deepEqual(await once(socket, 'got'), [['yes', 2]]);

        socket.emit('question');
        assert.deepEqual(await once(socket, 'got'),
                         ['operation has timed out']);
      });


      it('says what went wrong', async () => {
        backend.handlers['event:ask'] = ({ args: [answer] }) => answer;

        const socket = await one();
        const ask = (answer) => emitAck(socket, 'ask', answer);

        assert.deepEqual(await ask({ status: 403, body:
                                     { message: 'no', data: [1] } }),
                         { error: 'no', data: [1] });
        assert.deepEqual(await ask({ status: 404, body: 'text' }),
                         { error: 'not allowed' });

        for (const bad of [{ status: 500 }, { status: 302 }, '{"do":',
                           { body: '5', status: 200 }, { unknown: 1 },
                           { do: { emit: 5 } }, { ack: 5 }, null,
                           { do: [{ join: 'half' }, { emit: 'x', too: 1 }] },
                           { data: { x: 'x'.repeat(5000) } },
                           { body: `["${'x'.repeat(70000)}"]`,
                             status: 200 }]) {
          assert.deepEqual(await ask(bad), { error: 'internal error' },
                           JSON.stringify(bad)?.slice(0, 50));
        }

        assert.deepEqual(await ask({ ack: [] }), undefined);
        assert.deepEqual(JSON.parse(asked('event', 'ask').at(-1)
                                      .headers['sio-rooms']), [socket.id]);

        for (const event of ['refused', 'missing', 'slow']) {
          if (event === 'slow') {
            backend.handlers['event:slow'] = () => sio.sleep(500);
          }

          assert.deepEqual(await emitAck(socket, event),
                           { error: event === 'missing'
                             ? 'not allowed' : 'internal error' });
        }
      });


      it('takes any content handler', async () => {
        const socket = await one();

        assert.equal(await emitAck(socket, 'plain'), 'from nginx');
        assert.equal(await emitAck(socket, 'page'), 'from nginx');
        assert.equal(await emitAck(socket, 'nothing', 7), 7);
      });


      it('lets a client go meanwhile', async () => {
        let open;
        const gate = new Promise((resolve) => { open = resolve; });

        backend.handlers['event:ask'] = async () => {
          await gate;
          return { do: [{ emit: 'left', all: true, args: ['still'] },
                        { emit: 'me' }, { join: 'x' }], ack: [1] };
        };

        const [a, b] = [await one(), await one()];
        const left = once(b, 'left');

        a.emit('ask', 1);
        a.emit('echo', 2);
        await until(() => asked('event', 'ask').length);
        a.close();
        await sio.sleep(50);
        open();
        assert.deepEqual(await left, ['still']);
      });
    });
  }


  it('keeps names of clients out of headers', async () => {
    const rooms = [];

    backend.handlers['event:ask'] = (a) => {
      rooms.push(a.headers['sio-rooms']);
      return { do: { join: a.args[0] }, ack: [] };
    };

    const socket = await connect(server, {});
    const name = 'a\r\nSio-User: 1\n%41';

    await emitAck(socket, 'ask', name);
    await emitAck(socket, 'ask', 'x'.repeat(8100));
    await emitAck(socket, 'ask', 'last');

    assert.deepEqual(JSON.parse(decodeURIComponent(rooms[1])),
                     [socket.id, name]);
    assert.equal(rooms[2], undefined);
    assert.match(asked('event', 'ask').at(-1).headers['sio-omitted'],
                 /Sio-Rooms/);
  });


  it('stops reading a client that sends too much meanwhile', async () => {
    let open;
    const gate = new Promise((resolve) => { open = resolve; });

    backend.handlers['event:ask'] = async () => { await gate; return []; };

    const socket = await connect(server, {});
    const text = 'x'.repeat(20000);
    let n = 0;

    socket.emit('ask');
    await until(() => asked('event', 'ask').length);

    /* 30 MB do not go into the sockets' buffers and 64 KB */

    for (let i = 0; i < 1500; i++) {
      socket.emit('take', text, () => n++);
    }

    const { ws } = socket.io.engine.transport;

    await sio.sleep(1500);

    const left = ws.bufferedAmount;

    open();
    assert.equal(n, 0);
    assert.ok(left > 10000000, `${left}`);
    await until(() => n === 1500, 20000);
    assert.ok(socket.connected);
  });


  it('serves many clients at once', async () => {
    backend.handlers['event:ask'] = async ({ args: [n] }) => {
      await sio.sleep(n % 7);
      return [n];
    };

    const sockets = await connectMany(server, 60,
                                      (i) => ({ transport: FORMS[i % 3] }));

    for (let round = 0; round < 5; round++) {
      const answers = await Promise.all(
        sockets.map((s, i) => emitAck(s, 'ask', i)));

      assert.deepEqual(answers, sockets.map((s, i) => i));
    }
  });
});
