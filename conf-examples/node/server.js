'use strict';

/* nginx asks for each connect and event; the answer is what it shall do. */

const express = require('express');

const app = express();

app.use(express.json());

app.use((req, res, next) => {
  req.sio = (name) => JSON.parse(decodeURIComponent(req.get(`Sio-${name}`)
                                                    || 'null'));
  req.user = req.sio('Data')?.name;
  next();
});

app.post('/hooks/connect', (req, res) => {
  const name = req.sio('Handshake').auth?.name;

  if (!name) {
    return res.status(403).json({ message: 'a name, please' });
  }

  res.json({ data: { name } });
});

app.post('/hooks/join', (req, res) => {
  const to = `room:${req.body[0]}`;

  res.json({ ack: [`welcome, ${req.user}`],
             do: [{ join: to },
                  { emit: 'joined', args: [req.user], to,
                    except_self: true }] });
});

app.post('/hooks/message', (req, res) => {
  const to = `room:${req.body[0]}`;

  if (!req.sio('Rooms').includes(to)) {
    return res.status(403).json({ message: 'join the room first' });
  }

  res.json({ ack: ['sent'],
             do: { emit: 'message', args: [req.user, req.body[1]], to } });
});

app.post('/hooks/leave', (req, res) => {
  res.json({ do: { emit: 'left', args: [req.user], to: req.sio('Rooms'),
                   except_self: true } });
});

app.listen(process.env.PORT || 3000, '127.0.0.1');
