'use strict';

/*
 * conf-examples/private-rooms.conf as it stands there but for ports and paths:
 * with official clients and tokens of jsonwebtoken, and with its own client.
 */

const assert = require('node:assert/strict');
const fs = require('fs');
const path = require('path');
const { spawn } = require('child_process');
const { createInterface } = require('readline');
const { after, afterEach, before, describe, it } = require('node:test');

const jwt = require('jsonwebtoken');

const lib = require('./lib.js');
const { example } = require('../differential/lib.js');

const { ask, client, collect, connect, emitAck, once, until } = lib;

const DIR = path.join(lib.ROOT, 'conf-examples/private-rooms');
const SECRET = fs.readFileSync(path.join(DIR, 'secret'));

const token = (claims, { secret = SECRET, ...options } = {}) =>
  jwt.sign({ iss: 'login', ...claims }, secret, { expiresIn: '1h',
                                                  ...options });


describe('private-rooms.conf', { skip: lib.NODE && 'nginx\'s own' }, () => {
  let server, base;

  before(async () => {
    server = await lib.startNginx({
      workers: 4,
      readyPath: '/socket.io/',
      conf: (where) => example('private-rooms.conf', where)
        .replace('secret_file=private-rooms/', `secret_file=${DIR}/`)
        .replace(/worker_processes 2/, 'worker_processes 4')
        .replace(/^ *listen .*\n/m, `$&location = /counters {
                                       return 200 $sio_zone_counters; }
                                     location = /worker {
                                       return 200 $pid; }\n`),
    });
    base = await server.counters();
  });

  afterEach(() => lib.disconnectAll());
  after(() => lib.finish(server, base));

  const one = (sub, org, transport) => connect(server, {
    transport, auth: { token: token({ sub, org }) } });


  for (const transport of ['websocket', 'polling', 'upgrade']) {
    it(`rooms of one's own organisation, by ${transport}`, async () => {
      const [ann, bob, eve] = [await one('ann', 'acme', transport),
                               await one('bob', 'acme', transport),
                               await one('eve', 'other', transport)];
      const [toAnn, toEve] = [ann, eve].map((s) => collect(s, 'said'));
      const joined = once(ann, 'joined'), left = once(ann, 'left');
      const room = 'org:acme:design';

      assert.deepEqual(await emitAck(ann, 'join', { room }), []);
      assert.deepEqual(await emitAck(bob, 'join', { room }), []);
      assert.deepEqual(await joined, [{ room, user: 'bob' }]);
      assert.deepEqual(await emitAck(bob, 'say', { room, text: 'hi' }), []);
      await until(() => toAnn.length);
      assert.deepEqual(toAnn, [{ room, user: 'bob', text: 'hi' }]);

      /* of another's, of all, of a user; and what is no room at all */

      for (const name of [room, 'org:acme:*', 'org:*:design', 'org:other',
                          'org:other:a:b', 'org::x', '*', 'user:ann', ann.id,
                          '', 'org:acme']) {
        const refused = await ask(eve, 'join', { room: name });

        assert.equal(typeof refused.error, 'string', name);
        assert.deepEqual(await ask(eve, 'say', { room: name, text: 'hm' }),
                         { error: 'join the room first' }, name);
      }

      /* a pattern is the configuration's, a client's "*" is a star */

      assert.deepEqual(await emitAck(eve, 'join', { room: 'org:other:*' }),
                       []);
      assert.equal(typeof (await ask(eve, 'join', { room: [room] })).error,
                   'string');
      bob.disconnect();
      assert.deepEqual(await left, [{ user: 'bob' }]);
      assert.deepEqual(toEve, []);
    });


    it(`nobody without a good token, by ${transport}`, async () => {
      const [head, body] = token({ sub: 'ann', org: 'acme' }).split('.');

      for (const auth of [
        undefined, {}, { token: '' }, { token: 5 }, { token: 'x.y.z' },
        { token: token({ sub: 'ann' }, { secret: 'another' }) },
        { token: token({ sub: 'ann' }, { algorithm: 'HS512' }) },
        { token: token({ sub: 'ann' }, { expiresIn: -10 }) },
        { token: token({ sub: 'ann', iss: 'somebody' }) },
        { token: jwt.sign({ iss: 'login', sub: 'ann' }, '',
                          { algorithm: 'none' }) },
        { token: `${head}.${body}.` },
      ]) {
        const socket = client(server, { transport, auth });
        const [e] = await once(socket, 'connect_error');

        assert.match(e.message, /token/, JSON.stringify(auth));
        socket.disconnect();
      }
    });
  }


  it('a token is renewed before it expires', async () => {
    for (const transport of ['websocket', 'polling']) {
      const socket = client(server, { transport, auth: {
        token: token({ sub: 'ann', org: 'acme' }, { expiresIn: 62 }) } });

      await once(socket, 'expires', 20000);
      assert.ok(socket.connected);
    }
  });


  it('a token without an organisation opens no room', async () => {
    const socket = await one('ann');

    for (const room of ['org::x', 'org:undefined:x', 'org:null:x']) {
      assert.deepEqual(await ask(socket, 'join', { room }),
                       { error: 'not allowed' });
    }
  });


  it('who sends too much is told so', async () => {
    for (const transport of ['websocket', 'polling']) {
      const socket = await one('ann', 'acme', transport);
      const answers = await Promise.all(Array.from({ length: 500 }, () =>
        ask(socket, 'say', { room: 'org:acme:x', text: 'hi' })));

      assert.equal(answers[0].error, 'join the room first');
      assert.ok(answers.some(({ error }) => error === 'too many events'));
      assert.ok(socket.connected);
    }
  });


  it('its client', async () => {
    const start = (...args) => {
      const child = spawn(process.execPath, [
        path.join(DIR, 'client.js'), ...args, server.url], {
        env: { ...process.env, NODE_PATH: path.join(lib.ROOT,
                                                    't/node_modules') },
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      const lines = [];

      createInterface({ input: child.stdout })
        .on('line', (line) => lines.push(line));

      return {
        lines,
        says: (line) => until(() => lines.includes(line), 10000, line),
        type: (text) => child.stdin.write(`${text}\n`),
        ends: () => {
          child.stdin.end();
          return once(child, 'exit', 10000);
        },
      };
    };

    const ann = start('ann', 'acme', 'design');

    await ann.says('you are in org:acme:design');

    const bob = start('bob', 'acme', 'design');

    await bob.says('you are in org:acme:design');
    await ann.says('bob came');
    bob.type('good morning');
    await ann.says('bob: good morning');
    ann.type('oh');
    await bob.says('ann: oh');
    assert.deepEqual(await bob.ends(), [0, null]);
    await ann.says('bob left');
    assert.deepEqual(await ann.ends(), [0, null]);
    assert.deepEqual(ann.lines, ['you are in org:acme:design', 'bob came',
                                 'bob: good morning', 'ann: oh', 'bob left']);
  });
});
