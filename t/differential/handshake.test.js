'use strict';

/* What a socket remembers of its first request: $sio_handshake. */

const assert = require('node:assert/strict');
const { after, before, describe, it } = require('node:test');

const lib = require('./lib.js');


describe('the handshake', () => {
  const both = lib.pair({
    rules: `
      sio_on handshake { ack $sio_handshake; }
      sio_namespace /custom { sio_on handshake { ack $sio_handshake; } }
    `,

    node: (io) => {
      for (const nsp of [io, io.of('/custom')]) {
        nsp.on('connection', (socket) => {
          socket.on('handshake', (ack) => ack(socket.handshake));
        });
      }
    },
  });

  before(() => both.start());
  after(() => both.stop());

  /* when it was is told in two ways, and only near to equal */

  const shape = (text) => {
    const { time, issued, ...rest } = JSON.parse(text)[0];

    assert.ok(Math.abs(issued - Date.now()) < 10000, `issued ${issued}`);
    assert.ok(Math.abs(Date.parse(time) - issued) < 2000, time);
    assert.match(time,
      /^[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d{4} \d\d:\d\d:\d\d GMT[+-]\d{4} \(.+\)$/);
    return rest;
  };

  const headers = [
    ['User-Agent', 'a "client"'], ['X-Own', 'one'], ['x-own', 'two'],
    ['Cookie', 'a=1'], ['Cookie', 'b=2'], ['Accept-Language', 'de, en;q=0.5'],
    ['Referer', 'http://example.com/x'], ['Authorization', 'Basic eDp5'],
  ];

  const query = 'token=a%20b+c&list=1&list=2&empty=&bare&%c3%a9=%E2%82%AC&bad=%zz';


  it('over WebSocket', () => both.compare(async ({ note, wsOpen }) => {
    for (const more of [[], [['Origin', 'http://example.com']]]) {
      const ws = await wsOpen({
        path: `/socket.io/?EIO=4&transport=websocket&${query}`,
        key: 'AAAAAAAAAAAAAAAAAAAAAA==', headers: [...headers, ...more],
      });

      for (const [nsp, auth] of [['/', undefined], ['/custom', { a: [1] }]]) {
        await ws.connectNsp(nsp, auth);
        ws.send(`42${nsp === '/' ? '' : `${nsp},`}7["handshake"]`);

        const text = await ws.recvText();

        note(shape(text.replace(/^43(\/custom,)?7/, '')));
      }

      await ws.close();
    }
  }));


  it('over polling, and after the upgrade', () => both.compare(
    async ({ note, poll }) => {
      const session = await poll({ query,
                                   headers: Object.fromEntries(
                                     headers.filter(([n]) => n !== 'x-own')) });

      await session.connectNsp();
      await session.post('427["handshake"]');
      note(shape((await session.wait(/^437/)).slice(3)));

      const ws = await session.upgrade();

      ws.send('428["handshake"]');
      note(shape((await ws.recvText()).slice(3)));
      await ws.close();
    }));
});
