'use strict';

/*
 * conf-examples as they stand: the server with rooms, and the server of the
 * official chat example.
 */

const { after, before, describe, it } = require('node:test');

const lib = require('./lib.js');

const { until } = lib;


function log(socket) {
  const list = [];

  socket.onAny((...args) => list.push(args));
  return list;
}

const has = (list, name, n = 1) => () =>
  list.filter(([event]) => event === name).length >= n;


describe('rooms.conf', () => {
  const both = lib.pair({
    conf: 'rooms.conf',
    node: (io) => io.on('connection', (socket) => {
      socket.on('joinRoom', (room) => {
        socket.join(room);
        socket.to(room).emit('message', `${socket.id} joined ${room}`);
      });
      socket.on('chatMessage', ({ roomId, message }) => {
        io.to(roomId).emit('chatMessage', { sender: socket.id,
                                            text: message });
      });
      socket.on('disconnecting', () => {
        socket.to([...socket.rooms]).emit('left', socket.id);
      });
    }),
  });

  before(() => both.start());
  after(() => both.stop());

  for (const transports of [['websocket'], ['polling']]) {
    it(`a conversation over ${transports}`, () => both.compare(
      async ({ note, connect }) => {
        const a = await connect({ transports });
        const b = await connect({ transports });
        const c = await connect({ transports });
        const logs = [a, b, c].map(log);

        note(a.id, b.id, c.id);

        /* one after the other: a's own message shows that it is there */

        for (const [socket, list] of [[a, logs[0]], [b, logs[1]]]) {
          socket.emit('joinRoom', 'general');
          socket.emit('chatMessage', { roomId: 'general', message: 'here' });
          await until(has(list, 'chatMessage'));
        }

        c.emit('joinRoom', 'other');
        c.emit('chatMessage', { roomId: 'general', message: 'from outside' });
        await until(has(logs[1], 'chatMessage', 2));
        a.emit('chatMessage', { roomId: 'general', message: 'hello' });
        a.emit('chatMessage', { roomId: 'nobody', message: 'lost' });
        a.emit('chatMessage', { roomId: c.id, message: 'private' });
        b.emit('unknown', 1);
        await until(has(logs[2], 'chatMessage'));
        a.disconnect();
        await until(has(logs[1], 'left'));
        logs.forEach((list) => note(list));
      }));
  }
});


/* the official example's server, as it is in Socket.IO's repository */

function chatExample(io) {
  let numUsers = 0;

  io.on('connection', (socket) => {
    let addedUser = false;

    socket.on('new message', (data) => {
      socket.broadcast.emit('new message', { username: socket.username,
                                             message: data });
    });

    socket.on('add user', (username) => {
      if (addedUser) {
        return;
      }

      socket.username = username;
      ++numUsers;
      addedUser = true;
      socket.emit('login', { numUsers });
      socket.broadcast.emit('user joined', { username, numUsers });
    });

    socket.on('typing', () => {
      socket.broadcast.emit('typing', { username: socket.username });
    });

    socket.on('stop typing', () => {
      socket.broadcast.emit('stop typing', { username: socket.username });
    });

    socket.on('disconnect', () => {
      if (addedUser) {
        --numUsers;
        socket.broadcast.emit('user left', { username: socket.username,
                                             numUsers });
      }
    });
  });
}


describe('chat-example.conf', () => {
  const both = lib.pair({ conf: 'chat-example.conf', node: chatExample });

  before(() => both.start());
  after(() => both.stop());

  for (const transports of [['websocket'], ['polling'],
                            ['polling', 'websocket']]) {
    it(`the example's client over ${transports.join(', ')}`,
       () => both.compare(async ({ note, connect }) => {
         const a = await connect({ transports });
         const b = await connect({ transports });
         const c = await connect({ transports });
         const [la, lb, lc] = [a, b, c].map(log);

         a.emit('add user', 'ann');
         await until(has(la, 'login'));
         a.emit('add user', 'ann twice');
         a.emit('new message', 'first');
         await until(has(lc, 'new message'));
         b.emit('add user', 'b\u00f6b <script>');
         await until(has(lb, 'login'));
         b.emit('typing');
         b.emit('stop typing');
         b.emit('new message', 'hello "ann" \\ \u{1f600}');
         await until(has(la, 'new message'));
         c.emit('typing');
         c.emit('new message', 'without a name');
         await until(has(la, 'new message', 2));
         a.emit('new message', { not: ['a', 'string'] });
         await until(has(lb, 'new message', 3));
         await until(has(lc, 'new message', 3));
         c.disconnect();
         a.disconnect();
         await until(has(lb, 'user left'));

         const d = await connect({ transports });
         const ld = log(d);

         d.emit('add user', 'dan');
         await until(has(ld, 'login'));
         await until(has(lb, 'user joined'));
         d.io.engine.close();
         await until(has(lb, 'user left', 2));
         note(la, lb, lc, ld);
         b.disconnect();
       }));

    /* all are gone before the next one counts */

    it('counts from one again', () => both.compare(
      async ({ note, connect }) => {
        await until(async () => {
          const socket = await connect({ transports });
          const list = log(socket);

          socket.emit('add user', 'x');
          await until(has(list, 'login'));
          socket.disconnect();
          return list[0][1].numUsers === 1;
        });
        note('once');
      }));
  }
});
