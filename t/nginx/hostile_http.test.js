'use strict';

/*
 * Requests that are not what a client sends: the status, the body and the
 * headers that matter are Node's, and the session lives on or ends as there.
 */

const sio = require('../lib/sio.js');
const { pair } = require('./pair.js');

/* Node's errors are chunked, ours have a length */

const HEADERS = ['content-type', 'cache-control', 'allow',
                 'access-control-allow-origin'];


function seen(r) {
  const out = { status: r.status, body: r.text };

  for (const name of HEADERS) {
    if (r.header(name) !== undefined) {
      out[name] = r.header(name).toLowerCase();
    }
  }

  return out;
}


async function request(s, options) {
  return seen(await sio.http({ port: s.port, ...options }));
}


const BAD_REQUEST = '{"code":3,"message":"Bad request"}';
const UNKNOWN = '{"code":1,"message":"Session ID unknown"}';
const TRANSPORT = '{"code":0,"message":"Transport unknown"}';
const METHOD = '{"code":2,"message":"Bad handshake method"}';


/* without a session */

const at = (query, more) => ({ path: `/socket.io/${query}`, ...more });

const HANDSHAKES = [
  ['the ordinary one', at('?EIO=4&transport=polling')],
  ['a path behind the prefix', at('any/thing?EIO=4&transport=polling')],
  ['parameters in another order', at('?t=x&transport=polling&EIO=4&x')],
  ['percent-encoded', at('?EIO=%34&transpor%74=poll%69ng')],
  ['the last duplicate wins', at('?EIO=3&EIO=4&transport=x'
                                 + '&transport=polling')],
  ['an empty sid', at('?EIO=4&transport=polling&sid=')],
  ['no query', at(''), TRANSPORT],
  ['an empty query', at('?'), TRANSPORT],
  ['no transport', at('?EIO=4'), TRANSPORT],
  ['an unknown transport', at('?EIO=4&transport=x'), TRANSPORT],
  ['a transport in capitals', at('?EIO=4&transport=POLLING'), TRANSPORT],
  ['webtransport', at('?EIO=4&transport=webtransport'), TRANSPORT],
  ['a bad percent sequence', at('?EIO=4&transport=polling%'), TRANSPORT],
  ['NUL in the transport', at('?EIO=4&transport=polling%00'), TRANSPORT],
  ['websocket without Upgrade', at('?EIO=4&transport=websocket'),
   BAD_REQUEST],
  ['EIO=3', at('?EIO=3&transport=polling'),
   '{"code":5,"message":"Unsupported protocol version"}'],
  ['no EIO', at('?transport=polling'),
   '{"code":5,"message":"Unsupported protocol version"}'],
  ['EIO=04', at('?EIO=04&transport=polling'),
   '{"code":5,"message":"Unsupported protocol version"}'],
  ['EIO=3 and POST', at('?EIO=3&transport=polling', { method: 'POST' }),
   METHOD],
  ['POST', at('?EIO=4&transport=polling', { method: 'POST', body: '40' }),
   METHOD],
  ['PUT', at('?EIO=4&transport=polling', { method: 'PUT' }), METHOD],
  ['DELETE', at('?EIO=4&transport=polling', { method: 'DELETE' }), METHOD],
  ['OPTIONS', at('?EIO=4&transport=polling', { method: 'OPTIONS' }), METHOD],
  ['PATCH', at('?EIO=4&transport=polling', { method: 'PATCH' }), METHOD],
  ['POST of an unknown transport', at('?EIO=4&transport=x',
                                      { method: 'POST' }), TRANSPORT],
  ['an unknown sid', at('?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAAAAA'),
   UNKNOWN],
  ['a short sid', at('?EIO=4&transport=polling&sid=A'), UNKNOWN],
  ['a long sid', at(`?EIO=4&transport=polling&sid=${'A'.repeat(900)}`),
   UNKNOWN],
  ['a sid with other characters',
   at('?EIO=4&transport=polling&sid=%00%ff..%2f%2e%2eAAAAAAAAAAAA'),
   UNKNOWN],
  ['an unknown sid and POST', at('?EIO=4&transport=polling&sid=AAAAAAAA',
                                 { method: 'POST', body: '1' }), UNKNOWN],
  ['an unknown sid and transport', at('?EIO=4&transport=x&sid=AAAAAAAA'),
   TRANSPORT],
];

pair('handshakes', {}, HANDSHAKES.map(([name, options, body]) => ({
  name,
  run: async (s) => {
    const r = await request(s, options);

    if (body !== undefined && r.body !== body) {
      throw new Error(`${s.kind} answers ${JSON.stringify(r)}`);
    }

    if (r.status === 200) {
      /* not to be left behind */
      const { sid } = JSON.parse(r.body.slice(1));
      await sio.http({ port: s.port, method: 'POST', body: '1',
                       path: `/socket.io/?EIO=4&transport=polling&sid=${sid}`,
                     });
    }

    return r;
  },
})).concat([
  {
    name: 'HEAD has no body',
    run: async (s) => {
      const r = await request(s, at('?EIO=4&transport=polling',
                                    { method: 'HEAD' }));
      return { status: r.status, body: r.body };
    },
    want: { status: 400, body: '' },
  },
  {
    name: 'without the trailing slash it is another location',
    run: async (s) => (await request(s, {
      path: '/socket.io?EIO=4&transport=polling' })).status,
    want: 404,
  },
]));


/* with a session: {run(c)} gives what was answered; `alive` afterwards */

async function session(s, run, alive) {
  const c = await sio.poll(s);

  await c.connectNsp();

  const out = await run(c, s);

  if (alive) {
    await c.post('4299["alive"]');
    await c.wait('4399[]');
    await c.close();

  } else {
    /* a session that the server closed is kept for one GET */

    for (let n = 0, r = {}; r.status !== 400 && n < 3; n++) {
      r = seen(await c.get());
      out.push(r);
    }
  }

  return out;
}


const send = (options) => async (c) =>
  [seen(await c.send({ path: c.url(), ...options }))];

const other = (query, options) => async (c, s) =>
  [await request(s, { path: `/socket.io/?${query}&sid=${c.sid}`,
                      ...options })];

const post = (body, headers) => async (c) =>
  [seen(await c.post(body, headers && { headers }))];

const TYPE = 'Content-Type';
const BINARY = 'application/octet-stream';

const SESSIONS = [
  /* name, what is done, whether the session lives */
  ['PUT', send({ method: 'PUT' }), true],
  ['DELETE', send({ method: 'DELETE' }), true],
  ['PATCH', send({ method: 'PATCH', body: '1' }), true],
  ['OPTIONS', send({ method: 'OPTIONS' }), true],
  ['another EIO', other('EIO=3&transport=polling'), true],
  ['no EIO', other('transport=polling'), true],
  ['POST with another EIO', other('EIO=3&transport=polling',
                                  { method: 'POST', body: '1' }), true],
  ['another transport', other('EIO=4&transport=websocket'), true],
  ['POST with another transport', other('EIO=4&transport=websocket',
                                        { method: 'POST', body: '1' }), true],
  ['an unknown transport', other('EIO=4&transport=x'), true],

  ['POST of octet-stream', post('42["echo"]', { [TYPE]: BINARY }), false],
  ['POST of octet-stream and charset',
   post('42["alive"]', { [TYPE]: `${BINARY}; charset=x` }), true],
  ['POST without a type', post('42["alive"]', {}), true],
  ['POST of JSON', post('42["alive"]', { [TYPE]: 'application/json' }), true],
  ['POST of a form', post('42["alive"]',
     { [TYPE]: 'application/x-www-form-urlencoded' }), true],

  ['an empty payload', post(''), false],
  ['no payload at all', send({ method: 'POST' }), false],
  ['one separator', post('\x1e'), false],
  ['a separator behind', post('42["alive"]\x1e'), false],
  ['a separator in front', post('\x1e42["alive"]'), false],
  ['two separators', post('42["alive"]\x1e\x1e42["alive"]'), false],
  ['garbage', post('garbage'), false],
  ['good, bad, good', post('42["alive"]\x1e9\x1e42["alive"]'), false],
  ['a byte order mark', post('\ufeff42["alive"]'), false],
  ['a new line behind', post('42["alive"]\n'), true],
  ['a new line in front', post('\n42["alive"]'), false],
  ['EIO3 framing', post('11:42["alive"]'), false],
  ['close', post('1'), false],
  ['close, and packets behind', post('1\x1e42["alive"]'), false],
  ['close with data', post('1x'), false],
  ['ping', post('2'), false],
  ['pong', post('3'), true],
  ['pong with data', post('3x'), true],
  ['open, upgrade, noop', post('0\x1e5\x1e6'), true],
  ['base64 that is not awaited', post('bAQID'), false],
  ['NUL', post('42["alive"\0]'), false],
  ['invalid UTF-8 outside of JSON', post(Buffer.from('42["alive"]\xff',
                                                     'latin1')), false],
];

pair('requests of a session', {}, SESSIONS.map(([name, run, alive]) => ({
  name,
  run: (s) => session(s, run, alive),
})).concat([
  {
    name: 'HEAD',
    run: (s) => session(s, async (c) => {
      const r = await c.send({ method: 'HEAD', path: c.url() });
      return [r.status, r.text];
    }, true),
    want: [500, ''],
  },
]));


/* what is echoed of a payload */

const ECHOES = [
  ['base64 with padding', ['451-["echo",{"_placeholder":true,"num":0}]',
                           'bAQ==']],
  ['base64 without padding', ['451-["echo",{"_placeholder":true,"num":0}]',
                              'bAQ']],
  ['base64 with something behind', [
     '451-["echo",{"_placeholder":true,"num":0}]', 'bAQ==AQ==']],
  ['base64url', ['451-["echo",{"_placeholder":true,"num":0}]', 'b__-_']],
  ['base64 and blanks', ['451-["echo",{"_placeholder":true,"num":0}]',
                         'b A Q\nID\t']],
  ['base64 and garbage', ['451-["echo",{"_placeholder":true,"num":0}]',
                          'b!A"Q\u00e9ID']],
  ['empty base64', ['451-["echo",{"_placeholder":true,"num":0}]', 'b']],
  ['one digit of base64', ['451-["echo",{"_placeholder":true,"num":0}]',
                           'bA']],
  ['invalid UTF-8 in a string', Buffer.from('42["echo","a\xffb\xc3"]',
                                            'latin1')],
  ['a surrogate in UTF-8', Buffer.from('42["echo","\xed\xa0\x80"]',
                                       'latin1')],
  ['overlong UTF-8', Buffer.from('42["echo","\xc0\xaf\xe0\x80\xaf"]',
                                 'latin1')],
  ['beyond Unicode', Buffer.from('42["echo","\xf4\x90\x80\x80"]',
                                 'latin1')],
  ['cut off UTF-8', Buffer.from('42["echo","\xf0\x9f\x98"]', 'latin1')],
];

pair('payloads that are echoed', {}, ECHOES.map(([name, body]) => ({
  name,
  run: async (s) => {
    const c = await sio.poll(s);
    const out = [];

    await c.connectNsp();
    out.push((await c.post(body)).text);
    await c.post('4299["alive"]');
    await c.wait('4399[]');
    out.push(...c.rest);
    await c.close();

    return out;
  },
})));


/* requests that overlap */

pair('overlapping requests', {}, [
  {
    name: 'a second GET',
    run: async (s) => {
      const c = await sio.poll(s);
      const first = await c.parked();
      const second = await c.get();
      const third = await c.get();
      const r = await first.response;

      first.abort();
      return [seen(r), seen(second), seen(third)];
    },
  },
  {
    name: 'a second POST',
    run: async (s) => {
      const c = await sio.poll(s);
      const conn = await sio.connect(s);

      await c.connectNsp();
      conn.write(`POST ${c.url()} HTTP/1.1\r\nHost: x\r\n`
                 + 'Content-Length: 20\r\n\r\n42["al');
      await sio.sleep(30);

      const second = await c.post('42["alive"]');

      await s.settled({ sessions: 0 });

      const first = await conn.response();

      conn.destroy();
      return [seen(second), first.status, seen(await c.get())];
    },
  },
  {
    name: 'a POST while a GET waits',
    run: async (s) => {
      const c = await sio.poll(s);

      await c.connectNsp();

      const get = await c.parked();
      const r = await c.post('4299["alive"]');
      const got = await get.response;

      get.abort();
      await c.close();
      return [seen(r), seen(got)];
    },
  },
  {
    name: 'close while a GET waits',
    run: async (s) => {
      const c = await sio.poll(s);
      const get = await c.parked();
      const r = await c.close();
      const got = await get.response;

      get.abort();
      return [seen(r), seen(got), seen(await c.get())];
    },
  },
  {
    name: 'pipelined requests are answered in order',
    run: async (s) => {
      const c = await sio.poll(s);
      const conn = await sio.connect(s);
      const head = 'Host: x\r\nContent-Length: ';

      conn.write(`POST ${c.url()} HTTP/1.1\r\n${head}2\r\n\r\n40`
                 + `POST ${c.url()} HTTP/1.1\r\n${head}13\r\n\r\n`
                 + '4299["alive"]');

      const a = await conn.response();
      const b = await conn.response();

      conn.destroy();
      await c.close();
      return [seen(a), b.status];
    },
    skip: 'an event before the answer to CONNECT is a race in Node',
  },
]);


/* WebSocket handshakes */

async function handshake(s, options) {
  const w = await sio.ws({ ...s, ...options });
  const out = { status: w.status };

  if (!w.ok) {
    out.body = w.response.text;
    out.type = w.response.header('content-type');
    out.version = w.response.header('sec-websocket-version');
    w.destroy();
    return out;
  }

  out.protocol = w.response.header('sec-websocket-protocol');
  out.extensions = w.response.header('sec-websocket-extensions');

  try {
    out.first = await w.recvText();
    w.close(1000);

  } catch (e) {
    /* closed without a packet */
  }

  out.close = (await w.waitClose()).code;

  return out;
}


const WS = '/socket.io/?EIO=4&transport=websocket';
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

const HANDSHAKES_WS = [
  ['the ordinary one', {}],
  ['version 8', { version: '8' }],
  ['a header in capitals', { headers: { UPGRADE: 'WebSocket' } }],
  ['a list in Connection', { headers: {
     Connection: 'keep-alive, Upgrade' } }],
  ['one subprotocol', { headers: { 'Sec-WebSocket-Protocol': 'a' } }],
  ['subprotocols', { headers: { 'Sec-WebSocket-Protocol': 'b, a' } }],
  ['an offer to deflate', { headers: {
     'Sec-WebSocket-Extensions': 'permessage-deflate' } }],
  ['an unknown sid', { path: `${WS}&sid=AAAAAAAAAAAAAAAAAAAA` }],
  ['an unknown transport', { path: '/socket.io/?EIO=4&transport=x' }],
  ['no transport', { path: '/socket.io/?EIO=4' }],
  ['transport=polling', { path: '/socket.io/?EIO=4&transport=polling' }],
  ['POST', { method: 'POST' }],
];

/* Node's ws words these; ours have the same status */

const HANDSHAKES_BAD = [
  ['no key', { headers: [['Sec-WebSocket-Key', null]] }],
  ['a short key', { headers: { 'Sec-WebSocket-Key': 'AAAA' } }],
  ['a long key', { headers: { 'Sec-WebSocket-Key': KEY + 'A' } }],
  ['a key that is not base64', { headers: {
     'Sec-WebSocket-Key': '!'.repeat(24) } }],
  ['no version', { headers: [['Sec-WebSocket-Version', null]] }],
  ['version 14', { version: '14' }],
  ['version 1', { version: '1' }],
  ['a bad subprotocol', { headers: { 'Sec-WebSocket-Protocol': 'a b' } }],
  ['an empty subprotocol', { headers: { 'Sec-WebSocket-Protocol': 'a,,b' } }],
  ['another Upgrade', { headers: { Upgrade: 'h2c' } }],
];

pair('WebSocket handshakes', {}, HANDSHAKES_WS.map(([name, options]) => ({
  name,
  run: (s) => handshake(s, options),
})).concat(HANDSHAKES_BAD.map(([name, options]) => ({
  name,
  run: async (s) => {
    const { status, version } = await handshake(s, options);
    return { status, version };
  },
}))).concat([
  {
    /* 101, and then "HTTP/1.1 400" into the WebSocket */
    name: 'EIO=3',
    run: async (s) => {
      const w = await sio.ws({ ...s, path: '/socket.io/?EIO=3'
                                           + '&transport=websocket' });
      w.destroy();
      return w.status;
    },
    want: 101,
  },
  {
    /* Node loses these */
    name: 'frames right behind the handshake',
    want: null,
    nginx: ['0{"sid":"SID","upgrades":[],"pingInterval":25000,'
            + '"pingTimeout":20000,"maxPayload":1000000}',
            '40{"sid":"SID"}', '40/custom,{"sid":"SID"}'],
    run: async (s) => {
      if (s.kind === 'node') {
        return null;
      }

      const early = Buffer.concat([
        sio.frameBytes({ payload: '40' }),
        sio.frameBytes({ payload: '40/custom,' })]);
      const w = await sio.ws({ ...s, early });
      const out = [];

      out.push(await w.recvText(), await w.recvText(), await w.recvText());
      await w.close(1000);

      return out;
    },
  },
]));
