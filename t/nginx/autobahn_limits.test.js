'use strict';

/*
 * Autobahn 9 and 10: large messages, many fragments, many chops, many
 * messages.  Of what Autobahn measures nothing is measured, and it is less:
 * messages of up to 4M and not 16M, fragmented ones of 1M, which is in
 * fragments of 64 as many as a message may have (16384, as in the ws
 * library), chopped ones of 256K, a hundred messages in turn, and 9.9 ends at
 * the limit for messages.
 */

const { autobahn, fine, ends, text, binary, cont,
        part } = require('./autobahn.js');

const K = 1024;
const M = K * K;

const LIMIT = 5 * M;

const TEXT = (n) => Buffer.alloc(n, 'BAsd7&jh23').fill('4', 0, 1);
const BYTES = (n) => Buffer.from(Buffer.alloc(n, '00fe23faf0', 'hex'));

const echo = (id, title, message, options) => (
  fine(id, title, [message], [message], options));


function fragmented(id, title, make, payload, size) {
  const frames = [];

  for (let at = 0; at < payload.length; at += size) {
    frames.push((at ? cont : make)(payload.subarray(at, at + size),
                                   { fin: at + size >= payload.length }));
  }

  return fine(id, title, frames, [make(payload)]);
}


/* one behind the other, each when the last has come back */

function turns(id, title, message, n = 100) {
  const steps = [];

  for (let i = 1; i <= n; i++) {
    steps.push(message, { came: i });
  }

  return fine(id, title, steps, new Array(n).fill(message));
}


const rows = [];

[[64 * K, '64K'], [256 * K, '256K'], [M, '1M'], [2 * M, '2M'], [3 * M, '3M'],
 [4 * M, '4M']].forEach(([n, size], i) => {
  rows.push(echo(`9.1.${i + 1}`, `text, ${size}`, text(TEXT(n))));
  rows.push(echo(`9.2.${i + 1}`, `binary, ${size}`, binary(BYTES(n))));
});

[[64, '64'], [256, '256'], [K, '1K'], [4 * K, '4K'], [16 * K, '16K'],
 [64 * K, '64K'], [256 * K, '256K'], [512 * K, '512K'],
 [M, '1M']].forEach(([n, size], i) => {
  rows.push(fragmented(`9.3.${i + 1}`, `text in fragments of ${size}`, text,
                       TEXT(M), n));
  rows.push(fragmented(`9.4.${i + 1}`, `binary in fragments of ${size}`,
                       binary, BYTES(M), n));
});

[64, 128, 256, 512, 1024, 2048].forEach((chop, i) => {
  rows.push(echo(`9.5.${i + 1}`, `text of 256K in chops of ${chop}`,
                 text(TEXT(256 * K)), { chop }));
  rows.push(echo(`9.6.${i + 1}`, `binary of 256K in chops of ${chop}`,
                 binary(BYTES(256 * K)), { chop }));
});

[1, 16, 64, 256, 1024, 4096].forEach((n, i) => {
  rows.push(turns(`9.7.${i + 1}`, `texts of ${n} in turn`, text(TEXT(n))));
  rows.push(turns(`9.8.${i + 1}`, `binaries of ${n} in turn`,
                  binary(BYTES(n))));
});

const ENDLESS = Array.from({ length: LIMIT / (4 * K) + 1 }, (_, i) => (
  (i ? cont : text)(TEXT(4 * K), part)));

rows.push(ends('9.9.1', 'an endless text in fragments of 4K', 1009, ENDLESS));
rows.push(fragmented('10.1.1', 'text of 64K in fragments of 1300', text,
                     TEXT(64 * K), 1300));


const options = {
  directives: `sio_max_http_buffer_size ${LIMIT}; sio_limit buffer=16m;`,
  options: { maxHttpBufferSize: LIMIT },
  concurrency: 4,
};

autobahn('Autobahn 9 and 10', { ...options, on: ['node', 'nginx'] }, rows);

autobahn('Autobahn 9 and 10, some', { ...options, on: ['tls'] },
         rows.filter(({ id }) => /^(9.[12].3|9.[34].[45]|10)/.test(id)));
