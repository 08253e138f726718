'use strict';

/* WebSocket frames that RFC 6455 forbids, and some that it does not */

const sio = require('../lib/sio.js');
const { pair } = require('./pair.js');

const { TEXT, BINARY, CLOSE, PING } = sio;
const CONT = 0;

const text = (payload, more) => ({ opcode: TEXT, payload, ...more });
const bytes = (...b) => Buffer.from(b);
const latin1 = (s) => Buffer.from(s, 'latin1');


/* [name, frames, close code; null: the session lives] */

const FRAMES = [
  ['a mask is missing', [text('42["alive"]', { mask: false })], 1002],
  ['RSV1', [text('42["alive"]', { rsv: 4 })], 1002],
  ['RSV2', [text('42["alive"]', { rsv: 2 })], 1002],
  ['RSV3', [text('42["alive"]', { rsv: 1 })], 1002],
  ['RSV1 in a control frame', [{ opcode: PING, rsv: 4 }], 1002],
  ['opcode 3', [{ opcode: 3, payload: 'x' }], 1002],
  ['opcode 7', [{ opcode: 7, payload: 'x' }], 1002],
  ['opcode 11', [{ opcode: 11, payload: 'x' }], 1002],
  ['opcode 15', [{ opcode: 15, payload: 'x' }], 1002],
  ['a ping of 126 bytes', [{ opcode: PING, payload: 'x'.repeat(126) }], 1002],
  ['a ping that is fragmented', [{ opcode: PING, fin: false }], 1002],
  ['a close that is fragmented', [{ opcode: CLOSE, fin: false }], 1002],
  ['a continuation of nothing', [{ opcode: CONT, payload: 'x' }], 1002],
  ['a last continuation twice', [
     text('42["alive"', { fin: false }), { opcode: CONT, payload: ']' },
     { opcode: CONT, payload: ']' }], 1002],
  ['text inside of a fragmented message', [
     text('42["alive"', { fin: false }), text(']')], 1002],
  ['binary inside of a fragmented message', [
     text('42["alive"', { fin: false }), { opcode: BINARY }], 1002],
  ['a length of 2^63', [text('', { length: 2n ** 63n, form: 64 })], 1009],
  ['a length of 2^53', [text('', { length: 2n ** 53n, form: 64 })], 1009],
  ['a length of 2^32', [text('', { length: 2n ** 32n, form: 64 })], 1009],
  ['16 bits for a short length', [text('3', { form: 16 })], null],
  ['64 bits for a short length', [text('3', { form: 64 })], null],

  ['invalid UTF-8', [text(latin1('42["a\xff"]'))], 1007],
  ['a surrogate', [text(latin1('42["\xed\xa0\x80"]'))], 1007],
  ['overlong', [text(latin1('42["\xc0\xaf"]'))], 1007],
  ['beyond Unicode', [text(latin1('42["\xf4\x90\x80\x80"]'))], 1007],
  ['cut off', [text(latin1('42["\xc3'))], 1007],
  ['cut off by a fragment that is the last', [
     text(latin1('42["\xc3'), { fin: false }),
     { opcode: CONT, payload: '"]' }], 1007],
  ['a character in two fragments', [
     text(latin1('42["\xc3'), { fin: false }),
     { opcode: CONT, payload: latin1('\xa9"]') }], null],
  ['invalid UTF-8 in a binary message', [
     text('451-["echo",{"_placeholder":true,"num":0}]'),
     { opcode: BINARY, payload: bytes(0xff, 0xfe) }], null],

  ['an empty close', [{ opcode: CLOSE }], 1005],
  ['close of one byte', [{ opcode: CLOSE, payload: bytes(3) }], 1002],
  ...[1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014,
      3000, 3999, 4000, 4999].map((code) =>
    [`close ${code}`, [{ opcode: CLOSE, payload: bytes(code >> 8,
                                                       code & 255) }], code]),
  ...[0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000,
      65535].map((code) =>
    [`close ${code}`, [{ opcode: CLOSE, payload: bytes(code >> 8,
                                                       code & 255) }], 1002]),
  ['close with a reason', [{ opcode: CLOSE,
     payload: latin1('\x03\xe8bye') }], 1000],
  ['close with invalid UTF-8', [{ opcode: CLOSE,
     payload: latin1('\x03\xe8\xff') }], 1007],
  ['close of 126 bytes', [{ opcode: CLOSE,
     payload: latin1('\x03\xe8' + 'x'.repeat(124)) }], 1002],
  ['frames behind a close', [{ opcode: CLOSE, payload: latin1('\x03\xe8') },
     text('42["alive"]'), { opcode: 3 }], 1000],

  ['an unawaited pong', [{ opcode: 10, payload: 'x' }], null],
  ['a ping', [{ opcode: PING, payload: 'hello' }], null],
  ['an empty ping', [{ opcode: PING }], null],
  ['a ping of 125 bytes', [{ opcode: PING, payload: 'x'.repeat(125) }], null],
  ['a ping inside of a fragmented message', [
     text('42["alive"', { fin: false }), { opcode: PING, payload: 'p' },
     { opcode: CONT, payload: ']' }], null],
  ['three fragments, one empty', [
     text('42["ali', { fin: false }), { opcode: CONT, fin: false },
     { opcode: CONT, payload: 've"]' }], null],
  ['an empty text', [text('')], 1005],
  ['an empty text in two fragments', [text('', { fin: false }),
     { opcode: CONT }], 1005],
  ['HTTP instead of a frame', latin1('GET / HTTP/1.1\r\n\r\n'), 1002],
];


async function run(s, frames, code) {
  const w = await sio.wsOpen({ ...s, pong: false });
  let after = [];

  await w.connectNsp();

  const from = w.frames.length;

  if (Buffer.isBuffer(frames)) {
    w.write(frames);
  } else {
    frames.forEach((frame) => w.sendFrame(frame));
  }

  if (code === null) {
    w.send('4299["alive"]');

    await sio.until(() => w.ended || w.messages.some(
                      (m) => m.text === '4399[]'), 5000, 'an answer');

    after = w.frames.slice(from).map((f) =>
      `${f.opcode} ${f.payload.toString('latin1')}`);
    w.close(1000);
  }

  const end = await w.waitClose();

  if (end.code !== (code === null ? 1000 : code)) {
    throw new Error(`${s.kind}: ${JSON.stringify(end)}, not ${code}`);
  }

  if (w.frames.some((f) => f.masked)) {
    throw new Error(`${s.kind}: masked frames`);
  }

  return { after, code: end.code, reason: end.reason };
}


/* ws sends no reason text; what it echoes of a close is the code */

pair('frames', {}, FRAMES.map(([name, frames, code]) => ({
  name,
  run: async (s) => {
    const r = await run(s, frames, code);
    return { after: r.after, code: r.code };
  },
})).concat([
  {
    name: 'a frame one byte at a time',
    run: async (s) => {
      const w = await sio.wsOpen(s);

      await w.connectNsp();

      for (const b of sio.frameBytes(text('4299["echo","\u00e9"]'))) {
        w.write(Buffer.from([b]));
        await new Promise(setImmediate);
      }

      const out = [await w.recvText(), await w.recvText()];

      await w.close(1000);
      return out;
    },
  },
  {
    name: '16384 fragments, and one more',
    run: async (s) => {
      const out = [];

      for (const n of [16384, 16385]) {
        const w = await sio.wsOpen(s);

        await w.connectNsp();

        const parts = [text('42["alive"]', { fin: false })];

        for (let i = 2; i < n; i++) {
          parts.push({ opcode: CONT, payload: ' ', fin: false });
        }

        parts.push({ opcode: CONT, payload: ' ' });
        w.write(Buffer.concat(parts.map(sio.frameBytes)));
        w.send('4299["alive"]');

        try {
          out.push(await w.recvText());
          w.close(1000);
        } catch (e) {
          /* it was closed */
        }

        out.push((await w.waitClose()).code);
      }

      return out;
    },
  },
]));
