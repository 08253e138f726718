'use strict';

const http = require('node:http');


/*
 * The backend: handlers[TYPE:EVENT](request) gives the answer, {status, body}
 * or a body alone; what it was asked stands in `asked`.
 */

class Backend {
  constructor() {
    this.asked = [];
    this.handlers = {};
    this.server = http.createServer((req, res) => this.answer(req, res));
    this.server.keepAliveTimeout = 60000;
  }

  async start() {
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1',
                                                      resolve));
    this.port = this.server.address().port;
  }

  async answer(req, res) {
    const chunks = [];

    for await (const chunk of req) {
      chunks.push(chunk);
    }

    const h = req.headers;
    const ask = {
      url: req.url, method: req.method, headers: h,
      rawHeaders: req.rawHeaders,
      type: h['sio-type'], event: h['sio-event'] || '', id: h['sio-id'],
      nsp: h['sio-nsp'],
      room: h['sio-room'] && decodeURIComponent(h['sio-room']),
      user: h['sio-user'] && decodeURIComponent(h['sio-user']),
      data: h['sio-data'] && JSON.parse(decodeURIComponent(h['sio-data'])),
      raw: Buffer.concat(chunks),
    };

    ask.text = ask.raw.toString();
    ask.args = JSON.parse(ask.text || '[]');
    this.asked.push(ask);

    const handler = this.handlers[`${ask.type}:${ask.event}`]
                    || this.handlers[ask.type];
    let answer = handler ? await handler(ask) : '';

    if (answer === null) {
      req.socket.destroy();
      return;
    }

    if (answer === undefined || answer.status === undefined) {
      answer = { status: 200, body: answer };
    }

    const body = answer.body === undefined || answer.body === '' ? ''
      : typeof answer.body === 'string' ? answer.body
        : JSON.stringify(answer.body);

    res.writeHead(answer.status, { 'Content-Type': 'application/json',
                                   'Content-Length': Buffer.byteLength(body) });
    res.end(body);
  }

  /* what it was asked, of one type */

  of(type, event = '') {
    return this.asked.filter((a) => a.type === type && a.event === event);
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }
}


/* the location that leads to it */

const location = (backend, more = '') => `
  location /backend/ {
      internal;
      proxy_pass http://127.0.0.1:${backend.port};
      subrequest_output_buffer_size 64k;
      ${more}
  }`;


module.exports = { Backend, location };
