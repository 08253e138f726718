'use strict';

/*
 * What the HTTP API costs: one worker, ten WebSockets in a room.
 *
 *     node t/bench/api.js [SECONDS]
 *
 * own     16 keep-alive connections, each sends the next emit when the last one
 *         is answered
 * wrk     the same by wrk, if it is there
 * array   5000 emits to the room in one array
 * joins   5000 joins and leaves of one socket in one array
 * lines   5000 emits on lines
 * ack     16 connections, emits that collect the acks of all ten
 *
 * CPU is the worker's, user and system, out of /proc: it holds on a machine
 * that is busy otherwise, the rate does not.  The bytes that the members get
 * are counted: each has to hear of each emit.
 */

const { spawnSync, spawn } = require('node:child_process');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const path = require('node:path');

const sio = require('../lib/sio.js');

const SECONDS = Number(process.argv[2] || 4);
const MEMBERS = 10, CONNECTIONS = 16, MANY = 5000;
const TEXT = 'x'.repeat(64);
const EMIT = { emit: 'news', args: [TEXT], to: 'room' };
const FRAME = 4 + Buffer.byteLength(`42["news","${TEXT}"]`) - 2;


/* microseconds of CPU */

function cpu(pid) {
  const s = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = s.slice(s.lastIndexOf(')') + 2).split(' ');

  return (Number(fields[11]) + Number(fields[12])) * 10000;
}

function masked(text) {
  const data = Buffer.from(text);

  return Buffer.concat([Buffer.from([0x81, 0x80 | data.length, 0, 0, 0, 0]),
                        data]);
}


/* a member counts bytes; with `answers` it acknowledges what it is asked */

function member(port) {
  return new Promise((resolve, reject) => {
    const s = net.connect(port, '127.0.0.1');
    const m = { socket: s, bytes: 0 };
    let head = '', joined = false;

    s.on('error', reject);
    s.write('GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n'
            + 'Connection: Upgrade\r\nUpgrade: websocket\r\n'
            + 'Sec-WebSocket-Version: 13\r\n'
            + 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n');
    s.on('data', (data) => {
      if (joined) {
        m.bytes += data.length;

        if (m.answers) {
          for (const [, id] of data.latin1Slice().matchAll(/42(\d+)\[/g)) {
            s.write(masked(`43${id}[1]`));
          }
        }

        return;
      }

      head += data.latin1Slice();

      if (head.includes('0{"sid"') && !m.asked) {
        m.asked = true;
        s.write(masked('40'));
        s.write(masked('420["join","room"]'));
      }

      if (head.includes('430[')) {
        joined = true;
        resolve(m);
      }
    });
  });
}


/* sends one request behind the other on n connections, until it is time */

async function own(port, order, right) {
  const body = JSON.stringify(order);
  const request = Buffer.from('POST /api/ HTTP/1.1\r\nHost: x\r\n'
    + 'Content-Type: application/json\r\n'
    + `Content-Length: ${body.length}\r\n\r\n${body}`);
  const end = Date.now() + SECONDS * 1000;
  let done = 0;

  await Promise.all(Array.from({ length: CONNECTIONS }, () =>
    new Promise((resolve, reject) => {
      const s = net.connect(port, '127.0.0.1');
      let got = '';

      s.setNoDelay(true);
      s.on('error', reject);
      s.on('connect', () => s.write(request));
      s.on('data', (data) => {
        got += data.latin1Slice();

        if (!got.endsWith('}')) {
          return;
        }

        if (!right.test(got)) {
          reject(new Error(got));
          return;
        }

        got = '';
        done++;

        if (Date.now() < end) {
          s.write(request);

        } else {
          s.end();
          resolve();
        }
      });
    })));

  return done;
}

function post(port, type, body) {
  return new Promise((resolve, reject) => {
    const r = http.request({ port, path: '/api/', method: 'POST',
                             headers: { 'content-type': type,
                                        'content-length': body.length } },
      (res) => {
        const list = [];

        res.on('data', (data) => list.push(data));
        res.on('end', () => (res.statusCode === 200
          ? resolve(JSON.parse(Buffer.concat(list)))
          : reject(new Error(Buffer.concat(list).toString()))));
      });

    r.on('error', reject);
    r.end(body);
  });
}

async function get(port, what) {
  return (await fetch(`http://127.0.0.1:${port}/api/${what}`)).json();
}

function wrk(port) {
  return new Promise((resolve, reject) => {
    const p = spawn('wrk', ['-t1', `-c${CONNECTIONS}`, `-d${SECONDS}s`, '-s',
                            path.join(__dirname, 'api.lua'),
                            `http://127.0.0.1:${port}/api/`]);
    let text = '';

    p.stdout.on('data', (data) => { text += data; });
    p.on('error', reject);
    p.on('close', () => {
      if (/Non-2xx|Socket errors/.test(text)) {
        reject(new Error(text));
      }

      resolve(Number(/(\d+) requests in/.exec(text)[1]));
    });
  });
}


async function main() {
  const server = await sio.startNginx({
    workers: 1,
    logLevel: 'warn',
    location: `sio on; sio_on join { join $sio_arg_0; ack; }
               sio_limit buffer=512m; sio_ping_interval 600s;`,
    server: `location /api/ { sio_api; allow 127.0.0.1; deny all;
                              client_max_body_size 4m; }`,
  });
  const { port } = server;
  const [pid] = server.workers();
  const members = await Promise.all(Array.from({ length: MEMBERS },
                                               () => member(port)));

  /* {orders} of run(), what they cost; each member gets `emits` frames */

  async function measure(name, run, { heard = true, times = 1 } = {}) {
    const bytes = members.map((m) => m.bytes);
    const before = cpu(pid), start = process.hrtime.bigint();
    let orders = 0;

    for (let n = 0; n < times; n++) {
      orders += await run();
    }

    const took = Number(process.hrtime.bigint() - start) / 1e3;

    if (heard) {

      /* those of wrk that were not answered in time were emitted, too */

      await sio.until(() => members.every((m, i) =>
        m.bytes - bytes[i] >= orders * FRAME
        && (m.bytes - bytes[i]) % FRAME === 0), 30000, 'all deliveries');
    }

    const used = cpu(pid) - before;

    console.log(`${name.padEnd(7)} ${String(orders).padStart(8)} orders `
      + `${(took / 1e6).toFixed(2).padStart(6)} s `
      + `${Math.round(orders / took * 1e6).toString().padStart(7)}/s `
      + `${(used / orders).toFixed(1).padStart(6)} us CPU an order `
      + `${Math.round(1e6 * orders / used).toString().padStart(7)}`
      + `/s on a whole core${times > 1 ? `, ${(took / times / 1000)
        .toFixed(0)} ms each` : ''}`);
  }

  try {
    await measure('own', () => own(port, EMIT, /\{"receivers":10\}$/));

    if (spawnSync('wrk', ['-v']).error) {
      console.log('wrk      not there');

    } else {
      await measure('wrk', () => wrk(port));
    }

    const emits = Array.from({ length: MANY }, () => EMIT);
    const { sockets: [{ id }] } = await get(port, 'sockets?limit=1');
    const joins = Array.from({ length: MANY }, (_, n) => ({
      [n % 2 ? 'leave' : 'join']: 'x', in: id }));
    const array = Buffer.from(JSON.stringify(emits));
    const lines = Buffer.from(emits.map((o) => `${JSON.stringify(o)}\n`)
                              .join(''));
    const both = Buffer.from(JSON.stringify(joins));

    await measure('array', async () =>
      (await post(port, 'application/json', array)).length, { times: 20 });
    await measure('joins', async () =>
      (await post(port, 'application/json', both)).length,
      { times: 20, heard: false });
    await measure('lines', async () =>
      (await post(port, 'application/x-ndjson', lines)).done, { times: 20 });

    members.forEach((m) => { m.answers = true; });
    await measure('ack', () => own(port, { ...EMIT, ack: true,
                                           timeout: 60000 },
                                   /"responses":\[1(,1){9}\],"missing":0\}$/),
                  { heard: false });

  } finally {
    members.forEach((m) => m.socket.destroy());
    await server.stop();
  }
}

main().catch((e) => {
  console.error(e);
  process.exit(1);
});
