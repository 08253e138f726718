'use strict';

/*
 * $sio_... as variables of nginx: in the locations of hooks, in what these
 * ask in turn, in their access log; and in requests of clients.
 */

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { after, afterEach, before, describe, it } = require('node:test');

const { Backend } = require('./backend.js');
const handlers = require('../lib/handlers.js');
const lib = require('./lib.js');
const sio = require('../lib/sio.js');

const { ask: emitAck, connect, disconnectAll, until } = lib;

const skip = process.env.SIO_TARGET === 'node';

/* each variable in a header of its own */

const NAMES = ['type', 'event', 'nsp', 'id', 'user', 'ack', 'rooms', 'reason',
               'error', 'attachments', 'room', 'seq', 'handshake', 'auth',
               'transport', 'args', 'args_1', 'arg_0', 'arg_1', 'data_key',
               'data_obj', 'data_none', 'recovered'];

const PROXY = NAMES.map((n) => `proxy_set_header X-${n.replace('_', '-')} `
                               + `$sio_${n};`).join('\n');

/* in a header and in the variable are the same bytes */

const SAME = { type: 'sio-type', event: 'sio-event', nsp: 'sio-nsp',
               id: 'sio-id', user: 'sio-user', ack: 'sio-ack',
               rooms: 'sio-rooms', reason: 'sio-reason', error: 'sio-error',
               attachments: 'sio-attachments', room: 'sio-room',
               seq: 'sio-seq', handshake: 'sio-handshake' };


describe('variables where no rule runs', { skip }, () => {
  const backend = new Backend();
  const LUA = handlers.available('ngx_http_lua_module');
  let server, base;

  before(async () => {
    await backend.start();

    server = await sio.startNginx({
      workers: 4,
      tls: true,
      main: LUA ? handlers.load('ndk_http_module', 'ngx_http_lua_module') : '',
      http: `
        log_format event '[$sio_type][$sio_event][$sio_id][$sio_arg_0]'
                         '[$sio_transport][$status]';
        limit_req_zone $sio_event zone=late:1m rate=2r/s;
        map $sio_event $known { ask 1; default 0; }
        map $sio_arg_0 $loud { volatile; "~^(?<t>.*)$" "$t!"; }`,
      location: `sio on; sio_allow_eio3 on; sio_user $name;
        access_log clients.log event;
        sio_set $name auth /user;
        sio_set $where query /where;
        sio_set $size size "room:$sio_arg_0";
        sio_set $deep args /0/deep/0;
        sio_use            { hook /backend/use; }
        sio_on disconnect  { hook /backend/out; }
        sio_on ask         { set key $sio_arg_0; set obj '{"a":[1,$sio_id]}';
                             hook /backend/ask; }
        sio_on later       { hook /backend/later async; ack; }
        sio_on late        { hook /late; }
        sio_on loud        { ack $loud; }
        sio_on question    { emit question ack=answer timeout=200ms; }
        sio_on_ack answer  { hook /backend/answer; }
        sio_on join        { join "room:$sio_arg_0"; hook /backend/ask; }
        sio_on *           { hook /logged; }
        ${LUA ? 'sio_on byname { hook /lua; }' : ''}
        sio_room_hook /backend/rooms join-room;`,
      server: `
        location /backend/ {
            internal;
            ${PROXY}
            proxy_set_header X-known $known;
            proxy_set_header X-where $where;
            proxy_set_header X-size $size;
            proxy_set_header X-deep $deep;
            proxy_pass http://127.0.0.1:${backend.port};
        }
        location = /late {
            internal;
            limit_req zone=late burst=10;
            ${PROXY}
            proxy_set_header X-where $where;
            proxy_pass http://127.0.0.1:${backend.port};
        }
        location = /logged {
            internal;
            log_subrequest on;
            access_log hooks.log event;
            return 204;
        }
        location = /plain { return 200 "[$sio_id$sio_type$sio_transport]"; }
        ${LUA ? `location = /lua {
            internal;
            content_by_lua_block {
                local v = ngx.var
                ngx.say('["', v.sio_type, " ", v.sio_event, " ", v.sio_arg_3,
                        " ", v.sio_data_unmentioned or "nil", '"]')
            }
        }` : ''}`,
      allow: [/sio hook: /],
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


  /* a variable as its location has passed it on */

  const got = (a, name) => {
    const value = a.headers[`x-${name.replace('_', '-')}`];

    return value && decodeURIComponent(value);
  };

  const same = (a) => {
    for (const [name, header] of Object.entries(SAME)) {
      assert.equal(a.headers[`x-${name}`], a.headers[header],
                   `${a.type}: ${name}`);
    }
  };

  const forms = [{ transport: 'websocket' }, { transport: 'polling' },
                 { transport: 'websocket', tls: true },
                 { transport: 'polling', version: '2.5' }];

  for (const form of forms) {
    it(`are those of the headers: ${Object.values(form)}`, async () => {
      backend.handlers.event = () => [];

      const v2 = form.version === '2.5';
      const socket = await connect(server, {
        ...form, query: { where: 'he%re', ...(v2 ? { user: 'x' } : {}) },
        auth: { user: 'me' },
      });
      const { id } = socket;

      await emitAck(socket, 'join', 'a');
      await emitAck(socket, 'ask', 'ü\r\nX-Id: 1%', { deep: [7] },
                    Buffer.from([1, 2, 3]));
      await emitAck(socket, 'ask', { deep: ['in'] });
      await emitAck(socket, 'later', 5);
      socket.once('question', (answer) => answer('yes'));
      socket.emit('question');
      await until(() => backend.of('ack', 'answer').length
                        && backend.of('event', 'later').length
                        && backend.of('join-room').length);
      socket.disconnect();
      await until(() => backend.of('disconnect', 'disconnect').length);

      backend.asked.forEach(same);

      const [first, second] = backend.of('event', 'ask');

      assert.equal(got(first, 'type'), 'event');
      assert.equal(got(first, 'id'), id);
      assert.equal(got(first, 'arg_0'), 'ü\r\nX-Id: 1%');
      assert.equal(got(first, 'arg_1'), '{"deep":[7]}');
      assert.equal(got(first, 'data_key'), 'ü\r\nX-Id: 1%');
      assert.equal(got(first, 'data_obj'), `{"a":[1,"${id}"]}`);
      assert.equal(got(first, 'data_none'), undefined);
      assert.equal(got(first, 'transport'), form.transport);
      assert.equal(got(first, 'ack'), '1');
      assert.equal(got(first, 'attachments'), '1');
      assert.equal(got(first, 'where'), 'he%re');
      assert.equal(first.headers['x-known'], '1');
      assert.equal(first.headers['x-deep'], undefined);
      assert.equal(second.headers['x-deep'], 'in');
      assert.equal(got(second, 'args'), '[{"deep":["in"]}]');

      if (!v2) {
        assert.equal(got(first, 'user'), 'me');
        assert.equal(got(first, 'auth'), '{"user":"me"}');
      }

      const [join] = backend.of('event', 'join');

      assert.equal(join.headers['x-size'], '1');
      assert.equal(join.headers['x-known'], '0');

      const [connected] = backend.of('connect');

      assert.ok(JSON.parse(got(connected, 'handshake')).headers);

      const [room] = backend.of('join-room');

      assert.equal(got(room, 'room'), 'room:a');
      assert.ok(Number(got(room, 'seq')) > 0);
      assert.equal(got(room, 'auth'), undefined);
    });
  }


  it('stay while the location waits, the client being gone', async () => {
    const socket = await connect(server, { auth: { user: 'me' } });
    const { id } = socket;

    backend.handlers.event = () => [];

    /* the second one waits for half a second, then proxy_pass has its turn */

    await emitAck(socket, 'late', 'x');
    socket.emit('late', 'x');
    await emitAck(await connect(server), 'ask');
    socket.disconnect();
    await until(() => backend.of('event', 'late').length === 2);

    const [, late] = backend.of('event', 'late');

    same(late);
    assert.equal(got(late, 'id'), id);
    assert.equal(got(late, 'user'), 'me');
    assert.equal(got(late, 'arg_0'), 'x');
    assert.deepEqual(JSON.parse(got(late, 'rooms')), [id]);
  });


  it('are in the access log, where nothing breaks a line', async () => {
    const socket = await connect(server);
    const file = path.join(server.dir, 'hooks.log');
    const name = 'a\n[b]"%';

    socket.emit(name, 'x\ny');
    await until(() => fs.readFileSync(file, 'utf8').includes(socket.id));
    assert.ok(fs.readFileSync(file, 'utf8').includes(
      `[event][a%0A[b]\\x22%25][${socket.id}][x%0Ay][websocket][204]\n`));
  });


  it('are raw in rules, escaped elsewhere', async () => {
    const socket = await connect(server);

    assert.equal(await emitAck(socket, 'loud', 'ü%\t'), 'ü%\t!');
  });


  it('tell of a client\'s request what is known', async () => {
    for (const transport of ['polling', 'websocket']) {
      const socket = await connect(server, { transport });

      socket.disconnect();
    }

    const file = path.join(server.dir, 'clients.log');

    await until(() => {
      const lines = fs.readFileSync(file, 'utf8').trim().split('\n');

      return lines.includes('[-][-][-][-][polling][200]')
             && lines.includes('[-][-][-][-][websocket][101]')
             && lines.every((l) => /^(\[-\]){4}\[\w+\]\[\d+\]$/.test(l));
    });

    const r = await sio.http({ port: server.port,
                               path: '/plain?transport=polling' });

    assert.equal(r.text, '[]');
  });


  it('are found by name, mentioned or not', { skip: !LUA }, async () => {
    const socket = await connect(server);

    backend.handlers.event = () => ({ ack: [] });
    assert.equal(await emitAck(socket, 'byname', 0, 1, 2, 'three'),
                 'event byname three nil');
  });
});
