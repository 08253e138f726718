'use strict';

/*
 * One server, written twice: as rules for nginx and in JavaScript for Node.
 * All tests of this directory talk to it; with SIO_TARGET=node they show
 * that they ask nothing that Socket.IO's own server does not do.
 */

exports.directives = 'sio_allow_eio3 on;';
exports.options = { allowEIO3: true };

exports.rules = `
    sio_set $size     size "room:$sio_arg_0";
    sio_set $peers    sockets "room:$sio_arg_0";
    sio_set $everyone size *;
    sio_set $user     auth /user string;
    sio_set $text     args /0/text string;
    sio_set $count    args /0/count number;
    sio_set $token    query /token;

    sio_on connect       { emit welcome $sio_id; }
    sio_on disconnecting { emit leaving $sio_id $sio_reason $sio_rooms
                                to=watchers; }
    sio_on disconnect    { emit gone $sio_id $sio_reason to=watchers; }
    sio_on watch         { join watchers; ack; }

    sio_on echo          { relay; }
    sio_on echoAck       { ack $sio_args; }
    sio_on auth          { ack $sio_auth; }
    sio_on query         { ack $token; }
    sio_on id            { ack $sio_id $sio_nsp; }
    sio_on pick          { ack '{"text": $text, "count": $count}'; }
    sio_on transport     { ack $sio_transport; }

    sio_on ask           { emit question $sio_args ack=answered; }
    sio_on_ack answered  { emit answered $sio_args; }
    sio_on askSoon       { emit question $sio_args ack=soon timeout=200ms; }
    sio_on_ack soon      { emit soon $sio_error $sio_args; }
    sio_on askRoom       { emit question $sio_arg_1 "to=room:$sio_arg_0"
                                ack=told; }
    sio_on_ack told      { emit told $sio_id $sio_arg_0 to=watchers; }

    sio_on join          { join "room:$sio_arg_0"; ack $size; }
    sio_on leave         { leave "room:$sio_arg_0"; ack $size; }
    sio_on joinMax       { join "room:$sio_arg_0" max=2; ack joined; }
    sio_on joinPlain     { join $sio_arg_0; ack; }
    sio_on rooms         { ack $sio_rooms; }
    sio_on peers         { ack $peers; }
    sio_on everyone      { ack $everyone; }

    sio_on say           { emit said $sio_args_1 "to=room:$sio_arg_0"; }
    sio_on sayOthers     { emit said $sio_args_1 "to=room:$sio_arg_0"
                                except=self; }
    sio_on sayBoth       { emit said $sio_args_2 "to=room:$sio_arg_0"
                                "to=room:$sio_arg_1"; }
    sio_on sayExcept     { emit said $sio_args_2 "to=room:$sio_arg_0"
                                "except=room:$sio_arg_1"; }
    sio_on sayAll        { emit said $sio_args to=*; }
    sio_on sayAllOthers  { emit said $sio_args to=* except=self; }
    sio_on sayPlain      { emit said $sio_args_1 to=$sio_arg_0; }
    sio_on sayCustom     { emit said $sio_args_1 "to=room:$sio_arg_0"
                                nsp=/custom; }
    sio_on sayVolatile   { emit said $sio_args volatile; }
    sio_on pass          { relay "to=room:$sio_arg_0"; }

    sio_on moveIn        { join "room:$sio_arg_1" "in=room:$sio_arg_0";
                           ack; }
    sio_on moveOut       { leave "room:$sio_arg_1" "in=room:$sio_arg_0";
                           ack; }
    sio_on kick          { disconnect "in=room:$sio_arg_0"; }
    sio_on kickClose     { disconnect close "in=room:$sio_arg_0"; }
    sio_on bye           { disconnect; }
    sio_on byeClose      { disconnect close; }

    sio_on setColor      { set color $sio_arg_0; ack; }
    sio_on getColor      { ack $sio_data_color; }
    sio_on guarded       { require $sio_data_color "error=no color"
                                   'data={"code": 403}';
                           ack $sio_data_color; }
    sio_on denied        { reject "error not meant for you"
                                  'data={"arg": $sio_arg_0}'; }

    sio_on burst         { emit burst 0 $sio_args; emit burst 1 $sio_args;
                           emit burst 2 $sio_args; emit burst 3 $sio_args;
                           emit burst 4 $sio_args; emit burst 5 $sio_args;
                           emit burst 6 $sio_args; emit burst 7 $sio_args; }

    sio_namespace /custom {
        sio_on echo      { relay; }
        sio_on id        { ack $sio_id $sio_nsp; }
        sio_on join      { join "room:$sio_arg_0"; ack $size; }
        sio_on bye       { disconnect; }
        sio_on sayAll    { emit said $sio_args to=*; }
    }

    sio_namespace /guard {
        sio_use          { require $user "error=who are you"
                                   'data={"code": 401, "wants": "user"}';
                           set user $user; }
        sio_on whoami    { ack $sio_data_user; }
    }

    sio_namespace ~ "^/dynamic-(?<number>[0-9]+)$" {
        sio_on echo      { emit echo $number $sio_nsp $sio_args; }
        sio_on sayAll    { emit said $sio_args to=*; }
    }
`;

/* locations of their own, with short times and small limits */

exports.locations = {
  '/short/': {
    directives: `
        sio_ping_interval        600ms;
        sio_ping_timeout         1s;
        sio_connect_timeout      800ms;
        sio_max_http_buffer_size 1000;
    `,
    options: {
      pingInterval: 600,
      pingTimeout: 1000,
      connectTimeout: 800,
      maxHttpBufferSize: 1000,
    },
  },
  '/msgpack/': {
    directives: 'sio_parser msgpack;',
    options: { parser: require('socket.io-msgpack-parser') },
  },
  '/upgrade/': {
    directives: 'sio_upgrade_timeout 400ms;',
    options: { upgradeTimeout: 400 },
  },
};

const room = (name) => 'room:' + name;
const call = (args) => {
  const last = args[args.length - 1];
  return typeof last === 'function' ? args.pop() : () => {};
};

exports.node = (io) => {
  const main = io.of('/');
  const size = (nsp, name) => nsp.adapter.rooms.get(room(name))?.size || 0;

  main.on('connection', (socket) => {
    const on = (event, handler) => socket.on(event, (...args) => {
      handler(call(args), ...args);
    });

    socket.emit('welcome', socket.id);
    socket.on('disconnecting', (reason) => {
      io.to('watchers').emit('leaving', socket.id, reason,
                 [...socket.rooms]);
    });
    socket.on('disconnect', (reason) => {
      io.to('watchers').emit('gone', socket.id, reason);
    });

    on('watch', (ack) => { socket.join('watchers'); ack(); });

    on('echo', (ack, ...args) => socket.emit('echo', ...args));
    on('echoAck', (ack, ...args) => ack(...args));
    on('auth', (ack) => ack(socket.handshake.auth));
    on('query', (ack) => ack(socket.handshake.query.token));
    on('id', (ack) => ack(socket.id, socket.nsp.name));
    on('pick', (ack, arg) => ack({
      text: typeof arg?.text === 'string' ? arg.text : undefined,
      count: typeof arg?.count === 'number' ? arg.count : undefined,
    }));
    on('transport', (ack) => ack(socket.conn.transport.name));

    on('ask', (ack, ...args) => {
      socket.emit('question', ...args, (...answer) => {
        socket.emit('answered', ...answer);
      });
    });
    on('askSoon', (ack, ...args) => {
      socket.timeout(200).emit('question', ...args,
        (error, ...answer) => {
          socket.emit('soon', error ? error.message : null,
                ...answer);
        });
    });
    on('askRoom', (ack, name, arg) => {
      for (const id of main.adapter.rooms.get(room(name)) || []) {
        main.sockets.get(id).emit('question', arg, (answer) => {
          io.to('watchers').emit('told', id, answer);
        });
      }
    });

    on('join', (ack, name) => {
      socket.join(room(name));
      ack(size(main, name));
    });
    on('leave', (ack, name) => {
      socket.leave(room(name));
      ack(size(main, name));
    });
    on('joinMax', (ack, name) => {
      if (size(main, name) >= 2 && !socket.rooms.has(room(name))) {
        ack({ error: 'not allowed' });
        return;
      }
      socket.join(room(name));
      ack('joined');
    });
    on('joinPlain', (ack, name) => { socket.join(String(name)); ack(); });
    on('rooms', (ack) => ack([...socket.rooms]));
    on('peers', async (ack, name) => {
      const peers = await io.in(room(name)).fetchSockets();
      ack(peers.map(({ id, data }) => ({ id, data })));
    });
    on('everyone', (ack) => ack(main.sockets.size));

    on('say', (ack, name, ...args) => {
      io.to(room(name)).emit('said', ...args);
    });
    on('sayOthers', (ack, name, ...args) => {
      socket.to(room(name)).emit('said', ...args);
    });
    on('sayBoth', (ack, a, b, ...args) => {
      io.to(room(a)).to(room(b)).emit('said', ...args);
    });
    on('sayExcept', (ack, a, b, ...args) => {
      io.to(room(a)).except(room(b)).emit('said', ...args);
    });
    on('sayAll', (ack, ...args) => io.emit('said', ...args));
    on('sayAllOthers', (ack, ...args) => {
      socket.broadcast.emit('said', ...args);
    });
    on('sayPlain', (ack, name, ...args) => {
      io.to(String(name)).emit('said', ...args);
    });
    on('sayCustom', (ack, name, ...args) => {
      io.of('/custom').to(room(name)).emit('said', ...args);
    });
    on('sayVolatile', (ack, ...args) => {
      socket.volatile.emit('said', ...args);
    });
    on('pass', (ack, name, ...args) => {
      io.to(room(name)).emit('pass', name, ...args);
    });

    on('moveIn', (ack, a, b) => {
      io.in(room(a)).socketsJoin(room(b));
      ack();
    });
    on('moveOut', (ack, a, b) => {
      io.in(room(a)).socketsLeave(room(b));
      ack();
    });
    on('kick', (ack, name) => io.in(room(name)).disconnectSockets());
    on('kickClose', (ack, name) => {
      io.in(room(name)).disconnectSockets(true);
    });
    on('bye', () => socket.disconnect());
    on('byeClose', () => socket.disconnect(true));

    on('setColor', (ack, color) => { socket.data.color = color; ack(); });
    on('getColor', (ack) => ack(socket.data.color));
    on('guarded', (ack) => {
      if (!socket.data.color) {
        ack({ error: 'no color', data: { code: 403 } });
        return;
      }
      ack(socket.data.color);
    });
    on('denied', (ack, arg) => {
      ack({ error: 'error not meant for you', data: { arg } });
    });

    on('burst', (ack, ...args) => {
      for (let i = 0; i < 8; i++) {
        socket.emit('burst', String(i), ...args);
      }
    });
  });

  io.of('/custom').on('connection', (socket) => {
    socket.on('echo', (...args) => socket.emit('echo', ...args));
    socket.on('id', (ack) => ack(socket.id, socket.nsp.name));
    socket.on('join', (name, ack) => {
      socket.join(room(name));
      ack(size(socket.nsp, name));
    });
    socket.on('bye', () => socket.disconnect());
    socket.on('sayAll', (...args) => socket.nsp.emit('said', ...args));
  });

  io.of('/guard').use((socket, next) => {
    const { user } = socket.handshake.auth;
    if (typeof user !== 'string' || !user) {
      next(Object.assign(new Error('who are you'), {
        data: { code: 401, wants: 'user' },
      }));
      return;
    }
    socket.data.user = user;
    next();
  }).on('connection', (socket) => {
    socket.on('whoami', (ack) => ack(socket.data.user));
  });

  io.of(/^\/dynamic-([0-9]+)$/).on('connection', (socket) => {
    const number = socket.nsp.name.slice('/dynamic-'.length);

    socket.on('echo', (...args) => {
      socket.emit('echo', number, socket.nsp.name, ...args);
    });
    socket.on('sayAll', (...args) => socket.nsp.emit('said', ...args));
  });
};
