'use strict';

/*
 * What rules and hooks may do for a client: sio_join_allow, sio_emit_allow.
 */

const assert = require('node:assert/strict');
const http = require('node:http');
const { after, afterEach, before, describe, it } = require('node:test');

const jwt = require('jsonwebtoken');

const lib = require('./lib.js');
const sio = require('../lib/sio.js');

const { ask, client, connect, connectMany, disconnectAll, until } = lib;

const FORMS = ['websocket', 'polling', 'upgrade'];
const KEY = 'a key of the backend';
const SECRET = 'a-secret-of-thirty-two-bytes-or-more';
const NO = { error: 'not allowed' };

/* patterns made of few bytes, as each of them is in a namespace of its own */

let seed = 20251121;
const random = (n) => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return Math.floor(seed / 2 ** 32 * n);
};
const word = (alphabet, n) => Array.from({ length: n },
  () => alphabet[random(alphabet.length)]).join('');

const GLOBS = Array.from({ length: 40 },
  () => word('ab:**', 1 + random(7)).replace(/\*+/g, '*'))
  .filter((glob) => glob !== '*');

const RULES = `
    sio_set $org auth /org;
    sio_set $login auth /login;
    sio_set $first auth /first;

    sio_user $login;
    sio_user_room on;

    sio_join_allow "org:$org:*" lobby;
    sio_join_allow "mine:$sio_user";
    sio_emit_allow "org:$org:*" "mine:$sio_user" "inbox:$remote_addr:*";

    sio_on connect   { require $first !=  "bad"; join "org:$first:hall"; }
    sio_on join      { join $sio_arg_0; ack $sio_rooms; }
    sio_on joinTwo   { join $sio_arg_0 $sio_arg_1; ack $sio_rooms; }
    sio_on leave     { leave $sio_arg_0; ack $sio_rooms; }
    sio_on pull      { join $sio_arg_1 in=$sio_arg_0; ack json:1; }
    sio_on pullAll   { join $sio_arg_0 in=*; ack json:1; }
    sio_on push      { leave $sio_arg_1 in=$sio_arg_0; ack json:1; }
    sio_on out       { disconnect in=$sio_arg_0; ack json:1; }
    sio_on tell      { emit told $sio_arg_1 to=$sio_arg_0; ack json:1; }
    sio_on tellTwo   { emit told 2 to=$sio_arg_0 to=$sio_arg_1; ack json:1; }
    sio_on tellMe    { emit told me; ack json:1; }
    sio_on tellAll   { emit told all to=*; ack json:1; }
    sio_on tellMine  { emit told mine to=$sio_rooms; ack json:1; }
    sio_on tellExcept { emit told x to=$sio_arg_0 except=$sio_arg_1; ack json:1; }
    sio_on tellThere { emit told there to=$sio_arg_0 nsp=/free; ack json:1; }
    sio_on tellHere  { emit told here to=$sio_arg_0 nsp=/; ack json:1; }
    sio_on again     { relay to=$sio_arg_0; ack json:1; }
    sio_on rooms     { ack $sio_rooms $sio_data_seen; }
    sio_on bye       { disconnect; }

    sio_on good      { hook /good; ack $sio_rooms $sio_data_seen; }
    sio_on half      { hook /half; ack $sio_rooms; }
    sio_on hookAll   { hook /all; ack json:1; }
    sio_on hookThere { hook /there; ack json:1; }
    sio_on later     { hook /later; }
    sio_on laterAsync { hook /later async; }
    sio_on disconnect { hook /later; }
    sio_on hookAsync { hook /half async; ack json:1; }

    sio_namespace /free {
        sio_join_allow *;
        sio_emit_allow * none;
        sio_on join      { join $sio_arg_0; ack $sio_rooms; }
        sio_on tell      { emit told $sio_arg_1 to=$sio_arg_0; ack json:1; }
        sio_on tellAll   { emit told all to=*; ack json:1; }
        sio_on tellThere { emit told there to=$sio_arg_0 nsp=/; ack json:1; }
    }
    sio_namespace /token {
        sio_jwt auth /token secret=${SECRET} alg=HS256;
        sio_user $sio_jwt_sub;
        sio_join_allow "org:$sio_jwt_org:*" "of:$sio_user";
        sio_emit_allow "org:$sio_jwt_org:*";
        sio_on join { join $sio_arg_0; ack $sio_rooms; }
        sio_on tell { emit told $sio_arg_1 to=$sio_arg_0; ack json:1; }
    }
    sio_namespace ~ ^/as-(.*)$ {
        sio_join_allow "of:$1:*";
        sio_emit_allow $org;
        sio_on join { join $sio_arg_0; ack $sio_rooms; }
        sio_on tell { emit told $sio_arg_1 to=$sio_arg_0; ack json:1; }
    }
`;


describe('allowed rooms', { skip: process.env.SIO_TARGET === 'node' }, () => {
  let server, base, backend;
  let later = Promise.resolve('');

  before(async () => {
    backend = http.createServer(async (req, res) => {
      req.resume();
      res.end(await later);
    });
    await new Promise((resolve) => backend.listen(0, '127.0.0.1', resolve));

    server = await sio.startNginx({
      workers: 4,
      location: `sio on; ${RULES}` + GLOBS.map((glob, i) => `
          sio_namespace /glob-${i} {
              sio_join_allow "${glob}";
              sio_on join { join $sio_arg_0; ack json:1; }
          }`).join(''),
      server: `
          location /api/ { sio_api; sio_api_key "${KEY}"; }
          location = /good { internal; return 200 '{"data":{"seen":1},
              "do":[{"join":"org:a:by-hook"},{"emit":"told","args":["good"],
              "to":["org:a:by-hook"]},{"emit":"told"}]}'; }
          location = /half { internal; return 200 '{"data":{"seen":1},
              "do":[{"join":"org:a:half"},{"emit":"told","args":["half"]},
              {"join":["org:a:x","org:b:x"]}]}'; }
          location = /all { internal; return 200
              '{"do":[{"emit":"told","all":true}]}'; }
          location = /later { internal; proxy_pass
              http://127.0.0.1:${backend.address().port}; }
          location = /there { internal; return 200
              '{"do":[{"emit":"told","to":"org:a:x","nsp":"/free"}]}'; }
      `,
    });
    base = await server.counters();
  });

  afterEach(() => disconnectAll());

  after(async () => {
    await lib.finish(server, base);
    backend.closeAllConnections();
    backend.close();
  });


  const auth = (more) => ({ first: 'a', org: 'a', login: 'ann', ...more });

  async function member(more, options) {
    const s = await connect(server, { auth: auth(more), ...options });

    s.heard = [];
    s.on('told', (...args) => s.heard.push(args[0]));

    return s;
  }

  async function api(body) {
    const r = await fetch(`${server.url}/api/`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${KEY}`,
                 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });

    return r.json();
  }

  const rooms = (s) => ask(s, 'rooms');

  async function sockets() {
    const r = await fetch(`${server.url}/api/sockets?limit=1000`, {
      headers: { Authorization: `Bearer ${KEY}` },
    });

    return (await r.json()).sockets.map((s) => s.id);
  }


  for (const transport of FORMS) {
    it(`are joined, others are not, ${transport}`, async () => {
      const s = await member({}, { transport });

      for (const room of ['org:a:x', 'org:a:', 'org:a:*', 'lobby',
                          'mine:ann', s.id]) {
        assert.ok((await ask(s, 'join', room)).includes(room), room);
      }

      for (const room of ['org:b:x', 'org:a', 'org:a:x:y', 'org:ab:x', 'org:',
                          'lobby2', 'mine:bob', 'mine:', '*', '', 5,
                          'user:ann', 'x'.repeat(20)]) {
        assert.deepEqual(await ask(s, 'join', room), NO, `${room}`);
      }

      assert.deepEqual(await ask(s, 'joinTwo', 'org:a:y', 'org:b:y'), NO);
      assert.deepEqual(await rooms(s), [s.id, 'user:ann', 'org:a:hall',
                                        'org:a:x', 'org:a:', 'org:a:*',
                                        'lobby', 'mine:ann']);
    });
  }


  it('hold for what is done at connect', async () => {
    const e = await new Promise((resolve) =>
      client(server, { reconnection: false, auth: auth({ first: 'b' }) })
        .on('connect_error', resolve));

    assert.equal(e.message, 'not allowed');
  });


  it('take what a client claims to the letter', async () => {
    const star = await member({ org: '*', first: '*', login: '*' });

    for (const room of ['org:a:x', 'org::x', 'org:b:*', 'mine:ann',
                        'mine:']) {
      assert.deepEqual(await ask(star, 'join', room), NO, room);
      assert.deepEqual(await ask(star, 'tell', room, 1), NO, room);
    }

    assert.ok((await ask(star, 'join', 'org:*:x')).includes('org:*:x'));
    assert.ok((await ask(star, 'join', 'mine:*')).includes('mine:*'));

    /* "*" as the whole pattern is a word of the configuration only */

    const s = await connect(server, { nsp: '/as-x', auth: { org: '*' } });

    assert.deepEqual(await ask(s, 'tell', 'x', 1), NO);
    assert.equal(await ask(s, 'tell', '*', 1), 1);
  });


  it('are none where a variable names nothing', async () => {
    for (const org of [undefined, null, '', {}, [], ['a'], true, 1.5,
                       '\ufffd']) {
      const s = await connect(server, { nsp: '/as-x', auth: { org } });

      for (const room of ['', 'a', 'true', '1.5', '{}', '[]', 'null',
                          'undefined', '\ufffd']) {
        assert.deepEqual(await ask(s, 'tell', room, 1), NO,
                         `${JSON.stringify(org)} ${room}`);
      }

      s.disconnect();
    }

    const n = await connect(server, { nsp: '/as-x', auth: { org: 7 } });

    assert.equal(await ask(n, 'tell', 7, 1), 1);
    assert.equal(await ask(n, 'tell', '7', 1), 1);
  });


  it('are those of a token', async () => {
    const as = (claims) => connect(server, { nsp: '/token', auth: {
      token: jwt.sign(claims, SECRET), org: 'b', login: 'eve',
    } });
    const s = await as({ sub: 42, org: 'a' });

    assert.deepEqual(await ask(s, 'join', 'org:a:x'),
                     [s.id, 'user:42', 'org:a:x']);
    assert.equal(await ask(s, 'tell', 'org:a:y', 1), 1);
    assert.ok((await ask(s, 'join', 'of:42')).includes('of:42'));

    for (const room of ['org:b:x', 'of:eve', 'org:a', 'user:42']) {
      assert.deepEqual(await ask(s, 'join', room), NO, room);
    }

    const star = await as({ sub: '*', org: '*' });

    assert.deepEqual(await ask(star, 'join', 'org:a:x'), NO);
    assert.deepEqual(await ask(star, 'join', 'of:42'), NO);
    assert.deepEqual(await ask(star, 'tell', 'org:a:x', 1), NO);

    const none = await as({ org: ['a'] });

    for (const room of ['org:a:x', 'org::x', 'of:', 'org:["a"]:x']) {
      assert.deepEqual(await ask(none, 'join', room), NO, room);
    }
  });


  it('know the captures of a namespace', async () => {
    const s = await connect(server, { nsp: '/as-b*' });

    assert.deepEqual(await ask(s, 'join', 'of:b:x'), NO);
    assert.deepEqual(await ask(s, 'join', 'of:b*:x'), [s.id, 'of:b*:x']);
  });


  it('are reached, others are not', async () => {
    const list = await connectMany(server, 6, (i) => ({
      transport: FORMS[i % 3], auth: auth({ login: 'ann' }),
    }));
    const heard = list.map((s) => {
      const mine = [];
      s.on('told', (arg) => mine.push(arg));
      return mine;
    });
    const s = list[0];
    const bob = await member({ login: 'bob', org: 'b', first: 'b' });

    assert.equal(await ask(s, 'tell', 'org:a:hall', 1), 1);
    assert.equal(await ask(s, 'tellTwo', 'org:a:x', 'org:a:hall'), 1);
    assert.equal(await ask(s, 'tell', 'inbox:127.0.0.1:x', 1), 1);
    assert.equal(await ask(s, 'tellHere', 'org:a:hall'), 1);
    assert.equal(await ask(s, 'tellExcept', 'org:a:hall', 'org:b:hall'), 1);
    assert.equal(await ask(s, 'again', 'org:a:x'), 1);

    /* itself, its user */

    assert.equal(await ask(s, 'tell', s.id, 'id'), 1);
    assert.equal(await ask(s, 'tell', 'user:ann', 'user'), 1);
    assert.equal(await ask(s, 'tellMe'), 1);
    assert.equal(await ask(s, 'tellMine'), 1);

    for (const room of ['org:b:hall', bob.id, list[1].id, 'user:bob', 'user:',
                        'user:anna', 'inbox:127.0.0.2:x', 'lobby', '']) {
      assert.deepEqual(await ask(s, 'tell', room, 'no'), NO, room);
      assert.deepEqual(await ask(s, 'tellTwo', 'org:a:hall', room), NO, room);
      assert.deepEqual(await ask(s, 'again', room), NO, room);
    }

    /* in a room that it may not reach it does not reach $sio_rooms either */

    await ask(s, 'join', 'lobby');
    assert.deepEqual(await ask(s, 'tellMine'), NO);
    assert.deepEqual(await ask(s, 'tellAll'), NO);
    assert.deepEqual(await ask(s, 'tellThere', 'org:a:hall'), NO);

    assert.equal(await ask(s, 'tell', 'org:a:hall', 'last'), 1);
    await until(() => heard.every((h) => h.includes('last')), 10000,
                'all to have heard it');

    assert.deepEqual(heard[0], [1, '2', 'here', 'x', 'id', 'user', 'me', 'mine',
                                'last']);

    for (const h of heard.slice(1)) {
      assert.deepEqual(h, [1, '2', 'here', 'x', 'user', 'mine', 'last']);
    }

    await ask(bob, 'rooms');
    assert.deepEqual(bob.heard, []);
  });


  it('hold for others that a rule means', async () => {
    const ann = await member();
    const eve = await member({ login: 'eve' });
    const bob = await member({ login: 'bob', org: 'b', first: 'b' });

    assert.equal(await ask(ann, 'pull', 'org:a:hall', 'org:a:new'), 1);
    assert.deepEqual(await rooms(eve), [eve.id, 'user:eve', 'org:a:hall',
                                        'org:a:new']);

    assert.deepEqual(await ask(ann, 'pull', 'org:b:hall', 'org:a:new'), NO);
    assert.deepEqual(await ask(ann, 'pull', 'org:a:hall', 'org:b:new'), NO);
    assert.deepEqual(await ask(ann, 'pull', bob.id, 'lobby'), NO);
    assert.deepEqual(await ask(ann, 'pullAll', 'lobby'), NO);
    assert.deepEqual(await ask(ann, 'push', 'org:b:hall', 'lobby'), NO);
    assert.deepEqual(await ask(ann, 'push', 'org:a:hall', 'org:b:x'), NO);
    assert.deepEqual(await ask(ann, 'out', 'org:b:hall'), NO);
    assert.deepEqual(await ask(ann, 'out', bob.id), NO);

    assert.equal(await ask(ann, 'push', 'org:a:hall', 'org:a:new'), 1);
    assert.deepEqual(await rooms(eve), [eve.id, 'user:eve', 'org:a:hall']);
    assert.deepEqual(await rooms(bob), [bob.id, 'user:bob', 'org:b:hall']);

    /* out of its own rooms a socket always finds */

    await api({ join: 'elsewhere', to: ann.id });
    assert.deepEqual(await ask(ann, 'leave', 'elsewhere'),
                     [ann.id, 'user:ann', 'org:a:hall']);

    const gone = new Promise((resolve) => eve.on('disconnect', resolve));

    assert.equal(await ask(bob, 'out', 'org:b:nobody'), 1);
    ann.emit('out', 'org:a:hall');
    assert.equal(await gone, 'io server disconnect');
  });


  it('hold for hooks: all of an answer, or nothing', async () => {
    const s = await member();

    assert.deepEqual(await lib.emitAck(s, 'good'),
                     [[s.id, 'user:ann', 'org:a:hall', 'org:a:by-hook'], 1]);

    const before = Number((await server.counters()).refused_allow);
    const t = await member();

    for (const event of ['half', 'hookAll', 'hookThere']) {
      assert.deepEqual(await ask(t, event), { error: 'internal error' },
                       event);
    }

    await ask(t, 'hookAsync');
    await until(async () =>
      Number((await server.counters()).refused_allow) === before + 4, 10000,
                'four refusals to be counted');
    assert.deepEqual(await lib.emitAck(t, 'rooms'),
                     [[t.id, 'user:ann', 'org:a:hall'], null]);
    assert.deepEqual(t.heard, []);
    assert.deepEqual(s.heard, ['good', undefined]);
    assert.match(await server.errorLog(), /no sio_join_allow or sio_emit_allow matches: org:b:x/);
  });


  it('are known of a socket that is gone when a hook answers', async () => {
    const watch = await member();

    for (const event of ['later', 'laterAsync', 'disconnect']) {
      for (const [room, reached] of [['org:a:hall', 1], ['org:b:hall', 0],
                                     ['mine:gone', 1], ['user:gone', 1],
                                     ['user:ann', 0]]) {
        let answer;

        await ask(watch, 'join', 'mine:ann');
        later = new Promise((resolve) => { answer = resolve; });

        const s = await member({ login: 'gone' });
        const first = await member({ login: 'gone' });

        await ask(first, 'join', 'mine:gone');

        if (event !== 'disconnect') {
          s.emit(event);
        }

        await ask(first, 'rooms');
        s.io.engine.close();
        await until(async () => !(await sockets()).includes(s.id), 10000,
                    'the socket to have gone');

        const before = Number((await server.counters()).refused_allow);

        watch.heard.length = 0;
        first.heard.length = 0;
        answer(JSON.stringify({ do: [{ emit: 'told', args: [room],
                                       to: room }] }));

        if (reached) {
          await until(() => watch.heard.length + first.heard.length > 0,
                      10000, `${event} ${room}`);
        } else {
          await until(async () =>
            Number((await server.counters()).refused_allow) > before, 10000,
                      `${event} ${room} to be refused`);
          assert.deepEqual(watch.heard, []);
        }

        later = Promise.resolve('');
        first.disconnect();
      }
    }
  });


  it('are no matter of the API', async () => {
    const s = await member();

    assert.deepEqual(await api([
      { join: 'anywhere', to: s.id },
      { emit: 'told', args: ['api'], to: 'anywhere' },
      { emit: 'told', args: ['all'], all: true },
    ]), [{ sockets: 1 }, { receivers: 1 }, { receivers: 1 }]);
    await until(() => s.heard.length === 2, 10000, 'both');
  });


  it('are all of them where a namespace says so', async () => {
    const s = await connect(server, { nsp: '/free' });
    const t = await member();
    const heard = [];

    s.on('told', (arg) => heard.push(arg));

    assert.deepEqual(await ask(s, 'join', 'a:b:c'), [s.id, 'a:b:c']);
    assert.equal(await ask(s, 'tell', 'a:b:c', 1), 1);
    assert.equal(await ask(s, 'tellAll'), 1);
    assert.equal(await ask(s, 'tellThere', 'org:a:hall'), 1);
    await until(() => heard.length === 2 && t.heard.length === 1, 10000,
                'all to be told');
  });


  it('are what a "*" that stops at ":" matches', async () => {
    let matches = 0;

    for (const [i, glob] of GLOBS.entries()) {
      const s = await connect(server, { nsp: `/glob-${i}` });
      const re = new RegExp(`^${glob.replaceAll('*', '[^:]*')}$`);
      const names = Array.from({ length: 60 },
        () => (random(2) ? word('ab:', random(8))
                         : glob.replace(/\*/g, () => word('aab:',
                                                          random(4)))));
      const answers = await Promise.all(names.map((n) => ask(s, 'join', n)));

      for (const [k, name] of names.entries()) {
        matches += re.test(name);
        assert.deepEqual(answers[k], re.test(name) ? 1 : NO,
                         `"${glob}" "${name}"`);
      }

      s.disconnect();
    }

    assert.ok(matches > 300, `${matches} matches`);
  });
});
