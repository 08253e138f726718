'use strict';

/*
 * Clients of python-socketio and python-engineio.  All clients of a form,
 * "asyncio" or "threaded", live in one process and are driven over a pipe;
 * here each one has the shape of a socket of socket.io-client.
 */

const path = require('path');
const readline = require('readline');
const { spawn } = require('child_process');
const { EventEmitter } = require('events');

const sio = require('../lib/sio.js');

const PYTHON = process.env.SIO_PYTHON || '/usr/bin/python3';
const PROGRAMS = { asyncio: 'asynchronous.py', threaded: 'threaded.py' };


class Python {
  constructor(form) {
    const ca = sio.certificate().cert;

    this.clients = [];
    this.stderr = '';
    this.child = spawn(PYTHON, [path.join(__dirname, 'python',
                                          PROGRAMS[form])], {
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1',
             SSL_CERT_FILE: ca, REQUESTS_CA_BUNDLE: ca,
             WEBSOCKET_CLIENT_CA_BUNDLE: ca },
    });

    this.gone = new Promise((resolve) => this.child.on('close', resolve));
    this.child.stderr.on('data', (data) => { this.stderr += data; });
    this.child.stdin.on('error', () => {});

    readline.createInterface({ input: this.child.stdout }).on('line', (s) => {
      const [number, word, ...args] = JSON.parse(s, revive);

      this.clients[number].told(word, args);
    });
  }

  say(...what) {
    this.child.stdin.write(JSON.stringify(what, replace) + '\n');
  }

  /*
   * client(server, {transports, tls, nsp, path, query, auth, headers,
   * reconnection}) connects.  "nsp" may be a list of namespaces, the socket
   * is that of the first then, the others are found with of().
   */

  client(server, { tls, nsp = '/', path: where = '/socket.io/', query = '',
                   ...options } = {}) {
    const namespaces = [].concat(nsp);

    return this.create(namespaces, {
      url: (tls ? server.tlsUrl : server.url) + query,
      socketio_path: where, namespaces, wait: false, ...options,
    });
  }

  /* engine(server, {transports, tls, path, query}): of Engine.IO alone */

  engine(server, { tls, path: where = '/engine.io/', query = '',
                   ...options } = {}) {
    return this.create(['/'], {
      engine: true, url: (tls ? server.tlsUrl : server.url) + query,
      engineio_path: where, ...options,
    });
  }

  create(namespaces, options) {
    const client = new Client(this, namespaces);

    client.number = this.clients.push(client) - 1;
    this.say(client.number, 'connect', options);

    return client.of(namespaces[0]);
  }

  disconnectAll() {
    for (const client of this.clients) {
      client.disconnect();
    }
  }

  /* ends the program, which must not have ended by itself */

  async stop() {
    const timer = setTimeout(() => this.child.kill(), 5000 * sio.SLOW);

    this.disconnectAll();
    this.child.stdin.end();
    await this.gone;
    clearTimeout(timer);

    if (this.child.exitCode !== 0) {
      throw new Error(`python: exit code ${this.child.exitCode}\n`
                      + this.stderr);
    }
  }
}


/* a connection: its sockets by namespace */

class Client {
  constructor(python, namespaces) {
    this.python = python;
    this.sockets = new Map(namespaces.map(
      (nsp) => [nsp, new Socket(this, nsp)]));
    this.acks = [null];
  }

  of(nsp) {
    return this.sockets.get(nsp);
  }

  say(...what) {
    this.python.say(this.number, ...what);
  }

  disconnect() {
    if (!this.ended) {
      this.ended = true;
      this.say('disconnect');
    }
  }

  told(word, args) {
    if (word === 'ack') {
      this.acks[args[0]](...args[1]);

    } else if (word === 'failed') {
      this.sockets.forEach((socket) => socket.told(word, args));

    } else {
      this.of(args.shift()).told(word, args);
    }
  }
}


class Socket extends EventEmitter {
  constructor(client, nsp) {
    super();
    this.client = client;
    this.nsp = nsp;
    this.connected = false;
  }

  of(nsp) {
    return this.client.of(nsp);
  }

  told(word, args) {
    switch (word) {

    case 'event':
      super.emit(args[0], ...args[1]);
      return;

    case 'connect':
      [this.id, this.transport] = args;
      this.connected = true;
      super.emit('connect');
      return;

    case 'connect_error':
      super.emit(word, ...args[0]);
      return;

    default:
      this.connected = false;
      super.emit(word, ...args);
    }
  }

  emit(event, ...args) {
    let ack = null;

    if (typeof args.at(-1) === 'function') {
      ack = this.client.acks.push(args.pop()) - 1;
    }

    this.client.say('emit', this.nsp, event, args, ack);
  }

  /* of a client of Engine.IO */

  send(data) {
    this.client.say('send', data);
  }

  disconnect() {
    this.client.disconnect();
  }
}


function replace(key, value) {
  return Buffer.isBuffer(this[key])
         ? { _base64: this[key].toString('base64') } : value;
}


function revive(key, value) {
  return typeof value?._base64 === 'string'
         ? Buffer.from(value._base64, 'base64') : value;
}


module.exports = { Python, FORMS: Object.keys(PROGRAMS) };
