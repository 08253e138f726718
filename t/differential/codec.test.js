'use strict';

/*
 * The grammar of packets: types, attachments, namespaces, ids and payloads,
 * each in every form that a client may try.
 */

const { after, before, describe } = require('node:test');

const lib = require('./lib.js');

const { CLOSED, app, begins, bursts, continues } = require('./echo.js');

const TYPES = ['CONNECT', 'DISCONNECT', 'EVENT', 'ACK', 'CONNECT_ERROR',
               'BINARY_EVENT', 'BINARY_ACK'];
const RESERVED = ['connect', 'connect_error', 'disconnect', 'disconnecting',
                  'newListener', 'removeListener'];


describe('packets: types and payloads', () => {
  const both = lib.pair(app);

  before(() => both.start());
  after(() => both.stop());

  /* CONNECT of a namespace that is not joined; all others in "/" */

  const payloads = ['', '{}', '{"a":[1]}', '[]', '["echo"]', '[1]', '[[]]',
                    '[{}]', '[null]', '[true]', '"x"', '""', '1', '0', 'null',
                    'true', 'false', '{', '[', '"', 'x', '{}x', '{} '];

  for (const payload of payloads) {
    begins(both, { [`CONNECT ${payload}`]: [`40/custom,${payload}`] });
  }

  const table = {};

  TYPES.forEach((name, type) => {
    if (type === 0) {
      return;
    }

    for (const payload of payloads) {
      const head = type < 5 ? `4${type}` : `4${type}1-`;

      table[`${name} ${payload}`] = type < 5 ? [head + payload]
        : [head + payload, Buffer.from([1])];
    }
  });

  continues(both, table);
});


describe('packets: heads', () => {
  const both = lib.pair(app);

  before(() => both.start());
  after(() => both.stop());

  begins(both, {
    'a type of two digits': ['400', '4000{}'],
    'CONNECT, an id and a name': ['40/custom,5{}'],
    'CONNECT, the id before the name': ['405/custom,{}'],
    'CONNECT, a space before the payload': ['40/custom, {"a":1}'],
    'CONNECT, two names': ['40/custom,/dynamic-1,'],
    'CONNECT, a query and a payload': ['40/custom?token=abc,{"a":1}'],
    'CONNECT, a query to a dynamic one': ['40/dynamic-1?a=1,'],
    'CONNECT, a query to "/"': ['40/?a=1,'],
    'CONNECT, a fragment': ['40/custom#a,'],
    'CONNECT, percent': ['40/%63ustom,'],
    'CONNECT, upper case': ['40/CUSTOM,'],
    'CONNECT, a slash behind': ['40/custom/,'],
    'CONNECT, two slashes': ['40//custom,'],
    'CONNECT, only slashes': ['40//,'],
    'CONNECT, dots': ['40/./custom,'],
    'CONNECT, no slash in front': ['40custom,'],
    'CONNECT, a quote in the name': ['40/cu"stom,'],
    'CONNECT, a backslash in the name': ['40/cu\\stom,'],
    'CONNECT, a space in the name': ['40/cu stom,'],
    'CONNECT, not ASCII': ['40/\u00e9\u20ac\u{1f600},'],
    'CONNECT, a name of 255 bytes': [`40/${'x'.repeat(254)},`],
    'CONNECT, the payload as a name': ['40/{"a":1}'],
    'CONNECT, __proto__': ['40/__proto__,'],
    'CONNECT, hidden names of parents': ['40/_0,', '40/_1,'],
    'CONNECT, a payload with special keys': [
      '40/custom,{"__proto__":{"a":1},"constructor":1,"":2}'],
    'CONNECT, pid and offset are data here': [
      '40/custom,{"pid":"abc","offset":"def"}'],
    'CONNECT, nested payload': ['40/custom,{"a":{"b":[{"c":[null]}]}}'],
    'CONNECT, equal keys': ['40/guard,{"token":1,"token":"x"}',
                            '42/guard,["barrier"]'],
    'CONNECT, equal keys, the last one is wrong': [
      '40/guard,{"token":"x","token":1}'],
    'CONNECT, an empty token': ['40/guard,{"token":""}'],
    'CONNECT, a token of every type': [
      '40/guard,{"token":null}', '40/guard,{"token":true}',
      '40/guard,{"token":["x"]}', '40/guard,{"token":{"x":1}}',
      '40/guard,{"Token":"x"}', '40/guard,{"\\u0074oken":"x"}'],
    'refused, then another namespace': ['40/reject,', '40/custom,',
                                        '42/custom,["echo",1]'],
    'an EVENT to a refused namespace': ['40/reject,', '42/reject,["x"]'],
    'a DISCONNECT of a refused namespace': ['40/reject,', '41/reject,'],
    'an ACK to a refused namespace': ['40/reject,', '43/reject,0[]'],
    'an EVENT to an invalid namespace': ['40/random,', '42/random,["x"]'],
    'twice invalid': ['40/random,', '40/random,', '40/random,{}'],
    'CONNECT_ERROR before CONNECT': ['44{"message":"x"}'],
    'CONNECT_ERROR for another namespace': ['40', '44/custom,{}'],
    'BINARY_EVENT before CONNECT': ['451-["a"]', Buffer.from([1])],
    'BINARY_EVENT before CONNECT, only its text': ['451-["a"]'],
    'BINARY_ACK before CONNECT': ['461-0[]', Buffer.from([1])],
    'DISCONNECT of one of two': ['40', '40/custom,', '41', '42/custom,["echo"]'],
    'CONNECT, twice': ['40/custom,', '40/custom,'],
    'CONNECT, twice, other data': ['40/custom,{"a":1}', '40/custom,{"a":2}'],
    'CONNECT, twice, one by name': ['40', '40/,'],
  });

  continues(both, {
    'ids': ['420["answer"]', '4200["answer"]', '4210["answer",1]',
            '4200012["answer",2]', '424294967295["answer"]',
            '424294967296["answer"]', '4218446744073709551["answer"]'],
    'an id of many zeros': [`42${'0'.repeat(40)}7["answer"]`],
    'the same id twice': ['425["answer",1]', '425["answer",2]'],
    'ids beyond 2^53': ['429007199254740992["answer"]',
                        '429007199254740993["answer"]',
                        '4299999999999999999["answer"]',
                        '4212345678901234567890["answer"]',
                        '4218446744073709551615["answer"]'],
    'an id with a sign': ['42-1["answer"]'],
    'an id with a plus': ['42+1["answer"]'],
    'an id with a fraction': ['421.5["answer"]'],
    'an id with an exponent': ['421e3["answer"]'],
    'an id in hex': ['420x1["answer"]'],
    'an id as a string': ['42"1"["answer"]'],
    'an id behind the payload': ['42["answer"]1'],
    'an id and a space': ['421 ["answer"]'],
    'an id and a newline': ['421\n["answer"]'],
    'an id and no payload': ['427', '42007', '429007199254740993'],
    'two acknowledgements': ['425["twice"]'],
    'acknowledgement, none asked for': ['42["twice"]', '42["answer",1]'],
    'acknowledgement, many arguments': [
      '421["answer",1,"a",null,true,[1,[2]],{"a":{"b":1}}]'],
    'acknowledgement of an event without a rule': ['421["nothing"]'],
    'ACK, ids': ['430[]', '43000[1]', '4399999999999[]',
                 '4318446744073709551615[]'],
    'ACK without an id': ['43[]', '43[1]'],
    'ACK, a sign': ['43-1[]'],
    'ACK to another namespace': ['43/dynamic-99,0[]'],
    'ACK to a namespace not joined': ['43/custom,0[]'],
    'DISCONNECT with an id': ['415'],
    'DISCONNECT by name': ['41/,'],
    'DISCONNECT by name, no comma': ['41/'],
    'DISCONNECT of another namespace': ['41/custom,'],
    'DISCONNECT with a null': ['41null'],
    'DISCONNECT twice': ['41', '41'],
    'DISCONNECT, then ACK': ['41', '430[]'],
    'DISCONNECT, then CONNECT, twice': ['41', '40', '41', '40',
                                        '42["echo",1]'],
    'DISCONNECT, then CONNECT with data': ['41', '40{"a":1}', '427["answer"]'],
    'disconnected, then CONNECT': ['42["bye"]', '40', '427["answer"]'],
    'disconnected, with an id': ['425["bye"]'],
    'EVENT by name': ['42/,["echo",1]', '42/,7["answer",1]'],
    'EVENT by name, no payload': ['42/,', '42/', '42/,7'],
    'EVENT, name without a comma': ['42/["echo",1]'],
    'EVENT, a name with a query': ['42/?a=1,["echo",1]'],
    'EVENT to both': ['42/dynamic-99,["echo"]', '42["echo"]'],
    'EVENT, an id before the name': ['427/,["echo",1]'],
    'EVENT, another name': ['42/custom/,["echo",1]'],
    'EVENT, a prefix of a name': ['42/dynamic-9,["echo",1]'],
    'EVENT, a longer name': ['42/dynamic-999,["echo",1]'],
    'type 7': ['47["echo"]'],
    'type 9': ['49["echo"]'],
    'type -1': ['4-1["echo"]'],
    'type "e"': ['4e["echo"]'],
    'no type, a payload': ['4["echo"]'],
    'a type that is not ASCII': ['4\u0662["echo"]'],
    'a type behind a quote': ['4"2"["echo"]'],
    'a space behind the payload': ['42["echo",1] '],
    'all white space around': ['42 \t\r\n["echo" \t,\r\n1 ]\t\r\n '],
    'a no-break space behind': ['42["echo"]\u00a0'],
    'a form feed behind': ['42["echo"]\f'],
    'a zero byte behind': ['42["echo"]\0'],
    'a comment': ['42["echo"/**/]'],
    'single quotes': ['42[\'echo\']'],
    'no quotes': ['42[echo]'],
    'undefined': ['42["echo",undefined]'],
    'NaN': ['42["echo",NaN]'],
    'Infinity': ['42["echo",Infinity]'],
    'a number with a plus': ['42["echo",+1]'],
    'a number with a zero in front': ['42["echo",01]'],
    'a number that ends in a point': ['42["echo",1.]'],
    'a number that begins with a point': ['42["echo",.5]'],
    'a number without an exponent': ['42["echo",1e]'],
    'a number in hex': ['42["echo",0x1]'],
    'a minus alone': ['42["echo",-]'],
    'True': ['42["echo",True]'],
    'half a word': ['42["echo",nul]'],
    'two values': ['42["echo"]["echo"]'],
    'a comma in front': ['42[,"echo"]'],
    'two commas': ['42["echo",,1]'],
    'a comma in an object': ['42["echo",{"a":1,}]'],
    'a colon too many': ['42["echo",{"a"::1}]'],
    'a key without a value': ['42["echo",{"a"}]'],
    'a key that is a number': ['42["echo",{1:2}]'],
    'brackets crossed': ['42["echo",[{]}]'],
    'a bracket too many': ['42["echo"]]'],
    'a bracket too few': ['42["echo",[1]'],
    'an open string': ['42["echo","a]'],
    'a tab in a string': ['42["echo","\t"]'],
    'a zero byte in a string': ['42["echo","\0"]'],
    'half an escape': ['42["echo","\\u12"]'],
    'an escape that is none': ['42["echo","\\a"]'],
    'an escape in upper case': ['42["echo","\\U0041"]'],
    'a backslash at the end': ['42["echo","\\"]'],
    'DEL in a string': ['42["echo","\u007f"]'],
    'a byte order mark in a string': ['42["echo","\ufeff"]'],
  });

  /* Engine.IO's own packets around */

  continues(both, {
    'a message without data': ['4'],
    'base64 that nobody waits for': ['bAQI='],
    'an empty base64': ['b'],
    'noop, open, upgrade': ['6', '0', '5', '42["echo"]'],
    'noop with data': ['6abc', '0{}', '5x', '42["echo"]'],
    'a pong without a ping': ['3', '3x', '42["echo"]'],
    'a letter': ['a'],
    'type 7 of Engine.IO': ['7'],
    'a space in front': [' 42["echo"]'],
  });

  bursts(both, {
    'two events': ['42["echo",1]', '42["echo",2]'],
    'events and acknowledgements': ['42["echo",1]', '427["answer",2]',
                                    '42["echo",3]', '428["answer"]'],
    'two namespaces': ['42["echo",1]', '42/dynamic-99,["echo"]',
                       '42["echo",2]'],
    'a binary one and another': [
      '451-["echo",{"_placeholder":true,"num":0}]', Buffer.from([1]),
      '42["echo",1]'],
    'DISCONNECT, then an event': ['41', '42["echo",1]'],
    'DISCONNECT, then an event with an id': ['41', '425["answer",1]'],
    'DISCONNECT twice': ['41', '41'],
    'DISCONNECT, then an ACK': ['41', '430[]'],
    'DISCONNECT, then a binary event': [
      '41', '451-["echo",{"_placeholder":true,"num":0}]', Buffer.from([1])],
    'DISCONNECT, then an event elsewhere': ['41', '42/dynamic-99,["echo"]'],
    'an event, then DISCONNECT': ['42["unknown",1]', '41'],
    'disconnected, then an event': ['42["bye"]', '42["echo",1]'],
    'disconnected, then an event with an id': ['42["bye"]', '425["answer"]'],
    'disconnected, then an ACK': ['42["bye"]', '430[]'],
    'disconnected twice': ['42["bye"]', '42["bye"]'],
    'disconnected, then an event elsewhere': ['42["bye"]',
                                              '42/dynamic-99,["echo"]'],
    'DISCONNECT, then an event to a namespace not joined': [
      '41', '42/custom,["echo"]'],
    'a bad packet first': ['4x', '42["echo",1]'],
  });

  /* what is not quite the same, as docs/compatibility.md says */

  const together = 'take effect one after the other';
  const digits = 'are digits';

  bursts(both, {
    'an event, then DISCONNECT': {
      packets: ['42["echo",1]', '41'], why: together,
      node: [], nginx: [['event', '', '', ['echo', 1]]] },
    'disconnected, then DISCONNECT': {
      packets: ['42["bye"]', '41'], why: together, node: [], nginx: ['41'] },
    'a bad packet last': {
      packets: ['42["echo",1]', '4x'], why: together,
      node: [CLOSED], nginx: [['event', '', '', ['echo', 1]], CLOSED] },
    'an event that ends the connection, a bad packet': {
      packets: ['42["echo",1]', '44{}'], why: together,
      node: [CLOSED], nginx: [['event', '', '', ['echo', 1]], CLOSED] },
    'DISCONNECT, then CONNECT': {
      packets: ['41', '40'], why: together,
      node: [CLOSED], nginx: ['40{"sid":"<1>"}'] },
    'CONNECT, then an event': {
      packets: ['40/custom,', '42/custom,["echo",1]'], why: together,
      node: [CLOSED],
      nginx: ['40/custom,{"sid":"<1>"}',
              ['event', '/custom,', '', ['echo', 1]]] },
    'CONNECT, then DISCONNECT': {
      packets: ['40/custom,', '41/custom,'], why: together,
      node: [CLOSED], nginx: ['40/custom,{"sid":"<1>"}'] },
    'CONNECT twice': {
      packets: ['40/custom,', '40/custom,'],
      why: 'A second CONNECT to a namespace that is being joined',
      node: ['40/custom,{"sid":"<1>"}', '40/custom,{"sid":"<2>"}'],
      nginx: ['40/custom,{"sid":"<1>"}', CLOSED] },
  });

  continues(both, {
    'a space for an id': {
      packets: ['42 ["answer",1]'], why: digits,
      node: [['ack', '', '0', [1]]], nginx: [] },
    'a space behind, no payload': {
      packets: ['42 '], why: digits, node: [], nginx: [CLOSED] },
    'a space within an id': {
      packets: ['421 2["answer",1]'], why: digits,
      node: ['43NaN[1]'], nginx: [CLOSED] },
    'an id of 21 digits': {
      packets: ['42100000000000000000000["answer",1]'], why: digits,
      node: [['ack', '', '100000000000000000000', [1]]], nginx: [CLOSED] },
    'a space for a type': {
      packets: ['4 /custom,'], why: digits,
      node: ['40/custom,{"sid":"<1>"}'], nginx: [CLOSED] },
    'a control character in a namespace': {
      packets: ['40/a\u0001,'], why: 'control characters',
      node: ['44/a\u0001,{"message":"Invalid namespace"}'],
      nginx: [CLOSED] },
    'a namespace of 256 bytes': {
      packets: [`40/${'x'.repeat(255)},`], why: 'what exceeds a limit',
      node: [`44/${'x'.repeat(255)},{"message":"Invalid namespace"}`],
      nginx: [CLOSED] },
  });

  for (const number of ['1.0', '1e0', '0x1', ' 1', '+1']) {
    const packet = `45${number}-["echo",{"_placeholder":true,"num":0}]`;

    continues(both, {
      [`${number} attachments`]: {
        packets: [packet, Buffer.from([1])], why: digits,
        node: [['event', '', '', ['echo', 'bytes 01']]], nginx: [CLOSED] },
    });
  }

  /* names of events */

  const names = {};

  for (const name of RESERVED) {
    names[`EVENT "${name}"`] = [`42["${name}",1]`];
    names[`EVENT "${name}" with an id`] = [`421["${name}"]`];
    names[`BINARY_EVENT "${name}"`] = [`451-["${name}"]`, Buffer.from([1])];
    names[`ACK "${name}"`] = [`439["${name}"]`];
    names[`EVENT with "${name}" in it`] = [
      `42["echo","${name}",{"${name}":"${name}"}]`];
    names[`EVENT "${name}" in upper case`] = [
      `42["${name.toUpperCase()}"]`, '42["echo"]'];
    names[`EVENT "${name}", escaped`] = [
      `42["\\u00${name.charCodeAt(0).toString(16)}${name.slice(1)}"]`];
    names[`EVENT "${name}" and more`] = [
      `42["${name} "]`, `42["${name}s"]`, `42["/${name}"]`, '42["echo"]'];
  }

  for (const name of ['connection', 'ping', 'pong', 'reconnect', 'new_namespace',
                      '__proto__', 'constructor', 'toString', '', ' ',
                      'a\\u0000b', '\\ud800', '\u20ac', '*', '~', '$sio_id',
                      'x'.repeat(5000)]) {
    names[`EVENT "${name.slice(0, 20)}"`] = [`42["${name}",1]`, '42["echo"]'];
  }

  for (const name of ['0', '-1', '1.5', '1e3', '1e400', '-0', '9007199254740993',
                      'true', 'false', '[]', '["echo"]', '{}', '""']) {
    names[`EVENT of name ${name}`] = [`42[${name},1]`, '42["echo"]'];
  }

  continues(both, names);
});
