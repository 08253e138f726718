/* The backend of hook_kinds.test.js, inside of nginx: js_content. */

function answer(r, status, value) {
    r.headersOut['Content-Type'] = 'application/json';
    r.return(status, JSON.stringify(value));
}

function handler(r) {
    var h = r.headersIn;
    var args = JSON.parse(r.requestText);

    if (h['Sio-Type'] === 'connect') {
        var shake = JSON.parse(decodeURIComponent(h['Sio-Handshake']));
        var token = shake.auth.token;

        if (token === 'bad') {
            answer(r, 401, { message: 'who?', data: { code: 7 } });
            return;
        }

        answer(r, 200, { do: [{ join: 'in' },
                              { emit: 'welcome', args: [token] }],
                         data: { token: token } });
        return;
    }

    switch (h['Sio-Event']) {

    case 'echo':
        r.return(200, r.requestText);
        break;

    case 'tell':
        answer(r, 200, args[0]);
        break;

    case 'status':
        answer(r, args[0], args[1]);
        break;

    case 'raw':
        r.return(200, Buffer.from(args[0], 'base64'));
        break;

    case 'big':
        answer(r, 200, ['x'.repeat(args[0])]);
        break;

    case 'throw':
        throw new Error('thrown');

    case 'later':
        setTimeout(function () { answer(r, 200, ['later']); }, 20);
        break;

    case 'fetch':
        ngx.fetch('http://127.0.0.1:' + r.variables.server_port + '/plain')
            .then((reply) => reply.text())
            .then((text) => r.return(200, text))
            .catch(() => r.return(500));
        break;

    case 'sub':
        r.subrequest('/plain').then(function (reply) {
            r.return(200, reply.responseText);
        }).catch(function () { r.return(500); });
        break;

    case 'headers':
        answer(r, 200, [{
            rooms: h['Sio-Rooms'], data: h['Sio-Data'], id: h['Sio-Id'],
            user: h['Sio-User'] || null,
            method: r.method, type: h['Content-Type'],
            length: Number(h['Content-Length']), address: r.remoteAddress,
        }]);
        break;

    default:
        r.return(204);
    }
}

export default { handler };
