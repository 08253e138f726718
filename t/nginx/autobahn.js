'use strict';

/*
 * The cases of the Autobahn test suite for WebSocket servers, played on raw
 * frames against an echo of plain Engine.IO: at Node's engine.io (the ws
 * library), at nginx, and at nginx over TLS with the octets sent one by one.
 *
 * On this wire a text message begins with "4", the type of an Engine.IO
 * message; it is in the first fragment and counts in the lengths.
 */

const assert = require('node:assert/strict');
const crypto = require('crypto');
const http = require('http');
const { after, before, describe, it } = require('node:test');

const sio = require('../lib/sio.js');

const { TEXT, BINARY, CLOSE, PING, PONG } = sio;

const NAMES = { [TEXT]: 'text', [BINARY]: 'binary', [CLOSE]: 'close',
                [PING]: 'ping', [PONG]: 'pong' };

const ROUND = 'is that all?';
const OCTETS = 3000;        /* "pieces": more is not sent octet by octet */

const bytes = (data) => Buffer.isBuffer(data) ? data : Buffer.from(data);


/* frames; `more` is as for raw.js */

const frame = (opcode) => (payload = '', more = {}) => (
  { opcode, payload: bytes(payload), ...more });

const text = frame(TEXT);
const binary = frame(BINARY);
const cont = frame(0);
const ping = frame(PING);
const pong = frame(PONG);
const part = { fin: false };

function close(code, reason = '') {
  return frame(CLOSE)(Buffer.concat([Buffer.from([code >> 8, code & 255]),
                                     bytes(reason)]));
}

/*
 * Steps between frames.  SEEN: the server has read all so far, and the
 * connection is still open.  came(n): so many frames have been answered.
 */

const SEEN = Symbol('seen');

const came = (n) => ({ came: n });


/* what came, short enough to be shown when it is not what should have come */

function event({ opcode, payload }) {
  const data = bytes(payload);
  const shown = data.length <= 100 ? data.toString('latin1')
    : `${data.length} octets, ${crypto.createHash('sha1').update(data)
                                      .digest('hex')}`;

  return `${NAMES[opcode]} ${shown}`;
}


/*
 * Rows.  fine(): all is answered and the connection can be closed normally.
 * ends(): the server closes with `code`.  `events` are frames that come
 * before; options are `chop`: "frame", "octet" or octets per write, else all
 * is one write; `node`: {code, events, steps} where the ws library differs,
 * false where it may; `headers` of the handshake; `more(w, send)` goes on by
 * itself and resolves to what should have come; `decode(w)` gives the frames
 * that came, in clear.
 */

const fine = (id, title, steps, events, options = {}) => (
  { id, title, steps, events, ...options });

const ends = (id, title, code, steps, events = [], options = {}) => (
  { id, title, steps, events, code, ...options });


async function chopped(w, steps, chop, behind) {
  const opened = w.frames.length;
  let held = [];

  const flush = async () => {
    const all = Buffer.concat(held);
    const size = chop === 'octet' ? 1
               : chop === 'pieces' ? (all.length > OCTETS ? 997 : 1)
               : Number.isInteger(chop) ? chop : Infinity;

    held = [];

    for (let at = 0; at < all.length && !w.ended; at += size) {
      w.write(all.subarray(at, at + size));
      await new Promise(setImmediate);
    }
  };

  for (const step of steps) {
    if (step === SEEN) {
      await flush();
      await behind.request({ path: '/worker' });
      assert.equal(w.ended, undefined, 'still open');
      continue;
    }

    if (step.came) {
      await flush();
      await sio.until(() => w.frames.length >= opened + step.came, 20000,
                      'an answer between');
      continue;
    }

    held.push(Buffer.isBuffer(step) ? step : sio.frameBytes(step));

    if (chop === 'frame') {
      await flush();
    }
  }

  await flush();
}


/* two connections to one worker, the second to see how far it is */

async function connections(s, row) {
  if (!row.steps.includes(SEEN)) {
    return [];
  }

  if (s.kind === 'node') {
    return [await sio.connect(s), await sio.connect(s)];
  }

  const pid = s.server.workers()[0];

  return [await s.server.connectTo(pid, { tls: s.tls }),
          await s.server.connectTo(pid, { tls: s.tls })];
}


async function play(s, row, chop) {
  const [conn, behind] = await connections(s, row);
  const w = await sio.ws({ ...s, conn, pong: false, headers: row.headers });

  assert.equal(w.status, 101);
  await sio.until(() => w.frames.length, 20000, 'the open packet');

  const opened = w.frames.length;
  const want = row.events.map(event);
  const closes = row.code !== undefined;
  const log = () => w.frames.slice(opened);

  await chopped(w, row.steps, chop, behind);

  if (row.more) {
    const more = await row.more(w, (steps) => chopped(w, steps, chop));

    want.push(...more.map(event));
  }

  if (!closes) {
    await sio.until(() => w.ended || log().length >= want.length, 20000,
                    'the answers');
    w.sendFrame(ping(ROUND));
    want.push(event(pong(ROUND)));
    await sio.until(() => w.ended || log().length >= want.length, 20000,
                    'the last pong');
    w.close(1000);
  }

  const end = await w.waitClose(10000);
  const frames = (row.decode?.(w) || w.frames).slice(opened);

  behind?.destroy();

  if (frames.at(-1)?.opcode === CLOSE) {
    frames.pop();
  }

  assert.deepEqual(frames.map(event), want);
  assert.equal(end.code, closes ? row.code : 1000);
  assert.equal(end.tcp, 'end');
  assert.ok(w.frames.every((f) => f.fin && !(f.rsv & 3) && !f.masked));
}


async function startNode(options) {
  const engine = require('engine.io');
  const server = http.createServer((req, res) => res.end());
  const io = engine.attach(server, { path: '/socket.io/', ...options });

  io.on('connection', (socket) => {
    socket.on('data', (data) => socket.send(data));
  });

  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    kind: 'node',
    port: server.address().port,
    stop: async () => {
      io.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}


function startNginx({ directives = '', rules = 'relay;' }) {
  return sio.startNginx({
    workers: 4,
    tls: true,
    location: `sio on; sio_protocol engine.io; ${directives}
               sio_on message { ${rules} }`,
  });
}


/*
 * autobahn(title, {directives, options, rules, on}, rows); `options` are
 * engine.io's, `on` is which of TARGETS to play them at.
 */

const TARGETS = {
  node: ['Node', (o) => startNode(o.options), (s, row) => (
    play({ kind: 'node', port: s.server.port }, { ...row, ...row.node },
         row.chop))],

  nginx: ['nginx', startNginx, (s, row) => (
    play({ ...s, port: s.server.port }, row, row.chop))],

  tls: ['nginx over TLS, in small pieces', startNginx, (s, row) => (
    play({ ...s, port: s.server.tlsPort, tls: true }, row, 'pieces'))],
};


function autobahn(title, options, rows) {
  const { on = Object.keys(TARGETS) } = options;

  describe(title, { concurrency: true }, () => {
    for (const target of on) {
      if (process.env.SIO_TARGET !== 'node' || target === 'node') {
        table(TARGETS[target], options, rows);
      }
    }
  });
}


function table([name, start, run], options, rows) {
  describe(name, () => {
    const s = {};
    let base;

    before(async () => {
      s.server = await start(options);
      s.kind = s.server.kind;
      base = s.kind === 'nginx' && await s.server.counters();
    });

    after(async () => {
      try {
        if (base) {
          await s.server.settled(base);
        }

      } finally {
        await s.server?.stop();
      }
    });

    describe('cases', { concurrency: options.concurrency || 16 }, () => {
      for (const row of rows) {
        if (run !== TARGETS.node[2] || row.node !== false) {
          it(`${row.id} ${row.title}`, () => run(s, row));
        }
      }
    });
  });
}


module.exports = { autobahn, fine, ends, text, binary, cont, ping, pong, close,
                   part, frame, came, SEEN };
