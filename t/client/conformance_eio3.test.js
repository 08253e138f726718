'use strict';

/*
 * Engine.IO protocol v3: the cases of the protocol's test suite.  Its case of
 * two polls at once is skipped by the suite itself, not here.
 */

const assert = require('node:assert/strict');

const sio = require('../lib/sio.js');
const { suite, connections, pending, refused, status, checkOpen, short,
        SHORT } = require('./conformance.js');

const VERSION = 'EIO=3';


/* "LENGTH:PACKET", of one packet */

function unframed(text) {
  const [, length, packet] = /^(\d+):(.*)$/s.exec(text);

  assert.equal(Number(length), packet.length);

  return packet;
}


/* as raw.js has it for v4; `b64`: the client does not take binary */

class Poll extends sio.Poll {
  url() {
    return `${this.options.path}?${VERSION}&transport=polling`
           + (this.sid ? `&sid=${this.sid}` : '')
           + (!this.sid && this.options.b64 ? '&b64=1' : '');
  }

  async handshake() {
    const r = await this.send({ path: this.url() });

    assert.equal(r.status, 200);

    const packet = unframed(r.text);

    assert.equal(packet[0], '0');
    this.open = JSON.parse(packet.slice(1));
    this.sid = this.open.sid;

    return this;
  }

  candidate() {
    return ws(this.options, { sid: this.sid });
  }

  close() {
    return this.post('1:1');
  }
}

const poll = (s, options) => new Poll({ b64: true, ...s, ...options })
                             .handshake();


function ws(s, { sid } = {}) {
  return sio.ws({ ...s, pong: false,
                  path: `${s.path}?${VERSION}&transport=websocket`
                        + (sid ? `&sid=${sid}` : '') });
}


async function opened(s) {
  const w = await ws(s);
  const first = await w.recvText();

  assert.equal(first[0], '0');
  w.open = JSON.parse(first.slice(1));

  return w;
}


/* POSTs a payload and GETs it */

async function echoes(s, payload, answer = payload, options) {
  const p = await poll(s, options);
  const r = await p.post(payload);

  assert.equal(r.status, 200);
  assert.equal(r.text, 'ok');

  const got = await p.get();

  assert.equal(got.status, 200);
  assert.deepEqual(got.body, Buffer.from(answer));
  await p.close();
}


async function echo(w, text) {
  w.send(text);
  assert.equal(await w.recvText(), text);
}


suite('Engine.IO v3', 'engine3', {
  'handshake': {
    'HTTP long-polling': {
      'successfully opens a session': async (s) => {
        const usual = await poll(s);
        const quick = await poll(short(s));

        checkOpen(usual.open, ['websocket']);
        checkOpen(quick.open, ['websocket'], SHORT);
        await usual.close();
        await quick.close();
      },

      "fails with an invalid 'transport' query parameter": async (s) => {
        assert.equal(await status(s, VERSION), 400);
        assert.equal(await status(s, `${VERSION}&transport=abc`), 400);
      },

      'fails with an invalid request method': async (s) => {
        assert.equal(await status(s, `${VERSION}&transport=polling`,
                                  { method: 'POST' }), 400);
      },
    },

    'WebSocket': {
      'successfully opens a session': async (s) => {
        const usual = await opened(s);
        const quick = await opened(short(s));

        checkOpen(usual.open, []);
        checkOpen(quick.open, [], SHORT);
        await usual.close();
        await quick.close();
      },

      /*
       * They do not fail: whatever is not "4" is taken for 3.  The suite
       * does not wait for the end that it asks for.
       */

      "fails with an invalid 'EIO' query parameter": async (s) => {
        for (const version of ['', 'EIO=abc&']) {
          const w = await sio.ws({ ...s, pong: false,
            path: `${s.path}?${version}transport=websocket` });

          assert.match(await w.recvText(), /^0\{/);
          w.send('2');
          assert.equal(await w.recvText(), '3');
          await w.close(1000);
        }
      },

      "fails with an invalid 'transport' query parameter": async (s) => {
        await refused(s, VERSION);
        await refused(s, `${VERSION}&transport=abc`);
      },
    },
  },

  'message': {
    'HTTP long-polling': {
      'sends and receives a payload containing one plain text packet':
        (s) => echoes(s, '6:4hello'),

      'sends and receives a payload containing several plain text packets':
        (s) => echoes(s, '6:4test16:4test26:4test3'),

      ['sends and receives a payload containing plain text and binary '
       + 'packets (base64 encoded)']:
        (s) => echoes(s, '6:4hello10:b4AQIDBA=='),

      /* 0: text, 1: binary; the length, digit by digit; 255; the packet */

      ['sends and receives a payload containing plain text and binary '
       + 'packets (binary)']:
        (s) => echoes(s, '6:4hello10:b4AQIDBA==',
                      [0, 6, 255, ...Buffer.from('4hello'),
                       1, 5, 255, 4, 1, 2, 3, 4], { b64: false }),

      'closes the session upon invalid packet format': async (s) => {
        const p = await poll(s);

        await p.post('abc');
        assert.equal((await p.get()).status, 400);
      },

      'closes the session upon duplicate poll requests': async (s) => {
        const c = await connections(s);
        const p = await poll(s);
        const first = await pending(p, c);

        assert.equal((await p.get({ conn: c.other })).status, 400);

        const r = await first.response;

        assert.equal(r.status, 200);
        assert.equal(r.text, '1:1');
        assert.equal((await p.get()).status, 400);
        Object.values(c).forEach((conn) => conn.destroy());
      },
    },

    'WebSocket': {
      'sends and receives a plain text packet': async (s) => {
        const w = await opened(s);

        await echo(w, '4hello');
        await w.close(1000);
      },

      'sends and receives a binary packet': async (s) => {
        const w = await opened(s);

        w.send(Buffer.from([4, 1, 2, 3, 4]));

        const m = await w.recv();

        assert.equal(m.opcode, sio.BINARY);
        assert.deepEqual([...m.data], [4, 1, 2, 3, 4]);
        await w.close(1000);
      },

      'closes the session upon invalid packet format': async (s) => {
        const w = await opened(s);

        w.send('abc');
        assert.equal((await w.waitClose()).code, 1005);
      },
    },
  },

  'heartbeat': {
    'HTTP long-polling': {
      'sends ping/pong packets': async (s) => {
        const p = await poll(s);

        for (let i = 0; i < 3; i++) {
          const answer = await p.post('1:2');

          assert.equal(answer.status, 200);
          assert.equal(answer.text, 'ok');

          const r = await p.get();

          assert.equal(r.status, 200);
          assert.equal(r.text, '1:3');
        }

        await p.close();
      },

      'closes the session upon ping timeout': async (s) => {
        const from = Date.now();
        const [p, late] = [await poll(short(s)), await poll(short(s))];
        const { response } = await p.hang();

        /* a GET that waits hears of it */

        assert.equal((await response).text, '1:1');
        assert.ok(Date.now() - from
                  > SHORT.pingInterval + SHORT.pingTimeout - 50);
        assert.equal((await p.post('1:2')).status, 400);
        await sio.sleep(300);
        assert.equal((await late.post('1:2')).status, 400);
      },
    },

    'WebSocket': {
      'sends ping/pong packets': async (s) => {
        const w = await opened(s);

        for (let i = 0; i < 3; i++) {
          w.send('2');
          assert.equal(await w.recvText(), '3');
        }

        await w.close(1000);
      },

      'closes the session upon ping timeout': async (s) => {
        const from = Date.now();
        const w = await opened(short(s));

        assert.equal((await w.waitClose()).code, 1005);
        assert.deepEqual(w.messages, []);
        assert.ok(Date.now() - from
                  > SHORT.pingInterval + SHORT.pingTimeout - 50);
      },
    },
  },

  'close': {
    'HTTP long-polling': {
      'forcefully closes the session': async (s) => {
        const c = await connections(s);
        const p = await poll(s);
        const get = await pending(p, c);

        assert.equal((await p.post('1:1', { conn: c.other })).text, 'ok');

        const r = await get.response;

        assert.equal(r.status, 200);
        assert.equal(r.text, '1:6');
        assert.equal((await p.get()).status, 400);
        Object.values(c).forEach((conn) => conn.destroy());
      },
    },

    'WebSocket': {
      /* by the timeout again: see conformance.js */

      'forcefully closes the session': async (s) => {
        const w = await opened(short(s));

        w.send('1');
        assert.equal((await w.waitClose()).code, 1005);
      },
    },
  },

  'upgrade': {
    'successfully upgrades from HTTP long-polling to WebSocket':
      async (s) => {
        const p = await poll(s);
        const w = await p.candidate();

        w.send('2probe');
        assert.equal(await w.recvText(), '3probe');

        const r = await p.get();

        assert.equal(r.status, 200);
        assert.equal(r.text, '1:6');

        w.send('5');
        await echo(w, '4hello');
        await w.close(1000);
      },

    'ignores HTTP requests with same sid after upgrade': async (s) => {
      const p = await poll(s);
      const w = await p.upgrade();

      await echo(w, '4upgraded');
      assert.equal((await p.get()).status, 400);
      await echo(w, '4hello');
      await w.close(1000);
    },

    'ignores WebSocket connection with same sid after upgrade':
      async (s) => {
        const p = await poll(s);
        const w = await p.upgrade();

        await echo(w, '4upgraded');

        const second = await p.candidate();

        await second.waitClose();
        assert.deepEqual(second.messages, []);
        await echo(w, '4hello');
        await w.close(1000);
      },
  },
});
