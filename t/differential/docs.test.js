'use strict';

/* The pages say what the sources have, no more and no less. */

const assert = require('node:assert/strict');
const fs = require('fs');
const path = require('path');
const { after, before, describe, it } = require('node:test');

const lib = require('./lib.js');

const { once, ROOT } = lib;

const page = lib.read('docs/directives.md');

const sources = (dir) => {
  const where = path.join(ROOT, dir);

  return fs.existsSync(where)
    ? fs.readdirSync(where).filter((n) => n.endsWith('.c'))
        .map((n) => fs.readFileSync(path.join(where, n), 'utf8')).join('\n')
    : '';
};

/* names in the command tables: { ngx_string("name"), ..._CONF */

const commands = [...sources('src/http').matchAll(
  /\{\s*ngx_string\("(\w+)"\),\s*[A-Z_|\s]*CONF/g)].map((m) => m[1]);

/* headings below "## NAME" */

function headings(...names) {
  return names.flatMap((name) => {
    const from = page.indexOf(`\n## ${name}\n`);

    assert.notEqual(from, -1, name);

    const to = page.indexOf('\n## ', from + 1);

    return [...page.slice(from, to === -1 ? undefined : to)
              .matchAll(/^### (\S+)$/mg)].map((m) => m[1]);
  });
}

const sorted = (list) => [...new Set(list)].sort();


describe('docs', () => {
  it('directives.md has every directive', () => {
    assert.deepEqual(sorted(headings('Server', 'Options', 'Rules')),
                     sorted(commands.filter((n) => /^sio(_|$)/.test(n))));
  });

  it('directives.md has every action', () => {
    assert.deepEqual(sorted(headings('Actions')),
                     sorted(commands.filter((n) => !/^sio(_|$)/.test(n))));
  });

  it('directives.md has every limit and every variable', () => {
    const code = sources('src/http');
    const names = (re) => [...code.matchAll(re)].map((m) => m[1]);
    const rows = (from, re) => [...page.slice(page.indexOf(from))
      .split('\n## ')[0].matchAll(re)].map((m) => m[1]);

    assert.deepEqual(
      sorted(rows('### sio_limit', /^\| `(\w+)` \|/mg)),
      sorted(names(/ngx_string\("(\w+)"\), NGX_HTTP_SIO_LIMIT_/g)));

    for (const name of names(/ngx_string\("(sio_\w+)"\), NGX_SIO_VAR_/g)) {
      assert.ok(page.includes(`\`$${name}\``), `$${name}`);
    }
  });

  it('the syntax of each begins with its name', () => {
    for (const [, name, text] of page.matchAll(
         /^### (\S+)\n\n([\s\S]*?)(?=\n#|$(?![\s\S]))/mg)) {
      assert.match(text, new RegExp(`^Syntax: \`${name}[ ;]`), name);
    }
  });

  it('examples and pages use nothing that is not there', () => {
    const files = ['README.md', 'docs/from-node.md',
                   ...['rooms', 'chat', 'chat-example'].map((n) =>
                     `conf-examples/${n}.conf`)];

    for (const file of files) {
      for (const [word] of lib.read(file).matchAll(/(?<![$\w])sio_[a-z0-9_]+/g)) {
        assert.ok(page.includes(`### ${word}\n`)
                  || /^sio_(api|status|hook|redis|module)$/.test(word),
                  `${word} in ${file}`);
      }

      for (const [, name] of lib.read(file).matchAll(/\$(sio_[a-z_]+)/g)) {
        const known = name.replace(/^(sio_data)_.*/, '$1_KEY')
                          .replace(/^(sio_args?)_$/, '$1_N');

        assert.ok(page.includes(`\`$${known}\``), `$${name} in ${file}`);
      }
    }
  });

  it('all links lead somewhere', () => {
    const files = ['README.md', 'conf-examples/README.md',
                   ...fs.readdirSync(path.join(ROOT, 'docs'))
                        .map((n) => `docs/${n}`)]
      .filter((n) => n.endsWith('.md'));

    for (const file of files) {
      for (const [, link] of lib.read(file).matchAll(/\]\(([^)#]+)[^)]*\)/g)) {
        if (/^https?:/.test(link)) {
          continue;
        }

        const target = path.join(ROOT, path.dirname(file), link);

        assert.ok(fs.existsSync(target), `${link} in ${file}`);
      }
    }
  });
});


/* the example that everybody reads first */

describe('README', () => {
  const text = lib.read('README.md');
  const conf = /```nginx\n([\s\S]*?)```/.exec(text)[1];
  const rules = /location \/socket\.io\/ \{([\s\S]*)\n\}/.exec(conf)[1]
    .replace('sio on;', '');
  const both = lib.pair({
    rules,
    node: (io) => io.on('connection', (socket) => {
      const rooms = () => [...socket.rooms];

      socket.on('join', (room, ack) => {
        socket.join(`room:${room}`);
        ack();
      });
      socket.on('say', ({ text: t }) => {
        io.to(rooms()).emit('said', socket.id, t);
      });
      socket.on('disconnecting', () => {
        socket.to(rooms()).emit('left', socket.id);
      });
    }),
  });

  before(() => both.start());
  after(() => both.stop());

  it('is short', () => {
    assert.ok(conf.trim().split('\n').length <= 11);
  });

  it('works', () => both.compare(async ({ note, server, connect }) => {
    const js = /```js\n([\s\S]*?)```/.exec(text)[1];
    const listener = await connect();
    const said = once(listener, 'said'), left = once(listener, 'left');

    await lib.emitAck(listener, 'join', 'lobby');

    const { io } = require('socket.io-client');
    const run = new Function('io', 'console', `${js}; return socket;`);
    const lines = [];
    const socket = run(
      () => io(server.url, { forceNew: true, reconnection: false }),
      { log: (...args) => lines.push(args) });

    note(await said);
    await lib.until(() => lines.length);
    note(lines);
    socket.disconnect();
    note(await left);
  }));
});
