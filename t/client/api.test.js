'use strict';

/*
 * The HTTP API: orders of all kinds for sockets on all workers and
 * transports, what is wrong with a request, and what it tells.
 */

const assert = require('node:assert/strict');
const { after, afterEach, before, describe, it } = require('node:test');

const lib = require('./lib.js');
const sio = require('../lib/sio.js');

const { connectMany, disconnectAll, emitAck, until } = lib;

const KEY = 'a key of the backend';

const RULES = `
    sio_set $n size "room:$sio_arg_0";
    sio_on join   { join "room:$sio_arg_0"; set name $sio_arg_1; ack $n; }
    sio_on rooms  { ack $sio_rooms; }
    sio_on bye    { disconnect; }
    sio_namespace /other { sio_on join { join $sio_arg_0; ack; } }
`;

const FORMS = ['websocket', 'polling', 'upgrade'];


describe('the API', { skip: process.env.SIO_TARGET === 'node' }, () => {
  let server, base;

  before(async () => {
    server = await sio.startNginx({
      workers: 4,
      tls: true,
      location: `sio on; ${RULES}`,
      server: `location /api/ { sio_api; sio_api_key "${KEY}";
                                sio_api_key other; }
               location = /open { sio_api zone=default; allow all; }`,
    });
    base = await server.counters();
  });

  afterEach(() => disconnectAll());

  after(() => lib.finish(server, base));


  async function call(path, { method, body, key = KEY, headers,
                              tls } = {}) {
    const r = await fetch(`${server.url}/api/${path}`, {
      method: method || (body === undefined ? 'GET' : 'POST'),
      headers: { Authorization: `Bearer ${key}`,
                 ...(body === undefined
                     ? {} : { 'Content-Type': 'application/json' }),
                 ...headers },
      body: body === undefined || typeof body === 'string'
            ? body : JSON.stringify(body),
    });
    const text = await r.text();

    return { status: r.status, headers: r.headers,
             body: text ? JSON.parse(text) : undefined };
  }

  async function ok(path, body) {
    const r = await call(path, { body });

    assert.equal(r.status, 200, JSON.stringify(r.body));
    assert.equal(r.headers.get('content-type'), 'application/json');

    return r.body;
  }

  /* n sockets on all transports, in a room; each notes what it hears */

  async function members(n, room, more = {}) {
    const list = await connectMany(server, n, (i) => ({
      transport: FORMS[i % 3], ...more,
    }));

    for (const [i, s] of list.entries()) {
      s.heard = [];
      s.onAny((...args) => s.heard.push(args));
      await emitAck(s, 'join', room, `n${i}`);
    }

    return list;
  }

  const heard = (list, n = 1) =>
    until(() => list.every((s) => s.heard.length >= n), 10000,
          'all to have heard it');


  it('emits to a room on all workers and transports', async () => {
    const list = await members(12, 'a');
    const other = await members(2, 'b');

    assert.deepEqual(await ok('', { emit: 'news', args: [1, { x: 'ü' }, null],
                                    to: 'room:a' }),
                     { receivers: 12 });
    await heard(list);

    for (const s of list) {
      assert.deepEqual(s.heard, [['news', 1, { x: 'ü' }, null]]);
    }

    assert.deepEqual(await ok('', { emit: 'all', all: true,
                                    except: ['room:b', list[0].id] }),
                     { receivers: 11 });
    assert.deepEqual(await ok('', { emit: 'end', all: true }),
                     { receivers: 14 });
    await heard(list.slice(1), 3);
    await heard([list[0]], 2);
    await heard(other);

    assert.deepEqual(list[0].heard.map(([name]) => name), ['news', 'end']);
    assert.deepEqual(other[0].heard.map(([name]) => name), ['end']);
  });


  it('emits to one socket, to several rooms once, to nobody', async () => {
    const list = await members(6, 'a');

    await emitAck(list[0], 'join', 'b');

    assert.deepEqual(await ok('', { emit: 'one', in: list[1].id }),
                     { receivers: 1 });
    assert.deepEqual(await ok('', { emit: 'once', args: [],
                                    to: ['room:a', 'room:b', list[0].id] }),
                     { receivers: 6 });
    assert.deepEqual(await ok('', { emit: 'none', to: [] }),
                     { receivers: 0 });
    assert.deepEqual(await ok('', { emit: 'none', to: 'nowhere' }),
                     { receivers: 0 });
    assert.deepEqual(await ok('', { emit: 'none', all: true,
                                    nsp: '/nobody' }),
                     { receivers: 0 });

    await heard(list);
    await heard([list[1]], 2);

    assert.deepEqual(list[1].heard, [['one'], ['once']]);
    assert.deepEqual(list[0].heard, [['once']]);
  });


  it('emits binary data, also as PHP writes it', async () => {
    const list = await members(6, 'a');
    const bytes = Buffer.from([0, 255, 254, 63, 64]);
    const text = bytes.toString('base64').replaceAll('/', '\\/');

    assert.ok(text.includes('\\/'));
    await ok('', `{"emit":"b","args":[{"x":{ "_base64" : "${text}" }}, 5,
                   {"_base64":""}],"to":"room:a"}`);
    await heard(list);

    for (const s of list) {
      assert.deepEqual(s.heard, [['b', { x: bytes }, 5, Buffer.alloc(0)]]);
    }
  });


  it('joins, leaves and disconnects sockets anywhere', async () => {
    const list = await members(9, 'a');
    const room = async (name) => (await ok(`rooms/${name}`)).size;

    assert.deepEqual(await ok('', { join: ['x', 5], in: 'room:a',
                                    except: list[8].id }),
                     { sockets: 8 });
    assert.equal(await room('x'), 8);
    assert.equal(await room('5'), 8);

    assert.deepEqual(await ok('', { leave: 'x', in: [list[0].id,
                                                     list[1].id] }),
                     { sockets: 2 });
    assert.equal(await room('x'), 6);

    const gone = Promise.all(list.slice(2, 8).map((s) => new Promise(
      (resolve) => s.on('disconnect', resolve))));

    assert.deepEqual(await ok('', { disconnect: true, in: 'x' }),
                     { sockets: 6 });
    assert.deepEqual(new Set(await gone), new Set(['io server disconnect']));
    await until(async () => await room('room:a') === 3);

    const closed = new Promise((resolve) => list[0].on('disconnect',
                                                       resolve));

    await ok('', { disconnect: true, close: true, to: list[0].id });
    assert.equal(await closed, 'io server disconnect');
  });


  it('obeys max, in one step on all workers', async () => {
    await members(6, 'a');

    const r = await call('', { body: { join: 'small', max: 4,
                                       in: 'room:a' } });

    assert.equal(r.status, 409);
    assert.equal(r.body.error.code, 'refused');
    assert.equal((await ok('rooms/small')).size, 4);
  });


  it('does a batch in order, or none of it', async () => {
    const list = await members(4, 'a');

    assert.deepEqual(
      await ok('', [{ join: 'x', in: 'room:a' },
                    { emit: 'first', to: 'x' },
                    { leave: 'x', in: list[0].id },
                    { emit: 'second', to: 'x' },
                    { emit: 'third', all: true }]),
      [{ sockets: 4 }, { receivers: 4 }, { sockets: 1 }, { receivers: 3 },
       { receivers: 4 }]);

    await heard([list[0]], 2);
    await heard(list.slice(1), 3);
    assert.deepEqual(list[0].heard, [['first'], ['third']]);
    assert.deepEqual(list[1].heard, [['first'], ['second'], ['third']]);

    const r = await call('', { body: [{ emit: 'never', all: true },
                                      { emit: 'x', to: ['a', true] }] });

    assert.equal(r.status, 400);
    assert.equal(r.body.error.message,
                 '[1].to must be a string, a number, or an array of these');

    await ok('', { emit: 'last', all: true });
    await heard([list[0]], 3);
    assert.deepEqual(list[0].heard[2], ['last']);
    assert.deepEqual(await ok('', []), []);
  });


  it('does thousands of actions at once', async () => {
    const list = await members(2, 'a');
    const many = Array.from({ length: 5000 },
                            (_, i) => ({ emit: 'n', args: [i],
                                         to: 'room:a' }));

    assert.equal((await ok('', many)).length, 5000);
    await until(() => list[0].heard.length >= 900, 10000);
    assert.deepEqual(list[0].heard.map(([, i]) => i),
                     Array.from({ length: list[0].heard.length },
                                (_, i) => i));
  });


  it('takes an event by its URL and one argument', async () => {
    const list = await members(3, 'ä b');

    assert.deepEqual(
      await ok(`emit/new%20message?to=${encodeURIComponent('room:ä b')}`
               + `&except=${list[2].id}`, '{"a": [1]}'),
      { receivers: 2 });
    assert.deepEqual(await ok('emit/x?all=1', '"text"'), { receivers: 3 });

    await heard(list.slice(0, 2), 2);
    await heard([list[2]]);
    assert.deepEqual(list[0].heard, [['new message', { a: [1] }],
                                     ['x', 'text']]);
    assert.deepEqual(list[2].heard, [['x', 'text']]);
  });


  it('keeps to the namespace', async () => {
    const main = await members(2, 'r');
    const other = await members(2, 'room:r', { nsp: '/other' });

    await ok('', { emit: 'a', to: 'room:r', nsp: '/other' });
    await ok('', { emit: 'b', to: 'room:r', nsp: 'other' });
    await ok('emit/c?to=room:r&nsp=/other', '1');
    await ok('', { emit: 'd', to: 'room:r' });

    await heard(other, 3);
    await heard(main);
    assert.deepEqual(other[0].heard, [['a'], ['b'], ['c', 1]]);
    assert.deepEqual(main[0].heard, [['d']]);
    assert.equal((await ok('rooms/room:r?nsp=/other')).size, 2);
  });


  it('lists sockets and rooms, page by page', async () => {
    const list = await members(7, 'a');
    const all = await ok('sockets');

    assert.equal(all.total, 7);
    assert.equal(all.cursor, undefined);

    const one = all.sockets.find((s) => s.id === list[1].id);

    assert.deepEqual(one, { id: list[1].id, nsp: '/', transport: 'polling',
                            user: null,
                            rooms: [list[1].id, 'room:a'],
                            data: { name: 'n1' } });

    const ids = [];

    for (let cursor = 0; cursor !== undefined;) {
      const page = await ok(`sockets?room=room:a&limit=3&cursor=${cursor}`);

      ids.push(...page.sockets.map((s) => s.id));
      cursor = page.cursor;
    }

    assert.deepEqual(ids.sort(), list.map((s) => s.id).sort());

    for (let i = 0; i < 25; i++) {
      await ok('', { join: [`many ${i}`, `many ${i} "`], to: list[i % 7].id });
    }

    const rooms = [];

    for (let cursor = 0; cursor !== undefined;) {
      const page = await ok(`rooms?limit=4&cursor=${cursor}`);

      assert.ok(page.rooms.length <= 4);
      rooms.push(...page.rooms);
      cursor = page.cursor;
    }

    assert.deepEqual(
      rooms.sort((a, b) => (a.room < b.room ? -1 : 1)),
      [...Array.from({ length: 25 }, (_, i) => `many ${i}`),
       ...Array.from({ length: 25 }, (_, i) => `many ${i} "`), 'room:a']
        .map((room) => ({ room, size: room === 'room:a' ? 7 : 1 }))
        .sort((a, b) => (a.room < b.room ? -1 : 1)));

    assert.deepEqual(await ok('sockets?room=none'),
                     { sockets: [], total: 0 });
    assert.deepEqual(await ok('rooms?nsp=/none'), { rooms: [] });
    assert.deepEqual(await ok(`rooms/${list[0].id}`),
                     { room: list[0].id, size: 1 });
    assert.deepEqual(await ok('rooms/none'), { room: 'none', size: 0 });
  });


  const WRONG = [
    ['{', 'not valid JSON'],
    ['', 'not valid JSON'],
    ['5', 'an object or an array of objects is expected'],
    ['[5]', '[0] must be an object'],
    ['{}', 'has no emit, join, leave or disconnect'],
    ['{"to":"a"}', 'has no emit, join, leave or disconnect'],
    ['{"emit":"x"}', 'needs to, in or all'],
    ['{"emit":"x","all":false}', 'needs to, in or all'],
    ['{"emit":"x","all":true,"to":"a"}', 'all goes with neither to nor in'],
    ['{"emit":"x","to":"a","in":"b"}', 'in is the second of to and in'],
    ['{"emit":"x","to":"a","to":"b"}', 'to is given twice'],
    ['{"emit":"x","join":"a","to":"b"}', 'join is a second action'],
    ['{"emit":"x","too":"a"}', "has an unknown member 'too'"],
    ['{"emit":5,"all":true}', 'emit must be a string'],
    ['{"emit":"","all":true}', 'emit must not be empty'],
    ['{"emit":"disc\\u006fnnect","all":true}', 'emit is a reserved name'],
    ['{"emit":"x","all":true,"args":{}}', 'args must be an array'],
    ['{"emit":"x","all":true,"volatile":1}',
     'volatile must be true or false'],
    ['{"emit":"x","all":true,"max":1}', 'max is not for this action'],
    ['{"emit":"x","all":true,"except_self":true}',
     'except_self has no meaning here'],
    ['{"join":"x","all":true,"args":[]}', 'args is not for this action'],
    ['{"join":"x","all":true,"max":0}',
     'max must be a whole number above 0'],
    ['{"join":{},"all":true}',
     'join must be a string, a number, or an array of these'],
    ['{"leave":"x"}', 'needs to, in or all'],
    ['{"disconnect":1,"all":true}', 'disconnect must be true'],
    ['{"emit":"x","nsp":5,"all":true}', 'nsp must be a string'],
    ['{"emit":"x","nsp":"a,b","all":true}', 'nsp must not hold a comma'],
    [`{"join":"${'x'.repeat(8193)}","all":true}`,
     'join has a name that is too long'],
    [`{"emit":"x","nsp":"/${'x'.repeat(255)}","all":true}`,
     'nsp is too long'],
    ['{"emit":"x","all":true,"args":[{"_base64":"AAEC"},'
     + '{"_placeholder":true,"num":0}]}',
     'args a value looks like a placeholder'],
    [`{"emit":"x","all":true,"args":${'['.repeat(128)}${']'.repeat(128)}}`,
     'not valid JSON'],
  ];

  for (const [body, message] of WRONG) {
    it(`refuses ${body.slice(0, 60)}`, async () => {
      const r = await call('', { body });

      assert.equal(r.status, 400);
      assert.deepEqual(r.body, { error: { code: 'invalid_action',
                                          message } });
    });
  }


  const REFUSED = [
    ['another key', '', { body: '{}', key: 'wrong' }, 401, 'unauthorized'],
    ['a longer key', '', { body: '{}', key: `${KEY}x` }, 401,
     'unauthorized'],
    ['no key', '', { body: '{}', headers: { Authorization: 'Basic eDp5' } },
     401, 'unauthorized'],
    ['a form', '', { body: '{}', headers: {
      'Content-Type': 'application/x-www-form-urlencoded' } }, 415,
     'unsupported_media_type'],
    ['text', 'emit/x?all=1', { body: '1', headers: {
      'Content-Type': 'text/plain' } }, 415, 'unsupported_media_type'],
    ['GET of orders', '', {}, 405, 'method_not_allowed'],
    ['POST to rooms', 'rooms', { body: '{}' }, 405, 'method_not_allowed'],
    ['what is not there', 'nothing', {}, 404, 'not_found'],
    ['no name of an event', 'emit/', { body: '1' }, 404, 'not_found'],
    ['an unknown parameter', 'emit/x?too=a', { body: '1' }, 400,
     'invalid_query'],
    ['bytes that are no text', 'emit/x?to=%ff', { body: '1' }, 400,
     'invalid_query'],
    ['a wrong limit', 'sockets?limit=0', {}, 400, 'invalid_query'],
    ['a limit too high', 'sockets?limit=1001', {}, 400, 'invalid_query'],
    ['a wrong cursor', 'rooms?cursor=x', {}, 400, 'invalid_query'],
    ['no JSON', 'emit/x?all=1', { body: 'text' }, 400, 'invalid_action'],
    ['nobody named', 'emit/x', { body: '1' }, 400, 'invalid_action'],
    ['a reserved event', 'emit/connect?all=1', { body: '1' }, 400,
     'invalid_action'],
  ];

  for (const [name, path, options, status, code] of REFUSED) {
    it(`refuses ${name}`, async () => {
      const r = await call(path, options);

      assert.equal(r.status, status);
      assert.equal(r.body.error.code, code);
    });
  }


  it('takes each key, and an exact location without one', async () => {
    assert.equal((await call('rooms', { key: 'other' })).status, 200);

    const r = await fetch(`${server.url}/open`, {
      method: 'POST', body: '{"emit":"x","all":true}',
      headers: { 'Content-Type': 'application/json; charset=utf-8' },
    });

    assert.deepEqual(await r.json(), { receivers: 0 });
  });


  it('takes a body in pieces, and one that nginx puts into a file',
     async () => {
       const list = await members(1, 'a');
       const text = 'x'.repeat(200000);

       await ok('', { emit: 'big', args: [text], to: 'room:a' });
       await heard(list);
       assert.equal(list[0].heard[0][1], text);

       const body = new ReadableStream({
         start(c) {
           c.enqueue(Buffer.from('{"emit":"pieces",'));
           c.enqueue(Buffer.from('"all":true}'));
           c.close();
         },
       });
       const r = await fetch(`${server.url}/api/`, {
         method: 'POST', body, duplex: 'half',
         headers: { 'Content-Type': 'application/json',
                    Authorization: `Bearer ${KEY}` },
       });

       assert.deepEqual(await r.json(), { receivers: 1 });
     });
});
