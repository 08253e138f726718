'use strict';

/* Socket.IO packets, well-formed and not, and what the server makes of them. */

const { after, before, describe, it } = require('node:test');

const lib = require('./lib.js');

const { app, begins, bin, continues, ph } = require('./echo.js');

const { drain } = lib;



describe('Socket.IO packets', () => {
  const both = lib.pair(app);

  before(() => both.start());
  after(() => both.stop());

  /* first packets of a connection */

  const first = {
    'CONNECT': ['40'],
    'CONNECT with a payload': ['40{"a":1}'],
    'CONNECT with an empty payload': ['40{}'],
    'CONNECT with an id': ['405'],
    'CONNECT by name': ['40/,'],
    'CONNECT elsewhere': ['40/custom,', '42/custom,["echo",1]'],
    'CONNECT without the comma': ['40/custom'],
    'CONNECT with a query': ['40/custom?a=1,'],
    'CONNECT to nowhere': ['40/random,', '40'],
    'CONNECT, dynamic': ['40/dynamic-7,', '42/dynamic-7,["echo"]'],
    'CONNECT, not quite dynamic': ['40/dynamic-,', '40/dynamic-7x,'],
    'middleware': ['40/guard,', '40/guard,{"token":1}',
                   '40/guard,{"token":"x"}', '42/guard,["barrier"]'],
    'reject': ['40/reject,', '40/reject,{}'],
    'two namespaces': ['40', '40/custom,', '42["echo",1]',
                       '42/custom,["echo",2]'],
    'CONNECT with null': ['40null'],
    'CONNECT with an array': ['40[1]'],
    'CONNECT with a string': ['40"x"'],
    'CONNECT with bad JSON': ['40{"a"'],
    'EVENT before CONNECT': ['42["echo",1]'],
    'ACK before CONNECT': ['430[]'],
    'DISCONNECT before CONNECT': ['41'],
    'EVENT for another namespace': ['40', '42/custom,["echo",1]'],
    'an empty message': ['4'],
    'an empty frame': [''],
    'an unknown type': ['47'],
    'no type': ['4x'],
    'no packet': ['x'],
    'a binary frame': [bin(1, 2)],
    'a ping': ['2'],
    'a ping with data': ['2probe'],
    'pong, open, close, upgrade, noop': ['3', '0', '1', '5', '6', '40'],
    'ping, late': ['40', '2'],
  };

  begins(both, first);


  /* after CONNECT to "/" */

  const later = {
    'EVENT': ['42["echo",1]'],
    'EVENT with an id': ['4212["answer",1]', '42007["answer"]',
                         '429007199254740991["answer"]'],
    'EVENT without arguments': ['42["echo"]'],
    'EVENT without a rule': ['42["unknown",1]', '4212["unknown",1]'],
    'EVENT, spaces in JSON': ['42[ "echo" , 1 ] '],
    'EVENT, escapes in the name': ['42["\\u0065cho",1]'],
    'EVENT, strings': ['42["echo","\\u00e9\u20ac\u{1f600}\\n\\u001e\\\\\\""]'],
    'EVENT, numbers': ['42["echo",0,1,-1,1.5,1000000,0.001]'],
    'EVENT, constants': ['42["echo",true,false,null]'],
    'EVENT, nested': ['42["echo",[[],[{}],{"a":{"b":[1]}}]]'],
    'EVENT, a placeholder that is none': [
      `42["echo",${ph(0)}]`, '42["echo",{"_placeholder":1,"num":0}]'],
    'EVENT with a number for a name': ['42[5,1]'],
    'EVENT "error"': ['42["error",1]'],
    'EVENT "message"': ['42["message",1]'],
    'EVENT without payload': ['42', '421'],
    'EVENT, an object': ['42{}'],
    'EVENT, empty array': ['42[]'],
    'EVENT, a string': ['42"x"'],
    'EVENT, cut': ['42["a"'],
    'EVENT, more behind': ['42["a"]x'],
    'EVENT, null': ['42[null]'],
    'EVENT, a raw control character': ['42["echo","\x1e"]'],
    'EVENT, a newline in a string': ['42["echo","\n"]'],
    'EVENT, a bad escape': ['42["echo","\\x41"]'],
    'EVENT, a comma too many': ['42["echo",1,]'],
    'EVENT, an id that is none': ['42abc["x"]'],
    'ACK that nobody asked for': ['4399[1]', '43', '430[]'],
    'ACK, an object': ['430{}'],
    'CONNECT_ERROR from a client': ['44{"message":"x"}'],
    'CONNECT twice': ['40'],
    'DISCONNECT with a payload': ['41{}'],
    'unknown type': ['47["echo"]'],
    'EVENT to a namespace by name': ['42/,["echo",1]'],
    'EVENT to an unknown namespace': ['42/nowhere,["echo",1]'],
    'binary': [`451-["echo",${ph(0)}]`, bin(1, 2)],
    'binary, two, swapped': [`452-7["answer",${ph(1)},{"x":${ph(0)}}]`,
                             bin(1), bin(2)],
    'binary, one used twice': [`451-["echo",${ph(0)},${ph(0)}]`, bin(3)],
    'binary, one not used': [`452-["echo",${ph(0)}]`, bin(1), bin(2)],
    'binary, none used': ['451-["echo",1]', bin(1)],
    'binary, empty': [`451-["echo",${ph(0)}]`, bin()],
    'binary, as text': [`451-["echo",${ph(0)}]`, 'bAQI='],
    'binary, ten': [`4510-["echo",${Array.from({ length: 10 },
                      (_, i) => ph(i)).join()}]`,
                    ...Array.from({ length: 10 }, (_, i) => bin(i))],
    'binary, eleven': ['4511-["a"]'],
    'binary, zero': ['450-["a"]'],
    'binary without a count': ['451["a"]'],
    'binary, no number': ['45x-["a"]'],
    'binary, text in between': ['451-["echo"]', '42["echo"]'],
    'binary, pong in between': [`451-["echo",${ph(0)}]`, '3', bin(1)],
    'binary without a header': [bin(1)],
    'binary, a place too high': [`451-["echo",${ph(1)}]`, bin(1)],
    'binary, a negative place': [`451-["echo",${ph(-1)}]`, bin(1)],
    'binary, no number for a place': [
      '451-["echo",{"_placeholder":true,"num":"0"}]', bin(1)],
    'binary, no place': ['451-["echo",{"_placeholder":true}]', bin(1)],
    'binary, more keys': [
      '451-["echo",{"x":1,"_placeholder":true,"num":0,"y":2}]', bin(1)],
    'binary ACK that nobody asked for': [`461-5[${ph(0)}]`, bin(1)],
    'disconnect': ['42["bye"]'],
    'disconnect, then events': ['42["bye"]', '42["echo"]'],
    'disconnect close': ['42["close"]', '42["echo"]'],
    'DISCONNECT': ['41'],
    'DISCONNECT, then an event': ['41', '42["echo"]'],
    'DISCONNECT, then CONNECT': ['41', '40', '42["echo"]'],
  };

  continues(both, later);


  it('acknowledgements that the server asks for', () => both.compare(
    async ({ note, wsOpen }) => {
      const ws = await wsOpen({});

      await ws.connectNsp();

      for (const answer of ['[]', '[1,"a",{"b":null}]', '[[1]]']) {
        ws.send('42["ask",1]');

        const question = await ws.recvText();
        const id = /^42(\d+)/.exec(question)[1];

        note(question.replace(/^42\d+/, '42N'));
        ws.send(`43${id}${answer}`);
        note(await ws.recvText());

        /* only the first answer counts */

        ws.send(`43${id}[2]`);
        note(...await drain(ws));
      }

      ws.send('42["ask"]');

      const id = /^42(\d+)/.exec(await ws.recvText())[1];

      ws.send(`461-${id}[${ph(0)}]`);
      ws.send(bin(5));
      note(await ws.recvText(), (await ws.recv()).data);
      ws.send('42["ask"]');

      const other = /^42(\d+)/.exec(await ws.recvText())[1];

      ws.send(`43${other}`);
      note(...await drain(ws));
      await ws.close();
    }));


  it('frames in pieces, and control frames between them', () => both.compare(
    async ({ note, wsOpen }) => {
      const ws = await wsOpen({});
      const payload = Buffer.from('42["echo","\u20ac\u{1f600}"]');

      await ws.connectNsp();

      for (let i = 0; i < payload.length; i++) {
        ws.sendFrame({ opcode: i ? 0 : 1, payload: payload.subarray(i, i + 1),
                       fin: i === payload.length - 1 });

        if (i % 5 === 0) {
          ws.sendFrame({ opcode: 9, payload: Buffer.from([i]) });
        }
      }

      note(await ws.recvText());
      note(ws.frames.filter((f) => f.opcode === 10).map((f) => f.payload));
      await ws.close();
    }));


  const frames = {
    'not masked': { payload: '3', mask: false },
    'RSV1': { payload: '3', rsv: 4 },
    'RSV2': { payload: '3', rsv: 2 },
    'RSV3': { payload: '3', rsv: 1 },
    'opcode 3': { payload: '3', opcode: 3 },
    'opcode 11': { payload: '3', opcode: 11 },
    'a continuation of nothing': { payload: '3', opcode: 0 },
    'a ping in pieces': { payload: '3', opcode: 9, fin: false },
    'a long ping': { payload: 'x'.repeat(126), opcode: 9 },
    'a ping of 125': { payload: 'x'.repeat(125), opcode: 9 },
    'a pong': { payload: 'x', opcode: 10 },
    'invalid UTF-8': { payload: Buffer.from([0x34, 0x32, 0xff]) },
    'a surrogate': { payload: Buffer.from([0x34, 0x32, 0xed, 0xa0, 0x80]) },
    'UTF-8, cut': { payload: Buffer.from([0x34, 0x32, 0xe2, 0x82]) },
    'too large': { payload: Buffer.alloc(1000001, 0x34) },
    'too large by its header': { payload: '4', length: 2 ** 40 },
    'close without a code': { payload: '', opcode: 8 },
    'close 1000': { payload: Buffer.from([3, 232]), opcode: 8 },
    'close 4000 with a reason': { payload: Buffer.from([15, 160, 104]),
                                  opcode: 8 },
    'close with one byte': { payload: Buffer.from([3]), opcode: 8 },
    'close 1005': { payload: Buffer.from([3, 237]), opcode: 8 },
    'close 999': { payload: Buffer.from([3, 231]), opcode: 8 },
    'close, a reason that is no UTF-8': {
      payload: Buffer.from([3, 232, 0xff]), opcode: 8 },
  };

  for (const [name, frame] of Object.entries(frames)) {
    it(`frame: ${name}`, () => both.compare(async ({ note, wsOpen }) => {
      const ws = await wsOpen({});

      await ws.connectNsp();
      ws.sendFrame(frame);
      note(...await drain(ws));
      note(ws.frames.map((f) => f.opcode));
      await ws.close();
    }));
  }
});
