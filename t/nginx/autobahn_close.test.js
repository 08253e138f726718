'use strict';

/*
 * Autobahn 7: the closing handshake.  A close frame is answered with its own
 * code; where Autobahn accepts a connection that is simply dropped, a close
 * frame is required here.
 */

const { autobahn, ends, text, cont, ping, close, part,
        frame } = require('./autobahn.js');

const HELLO = text('4Hello World!');
const EMPTY = frame(8)();
const NO_CODE = 1005;
const BIG = text('4'.padEnd(256 * 1024, 'BAsd7&jh23'));
const NOT_UTF8 = Buffer.from('cebae1bdb9cf83cebcceb5eda080656469746564',
                             'hex');

const VALID = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000,
               3999, 4000, 4999];
const INVALID = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999];


autobahn('Autobahn 7', {}, [
  ends('7.1.1', 'a message, then close', 1000, [HELLO, close(1000)],
       [HELLO]),
  ends('7.1.2', 'two close frames', 1000, [close(1000), EMPTY]),
  ends('7.1.3', 'a ping behind close', 1000, [close(1000), ping()]),
  ends('7.1.4', 'a text behind close', 1000, [close(1000), HELLO]),
  ends('7.1.5', 'a fragment, close, the other fragment', 1000,
       [text('4fragment1', part), close(1000), cont('fragment2')]),
  ends('7.1.6', '256K, a text, close, a ping', 1000,
       [BIG, HELLO, close(1000), ping()], [BIG, HELLO],
       { node: false }),      /* there it may be [BIG], too */

  ends('7.3.1', 'close without payload', NO_CODE, [EMPTY]),
  ends('7.3.2', 'close with a payload of 1', 1002, [frame(8)('a')]),
  ends('7.3.3', 'close with a code', 1000, [close(1000)]),
  ends('7.3.4', 'close with a code and a reason', 1000,
       [close(1000, 'Hello World!')]),
  ends('7.3.5', 'close with the longest reason, 123', 1000,
       [close(1000, '*'.repeat(123))]),
  ends('7.3.6', 'close with a reason of 124', 1002,
       [close(1000, '*'.repeat(124))]),

  ends('7.5.1', 'close with a reason that is not UTF-8', 1007,
       [close(1000, NOT_UTF8)]),

  ...VALID.map((code, i) => (
    ends(`7.7.${i + 1}`, `close with ${code}`, code, [close(code)]))),
  ...INVALID.map((code, i) => (
    ends(`7.9.${i + 1}`, `close with ${code}, which is not valid`, 1002,
         [close(code)]))),

  /* undefined by the RFC */

  ends('7.13.1', 'close with 5000', 1002, [close(5000)]),
  ends('7.13.2', 'close with 65535', 1002, [close(65535)]),
]);
