'use strict';

/*
 * The life of a socket: middleware, what "connect" does, acknowledgements that
 * the server asks for, every way to end and who hears of it.
 */

const { after, before, describe, it } = require('node:test');

const lib = require('./lib.js');

const { drain } = lib;
const { bin, ph } = require('./echo.js');

const app = {
  rules: `
    sio_set $one   auth /one;
    sio_set $two   auth /two;
    sio_set $three auth /three;

    sio_on barrier { ack; }
    sio_on auth    { emit auth $sio_auth; }
    sio_on burst   { emit v json:1 volatile; emit v json:2 volatile;
                     emit v json:3 volatile; emit n json:4;
                     emit v json:5 volatile; }
    sio_on bursts  { emit v json:1 to=* volatile; emit v json:2 to=* volatile;
                     emit v json:3 to=* volatile; emit n json:4 to=*;
                     emit v json:5 to=* volatile; }

    sio_namespace /guard {
      sio_use { require $one "error=the first" 'data={"n":1,"who":$one}'; }
      sio_use { require $two "error=the second" data=[2]; set second $two; }
      sio_use { require $three "error=\u20ac \\"quoted\\"" data=json:null; }
      sio_on barrier { ack $sio_data_second $sio_auth; }
    }

    sio_namespace /codes {
      sio_use { require $one error=none data=json:5; }
      sio_use { require $two error=x 'data=["text"]'; }
      sio_use { require $three error=x data=json:false; }
      sio_on barrier { ack; }
    }

    sio_namespace /welcome {
      sio_on connect { join lobby; emit joined $sio_id to=lobby except=self;
                       emit welcome $sio_id $sio_rooms;
                       emit bytes base64:Bg==; emit all $sio_id to=*; }
      sio_on barrier { ack; }
      sio_on lobby   { emit lobby to=lobby; }
    }

    sio_namespace /kick      { sio_on connect { emit x; disconnect; } }
    sio_namespace /kickclose { sio_on connect { emit x; disconnect close; } }

    sio_namespace /room-1 {
      sio_on who { emit who exact $sio_nsp; }
      sio_on barrier { ack; }
    }

    sio_namespace ~ "^/room-(?<num>[0-9]+)$" {
      sio_on connect { join all; emit in $num to=all except=self; }
      sio_on who     { emit who $num $sio_nsp; }
      sio_on say     { emit said $sio_arg_0 to=all; }
      sio_on barrier { ack; }
    }

    sio_namespace ~ "^/room-" {
      sio_on who     { emit who other $sio_nsp; }
      sio_on barrier { ack; }
    }

    sio_namespace /ask {
      sio_on barrier { ack; }
      sio_on ask     { emit question $sio_arg_0 ack=asked; }
      sio_on asks    { emit question json:1 ack=asked;
                       emit question json:2 ack=asked; }
      sio_on bytes   { emit question base64:Bg== ack=asked; }
      sio_on short   { emit question ack=asked timeout=200ms; }
      sio_on all     { emit question to=* ack=nobody timeout=10s; }
      sio_on plain   { emit plain; }
      sio_on leave   { emit question ack=asked; disconnect; }
      sio_on_ack asked {
        require !$sio_error;
        emit answered $sio_args;
      }
      sio_on_ack nobody { }
    }

    sio_namespace /late {
      sio_on barrier { ack; }
      sio_on short   { emit question ack=asked timeout=200ms; }
      sio_on_ack asked { emit failed $sio_error; }
    }

    sio_namespace /leave {
      sio_on barrier { ack; }
      sio_on enter   { join $sio_arg_0; ack; }
      sio_on bye     { disconnect; }
      sio_on close   { disconnect close; }
      sio_on out     { disconnect in=$sio_arg_0; }
      sio_on outside { disconnect close in=$sio_arg_0; }
      sio_on disconnecting {
        emit leaving $sio_id $sio_reason $sio_rooms to=$sio_rooms;
      }
      sio_on disconnect {
        emit gone $sio_id $sio_reason $sio_rooms to=*;
        emit never;
      }
    }

    sio_namespace /second {
      sio_on barrier { ack; }
      sio_on disconnect { emit second $sio_reason to=* nsp=/leave; }
    }
  `,

  node: (io) => {
    const barrier = (socket) => socket.on('barrier', (ack) => ack?.());
    const fail = (message, data) => Object.assign(new Error(message),
                                                  { data });

    io.on('connection', (socket) => {
      const burst = (to) => () => {
        to.volatile.emit('v', 1);
        to.volatile.emit('v', 2);
        to.volatile.emit('v', 3);
        to.emit('n', 4);
        to.volatile.emit('v', 5);
      };

      barrier(socket);
      socket.on('auth', () => socket.emit('auth', socket.handshake.auth));
      socket.on('burst', burst(socket));
      socket.on('bursts', burst(io));
    });

    io.of('/guard')
      .use(({ handshake: { auth } }, next) => next(
        auth.one ? null : fail('the first', { n: 1, who: auth.one })))
      .use((socket, next) => {
        const { two } = socket.handshake.auth;

        socket.data.second = two;
        next(two ? null : fail('the second', [2]));
      })
      .use(({ handshake: { auth } }, next) => next(
        auth.three ? null : fail('\u20ac "quoted"', null)))
      .on('connection', (socket) => {
        socket.on('barrier', (ack) => ack(socket.data.second,
                                          socket.handshake.auth));
      });

    io.of('/codes')
      .use(({ handshake: { auth } }, next) => next(
        auth.one ? null : fail('none', 5)))
      .use(({ handshake: { auth } }, next) => next(
        auth.two ? null : fail('x', ['text'])))
      .use(({ handshake: { auth } }, next) => next(
        auth.three ? null : fail('x', false)))
      .on('connection', barrier);

    io.of('/welcome').on('connection', (socket) => {
      barrier(socket);
      socket.join('lobby');
      socket.to('lobby').emit('joined', socket.id);
      socket.emit('welcome', socket.id, [...socket.rooms]);
      socket.emit('bytes', Buffer.from([6]));
      socket.nsp.emit('all', socket.id);
      socket.on('lobby', () => socket.nsp.to('lobby').emit('lobby'));
    });

    io.of('/kick').on('connection', (socket) => {
      socket.emit('x');
      socket.disconnect();
    });

    io.of('/kickclose').on('connection', (socket) => {
      socket.emit('x');
      socket.disconnect(true);
    });

    io.of('/room-1').on('connection', (socket) => {
      barrier(socket);
      socket.on('who', () => socket.emit('who', 'exact', socket.nsp.name));
    });

    io.of(/^\/room-[0-9]+$/).on('connection', (socket) => {
      const num = socket.nsp.name.slice(6);

      barrier(socket);
      socket.join('all');
      socket.to('all').emit('in', num);
      socket.on('who', () => socket.emit('who', num, socket.nsp.name));
      socket.on('say', (what) => socket.nsp.to('all').emit('said', what));
    });

    io.of(/^\/room-/).on('connection', (socket) => {
      barrier(socket);
      socket.on('who', () => socket.emit('who', 'other', socket.nsp.name));
    });

    io.of('/ask').on('connection', (socket) => {
      const answered = (...args) => socket.emit('answered', ...args);

      barrier(socket);
      socket.on('ask', (what) => socket.emit('question', what, answered));
      socket.on('asks', () => {
        socket.emit('question', 1, answered);
        socket.emit('question', 2, answered);
      });
      socket.on('bytes', () => socket.emit('question', Buffer.from([6]),
                                           answered));
      socket.on('short', () => socket.timeout(200).emit('question',
        (err, ...args) => (err ? null : answered(...args))));
      socket.on('all', () => io.of('/ask').timeout(10000)
        .emit('question', () => {}));
      socket.on('plain', () => socket.emit('plain'));
      socket.on('leave', () => {
        socket.emit('question', answered);
        socket.disconnect();
      });
    });

    io.of('/late').on('connection', (socket) => {
      barrier(socket);
      socket.on('short', () => socket.timeout(200).emit('question',
        (err) => socket.emit('failed', err && err.message)));
    });

    io.of('/leave').on('connection', (socket) => {
      const { nsp } = socket;

      barrier(socket);
      socket.on('enter', (room, ack) => { socket.join(room); ack(); });
      socket.on('bye', () => socket.disconnect());
      socket.on('close', () => socket.disconnect(true));
      socket.on('out', (room) => nsp.in(room).disconnectSockets());
      socket.on('outside', (room) => nsp.in(room).disconnectSockets(true));
      socket.on('disconnecting', (reason) => nsp.to([...socket.rooms])
        .emit('leaving', socket.id, reason, [...socket.rooms]));
      socket.on('disconnect', (reason) => nsp.emit('gone', socket.id, reason,
                                                   [...socket.rooms]));
    });

    io.of('/second').on('connection', (socket) => {
      barrier(socket);
      socket.on('disconnect', (reason) => io.of('/leave').emit('second',
                                                               reason));
    });
  },
};


describe('the life of a socket', () => {
  const both = lib.pair(app);

  const keepers = [];

  before(async () => {
    await both.start();

    /* ids are counted from 0 while the namespace has a socket */

    for (const server of Object.values(both.servers)) {
      const keeper = await lib.wsOpen(server);

      await keeper.connectNsp('/ask');
      keepers.push(keeper);
    }
  });

  after(async () => {
    await Promise.all(keepers.map((k) => k.close()));
    await both.stop();
  });

  /* {name: packets}, each with one answer at least; then the barrier in nsp */

  const connects = {
    'middleware: the first fails': ['/guard', '40/guard,'],
    'middleware: the first, with a value': ['/guard', '40/guard,{"one":0}'],
    'middleware: the second': ['/guard', '40/guard,{"one":1}'],
    'middleware: the second, not the third': [
      '/guard', '40/guard,{"one":1,"three":1}'],
    'middleware: the third': ['/guard', '40/guard,{"one":1,"two":2}'],
    'middleware: none': ['/guard',
                         '40/guard,{"one":1,"two":{"a":[2]},"three":"3"}'],
    'middleware: from one to the next': [
      '/guard', '40/guard,', '40/guard,{"one":1}', '40/guard,{"one":1,"two":2}',
      '40/guard,{"one":1,"two":2,"three":3}'],
    'a number for data': ['/codes', '40/codes,'],
    'text for data': ['/codes', '40/codes,{"one":true}'],
    'false for data': ['/codes', '40/codes,{"one":true,"two":[]}'],
    'all of them': ['/codes', '40/codes,{"one":true,"two":"0","three":{}}'],
    'an exact name before an expression': ['/room-1', '40/room-1,'],
    'the first expression': ['/room-22', '40/room-22,'],
    'the second expression': ['/room-x', '40/room-x,'],
    'an expression, not matched': ['', '40/rooms,'],
    'an expression, a slash': ['/room-5/6', '40/room-5/6,'],
  };

  for (const [name, [nsp, ...packets]] of Object.entries(connects)) {
    for (const transport of ['WebSocket', 'polling']) {
      it(`${transport}: ${name}`, () => both.compare(
        async ({ note, wsOpen, poll }) => {
          let answer;

          if (transport === 'polling') {
            const p = await poll({});

            for (const packet of packets) {
              await p.post(packet);
              answer = await p.wait(/^4[04]/);
              note(packet, answer);
            }

            if (answer.startsWith('40')) {
              await p.post([`42${nsp},["who"]`, `42${nsp},9["barrier"]`]);
              note(await p.wait(/^43/), p.rest);
            }

            await p.close();
            return;
          }

          const ws = await wsOpen({});

          for (const packet of packets) {
            ws.send(packet);
            answer = await ws.recvText();
            note(packet, answer);
          }

          if (answer.startsWith('40')) {
            ws.send(`42${nsp},["who"]`);
            note(...await drain(ws, `42${nsp},99["barrier"]`));
          }

          await ws.close();
        }));
    }
  }


  for (const auth of ['', '{}', '{"a":1}', '{"a":{"b":[null,1.5,"\u20ac"]}}',
                      '{"token":"x","token":"y"}', '{"__proto__":1}']) {
    it(`auth ${auth}`, () => both.compare(async ({ note, wsOpen }) => {
      const ws = await wsOpen({});

      ws.send(`40${auth}`);
      await ws.recvText();
      ws.send('42["auth"]');
      note(...lib.meaning(await drain(ws)));
      await ws.close();
    }));
  }


  it('what "connect" emits, and its rooms', () => both.compare(
    async ({ note, wsOpen, poll }) => {
      const got = [];
      const first = await wsOpen({});

      first.send('40/welcome,');

      for (let text = ''; !text.includes('"all"'); ) {
        const m = await first.recv();

        text = m.text;
        got.push([m.opcode === lib.TEXT ? text : m.data]);
      }

      const second = await poll({});

      await second.post('40/welcome,');
      await second.wait(/"all"/);
      got.push([...second.rest]);
      await second.post('42/welcome,["lobby"]');
      await second.wait(/"lobby"/);

      first.send('42/welcome,5["barrier"]');
      got.push(await drain(first, '42/welcome,99["barrier"]'));
      got.forEach((list) => note(...list));
      await first.close();
      await second.close();
    }));


  for (const nsp of ['/kick', '/kickclose']) {
    it(`${nsp}, WebSocket`, () => both.compare(async ({ note, wsOpen }) => {
      const ws = await wsOpen({});

      await ws.connectNsp();
      ws.send(`40${nsp},`);
      note(await ws.recvText(), await ws.recvText(), await ws.recvText());
      note(...await drain(ws));
      await ws.close();
    }));

    it(`${nsp}, polling`, () => both.compare(async ({ note, poll }) => {
      const p = await poll({});

      await p.connectNsp();
      await p.post(`40${nsp},`);
      note(await p.wait(/^41/), p.rest);
      await p.post('42["auth"]');
      note((await p.get()).text);
    }));
  }


  it('a dynamic namespace has rooms of its own', () => both.compare(
    async ({ note, wsOpen, poll }) => {
      const a = await wsOpen({}), b = await wsOpen({}), c = await poll({});

      await a.connectNsp('/room-7');
      await b.connectNsp('/room-7');
      await a.connectNsp('/room-8').catch((e) => note(e.message));
      await c.connectNsp('/room-8');
      note(await c.post('42/room-8,["say","eight"]'));
      note(await c.wait(/^42/));
      b.send('42/room-7,["say","seven"]');
      note(...await drain(b, '42/room-7,99["barrier"]'));
      a.send('42/room-7,["who"]');
      note(...await drain(a, '42/room-7,99["barrier"]'));
      await c.post('42/room-7,["say"]');
      note((await c.get()).text);
      await a.close();
      await b.close();
    }));


  /* -- acknowledgements that the server asks for -------------------------- */

  const answers = {
    'nothing': ['43/ask,ID'],
    'an empty array': ['43/ask,ID[]'],
    'values': ['43/ask,ID[1,"a",null,{"b":[2]}]'],
    'null': ['43/ask,ID[null]'],
    'an array': ['43/ask,ID[[1,2]]'],
    'bytes': [`461-/ask,ID[${ph(0)}]`, bin(1)],
    'bytes in an object': [`462-/ask,ID[{"a":${ph(1)}},${ph(0)}]`, bin(1),
                           bin(2)],
    'twice': ['43/ask,ID[1]', '43/ask,ID[2]'],
    'twice, the second with bytes': ['43/ask,ID[1]',
                                     `461-/ask,ID[${ph(0)}]`, bin(1)],
    'a zero in front': ['43/ask,0ID[1]'],
    'another id': ['43/ask,9999[1]', '43/ask,ID[2]'],
    'in another namespace': ['43ID[1]', '43/ask,ID[2]'],
    'without an id': ['43/ask,[1]', '43/ask,ID[2]'],
    'an event with its id': ['42/ask,ID["barrier"]', null, '43/ask,ID[2]'],
    'later': ['42/ask,["plain"]', null, '43/ask,ID[3]'],
    'an object': ['43/ask,ID{}'],
    'a string': ['43/ask,ID"x"'],
    'names that are reserved': ['43/ask,ID["disconnect","connect"]'],
    'after CONNECT anew': ['41/ask,', '40/ask,', '43/ask,ID[1]'],
    'with an id too large': ['43/ask,99999999999999999999[1]',
                             '43/ask,ID[1]'],
  };

  for (const ask of ['["ask",1]', '["ask",{"a":[]}]', '["asks"]', '["bytes"]',
                     '["short"]']) {
    for (const [name, packets] of Object.entries(answers)) {
      it(`${ask} answered: ${name}`, () => both.compare(
        async ({ note, wsOpen }) => {
          const ws = await wsOpen({});

          await ws.connectNsp();
          await ws.connectNsp('/ask');
          ws.send(`42/ask,${ask}`);

          const asked = await drain(ws, '42/ask,99["barrier"]');
          const id = /^4[25](?:1-)?\/ask,(\d+)/.exec(asked[0])[1];

          note(...asked);

          for (const packet of packets) {
            if (packet) {
              ws.send(Buffer.isBuffer(packet) ? packet
                                              : packet.replace('ID', id));
            }

            if (/^40/.test(packet)) {
              note(await ws.recvText());

            } else if (!packet || /^41/.test(packet)) {
              note(...await drain(ws));
            }
          }

          note(...lib.meaning(await drain(ws)));
          await ws.close();
        }));
    }
  }


  it('ids are counted for each namespace', () => both.compare(
    async ({ note, wsOpen, poll }) => {
      const a = await wsOpen({}), b = await wsOpen({}), c = await poll({});

      await a.connectNsp('/ask');
      await b.connectNsp('/ask');
      await c.connectNsp('/ask');
      a.send('42/ask,["ask",1]');
      note(await a.recvText());
      b.send('42/ask,["ask",2]');
      note(await b.recvText());
      await c.post('42/ask,["ask",3]');
      note(await c.wait(/^42/));
      a.send('42/ask,["all"]');
      note(await a.recvText(), await b.recvText(), await c.wait(/^42/));
      a.send('42/ask,["asks"]');
      note(await a.recvText(), await a.recvText());
      await a.close();
      await b.close();
      await c.close();
    }));


  it('somebody else answers', () => both.compare(async ({ note, wsOpen }) => {
    const a = await wsOpen({}), b = await wsOpen({});

    await a.connectNsp('/ask');
    await b.connectNsp('/ask');
    a.send('42/ask,["ask",1]');

    const question = await a.recvText();
    const id = /,(\d+)/.exec(question)[1];

    note(question);
    b.send(`43/ask,${id}[1]`);
    note(...await drain(b, '42/ask,99["barrier"]'));
    note(...await drain(a, '42/ask,99["barrier"]'));
    a.send(`43/ask,${id}[2]`);
    note(...await drain(a, '42/ask,99["barrier"]'));
    await a.close();
    await b.close();
  }));


  it('nobody answers in time', () => both.compare(async ({ note, wsOpen }) => {
    const ws = await wsOpen({});

    await ws.connectNsp('/late');
    ws.send('42/late,["short"]');

    const question = await ws.recvText();

    note(question, await ws.recvText());
    ws.send(`43/late,${/,(\d+)/.exec(question)[1]}[1]`);
    note(...await drain(ws, '42/late,99["barrier"]'));
    await ws.close();
  }));


  it('a question to who is thrown out', () => both.compare(
    async ({ note, wsOpen }) => {
      const ws = await wsOpen({});

      await ws.connectNsp();
      await ws.connectNsp('/ask');
      ws.send('42/ask,["leave"]');
      note(...await drain(ws));
      await ws.close();
    }));


  /* all that a polling client gets until the barrier of a namespace */

  async function rest(p, nsp) {
    const head = nsp === '/' ? '' : `${nsp},`;
    const got = [];

    await p.post(`42${head}99["barrier"]`);

    for (;;) {
      const r = await p.get();

      if (r.status !== 200) {
        return [...got, r.status];
      }

      for (const packet of r.packets) {
        if (packet === `43${head}99[]`) {
          return got;
        }

        if (packet !== '6') {
          got.push(packet);
        }
      }
    }
  }


  /* -- volatile ----------------------------------------------------------- */

  for (const event of ['burst', 'bursts']) {
    it(`volatile, WebSocket: ${event}`, () => both.compare(
      async ({ note, wsOpen }) => {
        const ws = await wsOpen({});

        await ws.connectNsp();
        ws.send(`42["${event}"]`);
        note(...await drain(ws));
        await ws.close();
      }));

    it(`volatile, no GET: ${event}`, () => both.compare(
      async ({ note, poll }) => {
        const p = await poll({});

        await p.connectNsp();
        await p.post(`42["${event}"]`);
        note((await p.get()).text);
        await p.close();
      }));

    it(`volatile, a GET: ${event}`, () => both.compare(
      async ({ note, poll }) => {
        const p = await poll({});

        await p.connectNsp();

        const get = await p.parked();

        await p.post(`42["${event}"]`);
        note(...(await get.response).packets, ...await rest(p, '/'));
        await p.close();
      }));
  }


  /* -- the end ------------------------------------------------------------ */

  const ends = {
    'DISCONNECT': (a) => a.send('41/leave,'),
    'DISCONNECT of the other namespace': (a) => a.send('41/second,'),
    'disconnected': (a) => a.send('42/leave,["bye"]'),
    'disconnected, the connection too': (a) => a.send('42/leave,["close"]'),
    'thrown out': (a, b, id) => b.send(`42/leave,["out","${id}"]`),
    'thrown out, the connection too': (a, b, id) =>
      b.send(`42/leave,["outside","${id}"]`),
    'thrown out with a room': (a, b) => b.send('42/leave,["out","r"]'),
    'thrown out with a room, the connection too': (a, b) =>
      b.send('42/leave,["outside","r"]'),
    'throws itself out': (a, b, id) => a.send(`42/leave,["out","${id}"]`),
    'throws itself out, the connection too': (a, b, id) =>
      a.send(`42/leave,["outside","${id}"]`),
    'a bad packet': (a) => a.send('4x'),
    'CONNECT twice': (a) => a.send('40/leave,'),
    'CONNECT_ERROR': (a) => a.send('44/leave,{}'),
    'an event for nobody': (a) => a.send('42/nowhere,["x"]'),
    'a bad Engine.IO packet': (a) => a.send('x'),
    'an Engine.IO ping': (a) => a.send('2'),
    'a binary message': (a) => a.bytes(bin(1)),
    'an empty message': (a) => a.send(''),
  };

  const ofWebSocket = {
    'a close frame': ({ ws }) => ws.close(),
    'a close frame, 1000': ({ ws }) => ws.close(1000),
    'a close frame, 1001': ({ ws }) => ws.close(1001, 'away'),
    'a close frame, 4000': ({ ws }) => ws.close(4000),
    'the connection ends': ({ ws }) => ws.destroy(),
    'the connection is reset': ({ ws }) => ws.reset(),
    'a frame without a mask': ({ ws }) => ws.sendFrame({ payload: '2',
                                                         mask: false }),
    'a frame too large': ({ ws }) => ws.sendFrame({ payload: '4',
                                                    length: 2 ** 30 }),
    'text that is not UTF-8': ({ ws }) => ws.sendFrame({
      payload: Buffer.from([0x34, 0xff]) }),
    'a bad opcode': ({ ws }) => ws.sendFrame({ opcode: 5, payload: 'x' }),
  };

  const ofPolling = {
    'close': ({ p }) => p.post('1'),
    'close, one namespace left before': async ({ p }) => {
      await p.post('41/second,');
      await p.post('1');
    },
    'close, both left before': async ({ p }) => {
      await p.post('41/leave,');
      await p.post('41/second,');
      await p.post('1');
    },
    'a GET given up': async ({ p }) => (await p.parked()).abort(),
    'two GETs': async ({ p }) => {
      const get = await p.parked();

      await p.get();
      get.abort();
    },
    'bytes, as octets': ({ p }) => p.post('4', {
      headers: { 'Content-Type': 'application/octet-stream' } }),
    'an empty body': ({ p }) => p.post(''),
    'a separator too many': ({ p }) => p.post('42/leave,["x"]\x1e'),
  };

  /* who leaves is in "/leave", room "r", and in "/second" */

  async function enter(to, transport) {
    const p = transport === 'polling' ? await to.poll({}) : null;
    const ws = p ? null : await to.wsOpen({});
    const a = {
      p, ws,
      send: (packet) => (p ? p.post(packet) : ws.send(packet)),
      bytes: (data) => (p ? p.post(`b${data.toString('base64')}`)
                          : ws.send(data)),
    };

    a.id = await (p || ws).connectNsp('/leave');
    await a.send('42/leave,1["enter","r"]');
    await (p ? p.wait(/^43/) : ws.recv());
    await (p || ws).connectNsp('/second');

    return a;
  }

  for (const transport of ['websocket', 'polling']) {
    const all = { ...ends, ...(transport === 'polling' ? ofPolling
                                                       : ofWebSocket) };

    for (const [name, run] of Object.entries(all)) {
      it(`the end, ${transport}: ${name}`, () => both.compare(
        async ({ note, ...to }) => {
          const b = await to.wsOpen({});
          const c = await to.poll({});
          const heard = [];

          await b.connectNsp('/leave');
          await c.connectNsp('/leave');

          const a = await enter(to, transport);

          note(a.id);

          /* like a client a GET waits, where it is not what this is about */

          const get = transport === 'polling' && name in ends
                      ? await a.p.parked() : null;

          await run(a, b, a.id);

          /* both namespaces, or one of them */

          const one = { 'DISCONNECT': 1, 'disconnected': 1, 'thrown out': 1,
                        'thrown out with a room': 1, 'throws itself out': 1,
                        'DISCONNECT of the other namespace': 1 }[name];

          for (let left = one || 2; left; ) {
            const text = await b.recvText();

            heard.push(text);
            left -= /"(gone|second)"/.test(text);
          }

          note(...heard);

          const polled = [];

          while (polled.length < heard.length) {
            polled.push(await c.wait(/^4/));
          }

          note(...polled);

          const other = name.includes('other') ? '/leave' : '/second';

          if (get) {
            const got = [...(await get.response).packets,
                         ...await rest(a.p, other)];

            /* a polling client hears nothing of a namespace behind its end */

            note(...got.filter((packet, i) => !/^42\/leave/.test(packet)
                               || !got.slice(0, i).includes('41/leave,')));
            await a.p.close();

          } else if (a.ws && name in ends) {
            note(...await drain(a.ws, one && `42${other},99["barrier"]`));
            await a.ws.close();
          }

          await b.close();
          await c.close();
        }));
    }
  }
});
