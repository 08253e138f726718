'use strict';

/*
 * Clients that are slow, stop half-way, vanish or say nothing.  What the
 * others see is compared with Node; what is left behind is nothing.
 */

const sio = require('../lib/sio.js');
const { pair } = require('./pair.js');

const head = (c, length, more = '') =>
  `POST ${c.url()} HTTP/1.1\r\nHost: x\r\n${more}`
  + `Content-Length: ${length}\r\n\r\n`;

const gone = (s) => s.settled({ sessions: 0 });


async function bytewise(conn, text) {
  for (const b of Buffer.from(text)) {
    conn.write(Buffer.from([b]));
    await new Promise(setImmediate);
  }
}


pair('slow and aborted', {}, [
  {
    name: 'a handshake one byte at a time',
    run: async (s) => {
      const conn = await sio.connect(s);

      await bytewise(conn, 'GET /socket.io/?EIO=4&transport=polling HTTP/1.1'
                           + '\r\nHost: x\r\n\r\n');

      const r = await conn.response();
      const { sid } = JSON.parse(r.text.slice(1));
      const c = new sio.Poll(s, sid);

      conn.destroy();
      await c.close();
      return r.text;
    },
  },
  {
    name: 'a POST one byte at a time',
    run: async (s) => {
      const c = await sio.poll(s);
      const conn = await sio.connect(s);
      const body = '4299["echo","\u00e9"]';

      await c.connectNsp();
      await bytewise(conn, head(c, Buffer.byteLength(body)) + body);

      const r = await conn.response();
      const packet = await c.wait(/^43/);

      conn.destroy();
      await c.close();
      return [r.status, r.text, packet];
    },
  },
  {
    name: 'a POST that is never finished',
    run: async (s) => {
      const c = await sio.poll(s);
      const conn = await sio.connect(s);

      await c.connectNsp();
      conn.write(head(c, 100) + '42["alive"]');
      await sio.sleep(20);
      conn.destroy();
      await gone(s);

      const r = await c.get();

      return [r.status, r.text];
    },
  },
  {
    name: 'a chunked POST that is never finished',
    run: async (s) => {
      const c = await sio.poll(s);
      const conn = await sio.connect(s);

      await c.connectNsp();
      conn.write(`POST ${c.url()} HTTP/1.1\r\nHost: x\r\n`
                 + 'Transfer-Encoding: chunked\r\n\r\n5\r\n42["a\r\n');
      await sio.sleep(20);
      conn.reset();
      await gone(s);

      const r = await c.get();

      return [r.status, r.text];
    },
  },
  {
    name: 'a POST that is never finished, a GET waits',
    run: async (s) => {
      const c = await sio.poll(s);
      const conn = await sio.connect(s);

      await c.connectNsp();

      const get = await c.parked();

      conn.write(head(c, 100) + '42["alive"]');
      await sio.sleep(20);
      conn.destroy();

      const r = await get.response;

      get.abort();
      await gone(s);
      return [r.status, r.text];
    },
  },
  {
    name: 'a GET that is given up',
    run: async (s) => {
      const c = await sio.poll(s);

      await c.connectNsp();

      const get = await c.parked();

      get.abort();
      await gone(s);

      const r = await c.get();

      return [r.status, r.text];
    },
  },
  {
    name: 'a GET that is reset',
    run: async (s) => {
      const c = await sio.poll(s);
      const get = await c.parked();

      get.conn.reset();
      await gone(s);

      const r = await c.get();

      return [r.status, r.text];
    },
  },
  {
    name: 'half a WebSocket frame',
    run: async (s) => {
      const w = await sio.wsOpen(s);

      await w.connectNsp();
      w.write(sio.frameBytes({ payload: 'x'.repeat(100000) })
              .subarray(0, 50000));
      await sio.sleep(20);
      w.destroy();
      await gone(s);

      return null;
    },
  },
  {
    name: 'a WebSocket reset in the middle of a frame',
    run: async (s) => {
      const w = await sio.wsOpen(s);

      await w.connectNsp();
      w.write(sio.frameBytes({ payload: 'x'.repeat(100000) })
              .subarray(0, 3));
      await sio.sleep(20);
      w.reset();
      await gone(s);

      return null;
    },
  },
  {
    name: 'a WebSocket whose sending side is shut',
    run: async (s) => {
      const w = await sio.wsOpen(s);

      await w.connectNsp();
      w.conn.socket.end();
      await gone(s);

      return (await w.waitClose()).tcp;
    },
  },
  {
    name: 'attachments that never come',
    run: async (s) => {
      const w = await sio.wsOpen(s);

      await w.connectNsp();
      w.send('453-["echo",{"_placeholder":true,"num":2}]');
      w.send(Buffer.alloc(100));
      w.send('40/custom,'.slice(0, 0) + '3');
      await sio.sleep(20);
      w.destroy();
      await gone(s);

      return null;
    },
  },
  {
    name: 'a client that does not read',
    run: async (s) => {
      const w = await sio.wsOpen(s);
      const text = `42["echo","${'x'.repeat(100000)}"]`;

      await w.connectNsp();
      w.conn.socket.pause();

      for (let n = 0; n < 200; n++) {
        w.send(text);
      }

      await sio.sleep(200);
      w.reset();
      await gone(s);

      return null;
    },
  },
  {
    name: 'a member of a room that does not read',
    run: async (s) => {
      const deaf = await sio.wsOpen(s);
      const w = await sio.wsOpen(s);

      for (const x of [deaf, w]) {
        await x.connectNsp();
        x.send('421["join","r"]');
        await x.recvText();
      }

      deaf.conn.socket.pause();

      for (let n = 0; n < 100; n++) {
        w.send(`42${n}["shout","r","${'x'.repeat(100000)}"]`);
        await w.recvText();
        await w.recvText();
      }

      deaf.reset();
      await w.close(1000);
      await gone(s);

      return null;
    },
  },
  {
    name: 'a session of which nothing is heard any more',
    run: async (s) => {
      const c = await sio.poll(s);

      await c.connectNsp();
      await c.close();

      return null;
    },
  },
]);


pair('silence', {
  directives: `sio_ping_interval 600ms; sio_ping_timeout 1s;
               sio_connect_timeout 800ms;`,
  options: { pingInterval: 600, pingTimeout: 1000, connectTimeout: 800 },

}, [
  {
    name: 'a WebSocket that does not answer pings',
    run: async (s) => {
      const w = await sio.wsOpen({ ...s, pong: false });

      await w.connectNsp();

      const ping = await w.recvText();
      const { code } = await w.waitClose();

      return [ping, code];
    },
    want: ['2', 1005],
  },
  {
    name: 'a polling session that does not answer pings',
    run: async (s) => {
      const c = await sio.poll(s);

      await c.connectNsp();

      const ping = await c.get();
      const end = await c.get();
      const after = await c.get();

      return [ping.text, end.text, after.text];
    },
    want: ['2', '1', '{"code":1,"message":"Session ID unknown"}'],
  },
  {
    name: 'a polling session that does nothing',
    run: async (s) => {
      const c = await sio.poll(s);

      await c.connectNsp();
      await gone(s);

      return (await c.get()).text;
    },
    want: '{"code":1,"message":"Session ID unknown"}',
  },
  {
    name: 'a WebSocket without CONNECT',
    run: async (s) => {
      const w = await sio.wsOpen(s);

      return (await w.waitClose()).code;
    },
    want: 1005,
  },
  {
    name: 'a session that stays alive',
    run: async (s) => {
      const w = await sio.wsOpen(s);

      await w.connectNsp();
      await sio.until(() => w.pings >= 4);
      w.send('4299["alive"]');

      const answer = await w.recvText();

      await w.close(1000);
      return answer;
    },
    want: '4399[]',
  },
]);


pair('sessions that are left alone', {
  directives: 'sio_ping_interval 600ms; sio_ping_timeout 1s;',
  options: { pingInterval: 600, pingTimeout: 1000 },

}, [
  {
    name: 'sessions that are left after the handshake',
    run: async (s) => {
      for (let n = 0; n < 20; n++) {
        await sio.poll(s);
      }

      await gone(s);

      return null;
    },
  },
]);


pair('silent candidates', {
  directives: 'sio_upgrade_timeout 300ms;',
  options: { upgradeTimeout: 300 },

}, [
  {
    name: 'a candidate that says nothing',
    run: async (s) => {
      const c = await sio.poll(s);

      await c.connectNsp();

      const w = await c.candidate();
      const { code } = await w.waitClose();

      await c.close();
      return code;
    },
    want: 1005,
  },
  {
    name: 'a candidate that stops after the probe',
    run: async (s) => {
      const c = await sio.poll(s);

      await c.connectNsp();

      const w = await c.candidate();

      w.send('2probe');

      const probe = await w.recvText();
      const { code } = await w.waitClose();

      await c.post('4299["alive"]');

      const answer = await c.wait('4399[]');

      await c.close();
      return [probe, code, answer];
    },
    want: ['3probe', 1005, '4399[]'],
  },
]);


const alive = async (c) => {
  await c.post('4299["alive"]');
  return c.wait('4399[]');
};

pair('candidates', {}, [
  {
    name: 'the upgrade as it should be',
    run: async (s) => {
      const c = await sio.poll(s);

      await c.connectNsp();

      const get = await c.parked();
      const w = await c.candidate();

      w.send('2probe');

      const probe = await w.recvText();
      const noop = await get.response;

      w.send('5');
      w.send('4299["alive"]');

      const answer = await w.recvText();
      const late = await c.get();

      get.abort();
      await w.close(1000);
      return [probe, noop.text, answer, late.status, late.text];
    },
    want: ['3probe', '6', '4399[]', 400,
           '{"code":3,"message":"Bad request"}'],
  },
  {
    name: 'no probe before the upgrade',
    run: async (s) => {
      const c = await sio.poll(s);

      await c.connectNsp();

      const w = await c.candidate();

      w.send('5');
      w.send('4299["alive"]');

      const answer = await w.recvText();

      await w.close(1000);
      return answer;
    },
  },
  {
    name: 'a GET waits when the upgrade is done',
    run: async (s) => {
      const c = await sio.poll(s);

      await c.connectNsp();

      const w = await c.candidate();
      const get = await c.parked();

      w.send('5');

      const r = await get.response;

      w.send('4299["alive"]');

      const answer = await w.recvText();

      get.abort();
      await w.close(1000);
      return [r.text, answer];
    },
  },
  ...[['a message', '42["alive"]'], ['garbage', 'x'], ['nothing', ''],
      ['a close packet', '1'], ['a ping', '2'], ['a pong', '3probe'],
      ['a binary message', Buffer.from([1])]].map(([name, data]) => ({
    name: `a candidate that sends ${name}`,
    run: async (s) => {
      const c = await sio.poll(s);

      await c.connectNsp();

      const w = await c.candidate();

      w.send(data);

      const { code } = await w.waitClose();
      const answer = await alive(c);

      await c.close();
      return [code, answer];
    },
  })),
  ...['destroy', 'reset', 'close'].map((how) => ({
    name: `a candidate that is lost after the probe (${how})`,
    run: async (s) => {
      const c = await sio.poll(s);

      await c.connectNsp();

      const w = await c.candidate();

      w.send('2probe');
      await w.recvText();
      w[how]();
      await w.waitClose();

      /* and another one may try */

      const answer = await alive(c);
      const second = await c.upgrade();

      second.send('4299["alive"]');

      const again = await second.recvText();

      await second.close(1000);
      return [answer, again];
    },
  })),
  {
    name: 'a second candidate while the first one probes',
    run: async (s) => {
      const c = await sio.poll(s);

      await c.connectNsp();

      const first = await c.candidate();

      first.send('2probe');
      await first.recvText();

      const second = await c.candidate();
      const { code } = await second.waitClose();

      first.send('5');
      first.send('4299["alive"]');

      const answer = await first.recvText();

      await first.close(1000);
      return [code, answer];
    },
  },
  {
    name: 'a candidate of a session that is upgraded',
    run: async (s) => {
      const c = await sio.poll(s);

      await c.connectNsp();

      const w = await c.upgrade();
      const second = await c.candidate();
      const { code } = await second.waitClose();

      w.send('4299["alive"]');

      const answer = await w.recvText();

      await w.close(1000);
      return [code, answer];
    },
  },
  {
    name: 'the session ends while a candidate probes',
    run: async (s) => {
      const c = await sio.poll(s);

      await c.connectNsp();

      const w = await c.candidate();

      w.send('2probe');
      await w.recvText();
      await c.close();

      return (await w.waitClose()).code;
    },
  },
  {
    name: 'a candidate with another EIO',
    run: async (s) => {
      const c = await sio.poll(s);

      const w = await sio.ws({ port: s.port,
        path: `/socket.io/?EIO=3&transport=websocket&sid=${c.sid}` });

      w.destroy();
      await c.close();
      return [w.status, w.response.text];
    },
  },
]);
