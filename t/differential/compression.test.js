'use strict';

/* Compressed answers to a GET: which are, how, and what is in them. */

const assert = require('node:assert/strict');
const zlib = require('zlib');
const { after, before, describe, it } = require('node:test');

const lib = require('./lib.js');

const app = {
  rules: `sio_on echo { relay; }
          sio_on off { emit off $sio_args compress=off; }
          sio_on all-off { emit all-off $sio_args to=* compress=off; }`,

  node: (io) => io.on('connection', (socket) => {
    socket.on('echo', (...args) => socket.emit('echo', ...args));
    socket.on('off', (...args) => socket.compress(false).emit('off', ...args));
    socket.on('all-off', (...args) => {
      io.compress(false).emit('all-off', ...args);
    });
  }),

  locations: {
    '/100/': { directives: 'sio_http_compression threshold=100;',
               options: { httpCompression: { threshold: 100 } } },
    '/0/': { directives: 'sio_http_compression threshold=0;'
                         + ' sio_ping_interval 300ms;',
             options: { httpCompression: { threshold: 0 },
                        pingInterval: 300 } },
    '/off/': { directives: 'sio_http_compression off;',
               options: { httpCompression: false } },
    '/filter/': { directives: 'gzip on; gzip_types *; gzip_vary off;'
                              + ' gzip_min_length 1;' },
  },
};

/* a packet of n bytes in all, an event with that name */

function packet(n, name = 'echo') {
  const head = `42["${name}","`;

  return `${head}${'x'.repeat(n - head.length - 2)}"]`;
}


/* the headers that say it, and what is meant */

function unpack(r) {
  const coding = r.header('content-encoding') || 'none';
  const plain = {
    none: (b) => b,
    gzip: zlib.gunzipSync,
    deflate: zlib.inflateSync,      /* RFC 1950: with header and checksum */
  }[coding](r.body);

  return {
    status: r.status,
    coding,
    vary: r.header('vary'),
    type: r.header('content-type'),
    length: r.header('content-length') !== undefined,
    chunked: r.header('transfer-encoding'),
    text: plain.toString(),
  };
}


describe('compressed polling', () => {
  const both = lib.pair(app);

  before(() => both.start());
  after(() => both.stop());

  const answers = (path, packets, encoding) => both.compare(
    async ({ note, poll }) => {
      const session = await poll({ path });

      await session.connectNsp();

      for (const list of packets) {
        await session.post(list);

        const r = await session.get({
          headers: encoding === null ? {} : { 'Accept-Encoding': encoding },
        });

        note(unpack(r));
      }
    });

  const encodings = [
    null, '', 'gzip', 'deflate', 'gzip, deflate', 'deflate, gzip',
    'gzip, deflate, br, zstd', 'br', 'br, zstd', 'identity', '*', '*;q=0',
    'GZIP', 'Deflate', 'gzip;q=0', 'gzip;q=0, deflate', 'gzip;q=0.0, *',
    'gzip;q=0.5, deflate;q=0.8', 'gzip;q=0.8, deflate;q=0.5',
    'gzip;q=0.8, deflate;q=0.80', 'deflate;q=.8, gzip;q=0.8',
    'identity;q=1, gzip;q=0.1', 'identity, *;q=0', '*, gzip;q=0',
    '*, gzip;q=0, deflate;q=0', 'deflate, *', '*, deflate',
    '*;q=0.1, deflate;q=0.05', 'deflate;q=0.001', 'gzip;q=2, deflate;q=3',
    'gzip;q=-1', 'gzip;q=', 'gzip;q', 'gzip;q=x', 'gzip; q=0', 'gzip ;q=0',
    'gzip;q =0', 'gzip;Q=0', 'gzip;level=1;q=0', 'gzip;level=1',
    'gzip;', 'gzip;;q=0', 'gzip;q=0;q=1', 'gzip deflate', 'gzip deflate, br',
    ',gzip', 'deflate,,gzip', ', ,', ';q=1', 'x-gzip', 'gzip;q=0, gzip',
    'gzip, gzip;q=0', 'deflate;q=0.5, gzip;q=0.5, deflate;q=0.7',
    'gzip\t;\tq=0', 'gzip;q=0.5=7, deflate;q=0.4',
  ];

  for (const encoding of encodings) {
    it(`Accept-Encoding: ${JSON.stringify(encoding)}`,
       () => answers('/socket.io/', [packet(1024)], encoding));
  }

  it('several headers', () => both.compare(async ({ note, poll }) => {
    const session = await poll({});

    await session.connectNsp();
    await session.post(packet(2000));

    note(unpack(await session.get({ headers: [
      ['Accept-Encoding', 'br'], ['Accept-Encoding', 'deflate'],
      ['accept-encoding', 'gzip'] ] })));
  }));

  it('is for 1024 bytes and more', async () => {
    const log = await answers('/socket.io/',
                              [packet(1023), packet(1024), packet(1025),
                               packet(100000)], 'gzip');

    assert.deepEqual(log.map(([r]) => r.coding),
                     ['none', 'gzip', 'gzip', 'gzip']);
  });

  it('is for the payload as a whole, in bytes', () => answers('/socket.io/', [
    [packet(512), packet(511)], [packet(512), packet(510)],
    '42["echo","' + '\u20ac'.repeat(337) + '"]',
    '42["echo","' + '\u20ac'.repeat(336) + 'xxx"]',
    ['451-["echo",{"_placeholder":true,"num":0}]',
     `b${Buffer.alloc(3000, 7).toString('base64')}`],
  ], 'deflate'));

  it('has a threshold', () => answers('/100/', [
    packet(99), packet(100), packet(101) ], 'gzip, deflate'));

  it('may compress all, and none', async () => {
    const packets = [packet(20), packet(100), packet(3000)];

    await answers('/0/', packets, 'gzip');
    await answers('/off/', packets, 'gzip');
  });

  it('leaves alone what has compress off', () => answers('/socket.io/', [
    packet(2000, 'off'), packet(2000, 'all-off'),
    [packet(2000, 'off'), packet(2000, 'all-off')],
    [packet(2000, 'off'), packet(20)], [packet(20), packet(2000, 'off')],
  ], 'gzip'));

  it('is the same for a GET that waits', () => both.compare(
    async ({ note, poll }) => {
      const session = await poll({});

      await session.connectNsp();
      session.options.headers = { 'Accept-Encoding': 'gzip' };

      for (const p of [packet(1024), packet(1023), packet(4000, 'off')]) {
        const hang = await session.parked();

        await session.post(p);
        note(unpack(await hang.response));
        hang.abort();
      }
    }));

  it('compresses the open packet and pings, too, if they are long enough',
     () => both.compare(async ({ note, http, poll }) => {
       for (const path of ['/0/', '/100/', '/socket.io/', '/off/']) {
         note(unpack(await http({
           path: `${path}?EIO=4&transport=polling`,
           headers: { 'Accept-Encoding': 'gzip' } })));
       }

       const session = await poll({ path: '/0/' });

       await session.connectNsp();
       note(unpack(await session.get({
         headers: { 'Accept-Encoding': 'gzip' } })));
     }));

  it('leaves errors and "ok" as they are', () => both.compare(
    async ({ note, http, poll }) => {
      const headers = { 'Accept-Encoding': 'gzip' };
      const session = await poll({ path: '/0/' });
      const r = await session.post('40', { headers });

      note(unpack(r));
      note(unpack(await http({
        path: '/0/?EIO=4&transport=polling&sid=x', headers })));
    }));

  it('is not compressed again by nginx', () => answers(
    '/filter/', [packet(1024), packet(50000)], 'gzip'));

  for (const encoding of ['gzip', 'deflate']) {
    it(`leaves a large answer whole, ${encoding}`,
       () => answers('/socket.io/', [
         ...[131072, 131073, 262144, 262145].map((n) => packet(n)),
         `42["echo","${Array.from({ length: 60000 }, (_, i) => i * 7919)}"]`,
       ], encoding));
  }

  it('and that of a GET that waits', () => both.compare(
    async ({ note, poll }) => {
      const session = await poll({});

      await session.connectNsp();
      session.options.headers = { 'Accept-Encoding': 'gzip' };

      for (const n of [131072, 131073, 900000]) {
        const hang = await session.parked();

        await session.post(packet(n));
        note(unpack(await hang.response));
        hang.abort();
      }
    }));
});
