'use strict';

/*
 * The emit cheatsheet of docs/from-node.md: each line runs in Node's
 * socket.io, and beside it, with four workers, as the rule, as the answer of a
 * hook and as the call of the API that stand in its row.  Who receives what
 * has to be the same.
 */

const assert = require('node:assert/strict');
const fs = require('fs');
const http = require('http');
const path = require('path');
const { after, before, describe, it } = require('node:test');

const lib = require('./lib.js');

const { connect, emitAck, until } = lib;

const PAGE = fs.readFileSync(path.join(lib.ROOT, 'docs/from-node.md'), 'utf8');
const SHEET = PAGE.split('\n## The emit cheatsheet\n')[1].split('\n## ')[0];


/* [{heading, node, rule, hook, api}]; a cell that is not code: its note */

function parse() {
  const notes = new Set([...SHEET.matchAll(/^(\d+)\. /mg)].map((m) => m[1]));
  const used = new Set();
  const rows = [];
  let heading;

  const cell = (text) => {
    const m = /^(?:`(.+)`|–)(?: \[(\d)\])?$/.exec(text);

    assert.ok(m && (m[1] || m[2]), `a cell that is not read: ${text}`);
    assert.ok(!m[2] || notes.has(m[2]), `a note that is not there: ${text}`);
    used.add(m[2]);
    return m[1];
  };

  for (const line of SHEET.split('\n')) {
    if (/^### /.test(line)) {
      heading = line.slice(4);

    } else if (/^\| `/.test(line)) {
      const cells = line.replace(/^\| | \|$/g, '').split(' | ');

      assert.equal(cells.length, 4, line);

      const [node, rule, hook, api] = cells.map(cell);

      rows.push({ heading, node, rule, hook, api, i: rows.length });
    }
  }

  notes.forEach((n) => assert.ok(used.has(n), `note ${n} is mentioned`));
  assert.ok(rows.length > 30);
  return rows;
}

const ROWS = parse();
const event = (i) => `line ${i}`;

const NSP = '/my-namespace';
const ROOMS = ['room1', 'room2', 'room3', 'room4', 'my room'];

/* who there is, where, and what asks everyone for his rooms */

const CAST = [
  ['actor', ['room1']], ['one', ['room1']], ['two', ['room2']],
  ['both', ['room1', 'room2']], ['three', ['room3']],
  ['four', ['room1', 'room4']], ['my', ['my room']], ['none', []],
  ['near', ['room1'], NSP], ['far', [], NSP],
];


/* -- the same server four times --------------------------------------------- */

const probe = ROOMS.flatMap((room) => ['/', NSP].map((nsp) =>
  `emit "in ${room}" "to=${room}" nsp=${nsp};`))
  .concat(['/', NSP].map((nsp) => `emit end to=* nsp=${nsp};`)).join(' ');

const common = `
    sio_on enter  { join $sio_arg_0; ack; }
    sio_on name   { ack $sio_data_name; }
    sio_on probe  { ${probe} }
    sio_namespace ${NSP} { sio_on enter { join $sio_arg_0; ack; } }
    sio_namespace /watch { sio_on name { ack; } }
`;

const sets = ROWS.filter(({ rule }) => /^sio_set /.test(rule));
const setName = (rule) => /^sio_set (\$\w+) /.exec(rule)[1];

const rules = `
    ${sets.map(({ rule }) => rule).join('\n')}
    ${ROWS.filter(({ rule }) => rule).map(({ rule, i }) =>
      `sio_on "${event(i)}" { ${sets.some((row) => row.i === i)
        ? `emit answered ${setName(rule)} to=* nsp=/watch;` : rule} }`)
      .join('\n')}
    sio_on_ack answered { require !$sio_error;
                          emit answered $sio_arg_0 to=* nsp=/watch; }
`;

const hooks = ROWS.filter(({ hook }) => hook).map(({ i }) =>
  `sio_on "${event(i)}" { hook /backend; }`).join('\n');

/* what a line of Node is worth, by row */

const values = [];

function node(io) {
  const enter = (socket) => socket.on('enter', (room, ack) => {
    socket.join(room);
    ack();
  });

  io.of(NSP).on('connection', enter);
  io.of('/watch').on('connection', () => {});

  io.on('connection', (socket) => {
    enter(socket);
    socket.on('name', (ack) => ack(socket.data.name ?? null));
    socket.on('probe', () => {
      for (const nsp of [io, io.of(NSP)]) {
        ROOMS.forEach((room) => nsp.to(room).emit(`in ${room}`));
        nsp.emit('end');
      }
    });

    ROWS.forEach(({ node: js, i }) => {
      const run = new Function('io', 'socket', 'other', 'callback', 'args',
                               `return ${js.replace('"line"',
                                                    `"${event(i)}"`)}`);

      socket.on(event(i), (...args) => {
        const [other, callback] = args;

        values[i] = run(io, socket, other, callback,
                        args.filter((a) => typeof a !== 'function'));
      });
    });
  });
}


/* what stands in a cell of JSON, for these two sockets */

const fill = (text, id, other) => text.replaceAll('"ID"', `"${id}"`)
                                      .replaceAll('"OTHER"', `"${other}"`);

class Backend {
  async start() {
    this.server = http.createServer(async (req, res) => {
      const chunks = [];

      for await (const chunk of req) {
        chunks.push(chunk);
      }

      const [other] = JSON.parse(Buffer.concat(chunks));
      const i = Number(req.headers['sio-event'].slice(5));

      res.setHeader('Content-Type', 'application/json');
      res.end(fill(ROWS[i].hook, req.headers['sio-id'], other));
    });
    this.server.keepAliveTimeout = 60000;

    await new Promise((resolve) => this.server.listen(0, '127.0.0.1',
                                                      resolve));
    this.port = this.server.address().port;
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }
}


describe('the emit cheatsheet', { skip: lib.NODE && 'Node beside itself' },
() => {
  const backend = new Backend();
  let nginx, reference, base;

  before(async () => {
    await backend.start();

    reference = await lib.startReference({ app: node });
    nginx = await lib.startNginx({
      path: '/rule/',
      location: `sio zone=rule; ${common} ${rules}`,
      http: `sio_zone zone=rule:8m; sio_zone zone=hook:8m;
             sio_zone zone=api:8m;
             upstream backend { server 127.0.0.1:${backend.port};
                                keepalive 8; }`,
      server: `
        location /hook/ { sio zone=hook; ${common} ${hooks} }
        location /api/  { sio zone=api; ${common} }
        location /orders/ { sio_api zone=api; allow 127.0.0.1; deny all; }
        location = /backend {
            internal;
            proxy_pass http://backend;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }`,
    });
    base = await nginx.counters();
  });

  after(async () => {
    lib.disconnectAll();
    await backend.stop();
    await reference?.stop();
    await lib.finish(nginx, base);
  });


  const SIDES = {
    node: () => [reference, '/socket.io/'],
    rule: () => [nginx, '/rule/'],
    hook: () => [nginx, '/hook/'],
    api: () => [nginx, '/api/'],
  };

  /*
   * All of the cast on one side; every second one polls, the others are
   * WebSockets, or the other way round, and one has come by an upgrade.
   */

  async function cast(side, odd) {
    const [server, where] = SIDES[side]();
    const all = {};

    await Promise.all(CAST.map(async ([name, rooms, nsp = '/'], n) => {
      const socket = await connect(server, {
        path: where, nsp, transport: name === 'both' ? 'upgrade'
          : n % 2 === odd ? 'polling' : 'websocket' });

      socket.log = [];
      socket.on('hello', (...args) => {
        const answer = args.at(-1);

        if (typeof answer === 'function') {
          answer(`from ${name}`);
        }
      });
      socket.onAny((...args) => socket.log.push(args.map((a) =>
        (typeof a === 'function' ? 'a callback' : a))));
      socket.on('disconnect', (reason) => {
        socket.log.push(['disconnect', reason]);
      });
      all[name] = socket;

      for (const room of rooms) {
        await emitAck(socket, 'enter', room);
      }
    }));

    all.watch = await connect(server, { path: where, nsp: '/watch' });
    all.watch.log = [];
    all.watch.on('answered', (value) => all.watch.log.push(value));
    all.ids = new Map(Object.entries(all).map(([name, { id }]) => [id, name]));
    return all;
  }

  async function ask(order) {
    const get = /^GET (.+)$/.exec(order);
    const r = await lib.http({
      port: nginx.port, path: `/orders/${get ? get[1] : ''}`,
      ...(get ? {} : { method: 'POST', body: order,
                       headers: { 'Content-Type': 'application/json' } }) });

    assert.equal(r.status, 200, r.text);
    return r.json();
  }


  /*
   * One row on one side: what everyone has received, what the line was worth,
   * and who is where then.
   */

  async function run(row, side, all, answers) {
    const { actor, two, none, watch } = all;
    const seen = {};
    let value;

    if (side === 'api') {
      value = await ask(fill(row.api, actor.id, two.id));

    } else {
      if (/^callback/.test(row.node)) {
        seen.ack = await emitAck(actor, event(row.i), two.id);
      } else {
        actor.emit(event(row.i), two.id);
      }
    }

    /* the actor's next event comes behind it; it may be gone, too */

    await until(() => actor.disconnected || new Promise((resolve) => {
      actor.emit('name', (name) => {
        seen.name = name;
        resolve(true);
      });
      actor.once('disconnect', () => resolve(true));
    }));

    /* all to one form: a list in no order, of plain values */

    if (side === 'node') {
      value = await values[row.i];
      value = /ack/i.test(row.node) ? [].concat(value)
        : /fetchSockets/.test(row.node) ? value : undefined;

    } else if (side === 'api') {
      value = [value.responses, value.sockets].find(Array.isArray);

    } else if (answers) {
      if (/fetchSockets/.test(row.node)) {
        await until(() => watch.log.length, 5000, 'what was asked for');
        value = watch.log.pop();

      } else {
        await until(() => watch.log.length >= answers, 5000, 'answers');
        value = watch.log.splice(0);
      }
    }

    if (value && row.node[0] !== 'c') {
      seen.value = value.map((v) => (v.id ? { id: v.id, data: v.data } : v));
    }

    const prober = none.connected ? none : actor;

    prober.emit('probe');

    await Promise.all(CAST.map(async ([name]) => {
      const { log } = all[name];

      await until(() => log.some(([e]) => e === 'end' || e === 'disconnect'),
                  5000, `"end" for ${name}`);
      seen[name] = log.splice(0);
    }));

    const text = JSON.stringify(seen);
    const plain = JSON.parse([...all.ids].reduce((s, [id, name]) =>
      s.replaceAll(id, `<${name}>`), text));

    plain.value?.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b)
                                 ? -1 : 1));
    return plain;
  }


  async function compare(row, casts) {
    const want = await run(row, 'node', casts.node);

    assert.ok(Object.values(want).some((log) => log?.length > 1),
              'something happens');

    await Promise.all(['rule', 'hook', 'api'].map(async (side) => {
      if (!row[side]) {
        return;
      }

      const got = await run(row, side, casts[side], want.value?.length);

      /* there is no callback to a call of the API */

      assert.deepEqual(got, want, side);
    }));
  }

  const all = async (odd) => Object.fromEntries(await Promise.all(
    Object.keys(SIDES).map(async (side) => [side, await cast(side, odd)])));


  for (const odd of [0, 1]) {
    const actor = odd ? 'websocket' : 'polling';

    describe(`the sender: ${actor}`, () => {
      let casts;

      /* whether a polling client can take it at once only chance decides */

      for (const row of ROWS.filter(({ rule, node: js }) =>
             rule && (odd || !/volatile/.test(js)))) {
        it(`${row.node}  =  ${row.rule}`, async () => {

          /* who is where does not change but by the last table's lines */

          if (!casts || /afar/.test(row.heading)) {
            lib.disconnectAll();
            casts = await all(odd);
          }

          await compare(row, casts);
        });
      }
    });
  }


  it('what cannot be said has a reason in every column', () => {
    const none = ROWS.filter(({ rule, hook, api }) => !rule && !hook && !api);

    assert.deepEqual(none.map((row) => row.node.split('(')[0]),
                     ['io.serverSideEmit', 'io.serverSideEmitWithAck']);
  });
});
