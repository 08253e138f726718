'use strict';

/*
 * Autobahn 6: UTF-8.  A text that is wrong fails the connection with 1007, at
 * the octet that makes it wrong ("fail fast", which Autobahn does not insist
 * on); the ws library looks at a message when it is complete.
 */

const { autobahn, fine, ends, text, cont, part, frame,
        SEEN } = require('./autobahn.js');

const { frameBytes } = require('../lib/sio.js');

const hex = (s) => Buffer.from(s.replace(/ /g, ''), 'hex');
const four = (payload) => Buffer.concat([Buffer.from('4'),
                                         Buffer.from(payload)]);

const ASCII = Buffer.from('edited');
const KOSME = hex('ceba e1bdb9 cf83 cebc ceb5');
const UMLAUTS = Buffer.from('Hello-\u00b5@\u00df\u00f6\u00e4\u00fc\u00e0'
                            + '\u00e1-UTF-8!!');
const CUT = UMLAUTS.indexOf('\u00fc');
const SURROGATE = Buffer.concat([KOSME, hex('eda080'), ASCII]);
const TOO_HIGH = Buffer.concat([KOSME, hex('f4908080'), ASCII]);


/* a text in fragments of one octet */

function octets(payload) {
  const all = [...four(payload)].map((b) => Buffer.from([b]));

  return all.map((b, i) => frame(i ? 0 : 1)(b, { fin: i === all.length - 1 }));
}


const valid = (id, title, payload, steps) => (
  fine(id, title, steps || [text(four(payload))], [text(four(payload))]));


/* three parts, the second makes it wrong: fragments, or chops of one frame */

function failFast(id, title, payload, at, whole) {
  const parts = [payload.subarray(0, at[0]), payload.subarray(...at),
                 payload.subarray(at[1])];

  if (!whole) {
    return ends(id, title, 1007,
                [text(four(parts[0]), part), SEEN, cont(parts[1], part)], [],
                { node: { steps: [text(four(parts[0]), part),
                                  cont(parts[1], part), cont(parts[2])] } });
  }

  const all = frameBytes(text(four(payload)));
  const rest = parts[2].length;
  const first = all.length - rest - parts[1].length;

  return ends(id, title, 1007,
              [all.subarray(0, first), SEEN,
               all.subarray(first, all.length - rest)], [],
              { node: { steps: [all] } });
}


const mixed = [
  valid('6.1.1', 'text of length 0', ''),
  valid('6.1.2', '3 fragments of length 0', '',
        [text('4', part), cont('', part), cont('')]),
  valid('6.1.3', '3 fragments, the first and the last of length 0',
        'middle frame payload',
        [text('4', part), cont('middle frame payload', part), cont('')]),

  valid('6.2.1', 'one fragment', UMLAUTS),
  valid('6.2.2', 'two fragments, cut between characters', UMLAUTS,
        [text(four(UMLAUTS.subarray(0, CUT)), part),
         cont(UMLAUTS.subarray(CUT))]),
  valid('6.2.3', 'fragments of one octet', UMLAUTS, octets(UMLAUTS)),
  valid('6.2.4', 'fragments of one octet, Greek', KOSME, octets(KOSME)),

  ends('6.3.1', 'not valid, one fragment', 1007, [text(four(SURROGATE))]),
  ends('6.3.2', 'not valid, fragments of one octet', 1007,
       octets(SURROGATE)),

  failFast('6.4.1', 'fail fast, wrong in the 2nd of 3 fragments', TOO_HIGH,
           [11, 15], false),
  failFast('6.4.2', 'fail fast, the 2nd of 3 fragments is the wrong octet',
           TOO_HIGH, [12, 13], false),
  failFast('6.4.3', 'fail fast, wrong in the 2nd of 3 chops of a frame',
           TOO_HIGH, [11, 15], true),
  failFast('6.4.4', 'fail fast, the 2nd of 3 chops is the wrong octet',
           TOO_HIGH, [12, 13], true),
];


/* of "continuation bytes" and "lonely starts": Autobahn leaves out the last */

const range = (from, to) => Array.from({ length: to - from },
                                       (_, i) => from + i);
const lonely = (from, to) => Buffer.from(range(from, to)
                                         .flatMap((b) => [b, 0x20]));

const MISSING = ['c0', 'e080', 'f08080', 'f8808080', 'fc80808080',
                 'df', 'efbf', 'f7bfbf', 'fbbfbfbf', 'fdbfbfbfbf'];

const BEYOND = ['efbfbe', 'efbfbf',
                ...['f0', 'f1', 'f2', 'f3', 'f4'].flatMap((a) =>
                  ['8f', '9f', 'af', 'bf']
                    .filter((b) => a === 'f4' ? b === '8f'
                                              : a + b !== 'f08f')
                    .flatMap((b) => [`${a}${b}bfbe`, `${a}${b}bfbf`]))];


/* [title, what is valid, what is not], or in order [[valid?, octets]] */

const sequence = (good, list) => list.map((s) => [good, Buffer.isBuffer(s)
                                                  ? s : hex(s)]);
const good = (...list) => sequence(true, list);
const bad = (...list) => sequence(false, list);

const GROUPS = {
  5: ['some valid UTF-8 sequences',
      good(...['hello$world', 'hello\u00a2world', 'hello\u20acworld',
               'hello\u{24b62}world'].map((s) => Buffer.from(s)), KOSME)],
  6: ['a prefix of a valid string',
      range(1, KOSME.length + 1).map((n) => [[2, 5, 7, 9, 11].includes(n),
                                             KOSME.subarray(0, n)])],
  7: ['first possible sequence of a length',
      good('00', 'c280', 'e0a080', 'f0908080')],
  8: ['first possible sequence of length 5 and 6',
      bad('f888808080', 'fc8480808080')],
  9: ['last possible sequence of a length',
      good('7f', 'dfbf', 'efbfbf', 'f48fbfbf')],
  10: ['last possible sequence of length 4, 5 and 6',
       bad('f7bfbfbf', 'fbbfbfbfbf', 'fdbfbfbfbfbf')],
  11: ['other boundary conditions',
       [...good('ed9fbf', 'ee8080', 'efbfbd', 'f48fbfbf'),
        ...bad('f4908080')]],
  12: ['unexpected continuation bytes',
       bad('80', 'bf', '80bf', '80bf80', '80bf80bf', '80bf80bf80',
           '80bf80bf80bf', Buffer.from(range(0x80, 0xbf)))],
  13: ['lonely start characters',
       bad(lonely(0xc0, 0xdf), lonely(0xe0, 0xef), lonely(0xf0, 0xf7),
           lonely(0xf8, 0xfb), lonely(0xfc, 0xfd))],
  14: ['the last continuation byte is missing', bad(...MISSING)],
  15: ['incomplete sequences, one behind the other', bad(MISSING.join(''))],
  16: ['impossible bytes', bad('fe', 'ff', 'fefeffff')],
  17: ['an overlong ASCII character',
       bad('c0af', 'e080af', 'f08080af', 'f8808080af', 'fc80808080af')],
  18: ['maximum overlong sequences',
       bad('c1bf', 'e09fbf', 'f08fbfbf', 'f887bfbfbf', 'fc83bfbfbfbf')],
  19: ['overlong NUL',
       bad('c080', 'e08080', 'f0808080', 'f880808080', 'fc8080808080')],
  20: ['single UTF-16 surrogates',
       bad('eda080', 'edadbf', 'edae80', 'edafbf', 'edb080', 'edbe80',
           'edbfbf')],
  21: ['paired UTF-16 surrogates',
       bad('eda080edb080', 'eda080edbfbf', 'edadbfedb080', 'edadbfedbfbf',
           'edae80edb080', 'edae80edbfbf', 'edafbfedb080',
           'edafbfedbfbf')],
  22: ['non-characters (valid)', good(...BEYOND)],
  23: ['Unicode specials',
       good('efbfb9', 'efbfba', 'efbfbb', 'efbfbc', 'efbfbd', 'efbfbe',
            'efbfbf')],
};

const sequences = Object.entries(GROUPS).flatMap(([group, [title, list]]) => (
  list.map(([right, data], i) => {
    const id = `6.${group}.${i + 1}`;
    const name = `${title}: ${data.toString('hex').slice(0, 40)}`;

    return right ? valid(id, name, data)
                 : ends(id, name, 1007, [text(four(data))]);
  })));


autobahn('Autobahn 6', {}, [...mixed, ...sequences]);
