'use strict';

/*
 * What conf-examples/chat.conf says, in JavaScript: with SIO_TARGET=node the
 * browser test runs against this.  It can be started by hand, too:
 * node reference.js PORT
 */

const fs = require('fs');
const http = require('http');
const path = require('path');
const { Server } = require('socket.io');

const PAGE = path.join(__dirname, '../../conf-examples/chat/index.html');


function app(io) {
  const is = (value, n) => typeof value === 'string'
                           && new RegExp(`^\\S.{0,${n - 1}}$`, 'u').test(value);

  io.use((socket, next) => {
    const { name } = socket.handshake.auth;

    if (!is(name, 24)) {
      next(Object.assign(new Error('a name has 1 to 24 characters'),
                         { data: { field: 'name' } }));
      return;
    }

    socket.data.name = name;
    next();
  });

  io.on('connection', (socket) => {
    const { id, data: { name } } = socket;
    const key = (room) => `room:${room}`;
    const there = (room) => socket.rooms.has(key(room));

    socket.emit('hello', { worker: String(process.pid), nginx: 'none' });

    socket.on('join', async ({ room }, ack) => {
      if (!is(room, 32)) {
        ack({ error: 'a room name has 1 to 32 characters' });
        return;
      }

      if (there(room)) {
        ack({ error: 'you are there already' });
        return;
      }

      socket.join(key(room));
      socket.to(key(room)).emit('joined', { room, id, name });

      const peers = await io.in(key(room)).fetchSockets();

      ack({ room, peers: peers.map((s) => ({ id: s.id, data: s.data })) });
    });

    socket.on('leave', ({ room }, ack) => {
      if (!there(room)) {
        ack({ error: 'you are not there' });
        return;
      }

      socket.leave(key(room));
      io.to(key(room)).emit('left', { room, id });
      ack({ room });
    });

    socket.on('say', ({ room, text }, ack) => {
      if (!there(room) || !text) {
        ack({ error: there(room) ? 'say something' : 'join the room first' });
        return;
      }

      io.to(key(room)).emit('said', { room, id, name, text,
                                      time: Date.now() });
      ack({ time: Date.now() });
    });

    socket.on('typing', ({ room, on }) => {
      if (there(room)) {
        socket.volatile.to(key(room)).emit('typing', { room, id, name, on });
      }
    });

    socket.on('whisper', ({ to, text }, ack) => {
      if (!/^[\w-]{20}$/.test(to) || !io.sockets.sockets.has(to) || !text) {
        ack({ error: 'this person has left' });
        return;
      }

      io.to(to).emit('whispered', { id, name, text, time: Date.now() });
      ack({ time: Date.now() });
    });

    socket.on('disconnecting', () => {
      socket.to([...socket.rooms]).emit('gone', { id });
    });
  });
}


async function start(port = 0) {
  const server = http.createServer((req, res) => {
    res.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' });
    res.end(fs.readFileSync(PAGE));
  });
  const io = new Server(server);

  app(io);
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));

  return {
    url: `http://127.0.0.1:${server.address().port}`,
    workers: () => [process.pid],
    stop: () => new Promise((resolve) => {
      io.close(resolve);
      server.closeAllConnections();
    }),
  };
}


module.exports = { start };

if (require.main === module) {
  start(Number(process.argv[2] || 8080)).then(({ url }) => console.log(url));
}
