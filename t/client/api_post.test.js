'use strict';

/*
 * Many orders: arrays in files and in pieces, orders on lines as they come,
 * their limits, and that nobody has to wait for them.
 */

const assert = require('node:assert/strict');
const http = require('node:http');
const http2 = require('node:http2');
const { after, afterEach, before, describe, it } = require('node:test');

const lib = require('./lib.js');
const sio = require('../lib/sio.js');

const { connect, connectMany, disconnectAll, emitAck, until } = lib;

const SKIP = { skip: process.env.SIO_TARGET === 'node' };
const LINES = 'application/x-ndjson';
const JSON_TYPE = 'application/json';
const KINDS = ['length', 'chunked', 'http2'];

const lines = (list) => list.map((o) => `${JSON.stringify(o)}\n`).join('');


/*
 * open(server, type, kind, length): a POST whose body is written piece by
 * piece; {write(), end(), answer: Promise of {status, text, body}}
 */

function open(server, type, kind = 'chunked', length) {
  const headers = { 'content-type': type };

  if (kind === 'http2') {
    const session = http2.connect(server.tlsUrl, { ca: server.ca });
    const r = session.request({ ':method': 'POST', ':path': '/api/',
                                ...headers });

    r.destroyAll = () => session.destroy();
    session.on('error', () => {});
    return Object.assign(r, { answer: new Promise((resolve, reject) => {
      r.on('response', (h) => collect(r, h[':status'], (got) => {
        session.close();
        resolve(got);
      }));
      r.on('error', reject);
    }) });
  }

  const r = http.request(`${server.url}/api/`, {
    method: 'POST', agent: false,
    headers: kind === 'length' ? { ...headers, 'content-length': length }
                               : headers,
  });

  r.destroyAll = () => r.destroy();
  return Object.assign(r, { answer: new Promise((resolve, reject) => {
    r.on('response', (res) => collect(res, res.statusCode, resolve));
    r.on('error', reject);
  }) });
}

function collect(stream, status, done) {
  let text = '';

  stream.setEncoding('utf8');
  stream.on('data', (data) => { text += data; });
  stream.on('end', () => {
    let body;

    try {
      body = JSON.parse(text);
    } catch {
      body = undefined;
    }

    done({ status, text, body });
  });
}

async function post(server, body, type = JSON_TYPE, kind = 'length') {
  const r = open(server, type, kind, Buffer.byteLength(body));

  r.end(body);
  return r.answer;
}

/* the numbers that a socket hears of "n" */

function numbers(socket) {
  const list = [];

  socket.on('n', (n) => list.push(n));
  return list;
}

const count = (n, from = 0) => Array.from({ length: n }, (_, i) => from + i);


describe('many orders', SKIP, () => {
  let server, base;

  before(async () => {
    server = await sio.startNginx({
      workers: 4,
      tls: true,
      http2: true,
      location: `sio on; sio_on join { join $sio_arg_0; ack; }
                 sio_limit api_orders=5000 api_line=1000;`,
      server: `location /api/ { sio_api; allow all;
                                client_max_body_size 600k; }`,
    });
    base = await server.counters();
  });

  afterEach(() => disconnectAll());
  after(() => lib.finish(server, base));

  for (const kind of KINDS) {

    it(`an array of 5000, in a file, in order, ${kind}`, async () => {
      const list = await connectMany(server, 2, (i) => ({
        transport: i ? 'polling' : 'websocket' }));
      const heard = list.map(numbers);
      const orders = [
        { join: 'a', all: true },
        ...count(4998).map((n) => ({ emit: 'n', args: [n],
                                     to: n % 500 ? list[0].id : 'a' })),
        { leave: 'a', all: true },
      ];
      const r = await post(server, JSON.stringify(orders), JSON_TYPE, kind);

      assert.equal(r.status, 200, r.text.slice(0, 200));
      assert.deepEqual(r.body, [
        { sockets: 2 },
        ...count(4998).map((n) => ({ receivers: n % 500 ? 1 : 2 })),
        { sockets: 2 }]);

      await until(() => heard[0].length === 4998 && heard[1].length === 10);
      assert.deepEqual(heard[0], count(4998));
      assert.deepEqual(heard[1], count(10).map((n) => n * 500));
    });

    it(`lines, ${kind}: each when it comes, the next may be far`,
       async () => {
         const s = await connect(server);
         const heard = numbers(s);
         const text = count(5).map((n) => lines([{ emit: 'n', args: [n],
                                                   to: s.id }]));
         const r = open(server, LINES, kind,
                        Buffer.byteLength(text.join('')));

         for (let n = 0; n < 5; n++) {

           /* in two pieces, the end of the last line among them */

           r.write(text[n].slice(0, 10));
           r.write(text[n].slice(10));
           await until(() => heard.length === n + 1);
         }

         r.end();
         assert.deepEqual(await r.answer.then(({ status, body }) =>
           ({ status, body })), {
           status: 200,
           body: { results: count(5).map(() => ({ receivers: 1 })),
                   done: 5 },
         });
         assert.deepEqual(heard, count(5));
       });

    it(`8000 lines, ${kind}`, async () => {
      const s = await connect(server);
      const heard = numbers(s);
      const r = await post(server, lines(count(8000).map((n) => ({
        emit: 'n', args: [n], to: s.id }))), LINES, kind);

      assert.equal(r.status, 200, r.text.slice(0, 200));
      assert.equal(r.body.done, 8000);
      assert.equal(r.body.results.length, 8000);
      await until(() => heard.length === 8000);
      assert.deepEqual(heard, count(8000));
    });

    it(`a line that is wrong ends it, ${kind}`, async () => {
      const s = await connect(server);
      const heard = numbers(s);
      const n = (i) => JSON.stringify({ emit: 'n', args: [i], to: s.id });

      const wrong = [
        ['{', 400, 'invalid_action', 'not valid JSON'],
        ['[]', 400, 'invalid_action', 'must be an object'],
        [`[${n(9)}]`, 400, 'invalid_action', 'must be an object'],
        ['{"emit":"n"}', 400, 'invalid_action', 'needs to, in or all'],
        [n(9).replace('emit', 'emti'), 400, 'invalid_action',
         "has an unknown member 'emti'"],
        [n(9).replace('{', '{"ack":true,'), 400, 'invalid_action',
         'ack is for an order that comes alone'],
        ['{"join":"x","to":["x","n"],"all":true}', 400, 'invalid_action',
         'all goes with neither to nor in'],
        [' '.repeat(1001), 413, 'too_large',
         'is longer than sio_limit api_line allows'],
        [`{"join":"m","in":${JSON.stringify([s.id])},"max":1}\n`
         + '{"join":"m","all":true,"max":1}', 409, 'refused',
         'a room is full, or a socket is in too many'],
      ];
      const other = await connect(server);

      for (const [i, [line, status, code, why]] of wrong.entries()) {
        const more = line.split('\n').length - 1;
        const r = await post(server, `${n(2 * i)}\r\n \n\n${n(2 * i + 1)}\n`
                                     + `${line}\n${n(-1)}\n`, LINES, kind);

        assert.equal(r.status, status, `${line}: ${r.text}`);
        assert.deepEqual(r.body, { error: {
          code, message: `line ${5 + more}: ${why}`, line: 5 + more,
          done: 2 + more } });
      }

      await emitAck(other, 'join', 'x');
      await until(() => heard.length === 2 * wrong.length);
      assert.deepEqual(heard, count(2 * wrong.length));
    });

    it(`api_line and one more, ${kind}`, async () => {
      for (const [length, status] of [[1000, 200], [1001, 413]]) {
        const o = '{"emit":"x","all":true}'.padEnd(length);

        for (const end of ['', '\n', `\n${o}`]) {
          const r = open(server, LINES, kind, length + end.length);

          r.on('error', () => {});
          r.write(o.slice(0, 500));
          r.write(o.slice(500));
          r.end(end);

          const got = await r.answer;

          assert.equal(got.status, status, got.text);
          assert.equal(status === 200 ? got.body.done
                                      : got.body.error.line,
                       end.length > 1 && status === 200 ? 2 : 1);
        }
      }
    });
  }

  it('api_orders and one more: none is carried out', async () => {
    const s = await connect(server);
    const heard = numbers(s);
    const orders = count(5001).map((n) => ({ emit: 'n', args: [n],
                                             to: s.id }));

    const r = await post(server, JSON.stringify(orders));

    assert.equal(r.status, 400);
    assert.match(r.body.error.message, /more orders than .* api_orders/);

    orders.pop();
    assert.equal((await post(server, JSON.stringify(orders))).status, 200);
    await until(() => heard.length === 5000);
    assert.equal(heard[0], 0);

    orders[4999].nobody = 1;

    const last = await post(server, JSON.stringify(orders));

    assert.deepEqual([last.status, last.body.error.message],
                     [400, "[4999] has an unknown member 'nobody'"]);
    await emitAck(s, 'join', 'x');
    assert.equal(heard.length, 5000);
  });

  it('client_max_body_size: from the header at once, else where it is passed',
     async () => {
       const s = await connect(server);
       const heard = numbers(s);
       const text = lines(count(12000).map((n) => ({
         emit: 'n', args: [n], to: s.id, except: [] })));

       assert.ok(text.length > 700 * 1024);

       const known = open(server, LINES, 'length', text.length);

       known.on('error', () => {});
       known.write(text.slice(0, 100));
       assert.deepEqual(await known.answer.then((r) =>
         [r.status, r.body]), [413, undefined]);
       known.destroyAll();
       assert.equal(heard.length, 0);

       for (const kind of ['chunked', 'http2']) {
         heard.length = 0;

         const r = open(server, LINES, kind);

         r.on('error', () => {});
         /* a chunk that is too long would be refused before it is read */

         for (let at = 0; at < text.length; at += 20000) {
           r.write(text.slice(at, at + 20000));
         }

         const got = await r.answer;

         assert.equal(got.status, 413, kind);
         assert.ok(got.body, got.text);
         assert.equal(got.body.error.code, 'too_large');
         assert.match(got.body.error.message, /longer than client_max_body/);
         await until(() => heard.length === got.body.error.done);
         assert.deepEqual(heard, count(heard.length));
         r.destroyAll();
       }
     });

  it('a client that goes: what came is done, nothing is left', async () => {
    for (const kind of ['chunked', 'http2']) {
      const s = await connect(server);
      const heard = numbers(s);
      const r = open(server, LINES, kind);

      r.answer.catch(() => {});
      r.on('error', () => {});
      r.write(lines([{ emit: 'n', args: [1], to: s.id }])
              + '{"emit":"n","args":[2],');
      await until(() => heard.length === 1);
      r.destroyAll();
      await emitAck(s, 'join', 'x');
      assert.deepEqual(heard, [1]);
    }
  });
});


describe('slices', SKIP, () => {
  let server, base;

  before(async () => {
    server = await sio.startNginx({
      workers: 1,
      location: `sio on; sio_on join { join $sio_arg_0; ack; }
                 sio_limit api_orders=100000 buffer=64m;`,
      server: `location /api/ { sio_api; allow all;
                                client_max_body_size 20m; }`,
    });
    base = await server.counters();
  });

  afterEach(() => disconnectAll());
  after(() => lib.finish(server, base));

  for (const type of [JSON_TYPE, LINES]) {
    const wrap = (list) => (type === LINES ? lines(list)
                                           : JSON.stringify(list));

    it(`two at once: each in its order, and in turns, ${type}`, async () => {
      const s = await connect(server);
      const heard = numbers(s);

      async function race() {
        const both = [0, 100000].map((from) => {
          const text = wrap(count(15000, from).map((n) => ({
            emit: 'n', args: [n], to: s.id })));

          return { text, r: open(server, type, 'length', text.length) };
        });

        /* all but what makes them begin is there before */

        const first = type === LINES ? 10 : -1;

        heard.length = 0;

        await Promise.all(both.map(({ text, r }) => new Promise((resolve) => {
          r.write(text.slice(0, first), resolve);
        })));
        both.forEach(({ text, r }) => r.end(text.slice(first)));

        for (const { r } of both) {
          assert.equal((await r.answer).status, 200);
        }

        await until(() => heard.length === 30000);

        assert.deepEqual(heard.filter((n) => n < 100000), count(15000));
        assert.deepEqual(heard.filter((n) => n >= 100000),
                         count(15000, 100000));

        return heard.indexOf(100000) < heard.indexOf(14999)
               && heard.indexOf(0) < heard.indexOf(114999);
      }

      /* on a busy machine the second may come when the first is over */

      let turns = false;

      for (let n = 0; n < 20 && !turns; n++) {
        turns = await race();
      }

      assert.ok(turns, 'one always had to wait for all of the other');
    });
  }

  it('an array that has begun is carried out, also when its client goes',
     async () => {
       const s = await connect(server);
       const heard = numbers(s);
       const body = JSON.stringify(count(30000).map((n) => ({
         emit: 'n', args: [n], to: s.id })));
       const r = open(server, JSON_TYPE, 'length', Buffer.byteLength(body));

       r.answer.catch(() => {});
       r.on('error', () => {});
       r.end(body);
       await until(() => heard.length > 0);
       r.destroyAll();
       await until(() => heard.length === 30000, 20000);
       assert.deepEqual(heard, count(30000));
     });
});
