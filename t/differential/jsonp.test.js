'use strict';

/* JSONP: polling answered with scripts, POSTs that are forms. */

const { after, before, describe, it } = require('node:test');

const lib = require('./lib.js');

const app = {
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
    '/old/': {
      directives: 'sio_allow_eio3 on;',
      options: { allowEIO3: true },
    },
    '/cors/': {
      directives: 'sio_cors_origin *; sio_cookie io;',
      options: { cors: { origin: '*' }, cookie: true },
    },
  },
};

const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };
const QUERY = '?EIO=4&transport=polling';


/* what the script would call its function with */

function called(r) {
  const m = /^___eio\[(\d*)\]\((".*")\);$/.exec(r.text);

  return m ? JSON.parse(m[2]) : undefined;
}


/* as the client encodes it: a browser's form would spoil new lines */

const field = (text) => `d=${encodeURIComponent(
  text.replace(/\\n/g, '\\\\n').replace(/\n/g, '\\n'))}`;


/* a session with "j" at its handshake; `more` of a request: its query */

async function open({ http, server }, { path = '/socket.io/', j = 7 } = {}) {
  const first = await http({ path: `${path}${QUERY}&j=${j}` });
  const { sid } = JSON.parse(called(first).slice(1));
  const at = (more = `&j=${j}`) => `${path}${QUERY}&sid=${sid}${more}`;

  return {
    first, sid, at,
    get: (options) => http({ path: at(options?.more), ...options }),
    post: (body, options) => http({ path: at(options?.more), method: 'POST',
                                    headers: FORM, body, ...options }),
    parked: async () => {
      const p = new lib.Poll({ port: server.port, path, query: `j=${j}` },
                             sid);

      return p.parked();
    },
  };
}


/* joined, its CONNECT answered */

async function joined(tools, options) {
  const s = await open(tools, options);

  await s.post('d=40');
  await s.get();

  return s;
}


describe('JSONP', () => {
  const both = lib.pair(app);

  before(() => both.start());
  after(() => both.stop());

  for (const j of ['0', '7', '12', '007', '', 'x', '1a2b', '-1', '1.5',
                   '%37', '+1', '123456789', '1&j=2', '1&j=']) {
    it(`a handshake with j=${j}`, () => both.compare(
      async ({ note, http }) => {
        note(await http({ path: `/socket.io/${QUERY}&j=${j}` }));
      }));
  }


  const handshakes = {
    'j alone': `/socket.io/${QUERY}&j`,
    'an unknown transport': '/socket.io/?EIO=4&transport=jsonp&j=1',
    'an unknown sid': `/socket.io/${QUERY}&j=1&sid=AAAAAAAAAAAAAAAAAAAA`,
    'another version': '/socket.io/?EIO=3&transport=polling&j=1',
    'WebSocket': '/socket.io/?EIO=4&transport=websocket&j=1',
    'J in capitals': `/socket.io/${QUERY}&J=1`,
    'CORS and a cookie': `/cors/${QUERY}&j=1`,
  };

  for (const [name, path] of Object.entries(handshakes)) {
    it(`a handshake: ${name}`, () => both.compare(async ({ note, http }) => {
      note(await http({ path, headers: { Origin: 'http://a.example' } }));
    }));
  }


  it('headers for Internet Explorer', () => both.compare(async (tools) => {
    const headers = { ...FORM, 'User-Agent': 'Mozilla/4.0 (x;MSIE 8)' };
    const s = await open(tools);

    tools.note(await tools.http({ path: `/socket.io/${QUERY}&j=1`,
                                  headers }));
    tools.note(await s.post('d=40', { headers }));
    tools.note(await s.get({ headers }));
  }));


  /* which request says what about j */

  for (const more of ['', '&j=8', '&j=', '&j']) {
    it(`the handshake's j holds, later "${more}"`, () => both.compare(
      async (tools) => {
        const s = await open(tools);

        tools.note(await s.post('d=40', { more }));
        tools.note(await s.get({ more }));
      }));
  }


  it('a session without j remains so', () => both.compare(
    async ({ note, poll, http }) => {
      const s = await poll({});

      note(await http({ path: s.url('&j=1'), method: 'POST', headers: FORM,
                        body: '40' }));
      note(await http({ path: s.url('&j=1') }));
      note(await http({ path: s.url('&j=1'), method: 'POST', headers: FORM,
                        body: 'd=40' }));
      note(await s.get());
    }));


  /* what is echoed, and how it is written in a script */

  for (const text of ['plain', 'a "quote"', 'back\\slash', '\u2028\u2029',
                      'a\u2028b\u20a8\u2029\u202a', '</script>', '\u0000\u001f',
                      '\b\f\n\r\t', '\\n', '\\\\n', '\\\\\\n', 'a\\\nb',
                      '\u00e9\u20ac\u{1f600}', '\u007f', '\ufeff',
                      'x'.repeat(5000)]) {
    const name = JSON.stringify(text.slice(0, 20));

    it(`the string ${name}`, () => both.compare(async (tools) => {
      const s = await joined(tools);

      tools.note(await s.post(field(`42["echo",${JSON.stringify(text)}]`)));
      tools.note(await s.get());
    }));
  }


  it('a line separator that came raw', () => both.compare(async (tools) => {
    const s = await joined(tools);

    tools.note(await s.post(field('42["echo","\u2028"]')));
    tools.note(await s.get());
  }));


  it('several packets and binary', () => both.compare(async (tools) => {
    const s = await joined(tools);

    tools.note(await s.post(field(
      '42["echo",1]\x1e451-["echo",{"_placeholder":true,"num":0}]\x1ebAQID'
      + '\x1e42["echo",2]')));
    tools.note(await s.get());
  }));


  /* how forms are read: the body, and whether the session lives */

  const ECHO = '42%5B%22echo%22%2C1%5D';
  const forms = {
    'nothing but the field': `d=${ECHO}`,
    'not encoded': 'd=42["echo",1]',
    'encoded in lower case': `d=${ECHO.toLowerCase()}`,
    'a plus for a space': 'd=42["echo","a+b%2Bc"]',
    'other fields': `a=1&d=${ECHO}&b=2`,
    'an encoded name': `%64=${ECHO}`,
    'no field': 'a=1',
    'no form': '42["echo",1]',
    'nothing': '',
    'an empty field': 'd=',
    'a field without a value': 'd',
    'an empty field among others': 'a&&d&b',
    'two of it': `d=${ECHO}&d=${ECHO}`,
    'two of it, one empty': `d&d=${ECHO}`,
    'another name': `D=${ECHO}`,
    'a bracket in its name': `d[]=${ECHO}`,
    'an equals sign in it': 'd=42["echo","a=b"]',
    'a bad percent sequence': 'd=42["echo","%zz%4"]',
    'invalid UTF-8': 'd=42["echo","%ff%c3%28"]',
    'UTF-8': 'd=42["echo","%e2%82%ac\u20ac"]',
    'garbage': 'd=garbage',
    'a ping': 'd=2',
    'a pong': 'd=3',
    'a separator behind': `d=${ECHO}%1e`,
    'a new line as two characters': 'd=42["echo",\\n1]',
    'an escaped one': 'd=42["echo","\\\\n"]',
    'one behind a backslash': 'd=42["echo","\\\\\\\\n"]',
    'three backslashes': 'd=42["echo","\\\\\\n"]',
    'a real new line': 'd=42["echo",%0a1]',
    'a line of a browser': 'd=42["echo",%0d%0a1]',
  };

  for (const [name, body] of Object.entries(forms)) {
    it(`a form: ${name}`, () => both.compare(async (tools) => {
      const s = await joined(tools);
      const { note } = tools;

      note(await s.post(body));

      /* it lives if this is answered; spread over GETs as it may be */

      await s.post('d=4299["barrier"]');

      const got = [];
      let r;

      do {
        r = await s.get();
        got.push(called(r) ?? r.text);
      } while (r.status === 200 && !/4399|^(6\x1e)?1$/.test(got.at(-1)));

      note(got.join('\x1e').split('\x1e'));
      note(r.status);
    }));
  }


  for (const [name, headers] of [
    ['text/plain', { 'Content-Type': 'text/plain;charset=UTF-8' }],
    ['no type', {}],
    ['JSON', { 'Content-Type': 'application/json' }],
    ['octet-stream', { 'Content-Type': 'application/octet-stream' }],
  ]) {
    it(`a form sent as ${name}`, () => both.compare(async (tools) => {
      const s = await open(tools);

      tools.note(await s.post('d=40', { headers }));
      tools.note(await s.get());
    }));
  }


  it('413, measured as it is sent', () => both.compare(async (tools) => {
    const s = await joined(tools, { path: '/small/' });
    const echo = `d=42["echo","${'%41'.repeat(27)}"]`;

    for (const body of [`${echo}&abcd`, `${echo}&abcde`]) {
      tools.note(body.length, await s.post(body));
    }

    tools.note(await s.post('d=42["echo","end"]'));

    const got = [];

    while (!/end/.test(got.at(-1))) {
      got.push(called(await s.get()));
    }

    tools.note(got.join('\x1e'));
  }));


  it('a GET that waits', () => both.compare(async (tools) => {
    const s = await joined(tools);
    const get = await s.parked();

    tools.note(await s.post('d=42["echo","\u2028"]'));
    tools.note(await get.response);
    get.abort();
  }));


  it('the end of a GET that waits', () => both.compare(async (tools) => {
    const s = await joined(tools);
    const get = await s.parked();

    tools.note(await s.post('d=1'));
    tools.note(await get.response);
    tools.note(await s.get());
    get.abort();
  }));


  it('a second GET', () => both.compare(async (tools) => {
    const s = await joined(tools);
    const get = await s.parked();

    tools.note(await s.get());
    tools.note(await get.response);
    tools.note(await s.get());
    get.abort();
  }));


  it('a close that waits', () => both.compare(async (tools) => {
    const s = await joined(tools);

    tools.note(await s.post('d=47'));
    tools.note(await s.get());
    tools.note(await s.get());
  }));


  it('other methods', () => both.compare(async (tools) => {
    const s = await open(tools);

    for (const method of ['PUT', 'OPTIONS', 'HEAD']) {
      tools.note(await s.get({ method }));
    }
  }));


  for (const n of [990, 1024]) {
    it(`compression from 1024 bytes of script on, ${n}`, () => both.compare(
      async (tools) => {
        const s = await joined(tools);

        await s.post(`d=42["echo","${'x'.repeat(n - 11)}"]`);

        const r = await s.get({ headers: { 'Accept-Encoding': 'gzip' } });
        const body = r.header('content-encoding')
                   ? require('zlib').gunzipSync(r.body) : r.body;

        tools.note(r.header('content-encoding'), body.toString());
      }));
  }


  /* the clients that have JSONP; they say b64=1 with it */

  it('Engine.IO v3', () => both.compare(async ({ note, http }) => {
    const query = '/old/?EIO=3&transport=polling&b64=1&j=3';
    const first = await http({ path: query });
    const sid = /"sid":"([^"]*)"/.exec(called(first))[1];
    const path = `${query}&sid=${sid}`;
    const framed = (list) => field(list.map((p) => `${p.length}:${p}`)
      .join(''));
    const post = async (...list) => note(await http({
      path, method: 'POST', headers: FORM, body: framed(list) }));

    note(first);
    note(await http({ path }));
    await post('42["echo","\u20ac\\n\u2028"]');
    note(await http({ path }));
    await post('451-["echo",{"_placeholder":true,"num":0}]', 'b4AQID');
    note(await http({ path }));
    await post('2');
    note(await http({ path }));
    await post('1');
    note(await http({ path }));
  }));


  it('the upgrade', () => both.compare(async (tools) => {
    const { note, ws } = tools;
    const s = await joined(tools);
    const get = await s.parked();
    const w = await ws({
      path: `/socket.io/?EIO=4&transport=websocket&sid=${s.sid}` });

    w.send('2probe');
    note(await w.recvText());
    note(await get.response);
    w.send('5');
    w.send('42["echo","\u2028"]');
    note(await w.recvText());
    note(await s.get());
    get.abort();
    await w.close();
  }));
});


/* what no client of Socket.IO has: more functions than nine digits count */

describe('JSONP: limits', () => {
  let nginx;

  before(async () => { nginx = await lib.startNginx({ workers: 2 }); });
  after(() => nginx.stop());

  for (const [j, status] of [['999999999', 200], ['1000000000', 400]]) {
    it(`j=${j}`, async () => {
      const r = await lib.http({ port: nginx.port,
                                 path: `/socket.io/${QUERY}&j=${j}` });

      if (r.status !== status) {
        throw new Error(`${r.status} ${r.text}`);
      }
    });
  }
});
