'use strict';

/*
 * Plain Engine.IO, sio_protocol engine.io, for engine.io-client and for
 * python-engineio, on four workers.
 */

const assert = require('node:assert/strict');
const fs = require('fs');
const http = require('http');
const https = require('https');
const { after, afterEach, before, describe, it } = require('node:test');
const { Socket } = require('engine.io-client');

const lib = require('./lib.js');
const { Python, FORMS } = require('./python.js');

const { cable, collect, connected, once, until } = lib;

const TEXT = '\u001d "\\" \u2028 \u00e9 \u20ac \u{1f600}';

const bytes = (...list) => Buffer.from(list);

/*
 * "/echo/" echoes, "/short/" has short times and small limits; in "/room/"
 * the members of a room are told who comes and why somebody goes; "/bye/"
 * closes.
 */

const PATHS = {
  '/echo/': {
    rules: 'sio_on message { relay; }',
    zone: 'echo',
    node: (socket) => socket.on('message', (data) => socket.send(data)),
  },
  '/short/': {
    rules: `sio_ping_interval 300ms; sio_ping_timeout 1s;
            sio_max_http_buffer_size 1000;`,
    options: { pingInterval: 300, pingTimeout: 1000, maxHttpBufferSize: 1000 },
    like: '/echo/',
  },
  '/room/': {
    rules: `sio_set $room query /room;
            sio_on connect    { emit message welcome;
                                emit message joined to=$room except=self;
                                join $room; }
            sio_on message    { relay to=$room except=self; }
            sio_on disconnect { emit message "left: $sio_reason" to=$room; }`,
    zone: 'room',
    node: (socket, members) => {
      const { room } = socket.request._query;
      const others = (data) => members.forEach((other) =>
        other !== socket && other.request._query.room === room
        && other.send(data));

      socket.send('welcome');
      others('joined');
      members.add(socket);
      socket.on('message', others);
      socket.on('close', (reason) => {
        members.delete(socket);
        others(`left: ${reason}`);
      });
    },
  },
  '/impatient/': {
    rules: 'sio_ping_interval 300ms; sio_ping_timeout 1s;',
    options: { pingInterval: 300, pingTimeout: 1000 },
    like: '/room/',
  },
  '/bye/': {
    rules: `sio_on message    { emit message $sio_arg_0;
                                require $sio_arg_0 = bye;
                                disconnect close; }`,
    zone: 'bye',
    node: (socket) => socket.on('message', (data) => {
      socket.send(data);

      if (data === 'bye') {
        socket.close();
      }
    }),
  },
};


function startNginx() {
  const zones = new Set(Object.values(PATHS).map((p) => p.zone)
                        .filter(Boolean));

  return lib.startNginx({
    workers: 4,
    tls: true,
    http: [...zones].map((z) => `sio_zone zone=${z}:4m;`).join('\n'),
    location: 'return 404;',
    counters: false,
    server: Object.entries(PATHS).map(([path, { rules, zone, like }]) =>
      `location ${path} { sio zone=${zone || PATHS[like].zone};
                          sio_protocol engine.io; ${rules} }`).join('\n'),
  });
}


async function startNode() {
  const engine = require('engine.io');
  const { key, cert, pem } = lib.certificate();
  const servers = [http.createServer(), https.createServer({
    key: fs.readFileSync(key), cert: fs.readFileSync(cert),
  })];

  const engines = [];

  for (const server of servers) {
    const members = {};

    for (const [path, { options, node, like }] of Object.entries(PATHS)) {
      const io = engine.attach(server, { path, destroyUpgrade: false,
                                         ...options });
      const all = members[like || path] ??= new Set();

      io.on('connection', (s) => (node || PATHS[like].node)(s, all));
      engines.push(io);
    }

    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  }

  const [port, tlsPort] = servers.map((s) => s.address().port);

  return {
    port, tlsPort, ca: pem,
    url: `http://127.0.0.1:${port}`,
    tlsUrl: `https://localhost:${tlsPort}`,
    stop: async () => {
      engines.forEach((io) => io.close());
      servers.forEach((s) => { s.closeAllConnections(); s.close(); });
    },
  };
}


describe('plain Engine.IO', () => {
  const programs = {};
  const open = new Set();
  let server;

  before(async () => {
    server = await (lib.NODE ? startNode() : startNginx());

    for (const form of FORMS) {
      programs[form] = new Python(form);
    }
  });

  afterEach(() => {
    open.forEach((socket) => socket.close());
    open.clear();
    FORMS.forEach((form) => programs[form].disconnectAll());
  });

  after(async () => {
    try {
      await Promise.all(FORMS.map((form) => programs[form].stop()));
    } finally {
      await server?.stop();
    }
  });


  /* resolves to a socket of engine.io-client that is open, and upgraded */

  async function connect({ transport = 'websocket', path = '/echo/', tls,
                           binaryType = 'nodebuffer', url, query } = {}) {
    const socket = new Socket(url || (tls ? server.tlsUrl : server.url), {
      path, query, transports: lib.TRANSPORTS[transport],
      ...(tls ? { ca: server.ca } : {}),
    });

    open.add(socket);
    socket.binaryType = binaryType;
    socket.log = collect(socket, 'message');
    socket.on('error', () => {});
    await once(socket, 'open');

    if (transport === 'upgrade') {
      await until(() => socket.transport.name === 'websocket', 5000,
                  'the upgrade');
    }

    return socket;
  }

  /* closes it, and resolves to the client's reason */

  const closed = async (socket, act) => {
    const reason = once(socket, 'close', 10000);

    act(socket);
    return (await reason)[0];
  };


  for (const form of lib.combinations({
    transport: Object.keys(lib.TRANSPORTS), tls: [false, true],
  })) {
    describe(`engine.io-client, ${form.transport}${form.tls ? ', TLS' : ''}`,
             () => {
      it('carries text and binary', async () => {
        const socket = await connect(form);
        const values = [
          'text', TEXT, '{"json":[1]}', '2["looks like",{"_placeholder":true}]',
          bytes(1, 2, 3), bytes(), bytes(0x1e, 0x62),
          'x'.repeat(100000), '\u20ac'.repeat(100000),
          Buffer.alloc(300000, 0x34), 'end',
        ];

        for (const value of values) {
          socket.send(value);
        }

        await until(() => socket.log.length === values.length);
        assert.deepEqual(socket.log, values);
      });


      it('carries the kinds of binary of a browser', async () => {
        const socket = await connect({ ...form, binaryType: 'arraybuffer' });
        const array = new Uint16Array([1, 0x1e04, 65535, 9]);

        socket.send(array.buffer);
        socket.send(array);
        socket.send(new Uint8Array(array.buffer, 2, 3));
        await until(() => socket.log.length === 3);
        socket.log.forEach((b) => assert.ok(b instanceof ArrayBuffer));
        assert.deepEqual(socket.log.map((b) => Buffer.from(b)), [
          Buffer.from(array.buffer), Buffer.from(array.buffer),
          bytes(4, 0x1e, 255),
        ]);
      });


      it('keeps the order of bursts, before the upgrade and after',
         async () => {
           const url = form.tls ? server.tlsUrl : server.url;
           const socket = new Socket(url, {
             path: '/echo/', transports: lib.TRANSPORTS[form.transport],
             ca: server.ca,
           });
           const log = collect(socket, 'message');
           let sent = 0;

           open.add(socket);
           socket.binaryType = 'nodebuffer';

           const send = (n) => {
             for (; n > 0; n--) {
               socket.send(sent % 3 ? String(sent) : bytes(sent % 256));
               sent++;
             }
           };

           send(20);
           await once(socket, 'open');

           while (form.transport === 'upgrade'
                  && socket.transport.name !== 'websocket') {
             send(5);
             await until(() => sent - log.length < 100);
             await new Promise((resolve) => setImmediate(resolve));
           }

           send(100);
           await until(() => log.length === sent, 10000, 'all of them');
           assert.deepEqual(log, Array.from({ length: sent }, (_, i) =>
             i % 3 ? String(i) : bytes(i % 256)));
         });


      it('reaches a room, and hears who goes and why', async () => {
        const more = { path: '/room/', query: { room: lib.randomId() } };
        const a = await connect({ ...form, ...more });

        await until(() => a.log[0] === 'welcome');

        const b = await connect({ ...form, ...more });

        await until(() => a.log.length === 2 && b.log.length === 1);
        a.send('from a');
        a.send(bytes(1, 0x1e));
        await until(() => b.log.length === 3);
        b.send(TEXT);
        await until(() => a.log.length === 3);

        const reason = await closed(b, () => b.close());

        await until(() => a.log.length === 4);
        assert.equal(reason, 'forced close');
        assert.deepEqual(a.log, ['welcome', 'joined', TEXT,
                                 'left: transport close']);
        assert.deepEqual(b.log, ['welcome', 'from a', bytes(1, 0x1e)]);
      });


      it('is closed by the server', async () => {
        const socket = await connect({ ...form, path: '/bye/' });

        socket.send('stay');

        const reason = await closed(socket, () => socket.send('bye'));

        assert.equal(reason, 'transport close');
        assert.deepEqual(socket.log, ['stay', 'bye']);
      });


      it('says too much', async () => {
        const socket = await connect({ ...form, path: '/short/' });
        const most = 'x'.repeat(999);

        socket.send(most);
        await until(() => socket.log.length === 1);
        assert.deepEqual(socket.log, [most]);

        const reason = await closed(socket, () => socket.send(`${most}x`));

        assert.equal(reason, form.transport === 'polling' ? 'transport error'
                                                          : 'transport close');
      });
    });
  }


  it('misses one whose line is silent', async () => {
    await Promise.all(Object.keys(lib.TRANSPORTS).map(async (transport) => {
      const line = await cable(server.port);
      const query = { room: lib.randomId() };

      try {
        const watcher = await connect({ path: '/room/', query });
        const socket = await connect({ transport, path: '/impatient/', query,
                                       url: line.url });

        await until(() => watcher.log.includes('joined'));
        await once(socket, 'ping');

        const reason = await closed(socket, () => line.hold());

        assert.equal(reason, 'ping timeout');
        await until(() => watcher.log.length === 3, 10000, '"left"');
        assert.deepEqual(watcher.log, ['welcome', 'joined',
                                       'left: ping timeout']);

      } finally {
        line.close();
      }
    }));
  });


  for (const form of FORMS) {
    for (const transport of Object.keys(lib.TRANSPORTS)) {
      const transports = lib.TRANSPORTS[transport];

      it(`python-engineio, ${form}: ${transport}`, async () => {
        const python = programs[form];
        const socket = python.engine(server, { transports, path: '/echo/' });
        const log = collect(socket, 'message');

        /* a POST of the threaded client is ASCII only */

        const text = form === 'threaded' && transport === 'polling' ? 'x'
                                                                    : TEXT;
        const values = ['text', text, bytes(1, 2, 3), bytes(),
                        { json: [1, null, { deep: '\u20ac' }] },
                        'x'.repeat(100000), Buffer.alloc(100000, 0x1e)];

        await connected(socket);
        values.forEach((value) => socket.send(value));
        await until(() => log.length === values.length);
        assert.deepEqual(log, values);

        const path = '/room/';
        const room = lib.randomId();
        const js = await connect({ path, query: { room } });
        const member = python.engine(server, { transports, path,
                                               query: `?room=${room}` });
        const heard = collect(member, 'message');

        await until(() => heard.includes('welcome')
                          && js.log.includes('joined'));
        member.send('from Python');
        member.send(bytes(7));
        await until(() => js.log.length === 4);
        js.send(TEXT);
        js.send(bytes(8));
        await until(() => heard.length === 3);
        assert.deepEqual(js.log, ['welcome', 'joined', 'from Python',
                                  bytes(7)]);
        assert.deepEqual(heard, ['welcome', TEXT, bytes(8)]);

        const sent = python.engine(server, { transports, path: '/bye/' });
        const last = collect(sent, 'message');

        await connected(sent);

        const gone = once(sent, 'disconnect');

        sent.send('bye');
        await gone;
        assert.deepEqual(last, ['bye']);
      });
    }
  }
});
