'use strict';

/* Everything that a client may make large, at its limit and one beyond */

const assert = require('node:assert');

const sio = require('../lib/sio.js');
const { pair } = require('./pair.js');

const MAX = 2000;


/* a message `42["x","…"]` of exactly n bytes */

function message(n, event = 'nobody') {
  const frame = `42["${event}",""]`;

  return frame.slice(0, -2) + 'x'.repeat(n - frame.length) + '"]';
}


async function wsSize(s, send) {
  const w = await sio.wsOpen(s);

  await w.connectNsp();
  send(w);
  w.send('4299["alive"]');

  try {
    const answer = await w.recvText();

    w.close(1000);
    await w.waitClose();
    return answer;

  } catch (e) {
    return (await w.waitClose()).code;
  }
}


async function postSize(s, body, options) {
  const c = await sio.poll(s);

  await c.connectNsp();

  const r = await c.post(body, options);

  /* the session stays open, whatever came */

  await c.post('4299["alive"]');
  await c.wait('4399[]');
  await c.close();

  return [r.status, r.text];
}


const fragments = (w, text, size, opcode = sio.TEXT) => {
  const data = Buffer.from(text);

  for (let at = 0; at < data.length; at += size) {
    w.sendFrame({
      opcode: at ? 0 : opcode,
      payload: data.subarray(at, at + size),
      fin: at + size >= data.length,
    });
  }
};


function sizes(max) {
  return [
    { name: `WebSocket text of ${max} bytes`, want: '4399[]',
      run: (s) => wsSize(s, (w) => w.send(message(max))) },
    { name: `WebSocket text of ${max + 1} bytes`, want: 1009,
      run: (s) => wsSize(s, (w) => w.send(message(max + 1))) },
    { name: `POST of ${max} bytes`, want: [200, 'ok'],
      run: (s) => postSize(s, message(max)) },
    { name: `POST of ${max + 1} bytes`, want: [413, ''],
      run: (s) => postSize(s, message(max + 1)) },
    { name: `POST of ${max} bytes, chunked`, want: [200, 'ok'],
      run: (s) => postSize(s, message(max), { chunked: true }) },
    { name: `POST of ${max + 1} bytes, chunked`, want: [413, ''],
      run: (s) => postSize(s, message(max + 1), { chunked: true }) },
  ];
}


pair('the size limit', {
  directives: `sio_max_http_buffer_size ${MAX};`,
  options: { maxHttpBufferSize: MAX },

}, [
  ...sizes(MAX),

  { name: 'fragments that add up to the limit', want: '4399[]',
    run: (s) => wsSize(s, (w) => fragments(w, message(MAX), 300)) },
  { name: 'fragments that add up to one more', want: 1009,
    run: (s) => wsSize(s, (w) => fragments(w, message(MAX + 1), 300)) },
  { name: 'the first fragment is too large', want: 1009,
    run: (s) => wsSize(s, (w) => w.sendFrame({ payload: message(MAX + 1),
                                               fin: false })) },
  { name: 'a length beyond the limit, and nothing behind', want: 1009,
    run: (s) => wsSize(s, (w) => w.sendFrame({ payload: '',
                                               length: MAX + 1 })) },
  { name: 'several packets in a POST at the limit', want: [200, 'ok'],
    run: (s) => postSize(s, `42["nobody"]\x1e${message(MAX - 13)}`) },
  { name: 'several packets in a POST beyond the limit', want: [413, ''],
    run: (s) => postSize(s, `42["nobody"]\x1e${message(MAX - 12)}`) },
  { name: 'several messages, each at the limit', want: '4399[]',
    run: (s) => wsSize(s, (w) => {
      for (let n = 0; n < 50; n++) {
        w.send(message(MAX));
      }
    }) },
  { name: 'a binary message at the limit', want: '4399[]',
    run: (s) => wsSize(s, (w) => {
      w.send('451-["nobody",{"_placeholder":true,"num":0}]');
      w.send(Buffer.alloc(MAX));
    }) },
  { name: 'a binary message beyond the limit', want: 1009,
    run: (s) => wsSize(s, (w) => {
      w.send('451-["nobody",{"_placeholder":true,"num":0}]');
      w.send(Buffer.alloc(MAX + 1));
    }) },
  { name: 'ten attachments', want: '4399[]',
    run: (s) => wsSize(s, (w) => {
      w.send('4510-["nobody",{"_placeholder":true,"num":9}]');
      for (let n = 0; n < 10; n++) {
        w.send(Buffer.alloc(10));
      }
    }) },
  { name: 'eleven attachments', want: 1005,
    run: (s) => wsSize(s, (w) => {
      w.send('4511-["nobody",{"_placeholder":true,"num":9}]');
    }) },
]);


pair('the size limit that is the default', {}, sizes(1000000));


/* what has a limit here and none in Node: no crash, nothing left behind */

async function survives(s, run) {
  const w = await sio.wsOpen(s);

  await w.connectNsp();
  run(w);
  w.send('4298["alive"]');

  try {
    while ((await w.recvText()) !== '4398[]') {
      /* whatever it is */
    }
  } catch (e) {
    /* it may be closed for that */
  }

  w.destroy();

  const other = await sio.wsOpen(s);

  await other.connectNsp();
  other.send('4299["alive"]');
  assert.equal(await other.recvText(), '4399[]');
  await other.close(1000);

  return null;
}


const deep = (n, open, close) => `42["echo",${open.repeat(n)}`
                                 + `${close.repeat(n)}]`;

pair('limits of our own', { only: 'nginx' }, [
  ['arrays 100 deep', (w) => w.send(deep(100, '[', ']'))],
  ['arrays 100000 deep', (w) => w.send(deep(100000, '[', ']'))],
  ['arrays that never end', (w) => w.send(`42["echo",${'['.repeat(900000)}`)],
  ['objects 100000 deep', (w) => w.send(deep(100000, '{"a":', '}')
                                         .replace('{"a":}', '{}'))],
  ['an event name of 900000 bytes',
   (w) => w.send(`42["${'e'.repeat(900000)}"]`)],
  ['a room of 8192 bytes', (w) => w.send(`42["join","${'r'.repeat(8192)}"]`)],
  ['a room of 8193 bytes', (w) => w.send(`42["join","${'r'.repeat(8193)}"]`)],
  ['a room of 900000 bytes',
   (w) => w.send(`42["join","${'r'.repeat(900000)}"]`)],
  ['a room that is an object', (w) => w.send('42["join",{"a":1}]')],
  ['a room that is null', (w) => w.send('42["join",null]')],
  ['no room', (w) => w.send('42["join"]')],
  ['a room with NUL and a surrogate', (w) => w.send(
     '42["join","\\u0000\\ud800"]')],
  ['2000 rooms', (w) => {
    for (let n = 0; n < 2000; n++) {
      w.send(`42["join","room ${n}"]`);
    }
  }],
  ['a namespace of 100000 bytes', (w) => w.send(`40/${'n'.repeat(100000)},`)],
  ['1000 namespaces', (w) => {
    for (let n = 0; n < 1000; n++) {
      w.send(`40/n${n},`);
    }
  }],
  ['auth of 900000 bytes', (w) => w.send(
     `40/custom,{"a":"${'x'.repeat(900000)}"}`)],
  ['100000 arguments', (w) => w.send(`42["echo"${',1'.repeat(100000)}]`)],
  ['a number of 100000 digits', (w) => w.send(
     `42["echo",${'9'.repeat(100000)}]`)],
  ['an ack id of 100000 digits', (w) => w.send(
     `42${'9'.repeat(100000)}["alive"]`)],
  ['an ack id of 20 digits', (w) => w.send(
     '4299999999999999999999["alive"]')],
].map(([name, run]) => ({ name, want: null,
                         run: (s) => survives(s, run) })));
