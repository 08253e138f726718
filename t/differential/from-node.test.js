'use strict';

/*
 * docs/from-node.md, line by line: each JavaScript side runs in Node's
 * socket.io, each rule in nginx, and all clients have to see the same.
 */

const assert = require('node:assert/strict');
const { after, before, describe, it } = require('node:test');

const lib = require('./lib.js');

const { collect, emitAck, once, until } = lib;

const text = lib.read('docs/from-node.md');


/* {heading: {rows: [[node, rule]], js, nginx}}; tables of four columns are
   those of t/client/from_node.test.js */

function parse() {
  const sections = {};
  let at, block, code, wide;

  for (const line of text.split('\n')) {
    if (code !== undefined) {
      if (line === '```') {
        assert.ok(!(block in at), `two ${block} blocks in "${at.name}"`);
        at[block] = code;
        code = undefined;
      } else {
        code += line + '\n';
      }

    } else if (/^#/.test(line)) {
      at = { name: line.replace(/^#+ /, ''), rows: [] };
      sections[at.name] = at;

    } else if (/^```/.test(line)) {
      block = line.slice(3);
      code = '';

    } else if (/^\| Node \|/.test(line)) {
      wide = /\| API \|$/.test(line);

    } else if (/^\|/.test(line) && !/^\|---/.test(line) && !wide) {
      const m = /^\| `(.+)` \| `(.+)` \|$/.exec(line);

      assert.ok(m, `a row that is not read: ${line}`);
      at.rows.push([m[1], m[2]]);
    }
  }

  return sections;
}


const sections = parse();
const used = new Set();

function section(name) {
  assert.ok(sections[name], `no section "${name}"`);
  used.add(name);
  return sections[name];
}


/* JavaScript of the page as a function of these names */

const code = (names, body) => new Function(...names, body);


/* -- lines --------------------------------------------------------------- */

const LINES = ['Emit', 'Answer', 'Rooms and sockets']
  .flatMap((name) => section(name).rows.map((row) => [name, ...row]));
const VALUES = section('Values').rows;

const event = (i) => `line ${i}`;

const lines = {
  rules: `
    ${LINES.map(([, , rule], i) =>
      `sio_on "${event(i)}" { ${rule} }`).join('\n')}
    ${VALUES.map(([, value], i) =>
      `sio_on "value ${i}" { emit value ${value}; }`).join('\n')}

    sio_on enter   { join $sio_arg_0; ack; }
    sio_on color   { set color $sio_arg_0; ack; }
    sio_on name    { ack $sio_data_name; }
    sio_on probe   { emit in-room1 to=room1; emit in-room2 to=room2;
                     emit in-room3 to=room3; emit in-user to=user:x;
                     emit in-room3 to=room3 nsp=/myNamespace;
                     emit end to=*; emit end to=* nsp=/myNamespace; }

    sio_namespace /myNamespace {
      sio_on enter { join $sio_arg_0; ack; }
    }
  `,

  node: (io) => {
    io.on('connection', (socket) => {
      LINES.forEach(([, js], i) => {
        const run = code(['io', 'socket', 'arg', 'callback'],
                         js.replace('"line"', `"${event(i)}"`));

        socket.on(event(i), (arg, callback) => run(io, socket, arg, callback));
      });

      VALUES.forEach(([js], i) => {
        const value = code(['io', 'socket', 'arg'], `return ${js}`);

        socket.on(`value ${i}`, (arg) => {
          socket.emit('value', value(io, socket, arg));
        });
      });

      socket.on('enter', (room, ack) => { socket.join(room); ack(); });
      socket.on('color', (color, ack) => { socket.data.color = color; ack(); });
      socket.on('name', (ack) => ack(socket.data.name ?? null));
      socket.on('probe', () => {
        for (const [room, name] of [['room1', 'in-room1'],
                                    ['room2', 'in-room2'],
                                    ['room3', 'in-room3'],
                                    ['user:x', 'in-user']]) {
          io.to(room).emit(name);
        }

        io.of('/myNamespace').to('room3').emit('in-room3');
        io.emit('end');
        io.of('/myNamespace').emit('end');
      });
    });

    io.of('/myNamespace').on('connection', (socket) => {
      socket.on('enter', (room, ack) => { socket.join(room); ack(); });
    });
  },
};


describe('from-node.md: lines', () => {
  const both = lib.pair(lines);

  before(() => both.start());
  after(() => both.stop());

  /*
   * The actor is in room1; others in room1, in room2, in both, in none, and
   * in another namespace.
   */

  async function cast(connect) {
    const all = {};

    for (const [name, rooms, nsp] of [
      ['actor', ['room1']], ['one', ['room1']], ['two', ['room2']],
      ['both', ['room1', 'room2']], ['none', []],
      ['other', ['room1'], '/myNamespace'], ['far', [], '/myNamespace'],
    ]) {
      const socket = await connect({ nsp, auth: { token: name } });

      for (const room of rooms) {
        await emitAck(socket, 'enter', room);
      }

      socket.log = [];
      socket.onAny((e, ...args) => socket.log.push([e, ...args]));
      socket.on('disconnect', (reason) => {
        socket.log.push(['disconnect', reason]);
      });
      all[name] = socket;
    }

    return all;
  }

  /* all that everyone has seen until "end" */

  async function seen(note, all, prober) {
    prober.emit('probe');
    await until(() => Object.values(all).every((s) =>
      s.log.some(([e]) => e === 'end' || e === 'disconnect')), 5000, '"end"');

    for (const [name, socket] of Object.entries(all)) {
      note(name, socket.log);
    }
  }

  LINES.forEach(([heading, js, rule], i) => {
    it(`${js}  =  ${rule}`, () => both.compare(async ({ note, connect }) => {
      const all = await cast(connect);
      const { actor, none } = all;

      note(all.actor.id, all.one.id, all.two.id);

      if (heading === 'Answer') {
        note(await emitAck(actor, event(i), 'text'));
        note(await emitAck(actor, event(i), { a: [1] }));

      } else {
        const arg = /user:/.test(js) ? 'x' : all.two.id;

        actor.emit(event(i), arg);
      }

      /* the actor's next event comes after; it may be gone, too */

      await until(() => actor.disconnected
        || new Promise((resolve) => {
          actor.emit('name', (name) => {
            note('name', name);
            resolve(true);
          });
          actor.once('disconnect', () => resolve(true));
        }));

      await seen(note, all, actor.connected ? actor
                 : none.connected ? none : await connect());
    }));
  });


  VALUES.forEach(([js, rule], i) => {
    it(`${js}  =  ${rule}`, () => both.compare(async ({ note, connect }) => {
      for (const arg of ['text', 5, true, null, [1, { a: 'b' }],
                         Buffer.from([1, 2]), '', '"\\\u20ac']) {
        const { actor } = await cast(connect);

        note(actor.id);
        await emitAck(actor, 'color', arg);
        actor.emit(`value ${i}`, arg);

        const [value] = await once(actor, 'value');
        const time = typeof value === 'number'
                     && Math.abs(value - Date.now()) < 10000;

        note(time ? 'the time' : value);
        actor.disconnect();
      }
    }));
  });
});


/* -- blocks -------------------------------------------------------------- */

/* one script for each pair of blocks, by its heading */

const scripts = {
  'A server with rooms': async ({ note, connect }) => {
    const [a, b, c] = [await connect(), await connect(), await connect()];
    const logs = [a, b, c].map(log);

    note(a.id, b.id, c.id);

    for (const s of [a, b, c]) {
      s.emit('joinRoom', 'r');
      await settle(s);
    }

    c.emit('joinRoom', 5);
    a.emit('chatMessage', { roomId: 'r', message: 'hi \u20ac' });
    a.emit('chatMessage', { roomId: 'r', message: { deep: [null] } });
    a.emit('chatMessage', { roomId: 'r', message: Buffer.from([1]) });
    a.emit('chatMessage', { roomId: b.id, message: 'private' });
    a.emit('chatMessage', { roomId: 'nobody', message: 'lost' });
    await settle(a);
    b.emit('chatMessage', { roomId: 5, message: 'number' });
    await until(() => logs[2].length === 4, 5000, 'messages');
    a.disconnect();
    await until(() => logs.slice(1).every((l) => l.some(([e]) =>
      e === 'left')), 5000, '"left"');
    logs.forEach((l) => note(l));
  },

  'Acknowledgements from clients': async ({ note, connect }) => {
    const a = await connect(), list = log(a);

    a.on('question', (q, ack) => (q === 'silence' ? 0 : ack(`${q}!`, 1)));
    a.emit('ask', 'silence');
    a.emit('ask', 'what');
    a.emit('ask', { a: 1 });
    await until(() => list.filter(([e]) => e === 'answer').length === 2);

    /* the one that was not answered has run out, too */

    await lib.sleep(700);
    note(list.map((l) => l.filter((x) => typeof x !== 'function')));
  },

  'A value that a rule depends on': async ({ note, connect }) => {
    const [a, b] = [await connect(), await connect()];
    const said = collect(b, 'said');

    for (const text_ of ['', 5, null, 'not there']) {
      note(await emitAck(a, 'say', text_));
    }

    note(await emitAck(a, 'enter'), await emitAck(b, 'enter'));
    note(await emitAck(a, 'say', 'hello'), await emitAck(a, 'say', ''));
    await until(() => said.length);
    note(said);
  },

  'Middleware': async ({ note, client }) => {
    const a = client({});

    note((await once(a, 'connect_error'))[0]);

    for (const auth of [{}, { name: '' }, { name: 5 }, { name: ['x'] }]) {
      a.auth = auth;
      a.connect();
      note((await once(a, 'connect_error'))[0]);
    }

    a.auth = { name: 'ann' };
    a.connect();
    note(await once(a, 'welcome'));
  },

  'Who is there': async ({ note, connect }) => {
    const [a, b] = [await connect(), await connect()];

    note(a.id, b.id);
    note(await emitAck(a, 'enter', 'ann'));
    note(await emitAck(b, 'enter', { first: 'bob' }));
    note(await emitAck(a, 'enter', 'ann again'));
  },

  'Leaving': async ({ note, connect }) => {
    const [a, b, c] = [await connect(), await connect(), await connect()];
    const list = log(c);

    note(a.id, b.id);
    await emitAck(a, 'enter');
    await emitAck(c, 'enter');
    a.disconnect();
    await until(() => list.length === 2);
    b.io.engine.close();
    await until(() => list.length === 3);
    note(list);
  },

  'Namespaces': async ({ note, connect, client }) => {
    const main = await connect(), list = log(main);
    const admin = await connect({ nsp: '/admin' });
    const team = [await connect({ nsp: '/team-1' }),
                  await connect({ nsp: '/team-1' }),
                  await connect({ nsp: '/team-22' })];
    const logs = team.map(log);

    admin.emit('hello');
    team[0].emit('hello');
    team[2].emit('hello');
    await until(() => [list, ...logs].every((l) => l.length));
    note(list, logs);
    note((await once(client({ nsp: '/team-x' }), 'connect_error'))[0]);
  },

  'Any event': async ({ note, connect }) => {
    const [a, b] = [await connect(), await connect()];
    const list = log(b);

    note(await emitAck(a, 'ping me'));
    a.emit('one', 1, { a: Buffer.from([1]) });
    a.emit('two words');
    a.emit('join', 'a common name');
    await until(() => list.length === 3);
    note(list);
  },
};


function log(socket) {
  const list = [];

  socket.onAny((...args) => list.push(args));
  return list;
}


/* what this socket sent has been acted on: there are no acks to wait for */

async function settle(socket) {
  const transport = socket.io.engine.transport;

  await until(() => transport.writable && !socket.io.engine.writeBuffer.length);
  await lib.sleep(30);
}


for (const { name, js, nginx } of Object.values(sections)) {
  if (js === undefined && nginx === undefined) {
    continue;
  }

  describe(`from-node.md: ${name}`, () => {
    section(name);
    assert.ok(js && nginx, 'both sides');
    assert.ok(scripts[name], 'a script');

    const both = lib.pair({
      rules: nginx,
      node: (io) => code(['io'], js)(io),
    });

    before(() => both.start());
    after(() => both.stop());
    it('is the same', () => both.compare(scripts[name]));
  });
}


/* -- options ------------------------------------------------------------- */

const OPTIONS = section('Options').rows;
const isPath = ([js]) => /^path:/.test(js);

describe('from-node.md: options', () => {
  const locations = {};

  OPTIONS.forEach((row, i) => {
    const options = code(['require'], `return { ${row[0]} }`)(require);

    if (isPath(row)) {
      assert.match(row[1], /^location (\S+) \{ sio zone=default; \}$/);
      assert.equal(/^location (\S+)/.exec(row[1])[1], options.path);
      locations[options.path] = { directives: '', options: {} };
      return;
    }

    locations[`/o${i}/`] = { directives: row[1], options };
  });

  const both = lib.pair({ locations, rules: '', node: () => {} });

  before(() => both.start());
  after(() => both.stop());

  OPTIONS.forEach((row, i) => {
    const where = isPath(row) ? code([], `return { ${row[0]} }`)().path
                              : `/o${i}/`;

    it(`${row[0]}  =  ${row[1]}`, () => both.compare(
      async ({ note, http, ws }) => {
        const headers = { Origin: 'https://example.com' };

        note(await http({ path: `${where}?EIO=4&transport=polling`,
                          headers }));
        note(await http({ path: `${where}?EIO=4&transport=polling`,
                          method: 'OPTIONS', headers }));

        const socket = await ws({
          path: `${where}?EIO=4&transport=websocket`, headers,
        });

        note(socket.response);

        if (socket.ok) {
          note(await socket.recvText());
          await socket.close();
        }
      }));
  });
});


/* -- the page itself ----------------------------------------------------- */

describe('from-node.md', () => {
  it('has nothing that is not run', () => {
    for (const { name, rows, js, nginx } of Object.values(sections)) {
      if (rows.length || js || nginx) {
        assert.ok(used.has(name), name);
      }
    }
  });

  it('has the rules of rooms.conf', () => {
    const conf = lib.read('conf-examples/rooms.conf');
    const plain = (s) => s.replace(/\s+/g, ' ').trim();

    assert.ok(plain(conf).includes(
      plain(sections['A server with rooms'].nginx)));
  });
});
