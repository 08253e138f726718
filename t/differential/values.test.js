'use strict';

/*
 * Arguments: JSON of all kinds, and binary values in every order and misuse.
 */

const { after, before, describe } = require('node:test');

const lib = require('./lib.js');

const { CLOSED, THEN, app, bin, bursts, continues, ph } = require('./echo.js');


describe('values: JSON', () => {
  const both = lib.pair(app);

  before(() => both.start());
  after(() => both.stop());

  const values = [
    'null', 'true', 'false', '0', '-1', '1.5', '""', '[]', '{}', '[[]]',
    '{"":""}', '[null]', '[[],[]]', '{"a":{}}', '{"a":[]}',
    '9007199254740991', '-9007199254740991', '9007199254740993',
    '12345678901234567890123', '0.1', '0.30000000000000004', '1e21', '1E5',
    '1e-7', '1e+2', '5e-324', '1.7976931348623157e308', '1.0', '100.00',
    '0.0000001', '123456789.123456789', '1e-400',
    '"\\u0000"', '"\\u001f"', '"\\u007f"', '"\\u0080"', '"\\ud83d\\ude00"',
    '"\\ud800"', '"\\udc00"', '"\\ud800\\ud800"', '"\\udc00\\ud800"',
    '"\\ud800x"', '"\\uD83D"', '"\\/"', '"/"', '"\\b\\f\\n\\r\\t"', '"\\""',
    '"\\\\"', '"\\\\u0041"', '"\u2028\u2029"', '"\ufffd"', '"\uffff"',
    '"\u0085\u00a0"', '"\u{10ffff}"', '"e\u0301"', '"<script>"', '"\\u003c"',
    '"4[]"', '"42[\\"echo\\"]"', '"\\u001e4x"', '"%1e"', '"b AQI="',
    '{"a":1,"b":2}', '{"b":2,"a":1}', '{"2":0,"1":0,"a":0}', '{"a":1,"a":2}',
    '{"a":{"b":1},"a":3}', '{"__proto__":1}', '{"__proto__":{"a":1}}',
    '{"constructor":{"prototype":1}}', '{"toJSON":1}', '{"length":5}',
    '{"\\u0061":1,"a":2}', '{"\\ud800":1}', '{" ":1,"":2}',
    '{"type":"Buffer","data":[1,2]}', '{"_base64":"AQI="}',
    '{"_placeholder":true}', '{"_placeholder":true,"num":0}',
    '{"_placeholder":true,"num":-1}', '{"_placeholder":false,"num":0}',
    '{"_placeholder":"true","num":0}', '[{"_placeholder":true,"num":9}]',
    '{"$sio_id":"$sio_id"}', '"$sio_id"', '"${sio_id}"',
    ' { "a" : [ 1 , 2 ] } ', '[1,\n2]', '\t1\r\n',
  ];

  const table = {};

  for (const value of values) {
    table[`value ${JSON.stringify(value)}`] = [
      `42["echo",${value}]`, `425["answer",${value},1,${value}]`];
  }

  for (const depth of [1, 10, 60]) {
    table[`arrays, ${depth} deep`] = [
      `42["echo",${'['.repeat(depth)}1${']'.repeat(depth)}]`];
    table[`objects, ${depth} deep`] = [
      `42["echo",${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}]`];
  }

  for (const count of [0, 1, 2, 63]) {
    const args = Array.from({ length: count }, (_, i) => i);

    table[`${count} arguments`] = [
      `42${JSON.stringify(['echo', ...args])}`,
      `425${JSON.stringify(['answer', ...args])}`];
  }

  table['an array of 10000'] = [
    `42${JSON.stringify(['echo', Array.from({ length: 10000 }, () => 1)])}`];
  table['an object of 5000'] = [
    `42${JSON.stringify(['echo', Object.fromEntries(
      Array.from({ length: 5000 }, (_, i) => [`k${i}`, i]))])}`];
  table['a string of 100000'] = [`42["echo","${'\u20ac'.repeat(33334)}"]`];
  table['a string of escapes'] = [`42["echo","${'\\u0041'.repeat(2000)}"]`];

  continues(both, table);

  /* what is not quite the same, as docs/compatibility.md says */

  const echo = (value) => ['event', '', '', ['echo', value]];

  continues(both, {
    'minus zero': {
      packets: ['42["echo",-0]'], why: 'JSON goes on as it came',
      node: [echo(0)], nginx: [echo(-0)] },
    'a number too large': {
      packets: ['42["echo",1e400]'], why: 'JSON goes on as it came',
      node: [echo(null)], nginx: [echo(Infinity)] },
    'arrays, 65 deep': {
      packets: [`42["echo",${'['.repeat(64)}${']'.repeat(64)}]`],
      why: 'what exceeds a limit', node: [echo(JSON.parse(
        '['.repeat(64) + ']'.repeat(64)))], nginx: [CLOSED] },
  });
});


describe('values: binary', () => {
  const both = lib.pair(app);

  before(() => both.start());
  after(() => both.stop());

  const a = bin(1);
  const b = bin(2, 3);
  const one = `451-["echo",${ph(0)}]`;
  const two = `452-["echo",${ph(0)},${ph(1)}]`;

  continues(both, {
    'in an object': [`451-["echo",{"a":${ph(0)}}]`, a],
    'in an array': [`451-["echo",[1,${ph(0)},2]]`, a],
    'deep': [`451-["echo",[[{"a":[{"b":${ph(0)}}]}]]]`, a],
    'beside others': [`451-["echo",1,${ph(0)},"x",null]`, a],
    'the last of many': [`451-["echo",${'1,'.repeat(20)}${ph(0)}]`, a],
    'two': [two, a, b],
    'two, swapped': [`452-["echo",${ph(1)},${ph(0)}]`, a, b],
    'two of the same bytes': [two, a, a],
    'three, one of them twice': [
      `453-["echo",${ph(2)},${ph(0)},${ph(2)},${ph(1)}]`, a, b, bin(4)],
    'two, the first one unused': [`452-["echo",${ph(1)}]`, a, b],
    'two, only the first one used, twice': [
      `452-["echo",${ph(0)},[${ph(0)}]]`, a, b],
    'two, none used': ['452-["echo"]', a, b],
    'ten, backwards': [
      `4510-["echo",${Array.from({ length: 10 }, (_, i) => ph(9 - i)).join()}]`,
      ...Array.from({ length: 10 }, (_, i) => bin(i))],
    'one of ten': [`4510-["echo",${ph(7)}]`,
                   ...Array.from({ length: 10 }, (_, i) => bin(i))],
    'all bytes': [one, Buffer.from(Array.from({ length: 256 }, (_, i) => i))],
    '100000 bytes': [one, Buffer.alloc(100000, 7)],
    'empty ones': [two, bin(), bin()],
    'an empty and a full one': [two, bin(), a],
    'one after the other': [one, a, one, b],
    'acknowledged': [`451-7["answer",${ph(0)}]`, a],
    'acknowledged, two and others': [
      `452-8["answer",{"x":${ph(1)}},1,[${ph(0)}]]`, a, b],
    'acknowledged, id 0': [`451-0["answer",${ph(0)}]`, a],
    'acknowledged, the id rounded': [
      `451-9007199254740993["answer",${ph(0)}]`, a],
    'to another namespace': [`451-/dynamic-99,["echo",${ph(0)}]`, a],
    'to "/" by name': [`451-/,["echo",${ph(0)}]`, a],
    'to a namespace not joined': [`451-/custom,["echo",${ph(0)}]`, a],
    'to a namespace not joined, no binary yet': [
      `451-/custom,["echo",${ph(0)}]`],
    'without a rule': [`451-["unknown",${ph(0)}]`, a],
    'without a rule, acknowledged': [`451-5["unknown",${ph(0)}]`, a],
    'a number for a name': [`451-[5,${ph(0)}]`, a],
    'a placeholder for a name': [`451-[${ph(0)}]`, a],
    'no arguments': ['451-["echo"]', a],
    'no payload': ['451-', a],
    'no payload, an id': ['451-5', a],
    'no payload, a name': ['451-/dynamic-99,', a],
    'ACK nobody asked for': [`461-0[${ph(0)}]`, a],
    'ACK without an id': [`461-[${ph(0)}]`, a],
    'ACK without a payload': ['461-', a],
    'ACK, no place for it': ['461-3[1]', a],
    'ACK, a bad placeholder': [`461-3[${ph(1)}]`, a],
    'ACK, an object': [`461-3${ph(0)}`, a],
    'ACK, none': ['460-3[]'],

    /* misuse */

    'none announced': [`450-["echo",${ph(0)}]`, a],
    'none announced, none there': ['450-["echo"]'],
    'no number': [`45-["echo",${ph(0)}]`, a],
    'no dash': [`451["echo",${ph(0)}]`, a],
    'a minus': [`45-1-["echo",${ph(0)}]`, a],
    'a letter': [`45a-["echo",${ph(0)}]`, a],
    'a fraction': [`451.5-["echo",${ph(0)}]`, a],
    'a zero in front': [`4501-["echo",${ph(0)}]`, a],
    'many zeros in front': [`45${'0'.repeat(50)}1-["echo",${ph(0)}]`, a],
    'eleven': ['4511-["echo"]'],
    'a huge number': ['4599999999999999999999-["echo"]'],
    'NaN': ['45NaN-["echo"]'],
    'Infinity': ['45Infinity-["echo"]'],
    'a comma': ['451,-["echo"]'],
    'one more than announced': [one, a, THEN, b],
    'one less than announced': [two, a],
    'one less, then an event': [two, a, '42["echo",1]'],
    'none, then an event': [one, '42["echo",1]'],
    'none, then an event elsewhere': [one, '42/dynamic-99,["echo"]'],
    'none, then DISCONNECT': [one, '41'],
    'none, then the same again': [one, one, a],
    'none, then an ACK': [one, '430[]'],
    'none, then a bad packet': [one, '4x'],
    'none, then an empty message': [one, '4'],
    'a pong in between': [two, a, '3', b],
    'noop in between': [two, '6', a, '6', b],
    'open, upgrade in between': [two, '0', a, '5', b],
    'bytes first': [a, one],
    'bytes after an event': ['42["echo",1]', THEN, a],
    'base64 first': ['bAQ=='],
    'base64': [one, 'bAQID'],
    'base64, no padding': [one, 'bAQ'],
    'base64, URL': [one, 'b-_8='],
    'base64, spaces': [one, 'bA Q I\nD'],
    'base64, padding in the middle': [one, 'bAQ==AQ'],
    'base64, nothing': [one, 'b'],
    'base64, none of it': [one, 'b!!!!'],
    'base64, one character': [one, 'bA'],
    'base64, not ASCII': [one, 'b\u20acAQI='],

    'a place too high': [`451-["echo",${ph(1)}]`, a],
    'a place much too high': [`451-["echo",${ph(4294967296)}]`, a],
    'a negative place': [`451-["echo",${ph(-1)}]`, a],
    'a place of 0.0': [`451-["echo",{"_placeholder":true,"num":0.0}]`, a],
    'a place of -0': [`451-["echo",{"_placeholder":true,"num":-0}]`, a],
    'a place of 1e0': [`452-["echo",{"_placeholder":true,"num":1e0}]`, a, b],
    'a place of 1e400': [`451-["echo",{"_placeholder":true,"num":1e400}]`, a],
    'a place of true': [`451-["echo",{"_placeholder":true,"num":true}]`, a],
    'a place of null': [`451-["echo",{"_placeholder":true,"num":null}]`, a],
    'a place of "0"': [`451-["echo",{"_placeholder":true,"num":"0"}]`, a],
    'a place of "length"': [
      `451-["echo",{"_placeholder":true,"num":"length"}]`, a],
    'no place': ['451-["echo",{"_placeholder":true}]', a],
    'one good place, one bad': [`451-["echo",${ph(0)},${ph(1)}]`, a],
    'a bad place in an argument nobody uses': [
      `451-["unknown",1,[{"a":${ph(3)}}]]`, a],
    'the number first': ['451-["echo",{"num":0,"_placeholder":true}]', a],
    'more keys': ['451-["echo",{"a":1,"_placeholder":true,"num":0,"b":"x"}]', a],
    'spaces': ['451-["echo",{ "_placeholder" : true , "num" : 0 } ]', a],
    'escapes': ['451-["echo",{"\\u005fplaceholder":true,"n\\u0075m":0}]', a],
    'the place twice': [
      '452-["echo",{"_placeholder":true,"num":0,"num":1}]', a, b],
    'the place twice, the last one bad': [
      '451-["echo",{"_placeholder":true,"num":0,"num":5}]', a],
    'the mark twice, the last one false': [
      '451-["echo",{"_placeholder":true,"_placeholder":false,"num":0}]', a],
    'the mark twice, the last one true': [
      '451-["echo",{"_placeholder":false,"_placeholder":true,"num":0}]', a],
    'a mark that is false': [
      `451-["echo",{"_placeholder":false,"num":0},${ph(0)}]`, a],
    'a mark that is a string': [
      `451-["echo",{"_placeholder":"true","num":0},${ph(0)}]`, a],
    'a mark that is 1': [
      `451-["echo",{"_placeholder":1,"num":0},${ph(0)}]`, a],
    'a mark in a string': [
      `451-["echo","{\\"_placeholder\\":true,\\"num\\":0}",${ph(0)}]`, a],
    'the word as a value': [`451-["echo",{"a":"_placeholder"},${ph(0)}]`, a],
    'a key like it': [
      `451-["echo",{"_placeholders":true,"num":0},${ph(0)}]`, a],
    'an object that is not a placeholder around': [
      `451-["echo",{"num":0,"a":${ph(0)}}]`, a],
    'not a placeholder, then one': [
      `451-["echo",{"_placeholder":false,"a":${ph(0)}}]`, a],
    'a reserved name': [`451-["disconnect",${ph(0)}]`, a],
    'an object': [`451-{"a":${ph(0)}}`, a],
    'a placeholder alone': [`451-${ph(0)}`, a],
    'bad JSON': [`451-["echo",${ph(0)}`, a],
    'text that looks like a binary': [
      `451-["echo",${ph(0)},{"_base64":"AQI="}]`, a],
  });

  bursts(both, {
    'two packets': [one, a, one, b],
    'with others around': ['42["echo",1]', two, a, b, '42["echo",2]'],
    'a pong in between': [two, '3', a, '3', b],
    'to a namespace left': ['41', two, a, b, '42/dynamic-99,["echo"]'],
    'none, then an event': [one, '42["echo",1]'],
  });

  /* what is not quite the same, as docs/compatibility.md says */

  bursts(both, {
    'one too many': {
      packets: [one, a, b], why: 'take effect one after the other',
      node: [CLOSED], nginx: [['event', '', '', ['echo', 'bytes 01']],
                              CLOSED] },
  });

  continues(both, {
    'a place of a half': {
      packets: [`452-["echo",${ph(0.5)}]`, a, b], why: 'a whole number',
      node: [['event', '', '', ['echo', null]]], nginx: [CLOSED] },
    'an array in a placeholder': {
      packets: ['451-["echo",{"_placeholder":true,"num":0,"a":[]}]', a],
      why: 'a placeholder with arrays or objects',
      node: [['event', '', '', ['echo', 'bytes 01']]], nginx: [CLOSED] },
    'an object in front in a placeholder': {
      packets: ['451-["echo",{"a":{},"_placeholder":true,"num":0}]', a],
      why: 'a placeholder with arrays or objects',
      node: [['event', '', '', ['echo', 'bytes 01']]], nginx: [CLOSED] },
  });
});
