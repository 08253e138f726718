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
});
