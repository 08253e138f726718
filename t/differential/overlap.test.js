'use strict';

/*
 * Requests of one session that overlap, are given up, or meet its end; each
 * at another worker.
 */

const assert = require('node:assert/strict');
const { after, before, describe, it } = require('node:test');

const lib = require('./lib.js');

const app = {
  rules: `
    sio_on echo    { relay; }
    sio_on barrier { ack; }
    sio_on close   { disconnect close; }
    sio_on leave   { disconnect; }
  `,

  node: (io) => io.on('connection', (socket) => {
    socket.on('echo', (...args) => socket.emit('echo', ...args));
    socket.on('barrier', (ack) => ack());
    socket.on('close', () => socket.disconnect(true));
    socket.on('leave', () => socket.disconnect());
  }),

  locations: {
    '/small/': {
      directives: 'sio_max_http_buffer_size 100;',
      options: { maxHttpBufferSize: 100 },
    },
  },
};


describe('overlapping requests', () => {
  const both = lib.pair(app);

  before(() => both.start());
  after(() => both.stop());

  /*
   * A session that has joined, and four connections; begin() is a POST
   * without the end of its body
   */

  const compare = (script, options = {}) => both.compare(async (tools) => {
    const session = await tools.poll(options);
    const conns = await tools.conns(4);

    await session.connectNsp();

    const begin = async (conn, body, length = body.length + 1) => {
      conn.write(`POST ${session.url()} HTTP/1.1\r\nHost: x\r\n`
                 + (length === 'chunked' ? 'Transfer-Encoding: chunked'
                                         : `Content-Length: ${length}`)
                 + `\r\n\r\n${body}`);
      await lib.fence(conn);
      return conn.response();
    };

    /* what came is known to be lost: to each other worker, too */

    const gone = () => lib.until(async () =>
      (await session.send({ method: 'PUT', path: session.url() })).status
      === 400);

    const alive = async () => {
      await session.post('4299["barrier"]');
      return session.wait(/^4399/);
    };

    await script({ ...tools, session, conns, begin, gone, alive });
  });


  /* -- two of a kind ------------------------------------------------------ */

  it('a second GET', () => compare(async ({ note, session, conns }) => {
    const first = await session.parked({ conn: conns[0] });

    note(await session.get({ conn: conns[1] }));
    note(await first.response);
    note(await session.get({ conn: conns[2] }));
    note(await session.post('3', { conn: conns[3] }));
  }));


  it('a second GET at the same worker', () => compare(
    async ({ note, session, conns }) => {
      const first = await session.parked({ conn: conns[0] });

      note(await session.get({ conn: conns[0].second }));
      note(await first.response);
      note(await session.get({ conn: conns[0].second }));
    }));


  it('a GET behind one that was answered', () => compare(
    async ({ note, session, conns }) => {
      const first = await session.parked({ conn: conns[0] });

      note(await session.post('42["echo",1]', { conn: conns[1] }));
      note(await first.response);

      const second = await session.parked({ conn: conns[2] });

      note(await session.post('42["echo",2]', { conn: conns[3] }));
      note(await second.response);
    }));


  it('a second POST', () => compare(async ({ note, session, conns, begin }) => {
    const first = begin(conns[0], '42["echo",1');

    await lib.fence(conns[0]);
    note(await session.post('42["echo",2]', { conn: conns[1] }));
    note((await first).status);
    note(await session.get({ conn: conns[2] }));
  }));


  it('a second POST at the same worker', () => compare(
    async ({ note, session, conns, begin }) => {
      const first = begin(conns[0], '42["echo",1');

      await lib.fence(conns[0]);
      note(await session.post('42["echo",2]', { conn: conns[0].second }));
      note((await first).status);
      note(await session.get({ conn: conns[2] }));
    }));


  it('a second POST while a GET waits', () => compare(
    async ({ note, session, conns, begin }) => {
      const get = await session.parked({ conn: conns[0] });
      const first = begin(conns[1], '42["echo",1');

      await lib.fence(conns[1]);
      note(await session.post('42["echo",2]', { conn: conns[2] }));
      note((await first).status);
      note(await get.response);
      note(await session.get({ conn: conns[3] }));
    }));


  it('a second GET while a POST is under way', () => compare(
    async ({ note, session, conns, begin }) => {
      const get = await session.parked({ conn: conns[0] });
      const post = begin(conns[1], '42["echo",1');

      await lib.fence(conns[1]);
      note(await session.get({ conn: conns[2] }));
      note(await get.response);
      note((await post).status);
      note(await session.get({ conn: conns[3] }));
    }));


  /* -- one of each -------------------------------------------------------- */

  it('a POST while a GET waits', () => compare(
    async ({ note, session, conns }) => {
      const get = await session.parked({ conn: conns[0] });

      note(await session.post('42["echo",1]', { conn: conns[1] }));
      note(await get.response);
    }));


  it('a GET while a POST is under way', () => compare(
    async ({ note, session, conns, begin }) => {
      const post = begin(conns[0], '42["echo",1');

      await lib.fence(conns[0]);

      const get = await session.parked({ conn: conns[1] });

      conns[0].write(']');
      note(await post);
      note(await get.response);
    }));


  for (const method of ['PUT', 'HEAD', 'OPTIONS', 'DELETE']) {
    it(`${method} while a GET waits and a POST is under way`, () => compare(
      async ({ note, session, conns, begin }) => {
        const get = await session.parked({ conn: conns[0] });
        const post = begin(conns[1], '42["echo",1');

        await lib.fence(conns[1]);
        note(await session.send({ method, path: session.url(),
                                  conn: conns[2] }));
        conns[1].write(']');
        note(await post);
        note(await get.response);
      }));
  }


  it('another version while a GET waits', () => compare(
    async ({ note, session, conns, alive }) => {
      const get = await session.parked({ conn: conns[0] });

      for (const method of ['GET', 'POST']) {
        note(await session.send({
          method, conn: conns[1],
          path: session.url().replace('EIO=4', 'EIO=3') }));
        note(await session.send({
          method, conn: conns[2],
          path: session.url().replace('polling', 'websocket') }));
      }

      note(await session.post('42["echo",1]', { conn: conns[3] }));
      note(await get.response);
      note(await alive());
    }));


  /* -- given up ----------------------------------------------------------- */

  const ends = {
    'closed': (conn) => conn.destroy(),
    'half closed': (conn) => conn.socket.end(),
    'reset': (conn) => conn.reset(),
  };

  for (const [how, end] of Object.entries(ends)) {
    it(`a GET is ${how}`, () => compare(
      async ({ note, session, conns, gone }) => {
        await session.parked({ conn: conns[0] });
        end(conns[0]);
        await gone();
        note(await session.get({ conn: conns[1] }));
        note(await session.post('3', { conn: conns[2] }));
      }));


    it(`a GET is ${how} while a POST is under way`, () => compare(
      async ({ note, session, conns, begin, gone }) => {
        await session.parked({ conn: conns[0] });

        const post = begin(conns[1], '42["echo",1');

        await lib.fence(conns[1]);
        end(conns[0]);
        await gone();
        note((await post).status);
        note(await session.get({ conn: conns[2] }));
      }));


    for (const length of [undefined, 'chunked']) {
      const form = length || 'with a length';

      it(`a POST is ${how}, ${form}`, () => compare(
        async ({ note, session, conns, begin, gone }) => {
          const post = begin(conns[0], length ? '5\r\n42["e' : '42["echo",1',
                             length);

          await lib.fence(conns[0]);
          end(conns[0]);
          await gone();

          /* half of a connection may still be answered: as HTTP pleases */

          if (!/half/.test(how)) {
            note((await post).status);
          }

          note(await session.get({ conn: conns[1] }));
        }));


      it(`a POST is ${how} while a GET waits, ${form}`, () => compare(
        async ({ note, session, conns, begin }) => {
          const get = await session.parked({ conn: conns[0] });
          const post = begin(conns[1], length ? '5\r\n42["e' : '42["echo",1',
                             length);

          await lib.fence(conns[1]);
          end(conns[1]);
          note(await get.response);

          if (!/half/.test(how)) {
            note((await post).status);
          }

          note(await session.get({ conn: conns[2] }));
        }));
    }
  }


  it('a POST that is too large is given up', () => compare(
    async ({ note, conns, begin, alive }) => {
      const post = begin(conns[0], 'x'.repeat(101), 1000);

      note(await post);
      conns[0].destroy();
      note(await alive());
    }, { path: '/small/' }));


  it('a PUT is given up', () => compare(
    async ({ note, session, conns, alive }) => {
      conns[0].write(`PUT ${session.url()} HTTP/1.1\r\nHost: x\r\n`
                     + 'Content-Length: 10\r\n\r\nx');
      note(await conns[0].response());
      conns[0].destroy();
      note(await alive());
    }));


  it('an answer is given up', () => compare(
    async ({ note, session, conns, alive }) => {
      const get = await session.parked({ conn: conns[0] });

      note(await session.post(`42["echo","${'x'.repeat(500000)}"]`,
                              { conn: conns[1] }));
      note((await get.response).body.length);
      conns[0].destroy();
      note(await alive());
    }));


  /* -- the end, while a GET waits, and without one ------------------------ */

  const posts = {
    'close': '1',
    'close with data': '1x',
    'close, and a packet behind': '1\x1e42["echo",1]',
    'ping': '2',
    'a probe': '2probe',
    'pong': '3',
    'noop, upgrade, open': '6\x1e5\x1e0',
    'garbage': 'x',
    'a packet behind garbage': 'x\x1e42["echo",1]',
    'an unknown type': '7',
    'nothing': '',
    'a separator': '\x1e',
    'a separator behind': '3\x1e',
    'a bad Socket.IO packet': '47',
    'a good one behind a bad one': '47\x1e42["echo",1]',
    'no data at all': '4',
    'a second CONNECT': '40',
    'an event of another namespace': '42/none,["echo"]',
    'binary without a header': 'bAQID',
    'the server disconnects': '42["leave"]',
    'the server closes': '42["close"]',
    'the server closes, a packet behind': '42["close"]\x1e42["echo",1]',
    'DISCONNECT': '41',
  };

  for (const [name, body] of Object.entries(posts)) {
    it(`a GET waits: ${name}`, () => compare(
      async ({ note, session, conns, alive }) => {
        const get = await session.parked({ conn: conns[0] });

        note(await session.post(body, { conn: conns[1] }));

        /* what nobody is told of: an event ends the wait, if it lives */

        if (/^3$|^6/.test(body)) {
          note((await session.post('42["echo","alive"]')).status);
          note(await get.response);
          return;
        }

        if (body === '41') {
          get.abort();
          return;
        }

        note(await get.response);

        for (let n = 1; n < 4; n++) {
          const r = await session.send({ method: 'PUT', path: session.url(),
                                         conn: conns[n] });

          note(r);
        }
      }));


    it(`no GET waits: ${name}`, () => compare(
      async ({ note, session, conns }) => {
        note(await session.post(body, { conn: conns[1] }));

        /* with an end, or with what ends the wait of the one that lives */

        const late = await session.parked({ conn: conns[2] });

        if (/^3$|^6|^41$/.test(body)) {
          note((await session.post('40')).status);
        }

        note(await late.response);
      }));
  }


  it('octet-stream while a GET waits', () => compare(
    async ({ note, session, conns }) => {
      const get = await session.parked({ conn: conns[0] });

      note(await session.post('42["echo",1]', { conn: conns[1], headers: {
        'Content-Type': 'application/octet-stream' } }));
      note(await get.response);
      note(await session.get({ conn: conns[2] }));
    }));


  it('octet-stream while a POST is under way', () => compare(
    async ({ note, session, conns, begin }) => {
      const post = begin(conns[0], '42["echo",1');

      await lib.fence(conns[0]);
      note(await session.post('42["echo",1]', { conn: conns[1], headers: {
        'Content-Type': 'application/octet-stream' } }));
      note((await post).status);
      note(await session.get({ conn: conns[2] }));
    }));


  /* a session that waits for its last GET: what else is said to it */

  for (const [name, method, body] of [
    ['a packet', 'POST', '42["echo",1]'], ['close', 'POST', '1'],
    ['a pong', 'POST', '3'], ['garbage', 'POST', 'x'], ['PUT', 'PUT', ''],
  ]) {
    it(`parked close, ${name}`, () => compare(
      async ({ note, session, conns }) => {
        note(await session.post('47', { conn: conns[0] }));
        note(await session.send({ method, body, path: session.url(),
                                  conn: conns[1] }));
        note(await session.get({ conn: conns[2] }));
        note(await session.get({ conn: conns[3] }));
      }));
  }


  it('parked close, packets go first', () => compare(
    async ({ note, session, conns }) => {
      note(await session.post('42["echo",1]\x1e42["echo",2]',
                              { conn: conns[3] }));
      note(await session.post('47', { conn: conns[0] }));
      note(await session.get({ conn: conns[1] }));
      note(await session.get({ conn: conns[2] }));
      note(await session.get({ conn: conns[3] }));
    }));


  /*
   * A GET and the client's close.  At the same time the one or the other comes
   * first, which is chance; but there is no third answer.
   */

  const orders = {
    before: async (s, [a, b]) => {
      const post = await s.post('1', { conn: a });

      return [post, await s.get({ conn: b })];
    },

    during: async (s, [a, b]) => {
      a.write(`POST ${s.url()} HTTP/1.1\r\nHost: x\r\n`
              + 'Content-Length: 1\r\n\r\n');
      await lib.fence(a);

      const get = await s.parked({ conn: b });

      a.write('1');
      return [await a.response(), await get.response];
    },

    behind: async (s, [a, b]) => {
      const get = await s.parked({ conn: b });

      return [await s.post('1', { conn: a }), await get.response];
    },
  };

  for (const [name, run] of Object.entries(orders)) {
    it(`close ${name} a GET`, () => compare(
      async ({ note, session, conns }) => {
        note(...await run(session, conns));
      }));
  }


  it('close and a GET at once', async () => {
    const { node, nginx } = both.servers;
    const said = (list) => list.map((r) => `${r.status} ${r.text}`).join();
    const allowed = [];

    for (const run of Object.values(orders)) {
      const [a, b, c, d] = await Promise.all([1, 2, 3, 4].map(
        () => lib.connect(node)));

      a.second = c;
      b.second = d;
      allowed.push(said(await run(await lib.poll(node), [a, b])));
      [a, b, c, d].forEach((conn) => conn.destroy());
    }

    const conns = lib.NODE ? [await lib.connect(node), await lib.connect(node)]
                           : [...(await nginx.spread()).values()];

    for (let n = 0; n < 60; n++) {
      const s = await lib.poll(nginx);
      const [a, b] = n % 2 ? conns : [conns[1], conns[0]];
      const get = s.get({ conn: a });
      const post = s.post('1', { conn: b });

      assert.ok(allowed.includes(said([await post, await get])),
                said([await post, await get]));
    }

    conns.forEach((c) => c.destroy());
  });
});
