'use strict';

/*
 * The client in Chromium, its bundles served by the server under test: from
 * the same origin and from another, over HTTP and over TLS with HTTP/2.
 */

const assert = require('node:assert/strict');
const fs = require('fs');
const http = require('http');
const path = require('path');
const nodeTest = require('node:test');
const { chromium } = require('playwright-core');

const app = require('../client/app.js');
const lib = require('../client/lib.js');

const { collect, emitAck, until } = lib;

const CHROMIUM = process.env.SIO_CHROMIUM || '/usr/bin/chromium';
const ARGS = ['--headless', '--no-sandbox', '--disable-gpu',
              '--disable-quic', '--no-first-run',
              '--disable-background-networking',
              '--disable-component-update', '--disable-sync',
              '--ignore-certificate-errors'];

const dist = (name) => path.join(
  path.dirname(require.resolve(`${name}/package.json`)), 'dist');

const CLIENT = dist('socket.io-client');
const CLIENT2 = dist('socket.io-client-2');

const { TRANSPORTS } = lib;
const { after, afterEach, before, describe } = nodeTest;

/* a promise in a page may wait for ever */

const it = (name, fn, skip = false) =>
  nodeTest.it(name, { timeout: 40000 * lib.SLOW, skip }, fn);


const APP = (origin, cors = `sio_cors_origin ${origin};
                             sio_cors_credentials on;`) => ({
  rules: `${app.rules}
          sio_on handshake { ack $sio_handshake; }`,

  directives: `sio_serve_client ${CLIENT}; ${cors} sio_cookie io;`,
  options: {
    serveClient: true, cookie: true,
    cors: { origin, credentials: true },
  },
  locations: {
    '/msgpack/': {
      directives: 'sio_parser msgpack;',
      options: { parser: require('socket.io-msgpack-parser') },
    },
    '/v2/': {
      directives: `sio_allow_eio3 on; sio_serve_client ${CLIENT2}; ${cors}`,
      options: { allowEIO3: true },
    },
    '/impatient/': {
      directives: 'sio_ping_interval 1s; sio_ping_timeout 3s;',
      options: { pingInterval: 1000, pingTimeout: 3000 },
    },
  },

  node: (io) => {
    app.node(io);
    io.on('connection', (socket) => {
      socket.on('handshake', (ack) => ack(socket.handshake));
    });
  },
});


/* -- what runs in a page --------------------------------------------------- */

/* window.connect(url, options): a socket in window.sockets, its number */

function helpers() {
  window.sockets = [];
  window.log = [];

  window.bytes = (value) => {
    if (value instanceof ArrayBuffer) {
      return { bytes: [...new Uint8Array(value)] };
    }

    if (ArrayBuffer.isView(value)) {
      return { bytes: [...new Uint8Array(value.buffer, value.byteOffset,
                                         value.byteLength)] };
    }

    if (value && typeof value === 'object') {
      const copy = Array.isArray(value) ? [] : {};

      for (const key of Object.keys(value)) {
        copy[key] = window.bytes(value[key]);
      }

      return copy;
    }

    return value;
  };

  window.connect = (url, options) => new Promise((resolve, reject) => {
    const socket = window.io(url, {
      forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 100,
      ...options,
    });
    const n = window.sockets.push(socket) - 1;
    const { engine } = socket.io;
    const done = () => resolve(n);

    socket.onAny?.((...args) => window.log.push(window.bytes(args)));
    socket.once('connect_error', (e) => reject(new Error(e.message)));
    socket.once('connect', () => {
      if (options?.transports?.length === 2
          && engine.transport.name === 'polling') {
        engine.once('upgrade', done);
      } else {
        done();
      }
    });
  });

  window.ask = (n, event, ...args) => new Promise((resolve) => {
    window.sockets[n].emit(event, ...args,
                           (...answer) => resolve(window.bytes(answer)));
  });
}


/* everything that can be sent, there and back, as event and as answer */

async function exercise(n, { blobs, views, size }) {
  const { ask, sockets, bytes } = window;
  const socket = sockets[n];
  const big = new Uint8Array(size).fill(0x1e);
  const values = [
    [], ['\u0000\u001e" \u2028 \u00e9 \u20ac \u{1f600}'],
    [1, -0.5, 1e-7, true, null, { a: [{ '': [] }] }],
    [new Uint8Array([1, 2, 3]).buffer],
    [{ deep: [new ArrayBuffer(0), 'text', new Uint8Array([30]).buffer] }, 5],
    [big.buffer],
    ...(views ? [
      [new Uint8Array([9, 8]), new Uint16Array([258, 1]),
       new DataView(new Uint8Array([0, 1, 2, 3]).buffer, 1, 2)],
    ] : []),
    ...(blobs ? [
      [new Blob(['bl', 'ob'])],
      [{ file: new File([new Uint8Array([255, 0])], 'name') }, 'x'],
    ] : []),
  ];
  const differ = [];
  const plain = async (value) => {
    if (value instanceof Blob) {
      return value.arrayBuffer();
    }

    if (value?.file) {
      return { file: await value.file.arrayBuffer() };
    }

    return value;
  };

  for (const args of values) {
    const want = JSON.stringify(bytes(await Promise.all(args.map(plain))));
    const back = new Promise((resolve) => socket.once('echo', (...got) =>
      resolve(bytes(got))));

    socket.emit('echo', ...args);

    for (const got of [await back, await ask(n, 'echoAck', ...args)]) {
      if (JSON.stringify(got) !== want) {
        differ.push([want.slice(0, 200), JSON.stringify(got).slice(0, 200)]);
      }
    }
  }

  /* and when the server asks */

  socket.on('question', (a, answer) => answer(a, new Uint8Array([7]).buffer));

  const answered = new Promise((resolve) => socket.once('answered',
    (...got) => resolve(bytes(got))));

  socket.emit('ask', 'why');

  return { differ, answered: await answered,
           transport: (await ask(n, 'transport'))[0] };
}


/* -- the tests ------------------------------------------------------------- */

describe('Chromium', { skip: !fs.existsSync(CHROMIUM) && 'no chromium' },
         () => {
  const errors = [];
  let server, browser, pages, other, foreign;

  before(async () => {
    pages = http.createServer((req, res) => {
      res.setHeader('Content-Type', 'text/html');
      res.end('<!doctype html><title>another origin</title>');
    });

    await new Promise((resolve) => pages.listen(0, '127.0.0.1', resolve));

    /* of the same site, which is what cookies go by, and of another */

    other = `http://127.0.0.1:${pages.address().port}`;
    foreign = `http://localhost:${pages.address().port}`;

    server = await lib.serve({ app: APP(other), tls: true, http2: true });
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
  });

  afterEach(async () => {
    lib.disconnectAll();

    for (const context of browser.contexts()) {
      await context.close();
    }
  });

  after(async () => {
    await browser?.close();
    pages?.closeAllConnections();
    pages?.close();
    await lib.finish(server, { sockets: 0, rooms: 0, memberships: 0 });
  });


  /*
   * A page of `origin`, with the bundle.  Any URL makes a document of that
   * origin: this one is there in Node's server, too.
   */

  async function open({ origin = server.url, from = server.url, context,
                        bundle = 'socket.io.min.js' } = {}) {
    context ??= await browser.newContext({ ignoreHTTPSErrors: true });

    const page = await context.newPage();

    page.setDefaultTimeout(10000 * lib.SLOW);
    page.on('pageerror', (e) => errors.push(String(e)));
    await page.goto(`${origin}/socket.io/socket.io.js`);
    await load(page, `${from}/socket.io/${bundle}`);
    return page;
  }

  async function load(page, url) {
    if (/\.esm\./.test(url)) {
      await page.evaluate(async (u) => {
        window.io = (await import(u)).io;
      }, url);
    } else {
      await page.addScriptTag({ url });
    }

    await page.evaluate(helpers);
  }

  const connect = (page, options, url = server.url) =>
    page.evaluate(([u, o]) => window.connect(u, o), [url, options]);

  const ask = (page, n, event, ...args) =>
    page.evaluate(([i, e, a]) => window.ask(i, e, ...a), [n, event, args]);

  const id = (page, n) => page.evaluate((i) => window.sockets[i].id, n);

  async function works(page, n, transport, more) {
    const kinds = { blobs: true, views: true, size: 200000, ...more };

    assert.deepEqual(await page.evaluate(
      `(${exercise})(${n}, ${JSON.stringify(kinds)})`), {
      differ: [],
      answered: ['why', { bytes: [7] }],
      transport: transport === 'polling' ? 'polling' : 'websocket',
    });
  }

  /* a client in node that hears who goes */

  async function watch(path_) {
    const socket = await lib.connect(server, { path: path_ });
    const gone = collect(socket, 'gone');

    await emitAck(socket, 'watch');

    return async (who) => {
      await until(() => gone.some(([s]) => s === who), 15000, '"gone"');
      return gone.find(([s]) => s === who)[1];
    };
  }


  for (const bundle of ['socket.io.js', 'socket.io.min.js',
                        'socket.io.esm.min.js', 'socket.io.msgpack.min.js']) {
    it(bundle, async () => {
      const page = await open({ bundle });
      const msgpack = /msgpack/.test(bundle);

      await Promise.all(Object.keys(TRANSPORTS).map(async (transport) => {
        const n = await connect(page, {
          transports: TRANSPORTS[transport],
          path: msgpack ? '/msgpack/' : '/socket.io/',
        });

        /* the msgpack bundle knows no other binary than ArrayBuffer */

        await works(page, n, transport, { blobs: !msgpack, views: !msgpack });
      }));
    });
  }


  it('the bundle of Socket.IO 2', async () => {
    const forms = {
      ...Object.fromEntries(Object.entries(TRANSPORTS).map(
        ([name, transports]) => [name, { transports }])),
      JSONP: { transports: ['polling'], forceJSONP: true },
    };

    for (const origin of [server.url, other]) {
      const page = await open({ origin });

      if (lib.NODE) {
        await page.addScriptTag({ path: `${CLIENT2}/socket.io.js` });
      } else {
        await page.addScriptTag({ url: `${server.url}/v2/socket.io.js` });
      }

      await Promise.all(Object.entries(forms).map(async ([name, form]) => {
        const n = await connect(page, { path: '/v2/', ...form });

        /*
         * A typed array is an object of numbers there, and the bytes of a
         * polled message are arguments of a function.
         */

        await works(page, n, name === 'JSONP' ? 'polling' : name,
                    { views: false, size: 20000 });
      }));
    }
  });


  it('TLS and HTTP/2', async () => {
    const page = await open({ origin: server.tlsUrl, from: server.tlsUrl });

    await Promise.all(Object.keys(TRANSPORTS).map(async (transport) => {
      const n = await connect(page, { transports: TRANSPORTS[transport] },
                              server.tlsUrl);

      await works(page, n, transport);
    }));

    const protocols = await page.evaluate(() => performance
      .getEntriesByType('resource')
      .filter(({ name }) => /transport=polling/.test(name))
      .map(({ nextHopProtocol }) => nextHopProtocol));

    assert.ok(protocols.length > 5);
    assert.deepEqual([...new Set(protocols)], ['h2']);
  }, lib.NODE && 'polls over HTTP/2 hang in Node');


  it('another origin', async () => {
    const page = await open({ origin: other });

    await Promise.all(Object.keys(TRANSPORTS).map(async (transport) => {
      const n = await connect(page, { transports: TRANSPORTS[transport],
                                      withCredentials: true });

      await works(page, n, transport);
      assert.equal((await ask(page, n, 'handshake'))[0].headers.origin,
                   other);
    }));
  });


  it('another origin, with a preflight', async () => {
    const page = await open({ origin: other });
    const n = await connect(page, {
      transports: TRANSPORTS.upgrade, withCredentials: true,
      extraHeaders: { 'X-Token': 'abc', 'X-More': 'd e' },
    });
    const [{ headers }] = await ask(page, n, 'handshake');

    await works(page, n, 'upgrade');
    assert.equal(headers['x-token'], 'abc');
    assert.equal(headers['x-more'], 'd e');
  });


  it('an origin that is not allowed polls in vain', async () => {
    const page = await open({ origin: foreign });

    await assert.rejects(connect(page, { transports: ['polling'] }),
                         /xhr poll error/);

    const n = await connect(page, { transports: ['websocket'] });

    await works(page, n, 'websocket');
  });


  it('cookies', async () => {
    for (const [origin, withCredentials, sent] of [
      [server.url, undefined, true],
      [other, true, true],
      [other, undefined, false],
    ]) {
      const page = await open({ origin });
      const cookies = () => page.context().cookies(server.url);
      const options = { transports: ['polling'], withCredentials };

      await connect(page, options);

      const list = await cookies();

      assert.deepEqual(list.map(({ name, path: p, httpOnly, sameSite }) =>
        ({ name, p, httpOnly, sameSite })), sent ? [
        { name: 'io', p: '/', httpOnly: true, sameSite: 'Lax' },
      ] : []);

      const n = await connect(page, options);
      const [{ headers }] = await ask(page, n, 'handshake');

      assert.equal(headers.cookie, sent ? `io=${list[0].value}` : undefined);
    }
  });


  it('two tabs in a room', async () => {
    const context = await browser.newContext();
    const tabs = await Promise.all(['websocket', 'polling'].map(
      async (transport) => {
        const page = await open({ context });
        const n = await connect(page, { transports: TRANSPORTS[transport] });

        await ask(page, n, 'join', 'tabs');
        await page.evaluate(() => { window.log.length = 0; });
        return { page, n };
      }));

    for (const [i, { page, n }] of tabs.entries()) {
      await page.evaluate(([k, who]) => {
        window.sockets[k].emit('say', 'tabs', who, '\u{1f600}',
                               new Uint8Array([who, 1]));
      }, [n, i]);
      await ask(page, n, 'id');
    }

    for (const { page } of tabs) {
      await page.waitForFunction(() => window.log.length === 2);
      assert.deepEqual(await page.evaluate(() => window.log), [
        ['said', 0, '\u{1f600}', { bytes: [0, 1] }],
        ['said', 1, '\u{1f600}', { bytes: [1, 1] }],
      ]);
    }
  });


  it('a page that is loaded again, or closed, is gone', async () => {
    const reason = await watch();
    const ways = {
      websocket: 'transport close',
      upgrade: 'transport close',
      polling: 'transport error',
    };

    for (const [transport, expected] of Object.entries(ways)) {
      const options = { transports: TRANSPORTS[transport] };
      const page = await open();
      const n = await connect(page, options);
      const before = await id(page, n);

      await page.reload();
      assert.equal(await reason(before), expected, transport);
      await load(page, `${server.url}/socket.io/socket.io.min.js`);

      const again = await connect(page, options);
      const now = await id(page, again);

      assert.notEqual(now, before);
      await ask(page, again, 'id');
      await page.close();
      assert.equal(await reason(now), expected, transport);
    }
  });


  it('comes back when it was offline', async () => {
    const path_ = '/impatient/';
    const reason = await watch(path_);

    await Promise.all(Object.keys(TRANSPORTS).map(async (transport) => {
      const page = await open();
      const n = await connect(page, { transports: TRANSPORTS[transport],
                                      path: path_ });
      const before = await id(page, n);

      await ask(page, n, 'join', 'offline');
      await page.evaluate((i) => {
        window.lost = new Promise((resolve) =>
          window.sockets[i].once('disconnect', resolve));
      }, n);
      await page.context().setOffline(true);
      assert.match(await page.evaluate(() => window.lost),
                   /^transport (close|error)$/);
      await page.context().setOffline(false);
      await page.waitForFunction((i) => window.sockets[i].connected, n);
      assert.notEqual(await id(page, n), before);
      assert.deepEqual(await ask(page, n, 'rooms'), [[await id(page, n)]]);
      await reason(before);
    }));
  });


  it('has thrown nothing', () => {
    assert.deepEqual(errors, []);
  });
});
