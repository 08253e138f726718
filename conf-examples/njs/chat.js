/* nginx asks for each connect and event; the answer is what it shall do. */

function answer(r) {
    const sio = (name) => JSON.parse(decodeURIComponent(
        r.headersIn['Sio-' + name] || 'null'));

    const args = JSON.parse(r.requestText);
    const name = (sio('Data') || {}).name;
    const to = 'room:' + args[0];

    switch (r.headersIn['Sio-Event'] || r.headersIn['Sio-Type']) {

    case 'connect':
        const auth = sio('Handshake').auth || {};

        if (!auth.name) {
            return reply(r, 403, { message: 'a name, please' });
        }

        return reply(r, 200, { data: { name: auth.name } });

    case 'join':
        return reply(r, 200, {
            ack: ['welcome, ' + name],
            do: [{ join: to },
                 { emit: 'joined', args: [name], to, except_self: true }],
        });

    case 'message':
        if (!sio('Rooms').includes(to)) {
            return reply(r, 403, { message: 'join the room first' });
        }

        return reply(r, 200, {
            ack: ['sent'],
            do: { emit: 'message', args: [name, args[1]], to },
        });

    case 'disconnecting':
        return reply(r, 200, {
            do: { emit: 'left', args: [name], to: sio('Rooms'),
                  except_self: true },
        });
    }

    r.return(204);
}

function reply(r, status, value) {
    r.headersOut['Content-Type'] = 'application/json';
    r.return(status, JSON.stringify(value));
}

export default { answer };
