'use strict';

/*
 * Engine.IO v3 and Socket.IO v4, sio_allow_eio3, beside Node's allowEIO3:
 * payloads, frames, heartbeats, the upgrade, namespaces, and what is wrong.
 */

const { after, before, describe, it } = require('node:test');

const lib = require('./lib.js');

const { payload3, packets3 } = lib;

const bytes = (...list) => Buffer.from(list);

const app = {
  directives: 'sio_allow_eio3 on;',
  options: { allowEIO3: true },

  rules: `
    sio_set $user    auth /user string;
    sio_set $nobody  auth /nobody string;
    sio_set $blank   auth /blank;

    sio_on connect   { emit welcome $sio_id $sio_rooms; }
    sio_on echo      { relay; }
    sio_on ack       { ack $sio_args; }
    sio_on auth      { ack $sio_auth; }
    sio_on question  { emit question 1 ack=answer; }
    sio_on_ack answer { emit answered $sio_args; }
    sio_on to        { emit said $sio_args_1 to=$sio_arg_0; }
    sio_on bye       { disconnect; }
    sio_on byeClose  { disconnect close; }
    sio_on barrier   { ack; }

    sio_namespace /custom {
        sio_on connect   { emit welcome $sio_id $sio_rooms; }
        sio_on auth      { ack $sio_auth; }
        sio_on echo      { relay; }
        sio_on to        { emit said $sio_args_1 to=$sio_arg_0; }
        sio_on join      { join $sio_arg_0; ack $sio_rooms; }
        sio_on bye       { disconnect; }
        sio_on barrier   { ack; }
    }

    sio_namespace /guard {
        sio_use      { require $user "error=who are you"
                               'data={"code": 401}'; }
    }

    sio_namespace /blank { sio_use { require $nobody "error=no" data=$blank; } }
    sio_namespace /text { sio_use { require $nobody "error=no" data=text; } }
    sio_namespace /bare { sio_use { require $nobody "error=no"; } }
  `,

  node: (io) => {
    const common = (nsp) => nsp.on('connection', (socket) => {
      socket.emit('welcome', socket.id, [...socket.rooms]);
      socket.on('echo', (...args) => socket.emit('echo', ...args));
      socket.on('ack', (...args) => args.pop()(...args));
      socket.on('auth', (ack) => ack(socket.handshake.auth));
      socket.on('to', (to, ...args) => nsp.to(to).emit('said', ...args));
      socket.on('join', (room, ack) => {
        socket.join(room);
        ack([...socket.rooms]);
      });
      socket.on('bye', () => socket.disconnect());
      socket.on('byeClose', () => socket.disconnect(true));
      socket.on('barrier', (ack) => ack());
      socket.on('question', () => {
        socket.emit('question', '1', (...args) => {
          socket.emit('answered', ...args);
        });
      });
    });

    const refuse = (nsp, data) => io.of(nsp).use((socket, next) => {
      next(Object.assign(new Error('no'), {
        data: data || socket.handshake.auth.blank,
      }));
    });

    common(io.of('/'));
    common(io.of('/custom'));

    io.of('/guard').use((socket, next) => {
      next(socket.handshake.auth.user ? undefined
        : Object.assign(new Error('who are you'), { data: { code: 401 } }));
    });

    refuse('/text', 'text');
    refuse('/bare');
    refuse('/blank');
  },

  locations: {
    '/no/': {
      directives: 'sio_allow_eio3 off;',
      options: { allowEIO3: false },
    },
    '/short/': {
      directives: `sio_allow_eio3 on;
                   sio_ping_interval 400ms;
                   sio_ping_timeout 300ms;`,
      options: { allowEIO3: true, pingInterval: 400, pingTimeout: 300 },
    },
    '/small/': {
      directives: `sio_allow_eio3 on;
                   sio_max_http_buffer_size 1000;`,
      options: { allowEIO3: true, maxHttpBufferSize: 1000 },
    },
    '/polling/': {
      directives: 'sio_allow_eio3 on; sio_transports polling;',
      options: { allowEIO3: true, transports: ['polling'] },
    },
  },
};

const OCTETS = { 'Content-Type': 'application/octet-stream' };
const BARRIER = '4299["barrier"]';


/* a session whose "40" and "welcome" were noted already */

async function session(tools, options) {
  const s = await tools.poll({ eio: 3, ...options });

  s.first = await take(s);
  return s;
}


/* what there is for a polling client; the answers to its pings first: Node
   waits a moment before it gives an event to its handlers */

async function take(s) {
  const got = [];

  await s.post([BARRIER]);

  while (!got.includes('4399[]')) {
    const r = await s.get();

    if (r.status !== 200) {
      return [...got, r.status, r.text];
    }

    got.push(...r.packets);
  }

  return pongsFirst(got.filter((p) => p !== '4399[]'));
}


function pongsFirst(packets) {
  return [...packets.filter((p) => p === '3'),
          ...packets.filter((p) => p !== '3')];
}


async function open(tools, options) {
  const ws = await tools.wsOpen({ eio: 3, ...options });

  ws.first = [await ws.recvText(), await ws.recvText()];
  return ws;
}


/* what a session answers to a payload, and whether it lives on */

async function exchange(tools, body, headers) {
  const s = await session(tools);
  const r = await s.post(body, { headers });

  return [r.status, r.text, await take(s)];
}


async function say(tools, ...frames) {
  const ws = await open(tools);

  for (const frame of frames) {
    ws.send(frame);
  }

  return pongsFirst(await lib.drain(ws));
}


describe('Engine.IO v3', { concurrency: 4 }, () => {
  const both = lib.pair(app);

  before(() => both.start());
  after(() => both.stop());

  const same = (title, script) => it(title, () => both.compare(script));


  same('polling: the handshake', async ({ note, poll, http }) => {
    const s = await poll({ eio: 3 });

    note(s.response, s.response.text.split(':')[0], s.open);
    note(await s.get());

    note((await poll({ eio: 3, path: '/polling/' })).open);

    for (const eio of ['', 'EIO=&', 'EIO=2&', 'EIO=04&', 'EIO=4&EIO=3&',
                       'EIO=4%20&', 'eio=4&']) {
      const r = await http({ path: `/socket.io/?${eio}transport=polling` });

      note(eio, r.status, packets3(r));
    }
  });


  same('WebSocket: the handshake', async (tools) => {
    const ws = await tools.ws({ eio: 3 });

    tools.note(ws.response, await ws.recvText(), await ws.recvText(),
               await ws.recvText());
    await ws.close();

    const other = await tools.ws({ path: '/socket.io/?transport=websocket' });

    tools.note(await other.recvText(), await other.recvText());
    await other.close();
  });


  same('where it is not allowed', async ({ note, http, server }) => {
    for (const query of ['EIO=3&transport=polling', 'transport=polling',
                         'EIO=3&transport=polling&b64=1',
                         'EIO=3&transport=polling&j=0',
                         'EIO=3&transport=websocket',
                         'EIO=3&transport=smoke']) {
      note(query, await http({ path: `/no/?${query}` }));
    }

    note((await http({ path: '/no/?EIO=4&transport=polling' })).status);

    /* Node's 101 comes first, then an answer of HTTP */

    const conn = await lib.connect(server);

    conn.write(lib.requestBytes({
      path: '/no/?EIO=3&transport=websocket',
      headers: { Upgrade: 'websocket', Connection: 'Upgrade',
                 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
                 'Sec-WebSocket-Version': '13' },
    }));
    note((await conn.response()).status);
    note((await conn.response()).text);
    await conn.closed;
    note('the connection is closed');
  });


  same('the protocol of a session stays', async ({ note, poll, ws }) => {
    const three = await poll({ eio: 3 });
    const four = await poll({ eio: 4 });

    for (const [s, eio] of [[three, 4], [four, 3]]) {
      s.options.eio = eio;
      note(await s.get());
      note(await s.post('4x'));

      const c = await ws({ path: `/socket.io/?EIO=${eio}&transport=websocket`
                                 + `&sid=${s.sid}` });
      note(c.status, c.response.text);
    }

    three.options.eio = 3;
    note((await three.get()).packets);
  });


  same('text payloads', async (tools) => {
    const good = [
      '11:42["echo"]', '12:42["echo",1]1:2', '0:12:42["echo",1]0:', '0:',
      '002:42', '1:21:21:2', '1:6', '1:0', '1:5', '6:2probe',
      payload3(['42["echo","\u00e9\u20ac\u{1f600}"]', '42["echo",2]']),
      payload3(['451-["echo",{"_placeholder":true,"num":0}]',
                bytes(4, 1, 2, 3)]),
      payload3(['452-["echo",{"_placeholder":true,"num":0},'
                + '{"a":{"_placeholder":true,"num":1}}]', bytes(4),
                bytes(4, 255)]),
      payload3(['42["echo",1]', 'b9AQID', '42["echo",2]']),
      payload3(['42["echo",1]', 'b', 'b2AQ==', '42["echo",2]']),
      payload3(['451-["echo",{"_placeholder":true,"num":0}]', 'b4AQ',
                '451-["echo",{"_placeholder":true,"num":0}]', 'b4_-8']),
      payload3([`42["echo","${'x'.repeat(70000)}"]`]),
      payload3(['421["ack",1,{"a":"b"}]']),
    ];

    for (const body of good) {
      tools.note(body.slice(0, 60), ...await exchange(tools, body));
    }

    const bad = [
      '', ':', '2', '2:', '3:42', '2:421', '-1:4', 'x:4', '1:4:', '2:42x',
      '1:7', '1:x', '1:\u00e9', '12:42["echo",1]1:x12:42["echo",2]',
      '12:42["echo",1]5:4', '3:4\u{1f600}', '1:3', '1:b1:3',
      '99999999999999999999999999999:4', '4294967297:4',
      '1:4', '1:1', '1:112:42["echo",1]', payload3(['b1', '42["echo"]']),
      '42["echo",1]', '42["echo",1]\x1e42["echo",2]',
      payload3([bytes(4, 1)]), payload3(['b3']),
    ];

    for (const body of bad) {
      tools.note(body, ...await exchange(tools, body));
    }
  });


  same('binary payloads', async (tools) => {
    const good = [
      payload3(['42["echo",1]'], true),
      payload3(['42["echo","a\u00e9\u20ac\u{1f600}"]', '2'], true),
      payload3(['451-["echo",{"_placeholder":true,"num":0}]',
                bytes(4, 1, 2, 3), '42["echo",1]'], true),
      payload3(['451-["echo",{"_placeholder":true,"num":0}]', 'b4AQID'],
               true),
      payload3([bytes(2), bytes(9, 1), bytes(6), bytes(), bytes(0x34)], true),
      Buffer.concat([bytes(0, 0, 0, 1, 255), Buffer.from('2')]),
      Buffer.concat([bytes(0, 1, 255), Buffer.from('2'), bytes(7, 1, 255, 2)]),
      Buffer.concat([bytes(0, 9, 255), Buffer.from('42')]),
      Buffer.concat([bytes(0, ...Array(311).fill(9), 255), Buffer.from('2')]),
      bytes(),
    ];

    for (const body of good) {
      tools.note(body.subarray(0, 60),
                 ...await exchange(tools, body, OCTETS));
    }

    const bad = [
      bytes(0), bytes(0, 1), bytes(0, 0, 255), bytes(0, 1, 255),
      Buffer.from('2:42'), payload3(['x'], true), payload3(['3'], true),
      payload3(['42["echo",1]', 'x', '42["echo",2]'], true),
      Buffer.concat([payload3(['42["echo",1]'], true), bytes(0, 5)]),
      Buffer.concat([payload3(['42["echo",1]'], true), bytes(0)]),
      Buffer.concat([bytes(0, 2, 255), Buffer.from('4'), bytes(0xff)]),
      payload3([bytes(1)], true), payload3([bytes(3)], true),
      payload3([bytes(4, 1)], true), payload3(['42["echo"', '2'], true),
      Buffer.concat([bytes(0, ...Array(312).fill(9), 255),
                     Buffer.from('2')]),
    ];

    for (const body of bad) {
      tools.note(body.subarray(0, 60),
                 ...await exchange(tools, body, OCTETS));
    }
  });


  same('which payload a content type means', async (tools) => {
    const binary = payload3(['42["echo",1]', bytes(2)], true);

    for (const type of ['application/octet-stream; charset=x',
                        'APPLICATION/OCTET-STREAM', 'text/plain', '']) {
      tools.note(type, ...await exchange(tools, binary,
                                         { 'Content-Type': type }));
      tools.note(type, ...await exchange(tools, '12:42["echo",1]',
                                         { 'Content-Type': type }));
    }
  });


  same('answers are binary when a packet is', async (tools) => {
    const event = ['451-["echo",{"_placeholder":true,"num":0}]',
                   bytes(4, 0, 128, 255)];

    for (const query of [undefined, 'b64=1', 'b64=0', 'b64=']) {
      const s = await session(tools, { query });

      for (const packets of [event, ['2', ...event], ['42["echo"]'],
                             [...event, '42["echo","\u20ac\u{1f600}"]']]) {
        await s.post(payload3(packets));

        const r = await s.get();

        tools.note(query, r, r.body);
      }
    }
  });


  same('polling: overlaps, methods, sizes', async ({ note, poll, http }) => {
    const s = await poll({ eio: 3 });

    await s.get();

    const hang = await s.parked();

    note(await s.get());
    note(await hang.response);
    note(await s.get());

    const other = await poll({ eio: 3, path: '/small/' });

    note((await other.get()).packets);
    note(await other.post(payload3([`4${'x'.repeat(996)}`])));
    note(await other.post(payload3([`4${'x'.repeat(2000)}`])));
    note(await other.post(payload3(['42["echo",1]'])));
    note(await other.get());
    note(await http({ method: 'PUT', path: other.url() }));
    note(await http({ method: 'OPTIONS', path: other.url() }));

    const last = await other.parked();

    note(await other.post('1:1'));
    note(await last.response);
    note(await other.get());
  });


  same('polling: the client pings', async (tools) => {
    const s = await session(tools);

    tools.note(await s.post('1:2'), await s.get());
    tools.note(await s.post('1:21:26:2probe12:42["echo",1]'), await s.get());

    const hang = await s.parked();

    tools.note(await s.post(payload3([bytes(2, 1)], true),
                            { headers: OCTETS }));
    tools.note(await hang.response);
    tools.note(await s.post('1:3'), await s.get());
  });


  same('WebSocket: the client pings', async (tools) => {
    const { note } = tools;

    note(await say(tools, '2', '2anything', bytes(2), bytes(2, 1), 'b2AQ==',
                   '42["echo",1]'));
    note(await say(tools, '2probe'));

    for (const pong of ['3', '3probe', bytes(3), 'b3']) {
      note(pong, await say(tools, pong));
    }
  });


  same('WebSocket: frames', async (tools) => {
    const head = '451-["echo",{"_placeholder":true,"num":0}]';

    for (const frames of [
      [head, bytes(4, 1, 2, 3)], [head, bytes(4)], [head, 'b4AQID'],
      [head, '2', bytes(4, 1)], [head, bytes(9, 1), bytes(4, 1)],
      [bytes(9)], [bytes()], ['b'], ['b9AQ=='], ['6'], ['0'], ['1'], ['5'],
      [bytes(1)], [bytes(5)], [bytes(0)], [bytes(6)],
      [''], ['7'], ['x'], ['4'], ['b4AQID'], [bytes(4, 1)],
      [head, '42["echo"]'], [head, bytes(0x34, 1)],
      [`42["echo","${'\u20ac'.repeat(30000)}"]`],
      ['421["ack",1,null]'],
    ]) {
      tools.note(frames.map((f) => f.slice(0, 40)),
                 await say(tools, ...frames));
    }
  });


  same('WebSocket: base64 when asked for', async (tools) => {
    const event = ['451-["echo",{"_placeholder":true,"num":0}]'];

    for (const [query, ...more] of [
      ['EIO=3&transport=websocket&b64=1', bytes(4, 1, 2, 255)],
      ['EIO=3&transport=websocket&b64=', bytes(4, 1, 2, 255)],
      ['EIO=4&transport=websocket&b64=1', bytes(1, 2, 255)],
      ['EIO=4&transport=websocket&b64=x&b64=', bytes(1, 2, 255)],
    ]) {
      const ws = await tools.wsOpen({ path: `/socket.io/?${query}` });

      if (query.startsWith('EIO=4')) {
        ws.send('40');
        await ws.recvText();
      }

      [...event, ...more].forEach((f) => ws.send(f));
      tools.note(query, await lib.drain(ws));
    }
  });


  same('time runs out without a ping', async (tools) => {
    const { note } = tools;
    const path = '/short/';

    const ws = await open(tools, { path });
    const chatty = await open(tools, { path });
    const lively = await open(tools, { path });
    const s = await session(tools, { path });
    const busy = await session(tools, { path });
    const alive = await session(tools, { path });

    let over = false;

    const talk = async () => {
      while (!over) {
        chatty.send('42["echo",1]');
        lively.send('2');
        await Promise.all([alive.post(['2']), alive.get()]);
        await new Promise((resolve) => setTimeout(resolve, 60));
      }
    };

    /* the last GET is there when the time is over */

    const chat = async () => {
      const until = Date.now() + 350;

      while (Date.now() < until) {
        await take(busy);
      }

      for (;;) {
        const r = await busy.get();

        if (r.status !== 200 || r.text === '1:1') {
          return r.status === 200 ? busy.get() : r;
        }
      }
    };

    const talking = talk();
    const chatting = chat();
    const last = await s.get();

    note('polling', last.status, last.text, await s.get());
    note('WebSocket', (await ws.waitClose()).code);
    note('events do not count', (await chatty.waitClose()).code);
    note('events do not count', await chatting);

    over = true;
    await talking;
    note('pings do', (await alive.post(['2'])).status);
    lively.send('42["echo","still"]');
    await lib.until(async () =>
      (await lively.recvText()) === '42["echo","still"]');
    await lively.close();
    await alive.close();
  });


  same('the upgrade', async (tools) => {
    const { note, poll } = tools;
    const s = await poll({ eio: 3 });

    note((await s.get()).packets);

    const hang = await s.parked();
    const ws = await s.candidate();

    ws.send('2probe');
    note(await ws.recvText(), await hang.response);

    await s.post(payload3(['42["echo","while probing"]']));
    note((await s.get()).packets);
    await s.post(payload3(['2', '42["echo","queued"]',
                           '451-["echo",{"_placeholder":true,"num":0}]',
                           bytes(4, 7)]));
    ws.send('5');
    note(await ws.recvText(), await ws.recvText(), await ws.recvText(),
         (await ws.recv()).data);
    note(await s.get());
    ws.send('2');
    note(await ws.recvText());

    const second = await s.candidate();

    note(second.status, (await second.waitClose()).code);
    ws.send('42["echo","after"]');
    note(await ws.recvText());
    await ws.close();
    note(await s.get());
  });


  same('candidates that are none', async (tools) => {
    for (const frame of ['2', '2prob', '3probe', '42["echo"]', 'x', '',
                         bytes(2, 0x70, 0x72, 0x6f, 0x62, 0x65), bytes(9),
                         'b2cHJvYmU=']) {
      const s = await session(tools);
      const ws = await s.candidate();

      ws.send(frame);
      tools.note(frame, (await ws.waitClose()).code);
      await s.post(payload3(['42["echo",1]']));
      tools.note((await s.get()).packets);
      await s.close();
    }

    for (const frame of ['5', '5x', bytes(5), 'b5']) {
      const s = await session(tools);
      const ws = await s.candidate();

      ws.send(frame);
      ws.send('42["echo",1]');
      tools.note(frame, await ws.recvText());
      await ws.close();
    }
  });


  same('the base64 of an upgrade is its own', async (tools) => {
    for (const [query, own] of [['b64=1', ''], ['', '&b64=1']]) {
      const s = await session(tools, { query });
      const ws = await s.candidate({
        path: `/socket.io/?EIO=3&transport=websocket&sid=${s.sid}${own}`,
      });

      ws.send('5');
      ws.send('451-["echo",{"_placeholder":true,"num":0}]');
      ws.send(bytes(4, 1));
      tools.note(query, await ws.recvText(), (await ws.recv()).data);
      await ws.close();
    }
  });


  same('namespaces: names and queries', async (tools) => {
    for (const nsp of ['/custom', '/custom?', '/custom?a=1', '/custom?a',
                       '/custom?a=1&b=%C3%A9+x&a=2&c=%zz&=d&e=f=g&&',
                       '/custom?%22%5C=%22%0A&\u20ac=\u{1f600}',
                       '/custom?a=%FF', '/custom?__proto__=1',
                       '/custom?a[]=1&a[]=2', '/custom#x', '/custom?a=1#b?c',
                       '/custom?a=1?b=2', '/./custom', '/x/../custom',
                       '/../custom', '/custom/.', '/custom/', '/custom/x/..',
                       '/custom/../custom', '\\custom',
                       '/custom ', '/ custom', '/Custom', '/unknown',
                       '/unknown?a=1', '/a b', '/\u20ac', '/a"b', '/<>`{}',
                       '/a|b^c~d', '/%63ustom', '/a//b', '/a\\b',
                       '/text', '/bare', '/blank', '/blank?blank=',
                       '/blank?blank=x',
                       '/guard', '/guard?user=', '/guard?user=ann',
                       '/guard?user=a&user=', '/?a=1', '/']) {
      const ws = await open(tools);

      ws.send(`40${nsp},`);

      const got = await lib.drain(ws);

      if (!ws.ended) {
        got.push(...await lib.drain(ws));
      }

      tools.note(nsp, got);
    }
  });


  same('namespaces: auth, ids, rooms', async (tools) => {
    const { note } = tools;
    const a = await open(tools);
    const b = await open(tools);
    const poll = await session(tools);

    note(a.first, b.first, poll.first);

    for (const ws of [a, b]) {
      ws.send('421["auth"]');
      note(await ws.recvText());
      ws.send('40/custom?token=x&list=1&list=2,{"token":"ignored"}');
      note(await ws.recvText(), await ws.recvText());
      ws.send('42/custom,2["auth"]');
      note(await ws.recvText());
      ws.send('42/custom?any=query,3["auth"]');
      note(await ws.recvText());
    }

    await poll.post(['40/custom?polling=1,']);
    note(await take(poll));
    await poll.post(['42/custom,4["auth"]']);
    note(await take(poll));

    /* to a socket by its id, of each namespace */

    for (const s of [a, b, poll]) {
      b.send(`42["to","${s.sid}","main"]`);
      b.send(`42/custom,["to","/custom#${s.sid}","custom"]`);
      b.send(`42/custom,["to","${s.sid}","nobody"]`);
      b.send(`42["to","/custom#${s.sid}","nobody"]`);
      note(await lib.drain(b));
      note(await lib.drain(a));
      note(await take(poll));
    }

    a.send('42/custom,5["join","r"]');
    note(await a.recvText());
    a.send(`42/custom,6["join","/custom#${a.sid}"]`);
    note(await a.recvText());
    b.send('42/custom,["to","r","room"]');
    await lib.drain(b);
    note(await lib.drain(a));

    /* leaving, and coming back */

    a.send('41/custom,');
    await lib.drain(a);
    a.send('40/custom');
    note(await a.recvText(), await a.recvText());
    a.send('42/custom,["bye"]');
    note(await a.recvText());
    a.send('40/custom?again,');
    note(await a.recvText(), await a.recvText());
    a.send('41');
    note(await lib.drain(a, '42/custom,99["barrier"]'));
    b.send('42["bye"]');
    note(await lib.drain(b, '42/custom,99["barrier"]'));
    note(await lib.drain(b, '4299["barrier"]'));
    await poll.post(['42["byeClose"]']);
    note((await poll.get()).text, await poll.get());
  });


  same('what ends the connection', async (tools) => {
    for (const packet of ['40', '40{}', '40/', '40?a=1', '40/custom,[1]',
                          '42/custom,["echo"]', '42/nowhere,["x"]',
                          '41/nowhere', '43/nowhere,1[]', '42{}', '42[]',
                          '42"x"', '42["echo"', '42[null]', '42["connect"]',
                          '42["disconnecting"]', '44{"message":"x"}', '44',
                          '47', '4x', '450-["a"]', '4511-["a"]',
                          '451["a"]', '41{}', '4']) {
      tools.note(packet, await say(tools, packet));
    }

    for (const packet of ['42', '421', '43', '4399[1]', '42[5,1]',
                          '42["error"]', '42["echo"]']) {
      tools.note(packet, await say(tools, packet));
    }
  });


  same('acknowledgements that the server asks for', async (tools) => {
    const ws = await open(tools);
    const s = await session(tools);
    const ask = async (send, packets) => {
      await send('42["question"]');

      const [, id, text] = /^42(\d+)(.*)$/.exec(await packets());

      tools.note(text);
      return id;
    };

    ws.send(`43${await ask((p) => ws.send(p), () => ws.recvText())}["a",1]`);
    tools.note(await ws.recvText());

    const id = await ask((p) => s.post([p]), async () => (await take(s))[0]);

    await s.post([`46${1}-${id}[{"_placeholder":true,"num":0}]`,
                  bytes(4, 1)]);
    tools.note(await take(s));
  });


  same('JSONP', async ({ note, http, poll }) => {
    const s = await poll({ eio: 3, query: 'b64=1' });

    note(await s.get());

    const r = await http({ path: '/socket.io/?transport=polling&j=12&b64=1' });

    note(r);

    const sid = /sid\\":\\"([\w-]{20})/.exec(r.text)[1];
    const path = `/socket.io/?transport=polling&j=13&b64=1&sid=${sid}`;

    note(await http({ path }));

    const events = payload3(['2', '42["echo","\u2028\u00e9\u20ac"]',
                             '451-["echo",{"_placeholder":true,"num":0}]',
                             bytes(4, 1)]);

    note(await http({
      method: 'POST', path, body: `d=${encodeURIComponent(events)}`,
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    }));
    note(await http({ path }));
  });
});
