'use strict';

/*
 * Who hears what: every way to choose sockets, with clients over WebSocket
 * and over polling, in two namespaces, down to the bytes.  Each line is run by
 * an actor of either transport, in Node and as a rule.
 */

const { after, before, describe, it } = require('node:test');

const lib = require('./lib.js');

/* lines that leave all as it is */

const PURE = [
  /* to the actor */
  ['socket.emit("x")', 'emit x'],
  ['socket.emit("x", 1, "2", { 3: [4] })', 'emit x json:1 2 \'{"3":[4]}\''],
  ['socket.emit("x", Buffer.from([6]))', 'emit x base64:Bg=='],
  ['socket.emit("x", { a: [Buffer.from([6]), Buffer.from([7])] })',
   'emit x \'{"a":[{"_base64":"Bg=="},{"_base64":"Bw=="}]}\''],
  ['socket.volatile.emit("x")', 'emit x volatile'],
  ['socket.compress(false).emit("x", 1)', 'emit x json:1 compress=off'],
  ['socket.emit("x", arg); socket.emit("y", arg)',
   'emit x $sio_arg_0; emit y $sio_arg_0'],
  ['socket.emit("x", ""); socket.emit("x", null); socket.emit("x", [])',
   'emit x ""; emit x json:null; emit x []'],
  ['socket.send("x")', 'emit message x'],

  /* to everyone */
  ['io.emit("x")', 'emit x to=*'],
  ['io.emit("x", Buffer.from([6]), 1)', 'emit x base64:Bg== json:1 to=*'],
  ['io.local.emit("x")', 'emit x to=* local'],
  ['io.compress(false).emit("x")', 'emit x to=* compress=off'],
  ['io.volatile.emit("x")', 'emit x to=* volatile'],
  ['io.volatile.emit("x", Buffer.from([6]))',
   'emit x base64:Bg== to=* volatile'],
  ['io.except("r1").emit("x")', 'emit x to=* except=r1'],
  ['io.except("r1").except("r2").emit("x")', 'emit x to=* except=r1 except=r2'],
  ['io.except(["r1", "r2"]).emit("x")', 'emit x to=* except=r1 except=r2'],
  ['io.except("nobody").emit("x")', 'emit x to=* except=nobody'],
  ['io.except(socket.id).emit("x")', 'emit x to=* except=$sio_id'],
  ['io.except(arg).emit("x")', 'emit x to=* except=$sio_arg_0'],
  ['socket.broadcast.emit("x")', 'emit x to=* except=self'],
  ['socket.broadcast.except("r2").emit("x")',
   'emit x to=* except=self except=r2'],
  ['socket.broadcast.volatile.emit("x")', 'emit x to=* except=self volatile'],
  ['socket.except("r2").emit("x")', 'emit x to=* except=r2 except=self'],
  ['io.send("x")', 'emit message x to=*'],

  /* to rooms */
  ['io.to("r1").emit("x")', 'emit x to=r1'],
  ['io.in("r2").emit("x")', 'emit x to=r2'],
  ['io.to("r1").to("r2").emit("x")', 'emit x to=r1 to=r2'],
  ['io.to("r2").to("r1").emit("x")', 'emit x to=r2 to=r1'],
  ['io.to("r1").to("r1").emit("x")', 'emit x to=r1 to=r1'],
  ['io.to("nobody").emit("x")', 'emit x to=nobody'],
  ['io.to("nobody").to("r2").emit("x")', 'emit x to=nobody to=r2'],
  ['io.to("r1").except("r2").emit("x")', 'emit x to=r1 except=r2'],
  ['io.to("r1").except("r1").emit("x")', 'emit x to=r1 except=r1'],
  ['io.to("r1").to("r2").except("nobody").emit("x")',
   'emit x to=r1 to=r2 except=nobody'],
  ['io.to("r1").except(arg).emit("x")', 'emit x to=r1 except=$sio_arg_0'],
  ['io.to("r1").except(socket.id).emit("x")', 'emit x to=r1 except=$sio_id'],
  ['socket.to("r1").emit("x")', 'emit x to=r1 except=self'],
  ['socket.to("r2").emit("x")', 'emit x to=r2 except=self'],
  ['socket.to("r1").to("r2").emit("x")', 'emit x to=r1 to=r2 except=self'],
  ['socket.to("r1").except("r2").emit("x")',
   'emit x to=r1 except=r2 except=self'],
  ['socket.to("r1").volatile.emit("x")', 'emit x to=r1 except=self volatile'],
  ['socket.to("r1").compress(false).emit("x", Buffer.from([6]))',
   'emit x base64:Bg== to=r1 except=self compress=off'],
  ['socket.local.to("r1").emit("x")', 'emit x to=r1 except=self local'],
  ['io.to(arg).emit("x")', 'emit x to=$sio_arg_0'],
  ['io.to(arg).to(socket.id).emit("x")', 'emit x to=$sio_arg_0 to=$sio_id'],
  ['io.to(arg).to("r1").emit("x")', 'emit x to=$sio_arg_0 to=r1'],
  ['io.to(socket.id).emit("x")', 'emit x to=$sio_id'],
  ['socket.to(socket.id).emit("x")', 'emit x to=$sio_id except=self'],
  ['io.to([...socket.rooms]).emit("x")', 'emit x to=$sio_rooms'],
  ['socket.to([...socket.rooms]).emit("x")', 'emit x to=$sio_rooms except=self'],
  ['io.to("r1").emit("x"); io.to("r2").emit("y"); io.emit("z")',
   'emit x to=r1; emit y to=r2; emit z to=*'],
  ['io.to("r1").emit("line", arg)', 'emit line $sio_args to=r1'],
  ['socket.data.none = ""; io.to("").emit("x")',
   'set none ""; emit x to=$sio_data_none'],

  /* to another namespace */
  ['io.of("/other").emit("x")', 'emit x to=* nsp=/other'],
  ['io.of("/other").to("r1").emit("x")', 'emit x to=r1 nsp=/other'],
  ['io.of("/other").except("r1").emit("x")', 'emit x to=* except=r1 nsp=/other'],
  ['io.of("/other").to("r1").emit("x", Buffer.from([6]))',
   'emit x base64:Bg== to=r1 nsp=/other'],
  ['io.of("/other").to(socket.id).emit("x")', 'emit x to=$sio_id nsp=/other'],
  ['io.of("/other").to("r2").emit("x")', 'emit x to=r2 nsp=/other'],
  ['io.emit("x"); io.of("/other").emit("y"); socket.emit("z")',
   'emit x to=*; emit y to=* nsp=/other; emit z'],

  /* who is there */
  ['socket.emit("x", io.sockets.adapter.rooms.get("r1").size)', 'emit x $r1'],
  ['socket.emit("x", io.sockets.sockets.size)', 'emit x $all'],
  ['io.in("r1").fetchSockets().then((l) => socket.emit("who",'
   + ' l.map(({ id, data }) => ({ id, data }))))', 'emit who $who'],
  ['io.in("nobody").fetchSockets().then((l) => socket.emit("who", l))',
   'emit who $none'],
  ['socket.emit("x", [...socket.rooms])', 'emit x $sio_rooms'],
];


/* lines after which others have to come */

const CHANGING = [
  /* rooms change */
  ['socket.join("r3"); io.to("r3").emit("x")', 'join r3; emit x to=r3'],
  ['socket.join(["r2", "r3"]); io.to("r2").emit("x")',
   'join r2 r3; emit x to=r2'],
  ['socket.join("r1"); io.to("r1").emit("x")', 'join r1; emit x to=r1'],
  ['socket.leave("r1"); io.to("r1").emit("x")', 'leave r1; emit x to=r1'],
  ['socket.leave("nobody"); io.to("r1").emit("x")',
   'leave nobody; emit x to=r1'],
  ['socket.join("r3"); socket.leave("r3"); io.to("r3").emit("x")',
   'join r3; leave r3; emit x to=r3'],
  ['socket.join(arg); io.to(arg).emit("x")',
   'join $sio_arg_0; emit x to=$sio_arg_0'],
  ['io.socketsJoin("r3"); io.to("r3").emit("x")', 'join r3 in=*; emit x to=r3'],
  ['io.in("r1").socketsJoin("r3"); io.to("r3").emit("x")',
   'join r3 in=r1; emit x to=r3'],
  ['io.in("r1").socketsJoin(["r3", "r4"]); io.to("r3").to("r4").emit("x")',
   'join r3 r4 in=r1; emit x to=r3 to=r4'],
  ['socket.to("r1").socketsJoin("r3"); io.to("r3").emit("x")',
   'join r3 in=r1 except=self; emit x to=r3'],
  ['io.except("r1").socketsJoin("r3"); io.to("r3").emit("x")',
   'join r3 in=* except=r1; emit x to=r3'],
  ['io.in(arg).socketsJoin("r3"); io.to("r3").emit("x")',
   'join r3 in=$sio_arg_0; emit x to=r3'],
  ['io.in("nobody").socketsJoin("r3"); io.to("r3").emit("x")',
   'join r3 in=nobody; emit x to=r3'],
  ['io.of("/other").socketsJoin("r3"); io.of("/other").to("r3").emit("x")',
   'join r3 in=* nsp=/other; emit x to=r3 nsp=/other'],
  ['io.socketsLeave("r1"); io.to("r1").emit("x")',
   'leave r1 in=*; emit x to=r1'],
  ['io.in("r2").socketsLeave("r1"); io.to("r1").emit("x")',
   'leave r1 in=r2; emit x to=r1'],
  ['io.in("r1").socketsLeave("r1"); io.to("r1").emit("x")',
   'leave r1 in=r1; emit x to=r1'],
  ['socket.to("r1").socketsLeave(["r1", "r2"]); io.to("r1").to("r2").emit("x")',
   'leave r1 r2 in=r1 except=self; emit x to=r1 to=r2'],
  ['io.in(arg).socketsLeave("r1"); io.to("r1").emit("x")',
   'leave r1 in=$sio_arg_0; emit x to=r1'],
  ['io.local.socketsLeave("r1"); io.to("r1").emit("x")',
   'leave r1 in=* local; emit x to=r1'],

  /* in which rooms */
  ['socket.join("r9"); socket.emit("x", [...socket.rooms])',
   'join r9; emit x $sio_rooms'],
  ['socket.leave("r1"); socket.emit("x", [...socket.rooms])',
   'leave r1; emit x $sio_rooms'],

  /* thrown out */
  ['socket.disconnect()', 'disconnect'],
  ['socket.disconnect(true)', 'disconnect close'],
  ['socket.emit("x"); socket.disconnect()', 'emit x; disconnect'],
  ['socket.emit("x"); socket.disconnect(true)', 'emit x; disconnect close'],
  ['io.emit("x"); socket.disconnect(true)', 'emit x to=*; disconnect close'],
  ['io.in("r1").disconnectSockets()', 'disconnect in=r1'],
  ['io.in("r1").disconnectSockets(true)', 'disconnect close in=r1'],
  ['io.in("r2").disconnectSockets()', 'disconnect in=r2'],
  ['io.in("r2").disconnectSockets(true)', 'disconnect close in=r2'],
  ['io.in("r2").except("r1").disconnectSockets(true)',
   'disconnect close in=r2 except=r1'],
  ['io.in(arg).disconnectSockets()', 'disconnect in=$sio_arg_0'],
  ['io.in(arg).disconnectSockets(true)', 'disconnect close in=$sio_arg_0'],
  ['io.in(socket.id).disconnectSockets()', 'disconnect in=$sio_id'],
  ['io.in(socket.id).disconnectSockets(true)', 'disconnect close in=$sio_id'],
  ['socket.to("r1").disconnectSockets()', 'disconnect in=r1 except=self'],
  ['socket.to("r1").disconnectSockets(true)',
   'disconnect close in=r1 except=self'],
  ['socket.broadcast.disconnectSockets()', 'disconnect in=* except=self'],
  ['io.disconnectSockets()', 'disconnect in=*'],
  ['io.disconnectSockets(true)', 'disconnect close in=*'],
  ['io.in("nobody").disconnectSockets(true)', 'disconnect close in=nobody'],
  ['io.of("/other").disconnectSockets()', 'disconnect in=* nsp=/other'],
  ['io.of("/other").disconnectSockets(true)',
   'disconnect close in=* nsp=/other'],
  ['io.of("/other").in("r1").disconnectSockets(true)',
   'disconnect close in=r1 nsp=/other'],
  ['io.to("r1").emit("x"); io.in("r1").disconnectSockets()',
   'emit x to=r1; disconnect in=r1'],
  ['io.to("r1").emit("x"); io.in("r1").disconnectSockets(true)',
   'emit x to=r1; disconnect close in=r1'],
];


/*
 * The actor is in "r1", and in "/other".  Then come [name, transport,
 * {namespace: rooms}].
 */

const CAST = [
  ['b', 'websocket', { '/': ['r1', 'r2'] }],
  ['c', 'polling', { '/': ['r1'], '/other': ['r1'] }],
  ['d', 'polling', { '/': ['r2'] }],
  ['e', 'websocket', { '/other': ['r1'] }],
  ['f', 'websocket', { '/': [] }],
];

const common = `
  sio_on enter   { join $sio_arg_0; ack; }
  sio_on barrier { ack; }
  sio_on count   { ack $all; }`;

const LINES = [...PURE, ...CHANGING];

const app = {
  rules: `
    sio_set $all size *;
    sio_set $r1 size r1;
    sio_set $who sockets r1;
    sio_set $none sockets nobody;

    ${common}
    sio_on end { emit end to=*; emit end to=* nsp=/other; }
    ${LINES.map(([, rule], i) =>
      `sio_on line${i} { ${rule}; }`).join('\n')}

    sio_namespace /other {
      ${common}
    }`,

  node: (io) => {
    for (const nsp of [io.sockets, io.of('/other')]) {
      nsp.on('connection', (socket) => {
        socket.on('enter', (room, ack) => {
          socket.join(room);
          ack();
        });
        socket.on('barrier', (ack) => ack());
        socket.on('count', (ack) => ack(nsp.sockets.size));
      });
    }

    io.on('connection', (socket) => {
      socket.on('end', () => {
        io.emit('end');
        io.of('/other').emit('end');
      });

      LINES.forEach(([js], i) => {
        const run = new Function('io', 'socket', 'arg', js);

        socket.on(`line${i}`, (arg) => run(io, socket, arg));
      });
    });
  },
};

const head = (nsp) => (nsp === '/' ? '' : `${nsp},`);


/* one client, the same for both transports */

class Player {
  constructor(name, connection) {
    this.name = name;
    this.connection = connection;
    this.open = new Set();
    this.got = [];
  }

  /* all packets in one POST, or in one segment */

  async send(packets) {
    const list = [].concat(packets);

    if (this.connection.post) {
      await this.connection.post(list);

    } else {
      this.connection.write(Buffer.concat(list.map((payload) =>
        lib.frameBytes({ payload }))));
    }
  }

  async receive() {
    const { connection } = this;

    if (connection.post) {
      const r = await connection.get();

      return r.status === 200 ? r.packets : ['closed'];
    }

    const m = await connection.recv().catch((e) => e);

    if (m instanceof Error) {
      if (!connection.ended) {
        throw new Error(`${this.name} got ${JSON.stringify(this.got)}: ${m}`);
      }

      return [`closed ${(await connection.closed).code}`];
    }

    return [m.opcode === lib.TEXT ? m.text : m.data];
  }

  /* takes down what comes, until done() for each namespace */

  async until(done) {
    while (this.open.size && ![...this.open].every((nsp) => done(nsp))) {
      for (const packet of await this.receive()) {
        if (packet === '6') {
          continue;
        }

        this.got.push(packet);

        if (/^closed|^1$/.test(packet)) {
          this.open.clear();
        }

        this.open.forEach((nsp) => {
          if (packet === `41${head(nsp)}`) {
            this.open.delete(nsp);
          }
        });
      }
    }
  }

  has(packet) {
    return this.got.includes(packet);
  }

  async connect(nsp, rooms) {
    const id = await this.connection.connectNsp(nsp);

    this.open.add(nsp);

    for (const room of rooms) {
      await this.send(`42${head(nsp)}1["enter","${room}"]`);
      await this.until((n) => n !== nsp || this.has(`43${head(nsp)}1[]`));
      this.got = [];
    }

    return id;
  }

  close() {
    return this.connection.post ? this.connection.close()
                                : this.connection.close(1000);
  }
}


/* who comes and who is there, for one server */

async function cast(to, transport) {
  const enter = async (name, how) => new Player(
    name, how === 'polling' ? await to.poll({}) : await to.wsOpen({}));
  const actor = await enter('a', transport);
  const ids = [await actor.connect('/', ['r1']),
               await actor.connect('/other', [])];
  const players = [actor];

  for (const [name, how, nsps] of CAST) {
    const player = await enter(name, how);

    for (const [nsp, rooms] of Object.entries(nsps)) {
      ids.push(await player.connect(nsp, rooms));
    }

    players.push(player);
  }

  return { ids, actor, players, last: null };
}


/* who comes when all is done, and says "end" */

async function end(to, stage) {
  if (!stage.last) {
    stage.last = new Player('last', await to.wsOpen({}));

    await stage.last.connect('/', []);
    await stage.last.connect('/other', []);
  }

  await stage.last.send('42["end"]');
}


/* for the next ones to begin with nobody */

async function leave({ players, last }) {
  for (const player of players) {
    await player.close();
  }

  for (const nsp of last.open) {
    await lib.until(async () => {
      await last.send(`42${head(nsp)}3["count"]`);
      await last.until((n) => n !== nsp
                       || last.got.some((p) => /^43.*3\[/.test(p)));

      return last.got.splice(0).includes(`43${head(nsp)}3[1]`);
    }, 5000, 'an empty namespace');
  }

  await last.close();
}


/* in which order sockets are listed is not said anywhere */

function sorted(packets, ids) {
  const who = packets.find((p) => /^42\["who"/.test(p));

  if (!who) {
    return packets;
  }

  const [, list] = JSON.parse(who.slice(2));

  list.sort((a, b) => ids.indexOf(a.id) - ids.indexOf(b.id));

  return [JSON.stringify(list)];
}


for (const transport of ['websocket', 'polling']) {
  describe(`rooms: an actor over ${transport}`, () => {
    const both = lib.pair(app);
    const stages = new Map();

    before(() => both.start());

    after(async () => {
      await Promise.all([...stages.values()].map(leave));
      await both.stop();
    });

    LINES.forEach(([js, rule], i) => {
      it(`${js}  =  ${rule}`, () => both.compare(async ({ note, ...to }) => {
        const { server } = to;

        if (!stages.has(server)) {
          stages.set(server, await cast(to, transport));
        }

        const stage = stages.get(server);
        const { actor, players, ids } = stage;

        note(ids);

        /* to b; and what comes with it is not to come too late */

        await actor.send([`42["line${i}","${ids[2]}"]`, '429["barrier"]']);
        await actor.until((nsp) => nsp !== '/' || actor.has('439[]'));

        await end(to, stage);

        for (const player of [...players, stage.last]) {
          await player.until((nsp) => player.has(`42${head(nsp)}["end"]`));
          note(player.name, sorted(player.got.splice(0), ids));
        }

        if (i >= PURE.length) {
          stages.delete(server);
          await leave(stage);
        }
      }));
    });
  });
}
