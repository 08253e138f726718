"""The backend of hook_kinds.test.js, for uwsgi, and by itself over HTTP."""

import base64
import json
import sys
import time
from urllib.parse import unquote


def respond(environ):
    kind = environ['HTTP_SIO_TYPE']
    event = environ.get('HTTP_SIO_EVENT', '')
    body = environ['wsgi.input'].read(int(environ['CONTENT_LENGTH']))
    args = json.loads(body)

    if kind == 'connect':
        shake = json.loads(unquote(environ['HTTP_SIO_HANDSHAKE']))
        token = shake['auth']['token']

        if token == 'bad':
            return 401, {'message': 'who?', 'data': {'code': 7}}

        return 200, {'do': [{'join': 'in'},
                            {'emit': 'welcome', 'args': [token]}],
                     'data': {'token': token}}

    if event == 'echo':
        return 200, body

    if event == 'tell':
        return 200, args[0]

    if event == 'status':
        return args[0], args[1]

    if event == 'raw':
        return 200, base64.b64decode(args[0])

    if event == 'big':
        return 200, ['x' * args[0]]

    if event == 'slow':
        time.sleep(2)
        return 200, ['late']

    if event == 'headers':
        return 200, [{
            'rooms': environ['HTTP_SIO_ROOMS'],
            'data': environ.get('HTTP_SIO_DATA'),
            'id': environ['HTTP_SIO_ID'],
            'user': environ.get('HTTP_SIO_USER'),
            'method': environ['REQUEST_METHOD'],
            'type': environ['CONTENT_TYPE'],
            'length': int(environ['CONTENT_LENGTH']),
            'address': environ['REMOTE_ADDR'],
        }]

    return 204, b''


def application(environ, start_response):
    status, answer = respond(environ)

    if not isinstance(answer, bytes):
        answer = json.dumps(answer).encode()

    start_response(f'{status} Answer', [
        ('Content-Type', 'application/json'),
        ('Content-Length', str(len(answer))),
    ])
    return [answer]


if __name__ == '__main__':
    from socketserver import ThreadingMixIn
    from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

    class Server(ThreadingMixIn, WSGIServer):
        daemon_threads = True
        request_queue_size = 128

    class Handler(WSGIRequestHandler):
        def log_message(self, *args):
            pass

        def address_string(self):
            return self.headers.get('X-Real-IP', '')

    server = Server(('127.0.0.1', int(sys.argv[1])), Handler)
    server.set_app(application)
    server.serve_forever()
