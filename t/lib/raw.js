'use strict';

/*
 * Clients on raw sockets: HTTP/1.1, WebSocket frame by frame, and Engine.IO
 * sessions over long-polling.  They send what they are told to, well-formed
 * or not, and give back what came, byte for byte.
 */

const crypto = require('crypto');
const net = require('net');
const tls = require('tls');

const { until, sleep, SLOW } = require('./wait.js');

const EMPTY = Buffer.alloc(0);


/* -- HTTP ---------------------------------------------------------------- */

/*
 * A connection.  response() resolves to the next answer, in order; one that
 * ended before a complete answer gives {status: 0, closed: "end"|"reset"}.
 */

class Conn {
  constructor(socket) {
    this.socket = socket;
    this.buffer = EMPTY;
    this.waiters = [];
    this.ended = null;
    this.sink = null;

    this.closed = new Promise((resolve) => { this.onclosed = resolve; });

    socket.setNoDelay(true);

    socket.on('data', (chunk) => {
      if (this.sink) {
        this.sink(chunk);
        return;
      }

      this.buffer = this.buffer.length ? Buffer.concat([this.buffer, chunk])
                                       : chunk;
      this.pump();
    });

    socket.on('end', () => this.end('end'));
    socket.on('error', () => this.end('reset'));
    socket.on('close', () => this.end('end'));
  }

  end(how) {
    if (this.ended) {
      return;
    }

    this.ended = how;
    this.pump();
    this.onclosed(how);

    if (this.sink) {
      this.sink(null);
    }
  }

  pump() {
    while (this.waiters.length) {
      const { method, done } = this.waiters[0];
      const r = parseResponse(this.buffer, method, this.ended);

      if (!r && !this.ended) {
        return;
      }

      this.waiters.shift();

      if (r) {
        this.buffer = this.buffer.subarray(r.size);
        done(r);

      } else {
        done(new Response({ status: 0, headers: [], body: this.buffer,
                            closed: this.ended }));
      }
    }
  }

  write(bytes) {
    this.socket.write(bytes);
  }

  response({ method = 'GET', timeout = 30000 } = {}) {
    return new Promise((resolve, reject) => {
      const waiter = { method };
      const timer = setTimeout(() => {
        this.waiters = this.waiters.filter((w) => w !== waiter);
        reject(new Error(`no response within ${timeout * SLOW} ms`));
      }, timeout * SLOW);

      waiter.done = (r) => {
        clearTimeout(timer);
        resolve(r);
      };

      this.waiters.push(waiter);
      this.pump();
    });
  }

  /* sends a request; resolves to the response */

  request(options) {
    this.write(requestBytes(options));

    return this.response(options);
  }

  destroy() {
    this.socket.destroy();
  }

  /* ends the connection with a TCP reset */

  reset() {
    if (this.socket.resetAndDestroy) {
      this.socket.resetAndDestroy();
    } else {
      this.socket.destroy();
    }
  }
}


class Response {
  constructor(fields) {
    Object.assign(this, fields);
  }

  /* the first header of that name, or undefined */

  header(name) {
    const h = this.headers.find(([n]) => n.toLowerCase()
                                         === name.toLowerCase());
    return h && h[1];
  }

  get text() {
    return this.body.toString('utf8');
  }

  get worker() {
    return Number(this.header('x-worker')) || undefined;
  }

  json() {
    return JSON.parse(this.text);
  }
}


function parseResponse(buffer, method, ended) {
  let at = 0;

  for (;;) {
    const end = buffer.indexOf('\r\n\r\n', at);

    if (end === -1) {
      return null;
    }

    const lines = buffer.subarray(at, end).toString('latin1').split('\r\n');
    const m = /^HTTP\/(1\.[01]) (\d{3}) ?(.*)$/.exec(lines[0]);

    if (!m) {
      return null;
    }

    const headers = lines.slice(1).map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    });
    const r = new Response({ status: Number(m[2]), statusText: m[3], headers,
                             head: buffer.subarray(at, end).toString('latin1') });

    at = end + 4;

    if (r.status === 101) {
      r.body = EMPTY;
      r.size = at;
      return r;
    }

    if (r.status < 200) {
      continue;
    }

    const body = parseBody(buffer, at, r, method, ended);

    if (body) {
      r.body = body.bytes;
      r.size = body.end;
      return r;
    }

    return null;
  }
}


function parseBody(buffer, at, r, method, ended) {
  const length = r.header('content-length');

  if (method === 'HEAD' || r.status === 204 || r.status === 304) {
    return { bytes: EMPTY, end: at };
  }

  if (/chunked/i.test(r.header('transfer-encoding') || '')) {
    const parts = [];

    for (;;) {
      const eol = buffer.indexOf('\r\n', at);

      if (eol === -1) {
        return null;
      }

      const size = parseInt(buffer.subarray(at, eol).toString('latin1'), 16);

      at = eol + 2;

      if (buffer.length < at + size + 2) {
        return null;
      }

      if (size === 0) {
        return { bytes: Buffer.concat(parts), end: at + 2 };
      }

      parts.push(buffer.subarray(at, at + size));
      at += size + 2;
    }
  }

  if (length !== undefined) {
    const end = at + Number(length);

    return buffer.length < end ? null
                               : { bytes: buffer.subarray(at, end), end };
  }

  return ended ? { bytes: buffer.subarray(at), end: buffer.length } : null;
}


/*
 * headers: an object or an array of [name, value].  Content-Length is added
 * for a body unless there is one, or Transfer-Encoding.  `chunked: true`
 * sends the body in two chunks.
 */

function requestBytes({ method = 'GET', path = '/', headers = {}, body,
                        host = 'localhost', chunked = false,
                        close = false } = {}) {
  const list = Array.isArray(headers) ? [...headers]
                                      : Object.entries(headers);
  const has = (name) => list.some(([n]) => n.toLowerCase() === name);
  let bytes = body === undefined ? null : Buffer.from(body);

  if (!has('host')) {
    list.unshift(['Host', host]);
  }

  if (close && !has('connection')) {
    list.push(['Connection', 'close']);
  }

  if (chunked && bytes) {
    const half = Math.ceil(bytes.length / 2);

    list.push(['Transfer-Encoding', 'chunked']);
    bytes = Buffer.concat([bytes.subarray(0, half), bytes.subarray(half)]
      .filter((part) => part.length)
      .flatMap((part) => [Buffer.from(part.length.toString(16) + '\r\n'),
                          part, Buffer.from('\r\n')])
      .concat(Buffer.from('0\r\n\r\n')));

  } else if (bytes && !has('content-length') && !has('transfer-encoding')) {
    list.push(['Content-Length', String(bytes.length)]);
  }

  const head = `${method} ${path} HTTP/1.1\r\n`
               + list.map(([n, v]) => `${n}: ${v}\r\n`).join('') + '\r\n';

  return Buffer.concat([Buffer.from(head, 'latin1'), bytes || EMPTY]);
}


/* opens a connection, from a local address if one is given; `tls: true` does
   not look at the certificate */

function connect({ port, address = '127.0.0.1', tls: secure = false,
                   from: localAddress, alpn } = {}) {
  return new Promise((resolve, reject) => {
    const socket = secure
      ? tls.connect({ port, host: address, localAddress,
                      servername: 'localhost',
                      rejectUnauthorized: false,
                      ALPNProtocols: alpn || ['http/1.1'] })
      : net.connect({ port, host: address, localAddress });
    const event = secure ? 'secureConnect' : 'connect';

    socket.once('error', reject);
    socket.once(event, () => {
      socket.off('error', reject);
      resolve(new Conn(socket));
    });
  });
}


/*
 * One request on a connection of its own:
 * http({port, method, path, headers, body, chunked, tls, timeout}) gives
 * {status, statusText, headers, header(name), body, text, json(), worker}.
 */

async function http(options) {
  const conn = await connect(options);

  try {
    return await conn.request({ close: true, ...options });

  } finally {
    conn.destroy();
  }
}


/*
 * What was written to conn before has been read: conn.second, a connection to
 * the same worker, gets an answer, and events are handled in their order.
 */

async function fence(conn) {
  await conn.second.request({ path: '/worker' });
}


/* -- WebSocket ----------------------------------------------------------- */

const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const PONG = 10;


/*
 * A frame as it goes out.  What is malformed on purpose: `mask: false`,
 * rsv, opcode, fin, `length` that differs from the payload's, `form` 7, 16
 * or 64 for a length that is not in its shortest form.
 */

function frameBytes({ opcode = TEXT, payload = EMPTY, fin = true, rsv = 0,
                      mask = true, length, form }) {
  const data = Buffer.from(payload);
  const n = length === undefined ? data.length : length;
  const bits = form || (n < 126 ? 7 : n < 65536 ? 16 : 64);
  const head = Buffer.alloc(2 + (bits === 16 ? 2 : bits === 64 ? 8 : 0)
                            + (mask ? 4 : 0));

  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  head[1] = (mask ? 0x80 : 0) | (bits === 7 ? n : bits === 16 ? 126 : 127);

  if (bits === 16) {
    head.writeUInt16BE(n, 2);
  } else if (bits === 64) {
    head.writeBigUInt64BE(BigInt(n), 2);
  }

  if (!mask) {
    return Buffer.concat([head, data]);
  }

  const key = crypto.randomBytes(4);
  const out = Buffer.from(data);

  key.copy(head, head.length - 4);

  for (let i = 0; i < out.length; i++) {
    out[i] ^= key[i & 3];
  }

  return Buffer.concat([head, out]);
}


/*
 * A WebSocket.  recv() resolves to the next message {opcode, data, text};
 * Engine.IO pings and WebSocket pings are answered and not handed out
 * unless `pong: false`.  `closed` resolves, when TCP has ended, to
 * {code, reason, tcp}: 1005 for a close frame without a code, 1006 without
 * a close frame.  A close frame is echoed unless `echo: false`.
 */

class Ws {
  constructor(conn, response, { pong = true, echo = true } = {}) {
    this.conn = conn;
    this.status = response.status;
    this.response = response;
    this.headers = response.headers;
    this.pong = pong;
    this.echo = echo;
    this.buffer = EMPTY;
    this.frames = [];
    this.messages = [];
    this.waiters = [];
    this.parts = [];
    this.close_ = null;
    this.pings = 0;

    this.closed = new Promise((resolve) => { this.onclosed = resolve; });

    if (response.status !== 101) {
      this.ended = true;
      this.onclosed({ code: 1006, reason: '', tcp: conn.ended });
      return;
    }

    const early = conn.buffer;

    conn.buffer = EMPTY;
    conn.sink = (chunk) => this.data(chunk);

    if (early.length) {
      this.data(early);
    }

    if (conn.ended) {
      this.data(null);
    }
  }

  get ok() {
    return this.status === 101;
  }

  get worker() {
    return this.response.worker || this.conn.worker;
  }

  data(chunk) {
    if (chunk === null) {
      this.finish();
      return;
    }

    this.buffer = this.buffer.length ? Buffer.concat([this.buffer, chunk])
                                     : chunk;

    for (;;) {
      const frame = parseFrame(this.buffer);

      if (!frame) {
        return;
      }

      this.buffer = this.buffer.subarray(frame.size);
      this.frames.push(frame);
      this.frame(frame);
    }
  }

  frame(f) {
    switch (f.opcode) {

    case CLOSE:
      this.close_ = {
        code: f.payload.length >= 2 ? f.payload.readUInt16BE(0) : 1005,
        reason: f.payload.subarray(2).toString('utf8'),
      };

      if (this.echo && !this.sentClose) {
        this.sendFrame({ opcode: CLOSE, payload: f.payload });
      }

      return;

    case PING:
      if (this.pong) {
        this.sendFrame({ opcode: PONG, payload: f.payload });
      }

      return;

    case PONG:
      return;
    }

    this.parts.push(f);

    if (!f.fin) {
      return;
    }

    const data = Buffer.concat(this.parts.map((p) => p.payload));
    const message = { opcode: this.parts[0].opcode, data,
                      text: data.toString('utf8') };

    this.parts = [];

    if (this.pong && message.opcode === TEXT && message.text === '2') {
      this.pings++;
      this.send('3');
      return;
    }

    if (this.waiters.length) {
      this.waiters.shift().resolve(message);
    } else {
      this.messages.push(message);
    }
  }

  finish() {
    if (this.ended) {
      return;
    }

    this.ended = true;

    const how = { code: 1006, reason: '', ...this.close_,
                  tcp: this.conn.ended };

    this.onclosed(how);
    this.conn.socket.destroy();

    for (const { reject } of this.waiters) {
      reject(new Error(`WebSocket closed: ${how.code} ${how.reason}`));
    }

    this.waiters = [];
  }

  /* the next message */

  recv(timeout = 5000) {
    if (this.messages.length) {
      return Promise.resolve(this.messages.shift());
    }

    if (this.ended) {
      return Promise.reject(new Error('WebSocket is closed'));
    }

    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiters = this.waiters.filter((w) => w !== waiter);
        reject(new Error(`no message within ${timeout * SLOW} ms`));
      }, timeout * SLOW);

      const waiter = {
        resolve: (m) => { clearTimeout(timer); resolve(m); },
        reject: (e) => { clearTimeout(timer); reject(e); },
      };

      this.waiters.push(waiter);
    });
  }

  /* the next message, which is text */

  async recvText(timeout) {
    const m = await this.recv(timeout);

    if (m.opcode !== TEXT) {
      throw new Error(`a binary message of ${m.data.length} bytes came`);
    }

    return m.text;
  }

  /* `closed` with a limit in time */

  async waitClose(timeout = 5000) {
    let timer;
    const limit = new Promise((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(
        `not closed within ${timeout * SLOW} ms`)), timeout * SLOW);
    });

    try {
      return await Promise.race([this.closed, limit]);

    } finally {
      clearTimeout(timer);
    }
  }

  /* text for a string, binary for a Buffer */

  send(data) {
    this.sendFrame({ opcode: typeof data === 'string' ? TEXT : BINARY,
                     payload: data });
  }

  sendFrame(frame) {
    if (frame.opcode === CLOSE) {
      this.sentClose = true;
    }

    this.write(frameBytes(frame));
  }

  /* any bytes */

  write(bytes) {
    if (!this.conn.socket.destroyed) {
      this.conn.write(bytes);
    }
  }

  /* sends a close frame; code undefined: without one */

  close(code, reason = '') {
    const payload = code === undefined ? EMPTY
      : Buffer.concat([Buffer.from([code >> 8, code & 255]),
                       Buffer.from(reason)]);

    this.sendFrame({ opcode: CLOSE, payload });

    return this.closed;
  }

  /* the connection is lost without a word */

  destroy() {
    this.conn.destroy();
  }

  reset() {
    this.conn.reset();
  }

  /* Socket.IO: CONNECT to a namespace; resolves to the socket's id */

  async connectNsp(nsp = '/', auth) {
    const head = nsp === '/' ? '' : `${nsp},`;

    this.send(`40${head}${auth === undefined ? '' : JSON.stringify(auth)}`);

    const answer = await this.recvText();

    if (!answer.startsWith(`40${head}{`)) {
      throw new Error(`CONNECT to ${nsp} answered with ${answer}`);
    }

    return JSON.parse(answer.slice(2 + head.length)).sid;
  }
}


function parseFrame(b) {
  if (b.length < 2) {
    return null;
  }

  let n = b[1] & 0x7f;
  let at = 2;

  if (n === 126) {
    if (b.length < 4) {
      return null;
    }
    n = b.readUInt16BE(2);
    at = 4;

  } else if (n === 127) {
    if (b.length < 10) {
      return null;
    }
    n = Number(b.readBigUInt64BE(2));
    at = 10;
  }

  if (b.length < at + n) {
    return null;
  }

  return {
    fin: (b[0] & 0x80) !== 0,
    rsv: (b[0] >> 4) & 7,
    opcode: b[0] & 15,
    masked: (b[1] & 0x80) !== 0,
    payload: Buffer.from(b.subarray(at, at + n)),
    size: at + n,
  };
}


/*
 * ws({port, path, headers, key, version, eio, conn, tls, pong, echo}): a
 * WebSocket handshake, on `conn` if there is one; a path without "?" gets
 * the query of a new session.  Does not throw when it is refused: look at
 * `ok`, `status` and `response`.
 */

async function ws(options) {
  const { headers = {},
          key = crypto.randomBytes(16).toString('base64'), version = '13',
          early, eio = 4 } = options;
  const conn = options.conn || await connect(options);
  const query = `?EIO=${eio}&transport=websocket`;
  const at = options.path || '/socket.io/';
  const path = at.includes('?') ? at : at + query;
  const list = Array.isArray(headers) ? headers : Object.entries(headers);
  const has = (name) => list.some(([n]) => n.toLowerCase() === name);
  const own = [['Upgrade', 'websocket'], ['Connection', 'Upgrade'],
               ['Sec-WebSocket-Key', key],
               ['Sec-WebSocket-Version', version]]
              .filter(([n, v]) => v !== null && !has(n.toLowerCase()));

  /* `early`: bytes right behind the handshake, in the same segment */

  conn.write(Buffer.concat([
    requestBytes({ method: options.method, path,
                   headers: [...own, ...list.filter(([, v]) => v !== null)] }),
    early || EMPTY]));

  const response = await conn.response(options);

  if (response.status === 101) {
    const accept = crypto.createHash('sha1')
      .update(key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');

    if (response.header('sec-websocket-accept') !== accept) {
      throw new Error('Sec-WebSocket-Accept is wrong');
    }
  }

  return new Ws(conn, response, options);
}


/*
 * A new Engine.IO session over WebSocket: like ws(), its open packet read
 * into `open` and `sid`.
 */

async function wsOpen(options) {
  const w = await ws(options);

  if (!w.ok) {
    throw new Error(`WebSocket refused: ${w.status} ${w.response.text}`);
  }

  const first = await w.recvText();

  if (first[0] !== '0') {
    throw new Error(`"${first}" instead of the open packet`);
  }

  w.open = JSON.parse(first.slice(1));
  w.sid = w.open.sid;

  return w;
}


/* -- Engine.IO over long-polling ----------------------------------------- */

/*
 * poll({port, path, query, headers, eio, tls}): a new session.  get() and post()
 * take {conn} to say on which connection, and so at which worker; each one
 * has its own otherwise.
 */

class Poll {
  constructor(options, sid) {
    this.options = options;
    this.sid = sid;
  }

  url(query = '') {
    const { path = '/socket.io/' } = this.options;

    return `${path}?EIO=${this.options.eio || 4}&transport=polling`
           + (this.sid ? `&sid=${this.sid}` : '')
           + (this.options.query ? `&${this.options.query}` : '') + query;
  }

  async handshake({ conn } = {}) {
    const r = await this.send({ conn, path: this.url() });

    this.response = r;
    this.worker = r.worker;

    const [packet = ''] = this.split(r);

    if (r.status !== 200 || packet[0] !== '0') {
      throw new Error(`handshake refused: ${r.status} ${r.text}`);
    }

    this.open = JSON.parse(packet.slice(1));
    this.sid = this.open.sid;

    return this;
  }

  split(r) {
    return this.options.eio === 3 ? packets3(r) : r.text.split('\x1e');
  }

  send({ conn, ...options }) {
    const o = { port: this.options.port, tls: this.options.tls,
                from: this.options.from,
                ...options, headers: options.headers
                                     || this.options.headers };

    return conn ? conn.request(o) : http(o);
  }

  /* a GET; `packets` of the response is its payload, split */

  async get({ conn, timeout, headers } = {}) {
    const r = await this.send({ conn, timeout, headers, path: this.url() });

    r.packets = this.split(r);

    return r;
  }

  /* a GET that can be given up: {conn, response, abort()} */

  async hang({ conn } = {}) {
    const c = conn || await connect(this.options);
    const response = c.request({ path: this.url(),
                                 headers: this.options.headers })
      .then((r) => {
        r.packets = this.split(r);
        return r;
      });

    return { conn: c, response, abort: () => c.destroy() };
  }

  /*
   * The same, and the server has it: that is not to be seen from outside, so
   * it is given a moment, unless there is a second connection to ask
   */

  async parked(options) {
    const hang = await this.hang(options);

    await (hang.conn.second ? fence(hang.conn) : sleep(20));

    return hang;
  }

  /* a POST of a payload, or of packets in an array */

  post(body, { conn, headers, chunked, timeout } = {}) {
    const bytes = !Array.isArray(body) ? body
                : this.options.eio === 3 ? payload3(body) : body.join('\x1e');

    return this.send({
      conn, chunked, timeout, method: 'POST', path: this.url(), body: bytes,
      headers: headers || { 'Content-Type': 'text/plain;charset=UTF-8',
                            ...this.options.headers },
    });
  }

  /*
   * GETs until a packet matches; resolves to it.  Pings are answered; other
   * packets stay in `this.rest`, in order.
   */

  async wait(match, { ms = 5000, conn } = {}) {
    const test = typeof match === 'function' ? match
               : match instanceof RegExp ? (p) => match.test(p)
               : (p) => p === match;

    this.rest = this.rest || [];

    return until(async () => {
      const at = this.rest.findIndex(test);

      if (at !== -1) {
        return this.rest.splice(at, 1)[0];
      }

      const r = await this.get({ conn });

      if (r.status !== 200) {
        throw new Error(`GET answered with ${r.status} ${r.text}`);
      }

      for (const packet of r.packets) {
        if (packet === '2') {
          await this.post('3');
        } else {
          this.rest.push(packet);
        }
      }

      return false;
    }, ms, `a packet like ${match}`);
  }

  /* Socket.IO: CONNECT to a namespace; resolves to the socket's id */

  async connectNsp(nsp = '/', auth) {
    const head = nsp === '/' ? '' : `${nsp},`;
    const r = await this.post(
      `40${head}${auth === undefined ? '' : JSON.stringify(auth)}`);

    if (r.status !== 200) {
      throw new Error(`POST answered with ${r.status} ${r.text}`);
    }

    const packet = await this.wait((p) => p.startsWith(`40${head}{`)
                                          || p.startsWith(`44${head}{`));

    if (packet[1] === '4') {
      throw new Error(`CONNECT to ${nsp} answered with ${packet}`);
    }

    return JSON.parse(packet.slice(2 + head.length)).sid;
  }

  /* the WebSocket of an upgrade, before "2probe" */

  candidate(options = {}) {
    const { path = '/socket.io/', port, tls: secure } = this.options;

    return ws({ port, tls: secure,
                path: `${path}?EIO=${this.options.eio || 4}`
                      + `&transport=websocket&sid=${this.sid}`,
                ...options });
  }

  /* the whole upgrade; no GET may be pending.  Resolves to the Ws */

  async upgrade(options) {
    const w = await this.candidate(options);

    if (!w.ok) {
      throw new Error(`upgrade refused: ${w.status} ${w.response.text}`);
    }

    w.send('2probe');

    const answer = await w.recvText();

    if (answer !== '3probe') {
      throw new Error(`"${answer}" instead of 3probe`);
    }

    w.send('5');
    w.sid = this.sid;

    return w;
  }

  /* ends the session as a client does */

  close() {
    return this.post(['1']);
  }
}


/*
 * Engine.IO v3: packets (strings, and Buffers whose first byte is the type)
 * as a payload, text or, when told, binary; and what a response has.
 */

function payload3(packets, binary) {
  if (!binary) {
    return packets.map((p) => {
      const text = Buffer.isBuffer(p) ? `b${p[0]}${p.toString('base64', 1)}`
                                      : p;
      return `${text.length}:${text}`;
    }).join('');
  }

  return Buffer.concat(packets.map((p) => {
    const data = Buffer.from(p);
    return Buffer.concat([
      Buffer.from([Buffer.isBuffer(p) ? 1 : 0,
                   ...String(data.length).split('').map(Number), 255]), data]);
  }));
}


function packets3(r) {
  const out = [];

  if (r.header('content-type') !== 'application/octet-stream') {
    for (let rest = r.text; rest !== ''; ) {
      const [, length] = /^(\d+):/.exec(rest) || [];

      if (length === undefined) {
        out.push(`not a payload: ${rest}`);
        break;
      }

      const at = length.length + 1;

      out.push(rest.slice(at, at + Number(length)));
      rest = rest.slice(at + Number(length));
    }

    return out;
  }

  for (let rest = r.body; rest.length; ) {
    const at = rest.indexOf(255);
    const length = Number(rest.subarray(1, at).join(''));
    const data = rest.subarray(at + 1, at + 1 + length);

    out.push(rest[0] === 0 ? data.toString() : Buffer.from(data));
    rest = rest.subarray(at + 1 + length);
  }

  return out;
}


async function poll(options) {
  const p = new Poll(options);

  await p.handshake(options);

  return p;
}


module.exports = { http, connect, fence, ws, wsOpen, poll, payload3, packets3,
                   Conn, Ws, Poll, Response, frameBytes, requestBytes, TEXT,
                   BINARY, CLOSE, PING, PONG };
