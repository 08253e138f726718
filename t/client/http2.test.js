'use strict';

/*
 * Long-polling over HTTP/2: a pending GET and its POSTs share a connection,
 * and a GET that is given up is a RST_STREAM.  WebSocket stays with HTTP/1.1.
 */

const assert = require('node:assert/strict');
const http2 = require('node:http2');
const { after, afterEach, before, describe, it } = require('node:test');

const lib = require('./lib.js');

const { emitAck, collect, until, wsOpen } = lib;


describe('HTTP/2', () => {
  let server, base;
  const sessions = [];

  before(async () => {
    server = await lib.serve({ workers: 4, tls: true, http2: true });
    base = await server.counters();
  });

  afterEach(() => {
    sessions.splice(0).forEach((s) => s.destroy());
    lib.disconnectAll();
  });

  after(() => lib.finish(server, base));


  function connect() {
    const session = http2.connect(server.tlsUrl, { ca: server.ca });

    sessions.push(session);
    return session;
  }

  function request(session, { method = 'GET', query = '', body } = {}) {
    const stream = session.request({
      ':method': method,
      ':path': `/socket.io/?EIO=4&transport=polling${query}`,
      ...(body ? { 'content-type': 'text/plain;charset=UTF-8' } : {}),
    });
    const answer = new Promise((resolve, reject) => {
      const r = { text: '' };

      stream.setEncoding('utf8');
      stream.on('response', (headers) => { r.headers = headers; });
      stream.on('data', (chunk) => { r.text += chunk; });
      stream.on('end', () => resolve({ ...r,
                                       status: r.headers?.[':status'] }));
      stream.on('error', reject);
    });

    answer.catch(() => {});
    stream.end(body);
    return { stream, answer };
  }

  async function open(session) {
    const r = await request(session).answer;

    assert.equal(r.status, 200);
    assert.equal(r.headers['content-type'], 'text/plain; charset=UTF-8');

    const query = `&sid=${JSON.parse(r.text.slice(1)).sid}`;

    const post = (body) => request(session, { method: 'POST', query, body })
      .answer;
    const get = () => request(session, { query });

    assert.equal((await post('40')).text, 'ok');
    assert.match((await get().answer).text, /^40\{"sid":/);

    /* what "connect" emits came with it or after it; now nothing is left */

    assert.equal((await post('42["echo","ready"]')).text, 'ok');
    await until(async () =>
      (await get().answer).text.endsWith('42["echo","ready"]'));

    return { post, get, query };
  }


  it('polls', async () => {
    const session = connect();
    const { post, get } = await open(session);

    await post('42["echo",1,"\u20ac"]\x1e451-["echo",'
               + '{"_placeholder":true,"num":0}]\x1ebAQI=');
    assert.equal((await get().answer).text,
                 '42["echo",1,"\u20ac"]\x1e451-["echo",'
                 + '{"_placeholder":true,"num":0}]\x1ebAQI=');

    /* POSTs while a GET waits on the same connection */

    for (let i = 0; i < 20; i++) {
      const pending = get().answer;

      assert.equal((await post(`42["echo",${i}]`)).text, 'ok');
      assert.equal((await pending).text, `42["echo",${i}]`);
    }

    assert.equal((await post('1')).text, 'ok');
    assert.equal((await get().answer).status, 400);
  });


  it('many sessions on one connection', async () => {
    const session = connect();
    const all = await Promise.all(Array.from({ length: 30 },
                                             () => open(session)));

    await Promise.all(all.map(async ({ post, get }, i) => {
      const pending = get().answer;

      await post(`42["echo",${i}]`);
      assert.equal((await pending).text, `42["echo",${i}]`);
      await post('1');
    }));
  });


  it('a GET that is given up ends the session', async () => {
    const watcher = await lib.connect(server, { tls: true });
    const gone = collect(watcher, 'gone');
    const session = connect();
    const { get } = await open(session);

    await emitAck(watcher, 'watch');

    const { stream } = get();

    await until(() => stream.id);
    await new Promise((resolve) => session.ping(resolve));
    stream.close(http2.constants.NGHTTP2_CANCEL);
    await until(() => gone.length, 5000, '"gone"');
    assert.equal(gone[0][1], 'transport error');
  });


  it('a lost connection ends all its sessions', async () => {
    const watcher = await lib.connect(server, { tls: true });
    const gone = collect(watcher, 'gone');
    const session = connect();
    const all = await Promise.all(Array.from({ length: 5 },
                                             () => open(session)));

    await emitAck(watcher, 'watch');

    const pending = all.map(({ get }) => get());

    await until(() => pending.every(({ stream }) => stream.id));
    await new Promise((resolve) => session.ping(resolve));
    session.destroy();
    await until(() => gone.length === 5, 5000, 'five "gone"');
    assert.ok(gone.every(([, reason]) => reason === 'transport error'));
  });


  it('goes over to WebSocket by another connection', async () => {
    const { post, query } = await open(connect());

    await post('42["echo","queued"]');

    const ws = await lib.ws({
      port: server.tlsPort, tls: true,
      path: `/socket.io/?EIO=4&transport=websocket${query}`,
    });

    ws.send('2probe');
    assert.equal(await ws.recvText(), '3probe');
    ws.send('5');
    await until(async () => await ws.recvText() === '42["echo","queued"]');
    await ws.close();
  });


  it('WebSocket works beside it', async () => {
    const ws = await wsOpen({ port: server.tlsPort, tls: true });

    assert.match(await ws.connectNsp(), /^[\w-]{20}$/);
    await ws.close();
  });


  it('refuses WebSocket without an upgrade', async () => {
    const session = connect();
    const stream = session.request({
      ':path': '/socket.io/?EIO=4&transport=websocket',
    });
    const [headers] = await lib.once(stream, 'response');

    assert.equal(headers[':status'], 400);
    stream.close();
  });
});
