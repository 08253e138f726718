'use strict';

/*
 * The chats of conf-examples, each with its own handlers, as they stand there
 * but for ports and paths; and the notifications, sent by curl.
 */

const assert = require('node:assert/strict');
const fs = require('fs');
const path = require('path');
const { execFileSync } = require('child_process');
const { after, afterEach, before, describe, it } = require('node:test');

const lib = require('./lib.js');
const handlers = require('../lib/handlers.js');
const sio = require('../lib/sio.js');
const { example } = require('../differential/lib.js');

const { ask, client, connect, disconnectAll, emitAck, once, until } = lib;

const EXAMPLES = path.join(sio.ROOT, 'conf-examples');
const SKIP = process.env.SIO_TARGET === 'node';

const CHATS = {
  'php.conf': {
    start: () => handlers.startPhp({
      conf: fs.readFileSync(path.join(EXAMPLES, 'php/fpm.conf'), 'utf8') }),
    pass: 'fastcgi_pass ',
  },
  'python.conf': {
    start: () => handlers.startUwsgi(path.join(EXAMPLES, 'python/chat.py'),
                                     { tcp: true }),
    pass: 'uwsgi_pass ',
  },
  'node.conf': {
    start: () => handlers.startNode(path.join(EXAMPLES, 'node/server.js')),
    pass: 'server',
  },
  'njs.conf': { modules: ['ngx_http_js_module'] },
  'lua.conf': { modules: ['ndk_http_module', 'ngx_http_lua_module'] },
};


/* with its files where they are, and `pass` to where the backend is */

function start(file, { pass, backend } = {}) {
  return sio.startNginx({
    workers: 2,
    readyPath: '/socket.io/',
    conf: (where) => {
      let text = example(file, where)
        .replace(/^( *sio_serve_client) .*;$/m, `$1 ${path.join(
          path.dirname(require.resolve('socket.io-client/package.json')),
          'dist')};`)
        .replace(' from njs/', ' from conf-examples/njs/')
        .replace(/conf-examples\//g, `${EXAMPLES}/`)
        .replace(/\/usr\/lib\/nginx\/modules/g, handlers.MODULES)
        .replace(/^ *listen .*\n/m, `$&location = /counters {
                                       return 200 $sio_zone_counters; }\n`);

      if (pass) {
        const re = new RegExp(`(^ *${pass} *)127\\.0\\.0\\.1:\\d+;`, 'm');

        assert.match(text, re);
        text = text.replace(re, `$1127.0.0.1:${backend.port};`);
      }

      return text;
    },
  });
}


for (const [file, { start: startBackend, modules, pass }] of
     Object.entries(CHATS)) {
  const skip = SKIP || (modules && !handlers.available(...modules)
                        && 'not for this nginx');

  describe(file, { skip }, () => {
    let backend, server, base;

    before(async () => {
      backend = await startBackend?.();
      server = await start(file, { backend, pass });
      base = await server.counters();
    });

    afterEach(disconnectAll);

    after(async () => {
      await lib.finish(server, base);
      await backend?.stop();
    });


    for (const transport of ['websocket', 'polling']) {
      const one = (name) => connect(server, { transport, auth: { name } });

      it(`a conversation: ${transport}`, async () => {
        const [ann, bob, cat] = [await one('Ann'), await one('Böb'),
                                 await one('Cat')];
        const lists = [ann, bob, cat].map((s) => {
          const list = [];

          s.onAny((...args) => list.push(args));
          return list;
        });

        assert.equal(await ask(ann, 'join', 'tea'), 'welcome, Ann');
        assert.equal(await ask(bob, 'join', 'tea'), 'welcome, Böb');
        assert.equal(await ask(cat, 'join', 'coffee'), 'welcome, Cat');
        assert.equal(await ask(bob, 'message', 'tea', 'hé "you"\n'), 'sent');
        assert.deepEqual(await ask(cat, 'message', 'tea', 'me too'),
                         { error: 'join the room first' });
        assert.equal(await ask(ann, 'message', 'tea', 'yes?'), 'sent');

        const talk = [['message', 'Böb', 'hé "you"\n'],
                      ['message', 'Ann', 'yes?']];

        await until(() => lists[0].length === 3 && lists[1].length === 2);
        bob.disconnect();
        await until(() => lists[0].length === 4);
        assert.deepEqual(lists, [
          [['joined', 'Böb'], ...talk, ['left', 'Böb']], talk, [],
        ]);
      });


      it(`nobody without a name: ${transport}`, async () => {
        for (const auth of [{}, undefined, { name: '' }]) {
          const socket = client(server, { transport, auth });
          const [error] = await once(socket, 'connect_error');

          assert.equal(error.message, 'a name, please');
        }
      });
    }


    it('its page and its client', async () => {
      const page = await sio.http({ port: server.port, path: '/' });

      assert.equal(page.status, 200);
      assert.match(page.header('content-type'), /^text\/html/);
      assert.match(page.text, /<script src="\/socket.io\/socket.io.js">/);

      const js = await sio.http({ port: server.port,
                                  path: '/socket.io/socket.io.js' });

      assert.equal(js.status, 200);
      assert.match(js.text, /Socket\.IO v4/);
    });


    it('what is asked is nobody else\'s', async () => {
      for (const where of ['/chat', '/hooks/connect']) {
        const r = await sio.http({ port: server.port, path: where,
                                   method: 'POST', body: '[]' });

        assert.equal(r.status, 404);
      }
    });
  });
}


describe('notify.conf', { skip: SKIP }, () => {
  let server, base;

  /* the command that stands in the file, with other words in it */

  const command = fs.readFileSync(path.join(EXAMPLES, 'notify.conf'), 'utf8')
    .match(/^# +(curl [^]*?)\n#\n/m)[1].replace(/\\\n#/g, '');

  const curl = (text, topic, { port = server.port } = {}) => {
    assert.ok(command.includes('Rain from 3 pm')
              && command.includes('topic:weather'));

    return execFileSync('sh', ['-c', 'set -- -sS; '
      + command.replace(/^curl/, 'curl -sS')
               .replace('localhost:8080', `127.0.0.1:${port}`)
               .replace('Rain from 3 pm', text)
               .replace('topic:weather', `topic:${topic}`)],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  };

  before(async () => {
    server = await start('notify.conf');
    base = await server.counters();
  });

  afterEach(disconnectAll);
  after(() => lib.finish(server, base));


  for (const transport of ['websocket', 'polling']) {
    it(`who has subscribed is told: ${transport}`, async () => {
      const [a, b] = [await connect(server, { transport }),
                      await connect(server, { transport })];
      const lists = [a, b].map((s) => sio.collect(s, 'news'));
      const topic = `weather ${transport}`.replace(/ /g, '-');

      assert.equal(await ask(a, 'subscribe', topic), 1);
      assert.equal(await ask(b, 'subscribe', topic), 2);
      assert.deepEqual(JSON.parse(curl('Räin', topic)), { receivers: 2 });
      await until(() => lists.every((l) => l.length === 1));

      await emitAck(b, 'unsubscribe', topic);
      assert.deepEqual(JSON.parse(curl('Sun', topic)), { receivers: 1 });
      await until(() => lists[0].length === 2);
      assert.deepEqual(lists, [[{ text: 'Räin' }, { text: 'Sun' }],
                               [{ text: 'Räin' }]]);
      assert.deepEqual(JSON.parse(curl('Sun', 'moon')), { receivers: 0 });
      assert.deepEqual(await ask(a, 'subscribe', {}),
                       { error: 'which topic?' });
    });
  }


  it('JSON that is wrong is told so', () => {
    assert.equal(JSON.parse(curl('a"b', 'x')).error.code, 'invalid_action');
  });
});
