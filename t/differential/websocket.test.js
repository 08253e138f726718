'use strict';

/* The WebSocket transport: packets, base64, and how a connection ends. */

const { after, before, describe, it } = require('node:test');

const lib = require('./lib.js');

const { CLOSE, PING, PONG, TEXT, BINARY } = lib;

const app = {
  rules: 'sio_on echo { relay; } sio_on barrier { ack; }'
         + ' sio_on close { disconnect close; }',

  node: (io) => io.on('connection', (socket) => {
    socket.on('echo', (...args) => socket.emit('echo', ...args));
    socket.on('barrier', (ack) => ack());
    socket.on('close', () => socket.disconnect(true));
  }),

  locations: {
    '/small/': {
      directives: 'sio_max_http_buffer_size 100;',
      options: { maxHttpBufferSize: 100 },
    },
  },
};

const WS = '?EIO=4&transport=websocket';


describe('WebSocket', () => {
  const both = lib.pair(app);

  before(() => both.start());
  after(() => both.stop());

  /* opcode and bytes of all that comes, up to the close or to a barrier */

  async function frames(ws, barrier) {
    const got = [];

    if (barrier) {
      ws.send('4299["barrier"]');
    }

    try {
      for (;;) {
        const m = await ws.recv();

        if (m.opcode === TEXT && /^4399/.test(m.text)) {
          return got;
        }

        got.push(m.opcode === TEXT ? m.text : m.data);
      }

    } catch (e) {
      if (!ws.ended) {
        throw e;
      }
    }

    const { code, reason } = await ws.closed;

    return [...got, `closed ${code} ${reason}`];
  }


  /* -- base64 ------------------------------------------------------------- */

  for (const b64 of ['', '&b64', '&b64=', '&b64=1', '&b64=0', '&b64=false',
                     '&b64=1&b64=', '&b64=&b64=x', '&B64=1', '&b%364=1']) {
    it(`base64: "${b64}"`, () => both.compare(async ({ note, wsOpen }) => {
      const ws = await wsOpen({ path: `/socket.io/${WS}${b64}` });

      await ws.connectNsp();
      ws.send('452-["echo",{"_placeholder":true,"num":0},'
              + '{"_placeholder":true,"num":1}]');
      ws.send(Buffer.from([1, 2, 3]));
      ws.send('b////');
      note(await frames(ws, true));
      await ws.close();
    }));


    it(`base64 with long-polling: "${b64}"`, () => both.compare(
      async ({ note, poll }) => {
        const s = await poll({ query: b64.slice(1) });

        await s.connectNsp();
        note(await s.post(['451-["echo",{"_placeholder":true,"num":0}]',
                           'bAQI']));
        note(await s.get());
      }));
  }


  it('base64 of a candidate, not of its session', () => both.compare(
    async ({ note, poll }) => {
      for (const [mine, its] of [['', '&b64=1'], ['b64=1', '']]) {
        const s = await poll({ query: mine });

        await s.connectNsp();

        const ws = await s.upgrade({
          path: `/socket.io/${WS}&sid=${s.sid}${its}` });

        ws.send('451-["echo",{"_placeholder":true,"num":0}]');
        ws.send(Buffer.from([1]));
        note(await frames(ws, true));
        await ws.close();
      }
    }));


  /* what base64 a client may send */

  for (const text of ['AQID', 'AQI=', 'AQI', 'AQ==', 'AQ', 'A', '', '=',
                      'AQ==AQ==', '__-_', ' A Q\tI\nD ', '!A$Q%I&D', '\u20ac',
                      'QUJD'.repeat(100)]) {
    it(`base64 of a client: ${JSON.stringify(text.slice(0, 12))}`,
       () => both.compare(async ({ note, wsOpen }) => {
         const ws = await wsOpen({});

         await ws.connectNsp();
         ws.send('451-["echo",{"_placeholder":true,"num":0}]');
         ws.send(`b${text}`);
         note(await frames(ws, true));
         await ws.close();
       }));
  }


  /* -- packets ------------------------------------------------------------ */

  const packets = ['0', '0{}', '1', '1x', '2', '2probe', '2x', '3', '3probe',
                   '3x', '4', '5', '5x', '6', '6x', '7', '9', 'x', 'b', 'bAQ',
                   '', ' ', '\x1e', '42["echo",1]\x1e42["echo",2]', '\ufeff2',
                   '4\x1e', Buffer.alloc(0), Buffer.from('42["echo",1]'),
                   '42["echo",1]\n', '042["echo",1]'];

  for (const packet of packets) {
    const name = JSON.stringify(packet.toString('latin1'))
                 + (Buffer.isBuffer(packet) ? ' in binary' : '');

    it(`packet ${name}`, () => both.compare(
      async ({ note, wsOpen, http }) => {
        const ws = await wsOpen({});

        await ws.connectNsp();
        ws.send(packet);
        note(await frames(ws, true));

        if (ws.ended) {
          note(await http({ path: '/socket.io/?EIO=4&transport=polling'
                                  + `&sid=${ws.sid}` }));
          return;
        }

        await ws.close();
      }));
  }


  /* -- frames ------------------------------------------------------------- */

  const echo = (n) => `42["echo","${'x'.repeat(n - 11)}"]`;
  const text = (payload, more) => ({ payload, ...more });
  const close = (code, reason = '') => ({
    opcode: CLOSE,
    payload: Buffer.concat([Buffer.from([code >> 8, code & 255]),
                            Buffer.from(reason, 'latin1')]) });

  /* to "/small/": a message may have 100 bytes */

  const hostile = {
    'as many bytes as are allowed': [text(echo(100))],
    'one more': [text(echo(101))],
    'one more, announced only': [text('4', { length: 101 })],
    'one more, in 16 bits': [text('4', { length: 126 })],
    'one more, in 64 bits': [text('4', { length: 65536 })],
    'one more, in binary': [text(Buffer.alloc(101), { opcode: BINARY })],
    'as many in binary': [text(Buffer.alloc(100), { opcode: BINARY })],
    'as many in fragments': [text(echo(100).slice(0, 50), { fin: false }),
                             text(echo(100).slice(50), { opcode: 0 })],
    'one more in fragments': [text(echo(101).slice(0, 50), { fin: false }),
                              text(echo(101).slice(50), { opcode: 0 })],
    'many characters in few bytes': [text(`42["echo","${'\u20ac'.repeat(29)
                                           }"]`)],
    'invalid UTF-8': [text(Buffer.from('4\xff', 'latin1'))],
    'invalid UTF-8 in fragments': [
      text(Buffer.from('4\xe2', 'latin1'), { fin: false }),
      text(Buffer.from('\x28\xa1', 'latin1'), { opcode: 0 })],
    'UTF-8 cut by a fragment': [
      text(Buffer.from('42["echo","\xe2', 'latin1'), { fin: false }),
      text(Buffer.from('\x82\xac"]', 'latin1'), { opcode: 0 })],
    'a surrogate': [text(Buffer.from('4\xed\xa0\x80', 'latin1'))],
    'not masked': [text('3', { mask: false })],
    'RSV1': [text('3', { rsv: 4 })],
    'RSV2': [text('3', { rsv: 2 })],
    'RSV3': [text('3', { rsv: 1 })],
    'opcode 3': [text('3', { opcode: 3 })],
    'opcode 11': [text('3', { opcode: 11 })],
    'a continuation of nothing': [text('3', { opcode: 0 })],
    'a text within a text': [text('42["echo"', { fin: false }), text('3')],
    'a ping within a text': [text('42["echo"', { fin: false }),
                             text('x', { opcode: PING }),
                             text(',1]', { opcode: 0 })],
    'a ping in fragments': [text('x', { opcode: PING, fin: false })],
    'a ping of 125 bytes': [text('x'.repeat(125), { opcode: PING })],
    'a ping of 126 bytes': [text('x'.repeat(126), { opcode: PING })],
    'a pong nobody asked for': [text('x', { opcode: PONG })],
    'an empty fragment, and one with all': [
      text('', { fin: false }), text('42["echo",1]', { opcode: 0 })],
    'fragments of nothing': [text('', { fin: false }),
                             text('', { opcode: 0 })],
    'a length not in its shortest form': [text('3', { form: 16 })],
    'a length in 64 bits': [text('3', { form: 64 })],
    'a close without a code': [{ opcode: CLOSE }],
    'a close of one byte': [text('x', { opcode: CLOSE })],
    'a close with a reason that is no UTF-8': [close(1000, '\xff')],
    'a close in fragments': [{ ...close(1000), fin: false }],
    'a packet, and RSV1': [text('3'), text('3', { rsv: 4 })],
  };

  for (const code of [999, 1000, 1001, 1003, 1004, 1005, 1006, 1007, 1011,
                      1014, 1015, 1016, 2999, 3000, 4999, 5000]) {
    hostile[`a close of ${code}`] = [close(code)];
  }

  for (const [name, list] of Object.entries(hostile)) {
    it(`frames: ${name}`, () => both.compare(
      async ({ note, wsOpen, http }) => {
        const ws = await wsOpen({ path: '/small/' });

        await ws.connectNsp();

        for (const frame of list) {
          ws.sendFrame(frame);
        }

        /* a message that is not whole would swallow the barrier */

        note(await frames(ws, !list.some((f) => f.length)));

        if (ws.ended) {
          note(await http({ path: '/small/?EIO=4&transport=polling'
                                  + `&sid=${ws.sid}` }));
          return;
        }

        note(ws.frames.filter((f) => f.opcode === PONG)
               .map((f) => f.payload.toString()));
        await ws.close();
      }));
  }


  it('the code of a close comes back, its reason does not', () => both.compare(
    async ({ note, wsOpen }) => {
      const ws = await wsOpen({});

      ws.sendFrame(close(4000, 'reason'));
      note(await frames(ws));
    }, {
      node: [[['closed 4000 reason']]],
      nginx: [[['closed 4000 ']]],
      why: 'A close frame is answered with its code, without its reason',
    }));


  it('a server that closes says no code', () => both.compare(
    async ({ note, wsOpen }) => {
      const ws = await wsOpen({});

      await ws.connectNsp();
      ws.send('42["close"]');
      note(await frames(ws));
    }));


  for (const end of ['destroy', 'reset']) {
    it(`the session ends with its connection, ${end}`, () => both.compare(
      async ({ note, wsOpen, http, conns }) => {
        const ws = await wsOpen({});
        const [conn] = await conns(1);
        const path = `/socket.io/?EIO=4&transport=polling&sid=${ws.sid}`;

        await ws.connectNsp();
        note(await http({ path, method: 'POST', body: '3' }));
        ws[end]();
        await lib.until(async () =>
          /"code":1/.test((await conn.request({ path })).text));
        note(await http({ path }));
        note(await http({ path, method: 'POST', body: '3' }));
      }));
  }


  /* -- a second one ------------------------------------------------------- */

  it('a second WebSocket takes the session over in Node', () => both.compare(
    async ({ note, wsOpen, ws }) => {
      const first = await wsOpen({});
      const second = await ws({ path: `/socket.io/${WS}&sid=${first.sid}` });

      note(second.response.status);
      second.send('2probe');
      note(await second.recvText().catch(() => 'closed'));
      first.destroy();
      second.destroy();
    }, {
      node: [[101], ['3probe']],
      nginx: [[101], ['closed']],
      why: 'A second WebSocket for a session that has one is closed',
    }));


  it('a second WebSocket leaves an upgraded session alone', () => both.compare(
    async ({ note, poll, ws }) => {
      const s = await poll({});

      await s.connectNsp();

      const first = await s.upgrade();

      first.send('42["echo",1]');
      note(await first.recvText());

      const second = await s.candidate();

      note(second.response, (await second.waitClose()).code);

      const third = await ws({ path: '/socket.io/?EIO=4&transport=polling'
                                     + `&sid=${s.sid}` });

      note(third.response, (await third.waitClose()).code);
      note(await frames(first, true));
      await first.close();
    }));
});
