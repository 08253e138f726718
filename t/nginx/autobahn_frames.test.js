'use strict';

/* Autobahn 1 to 5: framing, pings, reserved bits, opcodes, fragmentation */

const { autobahn, fine, ends, text, binary, cont, ping, pong, part, frame,
        came } = require('./autobahn.js');

const CONTROL = { 11: frame(11), 12: frame(12), 13: frame(13), 14: frame(14),
                  15: frame(15) };
const DATA = { 3: frame(3), 4: frame(4), 5: frame(5), 6: frame(6),
               7: frame(7) };

const HELLO = '4Hello, world!';
const NOT_UTF8 = Buffer.from([0, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0, 0xff]);
const FE = (n) => Buffer.alloc(n, 0xfe);


/* the shortest text is one octet here, see the head of autobahn.js */

const SIZES = [[1, 0], [2, 125], [3, 126], [4, 127], [5, 128], [6, 65535],
               [7, 65536]];

const stars = (n) => text('4'.padEnd(n, '*'));

const echo = (id, title, message, options) => (
  fine(id, title, [message], [message], options));

const framing = [
  ...SIZES.map(([i, n]) => echo(`1.1.${i}`, `text, payload of ${n}`,
                                stars(n))),
  echo('1.1.8', 'text, payload of 65536 in chops of 997', stars(65536),
       { chop: 997 }),
  ...SIZES.map(([i, n]) => echo(`1.2.${i}`, `binary, payload of ${n}`,
                                binary(FE(n)))),
  echo('1.2.8', 'binary, payload of 65536 in chops of 997',
       binary(FE(65536)), { chop: 997 }),
];


const TEN = Array.from({ length: 10 }, (_, i) => `payload-${i}`);

const pinged = (id, title, payload, options) => (
  fine(id, title, [ping(payload)], [pong(payload)], options));

const pings = [
  pinged('2.1', 'ping without payload', ''),
  pinged('2.2', 'ping with a small text', 'Hello, world!'),
  pinged('2.3', 'ping with octets that are not UTF-8', NOT_UTF8),
  pinged('2.4', 'ping with 125 octets', FE(125)),
  ends('2.5', 'ping with 126 octets', 1002, [ping(FE(126))]),
  pinged('2.6', 'ping with 125 octets, octet by octet', FE(125),
         { chop: 'octet' }),
  fine('2.7', 'unsolicited pong without payload', [pong()], []),
  fine('2.8', 'unsolicited pong with payload',
       [pong('unsolicited pong payload')], []),
  fine('2.9', 'unsolicited pong with payload, then a ping',
       [pong('unsolicited pong payload'), ping('ping payload')],
       [pong('ping payload')]),
  fine('2.10', '10 pings with payload', TEN.map((p) => ping(p)),
       TEN.map((p) => pong(p))),
  fine('2.11', '10 pings with payload, octet by octet',
       TEN.map((p) => ping(p)), TEN.map((p) => pong(p)), { chop: 'octet' }),
];


/*
 * A good message, a bad frame and a ping: Autobahn calls it "non-strict" if
 * the echo does not come because the bad frame is read before it is sent.
 * nginx always sends it; so does ws.
 */

const after = (id, title, bad, options) => (
  ends(id, `small text, then ${title}, then ping`, 1002,
       [text(HELLO), bad, ping()], [text(HELLO)], options));

const bits = [
  ends('3.1', 'small text with RSV = 1', 1002, [text(HELLO, { rsv: 1 })]),
  after('3.2', 'again with RSV = 2', text(HELLO, { rsv: 2 })),
  after('3.3', 'again with RSV = 3, frame by frame', text(HELLO, { rsv: 3 }),
        { chop: 'frame' }),
  after('3.4', 'again with RSV = 4, octet by octet', text(HELLO, { rsv: 4 }),
        { chop: 'octet' }),
  ends('3.5', 'small binary with RSV = 5', 1002,
       [binary(NOT_UTF8, { rsv: 5 })]),
  ends('3.6', 'ping with RSV = 6', 1002, [ping('Hello', { rsv: 6 })]),
  ends('3.7', 'close with RSV = 7', 1002, [frame(8)('', { rsv: 7 })]),
];

const opcodes = [
  ends('4.1.1', 'reserved opcode 3', 1002, [DATA[3]()]),
  ends('4.1.2', 'reserved opcode 4 with payload', 1002, [DATA[4](HELLO)]),
  after('4.1.3', 'reserved opcode 5', DATA[5]()),
  after('4.1.4', 'reserved opcode 6 with payload', DATA[6](HELLO)),
  after('4.1.5', 'reserved opcode 7 with payload, octet by octet',
        DATA[7](HELLO), { chop: 'octet' }),
  ends('4.2.1', 'reserved control opcode 11', 1002, [CONTROL[11]()]),
  ends('4.2.2', 'reserved control opcode 12 with payload', 1002,
       [CONTROL[12](HELLO)]),
  after('4.2.3', 'reserved control opcode 13', CONTROL[13]()),
  after('4.2.4', 'reserved control opcode 14 with payload',
        CONTROL[14](HELLO)),
  after('4.2.5', 'reserved control opcode 15 with payload, octet by octet',
        CONTROL[15](HELLO), { chop: 'octet' }),
];


const TWO = [text('4fragment1', part), cont('fragment2')];
const WHOLE = text('4fragment1fragment2');
const PINGED = [TWO[0], ping('ping payload'), TWO[1]];
const NOTHING = 'non-continuation payload';
const WAYS = [['in one chop', undefined], ['frame by frame', 'frame'],
              ['octet by octet', 'octet']];
const FIVE = [text('4fragment1', part), cont('fragment2', part),
              ping('pongme 1!'), came(1), cont('fragment3', part),
              cont('fragment4', part), ping('pongme 2!'), cont('fragment5')];
const FIVE_ANSWERS = [pong('pongme 1!'), pong('pongme 2!'),
                      text('4fragment1fragment2fragment3fragment4fragment5')];

const stray = (more) => [cont('fragment1', more), text('4fragment2', part),
                         cont('fragment3')];

const fragments = [
  ends('5.1', 'ping in 2 fragments', 1002,
       [ping('fragment1', part), cont('fragment2')]),
  ends('5.2', 'pong in 2 fragments', 1002,
       [pong('fragment1', part), cont('fragment2')]),
  ...WAYS.map(([way, chop], i) => (
    fine(`5.${3 + i}`, `text in 2 fragments, ${way}`, TWO, [WHOLE],
         { chop }))),
  ...WAYS.map(([way, chop], i) => (
    fine(`5.${6 + i}`, `text in 2 fragments, a ping between, ${way}`, PINGED,
         [pong('ping payload'), WHOLE], { chop }))),
  ...WAYS.map(([way, chop], i) => (
    ends(`5.${9 + i}`, `nothing to continue, FIN, then text, ${way}`, 1002,
         [cont(NOTHING), text(HELLO)], [], { chop }))),
  ...WAYS.map(([way, chop], i) => (
    ends(`5.${12 + i}`, `nothing to continue, no FIN, then text, ${way}`,
         1002, [cont(NOTHING, part), text(HELLO)], [], { chop }))),
  ends('5.15', 'text in 2 fragments, nothing to continue, no FIN, then text',
       1002, [...TWO, cont('fragment3', part), text('4fragment4')], [WHOLE]),
  ends('5.16', 'twice: nothing to continue, no FIN, text in 2 fragments',
       1002, [...stray(part), ...stray(part)]),
  ends('5.17', 'twice: nothing to continue, FIN, text in 2 fragments',
       1002, [...stray(), ...stray()]),
  ends('5.18', 'text in 2 fragments, both of them text', 1002,
       [text('4fragment1', part), text('fragment2')]),
  fine('5.19', 'text in 5 fragments, 2 pings between, in two chops', FIVE,
       FIVE_ANSWERS),
  fine('5.20', 'text in 5 fragments, 2 pings between, frame by frame', FIVE,
       FIVE_ANSWERS, { chop: 'frame' }),
];


autobahn('Autobahn 1 to 5', {},
         [...framing, ...pings, ...bits, ...opcodes, ...fragments]);
