'use strict';

/* The way from long-polling to WebSocket, and the ways off it. */

const { after, before, describe, it } = require('node:test');

const lib = require('./lib.js');

const { drain } = lib;

const app = {
  rules: `
    sio_on barrier { ack; }
    sio_on echo    { relay; }
    sio_on close   { disconnect close; }
  `,

  node: (io) => io.on('connection', (socket) => {
    socket.on('barrier', (ack) => ack());
    socket.on('echo', (...args) => socket.emit('echo', ...args));
    socket.on('close', () => socket.disconnect(true));
  }),

  locations: {
    '/hasty/': {
      directives: 'sio_upgrade_timeout 1s;',
      options: { upgradeTimeout: 1000 },
    },
  },
};


describe('the upgrade', () => {
  const both = lib.pair(app);

  before(() => both.start());
  after(() => both.stop());

  const compare = (script) => both.compare(async (tools) => {
    const session = await tools.poll({});

    await session.connectNsp();
    await script({ ...tools, session });
  });


  it('goes well', () => compare(async ({ note, session }) => {
    const ws = await session.candidate();

    note(ws.response);
    ws.send('2probe');
    note(await ws.recvText());

    note(await session.post('42["echo",1]'));
    note(await session.get());
    note(await session.post('42["echo",2]'));

    ws.send('5');
    note(await ws.recvText());
    note(...await drain(ws));
    note(await session.get());
    note(await session.post('42["echo",3]'));
    note(...await drain(ws));
    await ws.close();
    note(await session.get());
  }));


  it('releases a pending GET', () => compare(async ({ note, session }) => {
    const get = await session.hang();
    const ws = await session.candidate();

    ws.send('2probe');
    note(await ws.recvText());
    note(await get.response);

    const again = await session.hang();

    note(await again.response);
    ws.send('5');
    note(...await drain(ws));
    await ws.close();
  }));


  it('needs no probe', () => compare(async ({ note, session }) => {
    const ws = await session.candidate();

    ws.send('5');
    note(...await drain(ws));
    await ws.close();
  }));


  for (const packet of ['42["echo",1]', '3', '2', 'x', '', '1', '2other',
                        Buffer.from([1])]) {
    const name = JSON.stringify(packet.toString('latin1'));

    it(`ends with ${name} instead`, () => compare(
      async ({ note, session }) => {
        const ws = await session.candidate();

        ws.send(packet);
        note(await ws.waitClose());

        note((await session.post('42["echo","still polling"]')).status);
        note(await session.get());
        await session.close();
      }));


    it(`ends with ${name} after the probe`, () => compare(
      async ({ note, session }) => {
        const ws = await session.candidate();

        ws.send('2probe');
        note(await ws.recvText());
        ws.send(packet);
        note(await ws.waitClose());

        note((await session.post('42["echo","still polling"]')).status);
        note(await session.get());

        /* and may be tried again */

        const other = await session.upgrade();

        note(...await drain(other));
        await other.close();
      }));
  }


  it('may be tried again after a lost candidate', () => compare(
    async ({ note, session }) => {
      const ws = await session.candidate();

      ws.send('2probe');
      note(await ws.recvText());
      ws.destroy();
      note((await session.post('42["echo","still polling"]')).status);
      note(await session.get());

      await lib.until(async () => {
        const other = await session.candidate();

        other.send('2probe');

        const answer = await other.recvText().catch(() => null);

        if (!answer) {
          return false;
        }

        other.send('5');
        note(...await drain(other));
        await other.close();
        return true;
      });
    }));


  it('allows one candidate at a time', () => compare(
    async ({ note, session }) => {
      const ws = await session.candidate();

      ws.send('2probe');
      note(await ws.recvText());

      const other = await session.candidate();

      note(other.response.status, await other.waitClose());
      ws.send('5');
      note(...await drain(ws));

      const late = await session.candidate();

      note(late.response.status, await late.waitClose());
      note(...await drain(ws));
      await ws.close();
    }));


  it('ends with the session', () => compare(async ({ note, session }) => {
    const ws = await session.candidate();

    ws.send('2probe');
    note(await ws.recvText());
    note((await session.post('1')).status);
    note(await ws.waitClose());
  }));


  it('delivers what the server says and closes', () => compare(
    async ({ note, session }) => {
      const ws = await session.upgrade();

      ws.send('42["close"]');
      note(...await drain(ws, null));
    }));


  /* -- each step at another worker ---------------------------------------- */

  const spread = (script, options = {}) => both.compare(async (tools) => {
    const session = await tools.poll(options);
    const conns = await tools.conns(4);

    await session.connectNsp();
    await script({ ...tools, session, conns });
  });

  /* a candidate that the server has, and that has probed */

  async function probed(session, conn) {
    const ws = await session.candidate({ conn });

    ws.send('2probe');

    const answer = await ws.recvText();

    if (answer !== '3probe') {
      throw new Error(answer);
    }

    return ws;
  }


  /* the session still polls, and may still go over */

  async function unharmed({ note, session }, conns) {
    note(await session.post('42["echo","still polling"]',
                            { conn: conns[0] }));
    note(await session.get({ conn: conns[1] }));

    /* a candidate that was lost may not be known to be lost yet */

    await lib.until(async () => {
      const ws = await session.candidate();

      ws.send('2probe');

      if (await ws.recvText().catch(() => '') !== '3probe') {
        return false;
      }

      ws.send('5');
      ws.send('42["echo","upgraded"]');
      note(await ws.recvText());
      await ws.close();
      return true;
    });
  }


  it('each step at another worker', () => spread(
    async ({ note, session, conns }) => {
      const get = await session.parked({ conn: conns[0] });
      const ws = await probed(session, conns[1]);

      note(await get.response);
      note(await session.post('42["echo",1]', { conn: conns[2] }));
      note(await session.get({ conn: conns[3] }));
      note(await session.post('42["echo",2]\x1e42["echo",3]',
                              { conn: conns[0] }));
      ws.send('5');
      note(await ws.recvText(), await ws.recvText());
      ws.send('42["echo",4]');
      note(await ws.recvText());
      note(await session.get({ conn: conns[2] }));
      note(await session.post('42["echo",5]', { conn: conns[3] }));
      note(...await drain(ws));
      await ws.close();
    }));


  it('noop for each GET while it lasts, each after a while', () => spread(
    async ({ note, session, conns }) => {
      const start = Date.now();
      const ws = await probed(session, conns[0]);

      for (const conn of conns.slice(1)) {
        note(await session.get({ conn }));
      }

      /* 100 ms after each other */

      note(Date.now() - start > 250);
      ws.send('5');
      note(...await drain(ws));
      await ws.close();
    }));


  it('a GET that comes before the probe waits until there is one', () => spread(
    async ({ note, session, conns }) => {
      const ws = await session.candidate({ conn: conns[0] });
      const get = await session.parked({ conn: conns[1] });

      ws.send('2probe');
      note(await ws.recvText());
      note(await get.response);
      ws.send('5');
      note(...await drain(ws));
      await ws.close();
    }));


  it('packets before noop', () => spread(async ({ note, session, conns }) => {
    const ws = await probed(session, conns[0]);
    const get = await session.parked({ conn: conns[1] });

    note(await session.post('42["echo",1]', { conn: conns[2] }));

    const r = await get.response;

    /* the noop may have been first */

    note(r.text === '6' ? (await session.get({ conn: conns[1] })).text
                        : r.text);
    ws.send('5');
    note(...await drain(ws));
    await ws.close();
  }));


  it('more than one probe', () => spread(async ({ note, session, conns }) => {
    const ws = await probed(session, conns[0]);

    for (let n = 0; n < 3; n++) {
      ws.send('2probe');
      note(await ws.recvText());
    }

    note(await session.get({ conn: conns[1] }));
    ws.send('5');
    note(...await drain(ws));
    await ws.close();
  }));


  it('a GET that waits when it is done', () => spread(
    async ({ note, session, conns }) => {
      const ws = await session.candidate({ conn: conns[0] });
      const get = await session.parked({ conn: conns[1] });

      ws.send('5');
      note(await get.response);
      ws.send('42["echo",1]');
      note(await ws.recvText());
      note(await session.get({ conn: conns[2] }));
      await ws.close();
    }));


  it('5 and packets behind it at once', () => spread(
    async ({ note, session, conns }) => {
      const ws = await probed(session, conns[0]);

      note(await session.post('42["echo",1]', { conn: conns[1] }));
      ws.write(Buffer.concat(['5', '42["echo",2]', '42["echo",3]'].map(
        (payload) => lib.frameBytes({ payload }))));
      note(await ws.recvText(), await ws.recvText(), await ws.recvText());
      await ws.close();
    }));


  it('attachments on the way are taken along', () => spread(
    async ({ note, session, conns }) => {
      const ws = await probed(session, conns[0]);

      note(await session.post('452-["echo",{"_placeholder":true,"num":0},'
                              + '{"_placeholder":true,"num":1}]\x1ebAQ==',
                              { conn: conns[1] }));
      ws.send('5');
      ws.send(Buffer.from([2]));
      note(await ws.recvText(), (await ws.recv()).data, (await ws.recv()).data);
      await ws.close();
    }));


  for (const [name, before] of [['half open', () => {}],
                                ['that has probed', (ws) => ws.send('2probe')]])
  {
    it(`a second candidate beside one ${name}`, () => spread(
      async ({ note, session, conns }) => {
        const ws = await session.candidate({ conn: conns[0] });

        before(ws);
        await lib.fence(conns[0]);

        for (const conn of [conns[1], conns[2]]) {
          const other = await session.candidate({ conn });

          note(other.response, (await other.waitClose()).code);
        }

        ws.send('2probe');
        note(await ws.recvText());
        ws.send('5');
        note((await drain(ws)).filter((p) => p !== '3probe'));
        await ws.close();
      }));


    it(`a candidate ${name} until its time is over`, () => spread(
      async (tools) => {
        const { note, session, conns } = tools;
        const ws = await session.candidate({ conn: conns[0] });

        before(ws);
        note((await ws.waitClose()).code);
        await unharmed(tools, conns.slice(1));
      }, { path: '/hasty/' }));


    for (const [how, end] of Object.entries({
      'is closed': (ws) => ws.close(1000),
      'is lost': (ws) => ws.destroy(),
      'is reset': (ws) => ws.reset(),
      'breaks the rules': (ws) => ws.sendFrame({ payload: '5', mask: false }),
      'sends too much': (ws) => ws.sendFrame({ payload: '5',
                                               length: 2000000 }),
      'sends no UTF-8': (ws) => ws.sendFrame({ payload:
        Buffer.from('\xff', 'latin1') }),
    })) {
      it(`a candidate ${name} ${how}`, () => spread(async (tools) => {
        const { note, session, conns } = tools;
        const ws = await session.candidate({ conn: conns[0] });

        before(ws);
        await lib.fence(conns[0]);
        await end(ws);

        if (!/lost|reset/.test(how)) {
          note((await ws.waitClose()).code);
        }

        await unharmed(tools, conns.slice(1));
      }));
    }


    for (const [how, end] of Object.entries({
      'the client closes': (s, conns) => s.post('1', { conn: conns[1] }),
      'garbage comes': (s, conns) => s.post('x', { conn: conns[1] }),
      'octet-stream comes': (s, conns) => s.post('', {
        conn: conns[1], headers: {
          'Content-Type': 'application/octet-stream' } }),
      'GETs overlap': async (s, conns) => {
        await s.parked({ conn: conns[1] });
        return s.get({ conn: conns[2] });
      },
    })) {
      it(`a candidate ${name} when ${how}`, () => spread(
        async ({ note, session, conns }) => {
          const ws = await session.candidate({ conn: conns[0] });

          before(ws);
          await lib.fence(conns[0]);
          note(await end(session, conns));
          note((await ws.waitClose()).code);
          note(await session.get({ conn: conns[3] }));
        }));
    }


    it(`a candidate ${name} when a GET is lost`, () => spread(
      async ({ note, session, conns }) => {
        const ws = await session.candidate({ conn: conns[0] });
        const get = await session.parked({ conn: conns[1] });

        before(ws);
        get.abort();
        note((await ws.waitClose()).code);
        note(await session.get({ conn: conns[2] }));
      }));
  }


  it('the server closes, then comes 5', () => spread(
    async ({ note, session, conns }) => {
      const ws = await probed(session, conns[0]);

      note(await session.post('42["close"]', { conn: conns[1] }));
      ws.send('5');
      note(await drain(ws, null));
      note((await session.get({ conn: conns[2] })).status);
    }));


  it('of another version, of another kind', () => spread(
    async (tools) => {
      const { note, session, ws, conns } = tools;

      for (const query of ['EIO=3&transport=websocket',
                           'transport=websocket', 'EIO=4&transport=polling',
                           'EIO=4&transport=pigeon', 'EIO=4']) {
        const w = await ws({ path: `/socket.io/?${query}&sid=${session.sid}` });

        note(w.response);

        if (w.ok) {
          note((await w.waitClose()).code);
        }

        w.destroy();
      }

      await unharmed(tools, conns);
    }));


  it('of a session that was closed', () => spread(
    async ({ note, session, conns }) => {
      note(await session.post('1', { conn: conns[0] }));
      note((await session.candidate({ conn: conns[1] })).response);
    }));


  it('5 waits for the end of a POST', () => both.compare(
    async ({ note, poll, conns }) => {
      const session = await poll({});
      const [conn] = await conns(1);

      await session.connectNsp();

      const ws = await session.candidate();

      conn.write(`POST ${session.url()} HTTP/1.1\r\nHost: x\r\n`
                 + 'Content-Length: 12\r\n\r\n42["echo",1');
      await lib.fence(conn);
      ws.send('5');

      /* the pong tells that "5" was read */

      ws.sendFrame({ opcode: lib.PING, payload: 'x' });
      await lib.until(() => ws.frames.some((f) => f.opcode === lib.PONG));
      conn.write(']');
      note((await conn.response()).status);
      note(await drain(ws));
      await ws.close();
    }, {
      node: [[0], [[]]],
      nginx: [[200], [['42["echo",1]']]],
      why: 'a POST that is under way is read to its end before',
    }));
});
