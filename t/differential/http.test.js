'use strict';

/* Engine.IO over HTTP: every answer, its headers and its body. */

const { after, before, describe, it } = require('node:test');

const lib = require('./lib.js');

const ORIGIN = 'http://example.com';
const PREFLIGHT = {
  Origin: ORIGIN,
  'Access-Control-Request-Method': 'POST',
  'Access-Control-Request-Headers': 'content-type,x-own',
};

const app = {
  rules: 'sio_on echo { relay; }',

  node: (io) => io.on('connection', (socket) => {
    socket.on('echo', (...args) => socket.emit('echo', ...args));
  }),

  locations: {
    '/small/': {
      directives: 'sio_max_http_buffer_size 100; sio_ping_interval 5s;'
                  + ' sio_ping_timeout 1500ms;',
      options: { maxHttpBufferSize: 100, pingInterval: 5000,
                 pingTimeout: 1500 },
    },
    '/ws-only/': {
      directives: 'sio_transports websocket;',
      options: { transports: ['websocket'] },
    },
    '/polling-only/': {
      directives: 'sio_transports polling;',
      options: { transports: ['polling'] },
    },
    '/no-upgrades/': {
      directives: 'sio_allow_upgrades off;',
      options: { allowUpgrades: false },
    },
  },
};

const POLLING = '/socket.io/?EIO=4&transport=polling';


/*
 * Nothing tells when a GET is parked.  What is sent on its connection before
 * another request is sent has a head start; 100 ms are more than enough.
 */

async function parked(session, { response }) {
  const early = await Promise.race([response, lib.sleep(100)]);

  if (early) {
    throw new Error(`the GET was answered: ${early.status} ${early.text}`);
  }
}


describe('Engine.IO over HTTP', () => {
  const both = lib.pair(app);

  before(() => both.start());
  after(() => both.stop());

  const requests = {
    'a handshake': [POLLING],
    'with a cache buster': [`${POLLING}&t=abc123`],
    'with an empty sid': [`${POLLING}&sid=`],
    'with more path': ['/socket.io/more/of/it?EIO=4&transport=polling'],
    'with escapes': ['/socket.io/?%45IO=%34&transport=%70ol%6cing'],
    'with doubled parameters':
      ['/socket.io/?EIO=3&EIO=4&transport=websocket&transport=polling'],
    'with own parameters': [`${POLLING}&token=a+b%20c%ff`],
    'with a doubled sid, the last empty': [`${POLLING}&sid=x&sid=`],
    'with a doubled sid, the last unknown': [`${POLLING}&sid=&sid=x`],
    'with sid but no value': [`${POLLING}&sid`],
    'with transport twice, the last bad': [`${POLLING}&transport=x`],
    'with transport twice, the last without a value':
      [`${POLLING}&transport`],
    'with EIO twice, the last without a value': [`${POLLING}&EIO`],
    'with EIO twice, the last bad': [`${POLLING}&EIO=3`],
    'with EIO of 4 and a space': ['/socket.io/?EIO=4+&transport=polling'],
    'with EIO of 04': ['/socket.io/?EIO=04&transport=polling'],
    'with EIO of 4.0': ['/socket.io/?EIO=4.0&transport=polling'],
    'with eio in small letters': ['/socket.io/?eio=4&transport=polling'],
    'with TRANSPORT in capitals': ['/socket.io/?EIO=4&TRANSPORT=polling'],
    'with POLLING in capitals': ['/socket.io/?EIO=4&transport=POLLING'],
    'with a space behind': ['/socket.io/?EIO=4&transport=polling+'],
    'with %20 behind': ['/socket.io/?EIO=4&transport=polling%20'],
    'with NUL behind': [`${POLLING}%00`],
    'with empty parameters': ['/socket.io/?&&EIO=4&&transport=polling&&'],
    'with an equals sign in front': ['/socket.io/?=&EIO=4&transport=polling'],
    'with an equals sign in a value':
      ['/socket.io/?EIO=4&transport=polling=x'],
    'with two question marks': ['/socket.io/??EIO=4&transport=polling'],
    'with a question mark behind': [`${POLLING}?`],
    'with semicolons': ['/socket.io/?EIO=4;transport=polling'],
    'with %26 for &': ['/socket.io/?EIO=4%26transport=polling'],
    'with %3d for =': ['/socket.io/?EIO=4&transport%3dpolling'],
    'with a bad percent sequence in the name':
      ['/socket.io/?EIO=4&transport=polling&%zz=%'],
    'with a bad percent sequence in the value': [`${POLLING}%`],
    'with half a percent sequence': [`${POLLING}%2`],
    'with invalid UTF-8 in the name': [`${POLLING}&%ff%c3=1`],
    'with a fragment': [`${POLLING}#sid=x`],
    'with a fragment before the query':
      ['/socket.io/#?EIO=4&transport=polling'],
    'with brackets': ['/socket.io/?EIO[]=4&transport[]=polling'],
    'with many parameters': [`${POLLING}${'&a=b'.repeat(1500)}`],
    'with a long parameter': [`${POLLING}&a=${'b'.repeat(6000)}`],
    'with other path, dots in it': ['/socket.io/./a/../?EIO=4'
                                    + '&transport=polling'],
    'with other path, a file in it': ['/socket.io/x.js?EIO=4'
                                      + '&transport=polling'],
    'with other path, escapes in it': ['/socket.io/%7e%20a?EIO=4'
                                       + '&transport=polling'],
    'with other path, slashes in it': ['/socket.io//a//?EIO=4'
                                       + '&transport=polling'],
    'without parameters': ['/socket.io/'],
    'without transport': ['/socket.io/?EIO=4'],
    'with an unknown transport': ['/socket.io/?EIO=4&transport=pigeon'],
    'with webtransport': ['/socket.io/?EIO=4&transport=webtransport'],
    'with a property name': ['/socket.io/?EIO=4&transport=constructor'],
    'websocket without Upgrade': ['/socket.io/?EIO=4&transport=websocket'],
    'with EIO=3': ['/socket.io/?EIO=3&transport=polling'],
    'with EIO=5': ['/socket.io/?EIO=5&transport=polling'],
    'without EIO': ['/socket.io/?transport=polling'],
    'with an unknown sid': [`${POLLING}&sid=AAAAAAAAAAAAAAAAAAAA`],
    'with a strange sid': [`${POLLING}&sid=%00%ff`],
    'with a long sid': [`${POLLING}&sid=${'A'.repeat(500)}`],
    'POST without sid': [POLLING, { method: 'POST', body: '40' }],
    'POST without sid and body': [POLLING, { method: 'POST' }],
    'PATCH without sid': [POLLING, { method: 'PATCH', body: '40' }],
    'PROPFIND without sid': [POLLING, { method: 'PROPFIND' }],
    'LOCK without sid': [POLLING, { method: 'LOCK' }],
    'GET with a body': [POLLING, { body: 'body' }],
    'GET with a chunked body': [POLLING, { body: 'body', chunked: true }],
    'a handshake with Upgrade, but no Connection': [POLLING, {
      headers: { Upgrade: 'websocket' } }],
    'a handshake with Connection, but no Upgrade': [POLLING, {
      headers: { Connection: 'upgrade' } }],
    'a handshake with a Range': [POLLING, { headers: {
      Range: 'bytes=0-9' } }],
    'a handshake with conditions': [POLLING, { headers: {
      'If-None-Match': '*',
      'If-Modified-Since': 'Fri, 20 Nov 2099 00:00:00 GMT' } }],
    'a handshake with If-Match': [POLLING, { headers: {
      'If-Match': '"x"' } }],
    'a handshake with If-Unmodified-Since': [POLLING, { headers: {
      'If-Unmodified-Since': 'Fri, 20 Nov 1999 00:00:00 GMT' } }],
    'an error with conditions': [`${POLLING}&sid=x`, { headers: {
      'If-None-Match': '*', Range: 'bytes=0-1' } }],
    'an origin of many characters': [POLLING, { headers: {
      Origin: '\t\u00e9\u00ff ~' } }],
    'an empty origin': [POLLING, { headers: { Origin: '' } }],
    'a cookie with a sid': [POLLING, { headers: {
      Cookie: 'io=AAAAAAAAAAAAAAAAAAAA' } }],
    'Accept of something else': [POLLING, { headers: {
      Accept: 'text/html' } }],
    'PUT without sid': [POLLING, { method: 'PUT', body: '40' }],
    'DELETE without sid': [POLLING, { method: 'DELETE' }],
    'HEAD without sid': [POLLING, { method: 'HEAD' }],
    'OPTIONS without CORS': [POLLING, { method: 'OPTIONS',
                                        headers: PREFLIGHT }],
    'a handshake with Origin': [POLLING, { headers: { Origin: ORIGIN } }],
    'Internet Explorer of old': [POLLING, { headers: {
      'User-Agent': 'Mozilla/4.0 (compatible ;MSIE 6.0)' } }],
    'Internet Explorer, spelt otherwise': [POLLING, { headers: {
      'User-Agent': 'Mozilla/4.0 (compatible; MSIE 6.0; trident/7)' } }],
    'Internet Explorer and an error': [`${POLLING}&sid=x`, { headers: {
      'User-Agent': 'Trident/7.0' } }],
    'Internet Explorer': [POLLING, { headers: {
      'User-Agent': 'Mozilla/5.0 (Windows NT 10.0; Trident/7.0)' } }],
    'with small limits': ['/small/?EIO=4&transport=polling'],
    'polling where it is off': ['/ws-only/?EIO=4&transport=polling'],
    'websocket where it is off': ['/polling-only/?EIO=4&transport=websocket'],
    'where only polling is on': ['/polling-only/?EIO=4&transport=polling'],
    'without upgrades': ['/no-upgrades/?EIO=4&transport=polling'],
  };

  for (const [name, [path, options]] of Object.entries(requests)) {
    it(name, () => both.compare(async ({ note, http }) => {
      note(await http({ path, ...options }));
    }));
  }


  it('a session: answers and headers', () => both.compare(
    async ({ note, poll, http }) => {
      const session = await poll({});
      const url = session.url();

      note(await session.post('40'));
      note(await session.get());
      note(await session.post('42["echo",1,"\u20ac"]'));
      note(await session.get());
      note(await session.post(['42["echo"]',
                               '451-["echo",{"_placeholder":true,"num":0}]',
                               'bAQID']));
      note(await session.get());
      note(await session.post('42["echo","x"]', { headers: {} }));
      note(await session.get());
      note(await session.post('42["echo","y"]', { chunked: true }));
      note(await session.get());
      note(await session.post('42["echo","z"]', { headers: {
        'Content-Type': 'application/json' } }));
      note(await session.get());

      for (const method of ['PUT', 'DELETE', 'PATCH']) {
        note(method, await http({ path: url, method, body: 'x' }));
      }

      note(await http({ path: url, method: 'HEAD' }));
      note(await http({ path: url, method: 'OPTIONS' }));
      note(await http({ path: url.replace('polling', 'websocket') }));
      note(await http({ path: url.replace('EIO=4', 'EIO=3') }));

      note(await session.post('42["echo","still there"]'));
      note(await session.get());
      note(await session.post('1'));
      note(await session.get());
      note(await session.post('1'));
    }));


  it('answers a pending GET when the client closes', () => both.compare(
    async ({ note, poll }) => {
      const session = await poll({});

      await session.connectNsp();

      const pending = await session.hang();

      await session.post('42["echo",1]');
      note(await pending.response);

      const other = await session.hang();

      await parked(session, other);
      note(await session.post('1'));
      note(await other.response);
      note(await session.get());
    }));


  it('closes for what is no packet', () => both.compare(
    async ({ note, poll }) => {
      for (const body of ['', 'x', '9', '\x1e', '40\x1e', '2', '2probe',
                          '40\x1ex\x1e42["echo",1]',
                          '40\x1e1\x1e42["echo",1]', '4', '5', '6', '0', '3',
                          'b', 'b!!', 'bAQ==', '42["echo",1]', '40', '1']) {
        const session = await poll({});

        note(body, await session.post(body));

        /* if it lives it can still be joined; then it is closed for sure */

        await session.post('40');
        await session.post('47');

        /* how packets are spread over GETs is nobody's business */

        const packets = [];
        let r;

        do {
          r = await session.get();
          packets.push(...r.packets.filter((p) => p !== '6'));
        } while (r.status === 200 && !/(^|\x1e)1$/.test(r.text));

        note(body, packets);
      }
    }));


  it('octet-stream closes the session', () => both.compare(
    async ({ note, poll }) => {
      const session = await poll({});

      note(await session.post('40', { headers: {
        'Content-Type': 'application/octet-stream' } }));
      note(await session.get());
    }));


  it('two GETs at once close the session', () => both.compare(
    async ({ note, poll }) => {
      const session = await poll({});

      await session.connectNsp();

      const first = await session.hang();

      await parked(session, first);
      note(await session.get());
      note(await first.response);
      note(await session.get());
    }));


  it('413 keeps the session', () => both.compare(
    async ({ note, poll }) => {
      const session = await poll({ path: '/small/' });

      await session.connectNsp();

      for (const n of [100, 101, 1000, 100000]) {
        const packet = `42["echo","${'x'.repeat(n - 11)}"]`;

        for (const chunked of [false, true]) {
          const r = await session.post(packet, { chunked });

          note(n, chunked, r);

          if (r.status === 200) {
            note(await session.get());
          }
        }
      }

      note(await session.post('42["echo","end"]'));
      note(await session.get());
    }));


  it('WebSocket: the handshake', () => both.compare(
    async ({ note, ws }) => {
      for (const [path, options] of [
        ['/socket.io/?EIO=4&transport=websocket'],
        ['/small/?EIO=4&transport=websocket'],
        ['/ws-only/?EIO=4&transport=websocket'],
        ['/no-upgrades/?EIO=4&transport=websocket'],
        ['/socket.io/?EIO=4&transport=websocket',
         { headers: { 'Sec-WebSocket-Protocol': 'a, b' } }],
        ['/socket.io/?EIO=4&transport=websocket',
         { headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate' } }],
      ]) {
        const socket = await ws({ path, ...options });

        note(path, socket.response);
        note(await socket.recvText());
        await socket.close();
      }
    }));


  it('WebSocket: refusals', () => both.compare(
    async ({ note, ws, poll }) => {
      const session = await poll({});
      const good = '/socket.io/?EIO=4&transport=websocket';

      for (const [path, options] of [
        [`${good}&sid=AAAAAAAAAAAAAAAAAAAA`],
        ['/socket.io/?EIO=4&transport=pigeon'],
        ['/socket.io/?EIO=4'],
        [`/socket.io/?EIO=3&transport=websocket&sid=${session.sid}`],
        [good, { method: 'POST' }],
        [good, { key: 'short' }],
        [good, { version: '12' }],
      ]) {
        const socket = await ws({ path, ...options });
        const { status, text } = socket.response;

        note(path, options?.method, status,
             options?.key || options?.version ? '' : text);
        socket.destroy();
      }

      note(await session.post('40'));
    }));
});
