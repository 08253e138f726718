'use strict';

/*
 * What a client could make grow: the result of one action, the names in the
 * log.  Rules that only pass arguments on meet the limit that no option sets.
 */

const assert = require('node:assert/strict');
const { after, afterEach, before, describe, it } = require('node:test');

const lib = require('./lib.js');

const { connect, emitAck, once } = lib;

const RESULT = 16 * 1024 * 1024;             /* NGX_SIO_MAX_RESULT */
const times = (n, text) => Array(n).fill(text).join(' ');

const rules = `
    sio_on sixteen   { emit sixteen ${times(16, '$sio_arg_0')}; ack; }
    sio_on seventeen { emit seventeen ${times(17, '$sio_arg_0')}; ack; }
    sio_on text      { require "$sio_arg_1"; ack "${
      times(17, '$sio_arg_0')}"; }
    sio_on room      { join "${times(17, '$sio_arg_0')}"; ack; }
    sio_on data      { reject text 'data=[${
      Array(17).fill('$sio_arg_0').join(',')}]'; }
`;


describe('bounds of rules', { skip: lib.NODE && 'rules are nginx\'s own' },
  () => {
    let server, base;

    before(async () => {
      server = await lib.serve({ app: { rules, directives: `
        sio_max_http_buffer_size 2m;
        sio_limit buffer=32m;` }, workers: 1 });
      base = await server.counters();
    });

    afterEach(() => lib.disconnectAll());

    after(() => lib.finish(server, base));

    /* with its quotes a sixteenth of what a result may be, less the rest */

    const part = 'x'.repeat(RESULT / 16 - 4);


    it('an action\'s result has an end', async () => {
      const s = await connect(server);
      const answer = once(s, 'sixteen');

      assert.deepEqual(await emitAck(s, 'sixteen', part), []);
      assert.equal((await answer).length, 16);

      for (const event of ['seventeen', 'text', 'room']) {
        assert.deepEqual(await emitAck(s, event, part, 1),
                         [{ error: 'not allowed' }]);
      }

      assert.deepEqual(await emitAck(s, 'data', part),
                       [{ error: 'not allowed' }]);
    });


    it('attachments count, each once', async () => {
      const s = await connect(server);
      const binary = Buffer.alloc(1024 * 1024, 1);
      const answer = once(s, 'seventeen');

      assert.deepEqual(await emitAck(s, 'seventeen', binary), []);
      assert.equal((await answer).length, 17);
    });


    it('names of unknown events are logged once, escaped, 64 of them',
      async () => {
        const s = await connect(server);

        for (let i = 0; i < 80; i++) {
          s.emit(`odd "${i}"\n`);
          s.emit(`odd "${i}"\n`);
        }

        await emitAck(s, 'sixteen', 1);

        const lines = server.errorLog().split('\n')
          .filter((l) => l.includes('no rule for event'));

        assert.equal(lines.length, 64);
        assert.equal(new Set(lines.map((l) => l.match(/event ".*"/)[0])).size,
                     64);
        lines.forEach((l) => {
          assert.match(l, /event "odd \\x22\d+\\x22\\x0A"/);
        });
      });
  });
