'use strict';

/*
 * HTTP below the protocol: versions, bodies in every form, requests one
 * behind the other, and what becomes of a connection after each answer.
 */

const { after, before, describe, it } = require('node:test');

const lib = require('./lib.js');

const app = {
  /* bodies larger than this would go to a file, if nginx read them */
  directives: 'client_body_buffer_size 1k; client_body_in_file_only on;',
  rules: 'sio_on echo { relay; } sio_on barrier { ack; }',

  node: (io) => io.on('connection', (socket) => {
    socket.on('echo', (...args) => socket.emit('echo', ...args));
    socket.on('barrier', (ack) => ack());
  }),

  locations: {
    '/small/': {
      directives: 'sio_max_http_buffer_size 100;',
      options: { maxHttpBufferSize: 100 },
    },
  },
};

const POLLING = '/socket.io/?EIO=4&transport=polling';
const SID = `${POLLING}&sid=AAAAAAAAAAAAAAAAAAAA`;


/* "kept", if the connection takes another request */

async function kept(conn) {
  const r = await conn.request({ path: '/worker' });

  return r.status === 200 ? 'kept' : 'closed';
}


/* all that comes on a connection until it ends, or `n` answers */

async function raw({ note, conns }, text, n = 1, method = 'GET') {
  const [conn] = await conns(1);

  conn.write(Buffer.from(text, 'latin1'));

  for (let i = 0; i < n; i++) {
    note(await conn.response({ method }));
  }

  note(await kept(conn));
}


/* the session answers */

async function alive(session) {
  await session.post('4299["barrier"]');

  return session.wait(/^4399/);
}


describe('connections', () => {
  const both = lib.pair(app);

  before(() => both.start());
  after(() => both.stop());


  /* one request, without a session */

  const head = (line, ...more) => [line, 'Host: x', ...more, '', '']
    .join('\r\n');

  const requests = {
    'HTTP/1.1': head(`GET ${POLLING} HTTP/1.1`),
    'HTTP/1.1, close': head(`GET ${POLLING} HTTP/1.1`, 'Connection: close'),
    'HTTP/1.0': head(`GET ${POLLING} HTTP/1.0`),
    'HTTP/1.0, keep-alive': head(`GET ${POLLING} HTTP/1.0`,
                                 'Connection: keep-alive'),
    'HTTP/1.0 without Host': `GET ${POLLING} HTTP/1.0\r\n\r\n`,
    'HTTP/1.0, an error': head(`GET ${SID} HTTP/1.0`),
    'an error': head(`GET ${SID} HTTP/1.1`),
    'an error, close': head(`GET ${SID} HTTP/1.1`, 'Connection: close'),
    'an empty line in front': `\r\n${head(`GET ${POLLING} HTTP/1.1`)}`,
    'an error and a body': `${head(`POST ${SID} HTTP/1.1`,
                                   'Content-Length: 4')}body`,
    'an error and a chunked body': `${head(`POST ${SID} HTTP/1.1`,
      'Transfer-Encoding: chunked')}4\r\nbody\r\n0\r\n\r\n`,
    'an error and a large body': `${head(`POST ${SID} HTTP/1.1`,
      'Content-Length: 70000')}${'x'.repeat(70000)}`,
    'a wrong method': `${head(`POST ${POLLING} HTTP/1.1`,
                              'Content-Length: 4')}body`,
    'OPTIONS': head(`OPTIONS ${POLLING} HTTP/1.1`),
    'a GET with a body': `${head(`GET ${POLLING} HTTP/1.1`,
                                 'Content-Length: 4')}body`,
    'Expect, and an error': `${head(`POST ${SID} HTTP/1.1`,
      'Content-Length: 4', 'Expect: 100-continue')}body`,
  };

  for (const [name, text] of Object.entries(requests)) {
    it(name, () => both.compare((tools) => raw(tools, text)));
  }


  it('HEAD', () => both.compare((tools) => raw(
    tools, head(`HEAD ${POLLING} HTTP/1.1`), 1, 'HEAD')));


  it('pipelined handshakes', () => both.compare((tools) => raw(
    tools, head(`GET ${POLLING} HTTP/1.1`).repeat(3), 3)));


  it('pipelined, errors between', () => both.compare((tools) => raw(
    tools, head(`GET ${POLLING} HTTP/1.1`) + head(`GET ${SID} HTTP/1.1`)
           + `${head(`POST ${SID} HTTP/1.1`, 'Content-Length: 4')}body`
           + head(`GET ${POLLING} HTTP/1.1`), 4)));


  it('pipelined behind a handshake with a body', () => both.compare(
    (tools) => raw(tools,
      `${head(`GET ${POLLING} HTTP/1.1`, 'Content-Length: 4')}body`
      + head(`GET ${SID} HTTP/1.1`), 2)));


  it('byte by byte', () => both.compare(async ({ note, conns }) => {
    const [conn] = await conns(1);

    for (const b of Buffer.from(head(`GET ${POLLING} HTTP/1.1`))) {
      conn.write(Buffer.from([b]));
    }

    note(await conn.response());
    note(await kept(conn));
  }));


  /*
   * Requests of one session, and whether it lives: {head lines, body} on one
   * connection, an answer for each.
   */

  const echo = (n, text = 'x') => `42["echo","${text.repeat(n)}"]`;
  const length = (body) => [[`Content-Length: ${Buffer.byteLength(body)}`],
                            body];
  const chunked = (body, more = []) => [['Transfer-Encoding: chunked', ...more],
                                        body];
  const chunk = (text) => `${Buffer.byteLength(text).toString(16)}\r\n`
                          + `${text}\r\n`;

  const posts = {
    'a length': length(echo(1)),
    'a length of 0': length(''),
    'no length': [[], ''],
    'a body of 1k and more': length(echo(1100)),
    'a body of 100k': length(echo(100000)),
    'a body of 100k, text of many bytes': length(echo(30000, '\u20ac')),
    'one chunk': chunked(`${chunk(echo(1))}0\r\n\r\n`),
    'no chunk': chunked('0\r\n\r\n'),
    'chunks of a byte': chunked(
      `${[...echo(20)].map(chunk).join('')}0\r\n\r\n`),
    'chunks of 10k': chunked(
      `${echo(100000).match(/[^]{1,10000}/g).map(chunk).join('')}0\r\n\r\n`),
    'characters cut by chunks': chunked(Buffer.concat([
      ...[...Buffer.from('42["echo","\u20ac\u{1f600}"]')].map((b) =>
        Buffer.from([0x31, 13, 10, b, 13, 10])),
      Buffer.from('0\r\n\r\n')]).toString('latin1')),
    'a chunk extension': chunked(`d;name=x\r\n42["echo","x"\r\n1\r\n]\r\n`
                                 + '0\r\n\r\n'),
    'a chunk in capitals': chunked(`000A\r\n42["echo",\r\n2\r\n1]\r\n`
                                   + '0\r\n\r\n'),
    'a trailer': chunked(`${chunk(echo(1))}0\r\nX-Trailer: x\r\n\r\n`,
                         ['Trailer: X-Trailer']),
    'Expect': [['Expect: 100-continue', 'Content-Length: 14'], echo(1)],
    'Expect and chunks': chunked(`${chunk(echo(1))}0\r\n\r\n`,
                                 ['Expect: 100-continue']),
    'close': [['Connection: close', 'Content-Length: 14'], echo(1)],
    'HTTP/1.0': [['Content-Length: 14'], echo(1), '1.0'],
    'HTTP/1.0, keep-alive': [['Content-Length: 14', 'Connection: keep-alive'],
                             echo(1), '1.0'],
    'gzip it is not': [['Content-Length: 14', 'Content-Encoding: gzip'],
                       echo(1)],
    'a range': [['Content-Length: 14', 'Range: bytes=0-1'], echo(1)],
  };

  for (const [name, [lines, body, version = '1.1']] of Object.entries(posts)) {
    it(`a POST: ${name}`, () => both.compare(async ({ note, poll, conns }) => {
      const session = await poll({});
      const [conn] = await conns(1);

      await session.connectNsp();
      conn.write(Buffer.concat([
        Buffer.from(head(`POST ${session.url()} HTTP/${version}`, ...lines)),
        Buffer.from(body, /cut/.test(name) ? 'latin1' : 'utf8')]));
      note(await conn.response());
      note(await kept(conn));
      note(await session.get());
    }));
  }


  /* a body that comes in pieces, each of them by itself */

  for (const [name, framing] of [['length', null], ['chunked', chunk]]) {
    it(`a POST in pieces: ${name}`, () => both.compare(
      async ({ note, poll, conns }) => {
        const session = await poll({});
        const [conn, other] = await conns(2);
        const body = echo(20);

        await session.connectNsp();
        conn.write(head(`POST ${session.url()} HTTP/1.1`,
                        framing ? 'Transfer-Encoding: chunked'
                                : `Content-Length: ${body.length}`));

        for (const b of body) {
          conn.write(framing ? framing(b) : b);
          /* a round trip, so that the server has it */
          await other.request({ path: '/worker' });
        }

        if (framing) {
          conn.write('0\r\n\r\n');
        }

        note(await conn.response());
        note(await kept(conn));
        note(await session.get());
      }));
  }


  it('100 Continue comes before the body', () => both.compare(
    async ({ note, poll, conns }) => {
      const session = await poll({});
      const [conn] = await conns(1);

      await session.connectNsp();
      conn.write(head(`POST ${session.url()} HTTP/1.1`, 'Content-Length: 14',
                      'Expect: 100-continue'));
      await lib.until(() => /^HTTP\/1.1 100 Continue\r\n\r\n$/.test(
        conn.buffer.toString()));
      conn.write(echo(1));
      note(await conn.response());
      note(await kept(conn));
      note(await session.get());
    }));


  /* too large, in every form; nothing is heard of it, the session lives */

  const large = {
    'a length': length(echo(90)),
    'a length of a megabyte': length(echo(1000000)),
    'a length that is announced': [['Content-Length: 1000000'], ''],
    'a length that is announced, of 20 digits':
      [['Content-Length: 100000000000000'], ''],
    'one chunk': chunked(`${chunk(echo(90))}0\r\n\r\n`),
    'many chunks': chunked(`${[...echo(90)].map(chunk).join('')}0\r\n\r\n`),
    'a chunk without end': chunked(`fffff\r\n${'x'.repeat(200)}`),
  };

  for (const [name, [lines, body]] of Object.entries(large)) {
    it(`413: ${name}`, () => both.compare(async ({ note, poll, conns }) => {
      const session = await poll({ path: '/small/' });
      const [conn] = await conns(1);

      await session.connectNsp();
      conn.write(head(`POST ${session.url()} HTTP/1.1`, ...lines) + body);

      /* Node answers when it has read more than it takes */

      if (/announced/.test(name)) {
        conn.write('x'.repeat(101));
      }

      note(await conn.response());
      conn.destroy();
      note(await alive(session));
    }));
  }


  for (const n of [99, 100, 101]) {
    for (const how of ['length', 'chunks']) {
      it(`the limit: ${n} bytes, ${how}`, () => both.compare(
        async ({ note, poll }) => {
          const session = await poll({ path: '/small/' });

          await session.connectNsp();
          note(await session.post(echo(n - 12),
                                  { chunked: how === 'chunks' }));

          if (n <= 100) {
            note(await session.get());
          }

          note(await alive(session));
        }));
    }
  }


  /* bodies that HTTP itself refuses: the session hears of their end */

  const bad = {
    'a chunk that is no number': ['Transfer-Encoding: chunked', 'xyz\r\n'],
    'a chunk longer than said': ['Transfer-Encoding: chunked',
                                 '1\r\n42["echo"]\r\n0\r\n\r\n'],
    'a chunk of 20 digits': ['Transfer-Encoding: chunked',
                             'ffffffffffffffffffff\r\nxx'],
  };

  for (const [name, [line, body]] of Object.entries(bad)) {
    it(`a bad body: ${name}`, () => both.compare(
      async ({ note, poll, conns }) => {
        const session = await poll({});
        const [conn] = await conns(1);

        conn.write(head(`POST ${session.url()} HTTP/1.1`, line) + body);
        note((await conn.response()).status);
        note(await kept(conn));
        await lib.until(async () => (await session.post('3')).status === 400);
        note(await session.get());
      }));
  }


  /* several requests of a session on one connection */

  it('a session on one connection', () => both.compare(
    async ({ note, conns }) => {
      const [conn] = await conns(1);
      const open = await conn.request({ path: POLLING });
      const { sid } = JSON.parse(open.text.slice(1));
      const path = `${POLLING}&sid=${sid}`;
      const post = (body) => conn.request({ path, method: 'POST', body });

      note(open);
      note(await post('40'));
      note(await conn.request({ path }));
      note(await conn.request({ path, method: 'PUT' }));
      note(await post('42["echo",1]'));
      note(await conn.request({ path }));
      note(await post('42["echo",2]'));
      note(await conn.request({ path: `${path}x` }));
      note(await conn.request({ path }));
      note(await post('1'));
      note(await conn.request({ path }));
      note(await kept(conn));
    }));


  it('a GET that waits keeps its connection', () => both.compare(
    async ({ note, poll, conns }) => {
      const session = await poll({});
      const [conn, other] = await conns(2);

      await session.connectNsp();

      for (let n = 0; n < 3; n++) {
        const get = await session.parked({ conn });

        note(await session.post(`42["echo",${n}]`, { conn: other }));
        note(await get.response);
      }

      note(await kept(conn));
    }));


  it('pipelined POSTs are an overlap in Node', () => both.compare(
    async ({ note, poll, conns }) => {
      const session = await poll({});
      const [conn] = await conns(1);

      await session.connectNsp();

      conn.write([1, 2].map((n) =>
        head(`POST ${session.url()} HTTP/1.1`, 'Content-Length: 12')
        + `42["echo",${n}]`).join(''));
      note((await conn.response()).status);
      note((await session.post('42["echo",3]')).status);
    }, {
      node: [[0], [400]],
      nginx: [[200], [200]],
      why: 'requests sent one behind the other on a connection',
    }));


  it('a POST and a GET behind it', () => both.compare(
    async ({ note, poll, conns }) => {
      const session = await poll({});
      const [conn] = await conns(1);

      await session.connectNsp();
      conn.write(head(`POST ${session.url()} HTTP/1.1`, 'Content-Length: 12')
                 + '42["echo",1]' + head(`GET ${session.url()} HTTP/1.1`));
      note(await conn.response());
      note(await conn.response());
      note(await kept(conn));
    }));


  it('HTTP is that of nginx', () => both.compare(
    async ({ note, conns }) => {
      for (const text of [
        `GET ${POLLING} HTTP/1.1\nHost: x\n\n`,
        head(`GET http://x${POLLING} HTTP/1.1`),
        head(`GET ${POLLING} HTTP/1.1`, 'Expect: something'),
        head(`GET ${POLLING} HTTP/1.1`, `X: ${'x'.repeat(10000)}`),
        head('GET /socket.io/?EIO=4&transport=websocket HTTP/1.0',
             'Upgrade: websocket', 'Connection: upgrade',
             'Sec-WebSocket-Version: 13',
             'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='),
      ]) {
        const [conn] = await conns(1);

        conn.write(text);
        note((await conn.response()).status);
        conn.destroy();
      }
    }, {
      node: [[400], [404], [417], [200], [101]],
      nginx: [[200], [200], [200], [400], [400]],
      why: 'HTTP is that of nginx',
    }));


  it('paths are those of nginx', () => both.compare(
    async ({ note, http }) => {
      for (const path of ['/%73ocket.io/', '//socket.io/', '/x/../socket.io/',
                          '/socket.io/../x', '/socket.io/%2e%2e/',
                          '/socket.io/%zz', '/socket.io/%00']) {
        note((await http({ path: `${path}?EIO=4&transport=polling` })).status);
      }
    }, {
      node: [[404], [404], [404], [200], [200], [200], [200]],
      nginx: [[200], [200], [200], [404], [404], [400], [400]],
      why: 'a path is matched as nginx matches it',
    }));


  for (const path of ['/socket.io', '/socket.ioo/', '/Socket.io/',
                      '/socket.i', '/engine.io/', '/']) {
    it(`another path, ${path}`, () => both.compare(async ({ note, http }) => {
      note((await http({ path: `${path}?EIO=4&transport=polling` })).status);
    }));
  }


  it('an empty line behind a POST', () => both.compare(
    async ({ note, poll, conns }) => {
      const session = await poll({});
      const [conn] = await conns(1);

      conn.write(head(`POST ${session.url()} HTTP/1.1`, 'Content-Length: 2')
                 + '40\r\n');
      note(await conn.response());
      note(await kept(conn));
    }));
});
