'use strict';

/*
 * What the API tells: a room of 5000, pages while sockets and rooms come and
 * go at four workers, filters, HEAD, parameters that have no meaning.
 */

const assert = require('node:assert/strict');
const http = require('node:http');
const { after, before, describe, it } = require('node:test');

const lib = require('./lib.js');
const sio = require('../lib/sio.js');

const { connect, connectMany, disconnectAll, emitAck } = lib;

const SKIP = { skip: process.env.SIO_TARGET === 'node' };


describe('pages', SKIP, () => {
  let server;
  const MANY = 5000, ids = new Set();
  const agent = new http.Agent({ keepAlive: true, maxSockets: 32 });

  const get = (path, options = {}) => new Promise((resolve, reject) => {
    const r = http.request(`${server.url}${path}`, { agent, ...options },
      (res) => {
        let text = '';

        res.setEncoding('utf8');
        res.on('data', (data) => { text += data; });
        res.on('end', () => resolve({ status: res.statusCode, text,
                                      headers: res.headers }));
      });

    r.on('error', reject);
    r.end(options.body);
  });

  async function ask(path) {
    const r = await get(`/api/${path}`);

    assert.equal(r.status, 200, r.text);
    return JSON.parse(r.text);
  }

  /* all pages: a list of lists */

  async function pages(path, name) {
    const list = [];
    let cursor = '';

    do {
      const page = await ask(path + cursor);

      list.push(page[name]);
      cursor = page.cursor === undefined ? '' : `&cursor=${page.cursor}`;
    } while (cursor);

    return list;
  }

  /* clients of Engine.IO 3 are in "/" from their handshake on */

  before(async () => {
    server = await sio.startNginx({
      workers: 4,
      connections: 4096,
      location: `sio on; sio_allow_eio3 on; sio_ping_timeout 600s;
                 sio_connect_timeout 600s;
                 sio_on connect { join all; }
                 sio_on join { join $sio_arg_0; ack; }
                 sio_on leave { leave $sio_arg_0; ack; }
                 sio_namespace /other { sio_on join { join $sio_arg_0; ack; } }`,
      server: 'location /api/ { sio_api; allow all; }',
      http: 'sio_zone zone=default:64m;',
    });

    await Promise.all(Array.from({ length: 32 }, async () => {
      while (ids.size < MANY) {
        const mark = Symbol('reserved');

        ids.add(mark);

        const r = await get('/socket.io/?EIO=3&transport=polling');

        ids.delete(mark);
        ids.add(/"sid":"([^"]+)"/.exec(r.text)[1]);
      }
    }));
  });

  after(async () => {
    disconnectAll();
    agent.destroy();

    if (server) {
      await server.stop();
    }
  });

  const stable = new Set();

  it('of a room of 5000', async () => {
    assert.equal(ids.size, MANY);
    assert.deepEqual(await ask('rooms/all'), { room: 'all', size: MANY });

    const list = await pages('sockets?room=all&limit=1000', 'sockets');

    assert.deepEqual(list.map((page) => page.length),
                     [1000, 1000, 1000, 1000, 1000]);

    for (const s of list.flat()) {
      assert.ok(!stable.has(s.id));
      stable.add(s.id);
      assert.deepEqual(s.rooms, [s.id, 'all']);
      assert.equal(s.transport, 'polling');
    }

    const one = await ask('sockets?limit=1');

    assert.equal(one.total, MANY);
    assert.equal(one.sockets.length, 1);
  });

  it('each socket that stays is in one of them, whoever comes and goes',
     async () => {
       let busy = true, rounds = 0;

       const churn = Promise.all(Array.from({ length: 6 }, async (_, i) => {
         while (busy) {
           const s = await connect(server, {
             transport: i % 2 ? 'websocket' : 'polling' });

           await emitAck(s, 'join', 'all');
           s.disconnect();
           rounds++;
         }
       }));

       try {
         for (const path of ['sockets?limit=97', 'sockets?room=all&limit=500',
                             'sockets?limit=1000']) {
           const before = rounds;
           const seen = new Map();

           /* often enough that some have come and gone */

           for (let n = 0; n === 0 || rounds < before + 10; n++) {
             seen.clear();

             for (const { id } of (await pages(path, 'sockets')).flat()) {
               seen.set(id, (seen.get(id) || 0) + 1);
             }

             for (const id of stable) {
               assert.equal(seen.get(id), 1, `${path}: ${id}`);
             }

             for (const [id, times] of seen) {
               assert.equal(times, 1, `${path}: ${id}`);
             }
           }
         }

       } finally {
         busy = false;
         await churn;
       }
     });

  it('each room that stays, too', async () => {
    const [a, b] = await connectMany(server, 2);
    const names = Array.from({ length: 900 }, (_, i) => `r${i}`);
    let busy = true, rounds = 0;

    for (const [s, room] of [[a, 'of a'], [b, 'of b']]) {
      const r = await get('/api/', {
        method: 'POST', headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ join: [...names, room], to: s.id }) });

      assert.equal(r.status, 200, r.text);
    }

    const churn = Promise.all(Array.from({ length: 4 }, async (_, i) => {
      const s = await connect(server, {
        transport: i % 2 ? 'websocket' : 'polling' });

      while (busy) {
        await emitAck(s, 'join', `x${i}-${rounds % 400}`);

        if (rounds % 3) {
          await emitAck(s, 'leave', `x${i}-${(rounds * 7) % 400}`);
        }

        rounds++;
      }
    }));

    try {
      for (const limit of [1000, 101, 23]) {
        const before = rounds;

        for (let n = 0; n === 0 || rounds < before + 20; n++) {
          const seen = new Map();

          for (const { room, size } of
               (await pages(`rooms?limit=${limit}`, 'rooms')).flat()) {
            assert.ok(!seen.has(room), room);
            seen.set(room, size);
          }

          for (const name of names) {
            assert.equal(seen.get(name), 2, name);
          }

          assert.equal(seen.get('of a'), 1);
        }
      }

    } finally {
      busy = false;
      await churn;
      disconnectAll();
    }
  });

  it('filters: rooms, ids, exceptions, namespaces', async () => {
    const list = await connectMany(server, 6, (i) => ({
      transport: i % 2 ? 'polling' : 'websocket' }));
    const there = await connectMany(server, 2, { nsp: '/other' });

    for (const [i, s] of list.entries()) {
      await emitAck(s, 'join', i < 4 ? 'f' : 'g');
    }

    await emitAck(there[0], 'join', 'f');

    const who = async (query) =>
      (await ask(`sockets?${query}`)).sockets.map((s) => s.id).sort();
    const of = (...n) => n.map((i) => list[i].id).sort();

    assert.deepEqual(await who('room=f'), of(0, 1, 2, 3));
    assert.deepEqual(await who('room=f&room=g'), of(0, 1, 2, 3, 4, 5));
    assert.deepEqual(await who(`room=f&room=${list[5].id}`),
                     of(0, 1, 2, 3, 5));
    assert.deepEqual(await who(`room=f&room=g&except=g&except=${list[0].id}`),
                     of(1, 2, 3));
    assert.deepEqual(await who('except=all&except=f'), []);
    assert.deepEqual(await who('room=nowhere'), []);
    assert.deepEqual(await who('room='), []);
    assert.deepEqual(await who('nsp=/other'),
                     there.map((s) => s.id).sort());
    assert.deepEqual(await who('nsp=%2Fother&room=f'), [there[0].id]);
    assert.deepEqual(await who('nsp=/nobody'), []);
    assert.deepEqual(await ask('rooms?nsp=/other'),
                     { rooms: [{ room: 'f', size: 1 }] });
    assert.deepEqual(await ask('rooms/f?nsp=/other'), { room: 'f', size: 1 });
    assert.deepEqual(await ask('rooms/f'), { room: 'f', size: 4 });
    assert.deepEqual(await ask(`rooms/${list[0].id}`),
                     { room: list[0].id, size: 1 });
    disconnectAll();
  });

  it('HEAD: the same without a body', async () => {
    for (const path of ['sockets?limit=5', 'rooms', 'rooms/all', 'rooms/x']) {
      const a = await get(`/api/${path}`);
      const b = await get(`/api/${path}`, { method: 'HEAD' });

      assert.equal(b.status, 200);
      assert.equal(b.text, '');
      assert.equal(b.headers['content-type'], a.headers['content-type']);
      assert.equal(b.headers['content-length'],
                   String(Buffer.byteLength(a.text)));
    }
  });

  it('parameters that have no meaning, or a wrong value, are named',
     async () => {
       const wrong = [
         ['sockets?rom=x', 'rom has no meaning here'],
         ['sockets?to=x', 'to has no meaning here'],
         ['sockets?all=1', 'all has no meaning here'],
         ['rooms?room=x', 'room has no meaning here'],
         ['rooms?except=x', 'except has no meaning here'],
         ['rooms/x?limit=1', 'limit has no meaning here'],
         ['rooms/x?cursor=1', 'cursor has no meaning here'],
         ['sockets?nsp=/a&nsp=/b', 'nsp is given twice'],
         ['sockets?limit=1&limit=2', 'limit is given twice'],
         ['sockets?room=%ff', 'room is not valid UTF-8'],
         ['sockets?%0d%0aevil%00=%ff', '??evil? has no meaning here'],
         [`sockets?${'x'.repeat(100)}`, `${'x'.repeat(64)} has no meaning `
                                        + 'here'],
         ...['0', '1001', '-1', '1.5', 'x'].map((n) => [
           `sockets?limit=${n}`, 'limit is a number from 1 to 1000, cursor '
                                 + 'one that came with the page before']),
         ...['x', '-1', '18446744073709551616', '1e3'].map((n) => [
           `rooms?cursor=${n}`, 'limit is a number from 1 to 1000, cursor '
                                + 'one that came with the page before']),
       ];

       for (const [path, message] of wrong) {
         const r = await get(`/api/${path}`);

         assert.equal(r.status, 400, path);
         assert.deepEqual(JSON.parse(r.text),
                          { error: { code: 'invalid_query', message } });
       }

       for (const path of ['sockets?cursor=18446744073709551615',
                           'rooms?cursor=18446744073709551615']) {
         const r = await ask(path);

         assert.deepEqual((r.sockets || r.rooms), []);
         assert.equal(r.cursor, undefined);
       }
     });
});
