'use strict';

/*
 * What the rules in nginx-sio.conf.in say, for Node: the plain socket.io
 * server with its default WebSocket engine (ws).
 */

const http = require('http');
const { Server } = require('socket.io');

const port = Number(process.argv[2]);

const server = http.createServer();
const io = new Server(server, { serveClient: false });

io.on('connection', (socket) => {
  socket.on('joinRoom', (room, ack) => {
    socket.join(room);
    ack();
  });

  socket.on('chat', (room, text) => {
    io.to(room).emit('chat', text);
  });

  socket.on('echo', (...args) => {
    const ack = args.pop();
    ack(...args);
  });
});

server.listen(port, '127.0.0.1', 4096);
