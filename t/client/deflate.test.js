'use strict';

/*
 * permessage-deflate with official clients: what compressed messages say is
 * what plain ones say, for senders and receivers of both kinds in one room.
 */

const assert = require('node:assert/strict');
const { after, afterEach, before, describe, it } = require('node:test');

const app = require('./app.js');
const lib = require('./lib.js');

const { collect, emitAck, once, until } = lib;

const deflating = (context) => ({
  ...app,
  directives: `${app.directives || ''} sio_per_message_deflate ${context
    ? 'server_no_context_takeover=offered client_no_context_takeover=offered'
    : 'on'};`,
  options: { ...app.options, perMessageDeflate: {
    threshold: 1024, serverNoContextTakeover: !context,
    clientNoContextTakeover: !context } },
});

const TEXT = 'It was the best of times, it was the worst of times. '
             .repeat(2000);
const BYTES = Buffer.alloc(100000, 'abc\u0000');
const NOISE = Buffer.from(Array.from({ length: 50000 },
                                     (_, i) => (i * i * 7919 >> 7) & 255));

const engine = (socket) => socket.io.engine.transport.ws;


for (const [workers, context] of [[1, false], [4, false], [4, true]]) {
  describe(`permessage-deflate, ${workers} worker(s), ${
    context ? 'with' : 'without'} a context`, () => {
    let server, base;

    before(async () => {
      server = await lib.serve({ workers, tls: true, app: deflating(context) });
      base = await server.counters();
    });

    afterEach(() => lib.disconnectAll());

    after(() => lib.finish(server, base));


    for (const form of lib.combinations({
      version: ['4.8', '4.0'], transport: ['websocket', 'upgrade'],
      tls: [false, true], deflate: [true, false] })) {

      const { deflate, ...more } = form;
      const name = `client ${form.version}, ${form.transport}`
                   + (form.tls ? ', TLS' : '')
                   + (deflate ? '' : ', that does not');

      it(name, async () => {
        const socket = await lib.connect(server, {
          ...more, perMessageDeflate: deflate && { threshold: 100 } });

        await until(() => socket.io.engine.transport.name === 'websocket',
                    5000, 'the upgrade');
        assert.equal(engine(socket).extensions,
                     deflate ? 'permessage-deflate' : '');

        const values = [
          [], ['a'], ['\u20ac \u{1f600}'], [TEXT], ['\u20ac'.repeat(5000)],
          [BYTES], [Buffer.alloc(0), NOISE, 'text', Buffer.from([1])],
          [{ a: [TEXT, { b: BYTES }] }, NOISE],
          ['x'.repeat(1010)], ['x'.repeat(1011)], ['x'.repeat(1012)],
        ];

        for (const args of values) {
          const answer = once(socket, 'echo');

          socket.emit('echo', ...args);
          assert.deepEqual(await answer, args);
          assert.deepEqual(await emitAck(socket, 'echoAck', ...args), args);
        }

        /* many at once, one behind the other */

        const got = collect(socket, 'echo');

        for (let i = 0; i < 100; i++) {
          socket.emit('echo', i, TEXT.slice(0, 50 * i), BYTES.subarray(0, i));
        }

        await until(() => got.length === 100, 5000, 'all of them');
        assert.deepEqual(got, Array.from({ length: 100 }, (_, i) => (
          [i, TEXT.slice(0, 50 * i), BYTES.subarray(0, i)])));
      });
    }


    it('one room of both kinds, and polling', async () => {
      const members = await lib.connectMany(server, 24, (i) => ({
        version: i % 2 ? '4.0' : '4.8',
        transport: i % 6 === 5 ? 'polling' : 'websocket',
        perMessageDeflate: i % 4 < 2 && { threshold: 100 },
      }));

      const room = `mixed ${workers}`;

      await Promise.all(members.map((s) => emitAck(s, 'join', room)));

      const before = members.map(received);
      const logs = members.map((s) => collect(s, 'said'));

      for (const [i, s] of members.entries()) {
        s.emit('say', room, i, TEXT, i % 3 ? NOISE : BYTES);
        await until(() => logs[0].length === i + 1, 5000, 'the message');
      }

      await until(() => logs.every((log) => log.length === members.length),
                  5000, 'all messages everywhere');

      const size = (TEXT.length + 60000) * members.length;

      for (const [i, log] of logs.entries()) {
        assert.deepEqual(log, members.map((_, n) => (
          [n, TEXT, n % 3 ? NOISE : BYTES])));

        if (received(members[i]) === undefined) {
          continue;
        }

        const got = received(members[i]) - before[i];

        if (i % 4 < 2) {
          assert.ok(got < size / 2, `${got} bytes came`);
        } else {
          assert.ok(got > size / 2, `only ${got} bytes came`);
        }
      }
    });
  });
}


/* bytes from the network, by a WebSocket */

function received(socket) {
  return engine(socket)?._socket?.bytesRead;
}
