'use strict';

/*
 * Malformed Socket.IO and Engine.IO packets, over WebSocket and over
 * long-polling: the session ends where Node ends it, and only there.
 */

const sio = require('../lib/sio.js');
const { pair } = require('./pair.js');

const BIN = Buffer.from([1, 2]);


/*
 * What is sent (a string is text, a Buffer binary), and whether the session
 * is closed.  `raw`: no CONNECT before; `reply`: so many packets are waited
 * for, in Node they come late; `nginx`: the session is open or not where Node
 * differs on purpose; `text`: only the text differs, which passes through
 * nginx as it came while Node writes it anew.
 */

const PACKETS = [
  /* not closed */
  { send: ['42'], open: true },
  { send: ['421'], open: true },
  { send: ['43'], open: true },
  { send: ['4399[1]'], open: true },
  { send: ['42[5,1]'], open: true },
  { send: ['42["error"]'], open: true },
  { send: ['42["nobody listens",{}]'], open: true },
  { send: ['3'], open: true },
  { send: ['0'], open: true },
  { send: ['5'], open: true },
  { send: ['6'], open: true },
  { send: ['41/nowhere,'], open: false },
  { send: ['40/random,'], open: true, reply: 1 },
  { send: ['40/custom'], open: true, reply: 1 },
  { send: ['40/custom?a=1,'], open: true, reply: 1 },
  { send: ['42["echo",1] '], open: true },
  { send: ['42 ["echo",1]'], open: true, text: true },
  { send: ['42[ "echo" , {"a" : [ 1 ] } ]'], open: true, text: true },
  { send: ['42["echo","\u00e9\ud83d\ude00\u2028"]'], open: true },
  { send: ['4/,2["echo"]'], open: false },
  { send: ['42/,["echo",1]'], open: true },
  { send: ['42007["echo",1]'], open: true },
  { send: ['451-["echo",{"_placeholder":true,"num":0}]', BIN], open: true },
  { send: ['451-["echo",{"_placeholder":true,"num":0,"x":1}]', BIN],
    open: true, text: true },
  { send: ['451-["echo",1]', BIN], open: true, text: true },
  { send: ['451-["echo",{"_placeholder":true,"num":0},'
           + '{"_placeholder":true,"num":0}]', BIN], open: true, text: true },
  { send: ['451-["echo",{"_placeholder":true,"num":0}]', '3', BIN],
    open: true },
  { send: ['451-["echo",{"_placeholder":true,"num":0}]', Buffer.alloc(0)],
    open: true },
  { send: ['42["echo",{"_placeholder":true,"num":0}]'], open: true },

  /* closed: the decoder's errors */
  { send: ['42{}'], open: false },
  { send: ['42[]'], open: false },
  { send: ['42"x"'], open: false },
  { send: ['42["a"'], open: false },
  { send: ['42["a"]x'], open: false },
  { send: ['42[null]'], open: false },
  { send: ['42[true]'], open: false },
  { send: ['42[{}]'], open: false },
  { send: ['42[["a"]]'], open: false },
  { send: ['42["connect"]'], open: false },
  { send: ['42["connect_error"]'], open: false },
  { send: ['42["disconnect"]'], open: false },
  { send: ['42["disconnecting"]'], open: false },
  { send: ['42["newListener"]'], open: false },
  { send: ['42["removeListener"]'], open: false },
  { send: ['42["\\u0063onnect"]'], open: false },
  { send: ['42abc["x"]'], open: false },
  { send: ['42["a\tb"]'], open: false },
  { send: ['42["a\nb"]'], open: false },
  { send: ['42["\\x"]'], open: false },
  { send: ['42["\\u12"]'], open: false },
  { send: ["42['a']"], open: false },
  { send: ['42["a",]'], open: false },
  { send: ['42["a",01]'], open: false },
  { send: ['42["a",1.]'], open: false },
  { send: ['42["a",+1]'], open: false },
  { send: ['42["a",NaN]'], open: false },
  { send: ['42["a",tru]'], open: false },
  { send: ['42["a",{"b"}]'], open: false },
  { send: ['42["a",{b:1}]'], open: false },
  { send: ['42["a",{"b":1,}]'], open: false },
  { send: ['42["a"/**/]'], open: false },
  { send: ['42\u00a0["a"]'], open: true, nginx: false },
  { send: ['42\ufeff["a"]'], open: true, nginx: false },
  { send: ['41{}'], open: false },
  { send: ['41[]'], open: false },
  { send: ['43{}'], open: false },
  { send: ['431"x"'], open: false },
  { send: ['44{"message":"x"}'], open: false },
  { send: ['44"x"'], open: false },
  { send: ['44'], open: false },
  { send: ['47'], open: false },
  { send: ['49["a"]'], open: false },
  { send: ['4x'], open: false },
  { send: ['4'], open: false },
  { send: ['4-1["a"]'], open: false },
  { send: ['450-["a"]'], open: false },
  { send: ['460-[]'], open: false },
  { send: ['4511-["a"]'], open: false },
  { send: ['451["a"]'], open: false },
  { send: ['45-["a"]'], open: false },
  { send: ['45'], open: false },
  { send: ['451.5-["a"]'], open: false },
  { send: ['451-1e1-["a"]'], open: false },
  { send: ['4599999999999999999999-["a"]'], open: false },
  { send: [BIN], open: false },
  { send: [Buffer.alloc(0)], open: false },
  { send: ['451-["echo",{"_placeholder":true,"num":1}]', BIN], open: false },
  { send: ['451-["echo",{"_placeholder":true,"num":-1}]', BIN],
    open: false },
  { send: ['451-["echo",{"_placeholder":true,"num":"0"}]', BIN],
    open: false },
  { send: ['451-["echo",{"_placeholder":true}]', BIN], open: false },
  { send: ['451-["nobody",{"_placeholder":true,"num":0}]', BIN, BIN],
    open: false },
  { send: ['452-["echo",{"_placeholder":true,"num":0}]', BIN,
           '42["alive"]'], open: false },
  { send: ['451-["echo",{"_placeholder":true,"num":0}]', '42["alive"]'],
    open: false },

  /* closed: what does not fit the state */
  { send: ['40'], open: false },
  { send: ['40{"a":1}'], open: false },
  { send: ['42/unjoined,["a"]'], open: false },
  { send: ['43/unjoined,1[]'], open: false },
  { send: ['42["a"]'], raw: true, open: false },
  { send: ['41'], raw: true, open: false },
  { send: ['431[]'], raw: true, open: false },
  { send: ['40[1]'], raw: true, open: false },
  { send: ['40null'], raw: true, open: false },
  { send: ['40"x"'], raw: true, open: false },
  { send: ['40{'], raw: true, open: false },
  { send: ['4012{}'], raw: true, open: true },
  { send: ['40/custom,{}'], raw: true, open: true, nsp: '/custom,' },

  /* closed: Engine.IO's */
  { send: ['2'], open: false },
  { send: ['2probe'], open: false },
  { send: ['7'], open: false },
  { send: ['x'], open: false },
  { send: [''], open: false },
  { send: ['42["alive"]', '9'], open: false },
];


const label = (p) => JSON.stringify(p.send.map((s) =>
  typeof s === 'string' ? s : `<${s.toString('hex')}>`)).slice(1, -1);


/* all that comes until the answer to "alive", or the end */

async function websocket(s, p) {
  const w = await sio.wsOpen(s);
  const seen = [];
  const nsp = p.nsp || '';

  if (!p.raw) {
    await w.connectNsp();
  }

  p.send.forEach((data) => w.send(data));

  if (p.raw && p.open && !p.nsp) {
    seen.push(await w.recvText());
  }

  for (let n = p.nsp ? 1 : p.reply || 0; n > 0; n--) {
    seen.push(await w.recvText());
  }

  w.send(`42${nsp}99["alive"]`);

  for (;;) {
    let m;

    try {
      m = await w.recv();

    } catch (e) {
      const { code } = await w.waitClose();

      /* whether an answer got out before the end is a race in Node */

      return { close: code };
    }

    if (m.text === `43${nsp}99[]`) {
      await w.close(1000);
      return { seen, close: null };
    }

    seen.push(m.opcode === sio.TEXT ? m.text : `<${m.data.toString('hex')}>`);
  }
}


/* the packets in one POST, with or without a GET that waits */

async function polling(s, p, waiting) {
  const c = await sio.poll(s);
  const seen = [];
  const nsp = p.nsp || '';
  const body = p.send.map((d) => typeof d === 'string'
                                 ? d : `b${d.toString('base64')}`);
  let hang;

  if (!p.raw) {
    await c.connectNsp();
  }

  if (waiting) {
    hang = await c.parked();
  }

  const posted = await c.post(body);

  seen.push(`POST ${posted.status} ${posted.text}`);

  if (hang && !p.open) {
    const r = await hang.response;
    seen.push(`GET ${r.status} ${r.text}`);
  }

  if (!p.open) {
    /* what the next requests get: a farewell at most, then nothing */

    for (let n = 0; n < 2; n++) {
      const r = await c.get();
      seen.push(`GET ${r.status} ${r.text}`);

      if (r.status !== 200) {
        break;
      }
    }

    hang?.abort();
    return seen;
  }

  if (p.reply && !hang) {
    const r = await c.get();

    seen.push(...r.packets);
  }

  if (hang) {
    /* it may be answered by now: then that is part of what came */
    const early = await Promise.race([
      hang.response, c.post([`42${nsp}99["alive"]`]).then(() => hang.response),
    ]);

    c.rest = early.packets.filter((packet) => packet !== '2');

  } else {
    await c.post([`42${nsp}99["alive"]`]);
  }

  await c.wait(`43${nsp}99[]`);
  seen.push(...c.rest);

  if (p.text) {
    seen.splice(1);
  }

  hang?.conn.destroy();
  await c.close();

  return seen;
}


const fits = (p) => p.nginx === undefined;

pair('malformed packets over WebSocket', {},
  PACKETS.map((p) => ({
    name: label(p) + (p.raw ? ' before CONNECT' : ''),
    run: (s) => websocket(s, p).then((r) => {
      const open = s.kind === 'nginx' && !fits(p) ? p.nginx : p.open;

      if ((r.close === null) !== open) {
        throw new Error(`${s.kind}: ${JSON.stringify(r)}`);
      }

      return !fits(p) ? null : p.text ? r.close : r;
    }),
  })));


/* "5" on polling is not an upgrade, "1" and an empty payload have their own
   test; a packet that nginx refuses on purpose is compared above */

const POLLING = PACKETS.filter(fits);

pair('malformed packets over polling', {},
  POLLING.map((p) => ({
    name: label(p) + (p.raw ? ' before CONNECT' : ''),
    run: (s) => polling(s, p, false),
  })));

pair('malformed packets over polling while a GET waits', {},
  POLLING.map((p) => ({
    name: label(p) + (p.raw ? ' before CONNECT' : ''),
    run: (s) => polling(s, p, true),
  })));
