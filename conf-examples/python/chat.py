"""nginx asks for each connect and event; the answer is what it shall do."""

import json
from urllib.parse import unquote


def answer(environ):
    def sio(header):
        return json.loads(unquote(environ.get('HTTP_SIO_' + header, 'null')))

    kind = environ.get('HTTP_SIO_EVENT', environ['HTTP_SIO_TYPE'])
    args = json.loads(environ['wsgi.input'].read())
    name = (sio('DATA') or {}).get('name')
    room = f'room:{args[0]}' if args else None

    if kind == 'connect':
        name = (sio('HANDSHAKE')['auth'] or {}).get('name')
        if not name:
            return 403, {'message': 'a name, please'}
        return 200, {'data': {'name': name}}

    if kind == 'join':
        return 200, {'ack': [f'welcome, {name}'],
                     'do': [{'join': room},
                            {'emit': 'joined', 'args': [name],
                             'to': room, 'except_self': True}]}

    if kind == 'message':
        if room not in sio('ROOMS'):
            return 403, {'message': 'join the room first'}
        return 200, {'ack': ['sent'],
                     'do': {'emit': 'message', 'args': [name, args[1]],
                            'to': room}}

    if kind == 'disconnecting':
        return 200, {'do': {'emit': 'left', 'args': [name],
                            'to': sio('ROOMS'), 'except_self': True}}

    return 200, {}


def application(environ, start_response):
    status, value = answer(environ)
    start_response(f'{status} Answer', [('Content-Type', 'application/json')])
    return [json.dumps(value).encode()]
