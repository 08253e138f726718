"""What a test says to these programs, and what they answer.

Lines of JSON on the standard input, [NUMBER, WORD, ...], NUMBER being the
client that is meant: "connect" OPTIONS, "emit" NSP EVENT ARGS ACK, "send"
DATA, "disconnect".  What happens to a client goes to the standard output in
the same form.  Bytes are {"_base64": "..."}.
"""

import base64
import json
import sys
import threading

from engineio.payload import Payload

lock = threading.Lock()

# 16 would be all that one poll may bring
Payload.max_decode_packets = 10000


def read(line):
    return json.loads(line, object_hook=lambda o: base64.b64decode(
        o["_base64"]) if "_base64" in o else o)


def tell(*what):
    line = json.dumps(what, default=lambda b: {
        "_base64": base64.b64encode(b).decode()})

    with lock:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def listen(client, number, namespaces):
    """Tells all that happens to a client of Socket.IO."""

    def add(nsp):
        def connect():
            tell(number, "connect", nsp, client.get_sid(nsp),
                 client.transport())

        def connect_error(*why):
            tell(number, "connect_error", nsp, why)

        def disconnect():
            tell(number, "disconnect", nsp)

        def event(name, *args):
            tell(number, "event", nsp, name, args)

            # a question is answered with what it asks, the last first
            return args[::-1] if name == "question" else None

        client.on("connect", connect, nsp)
        client.on("connect_error", connect_error, nsp)
        client.on("disconnect", disconnect, nsp)
        client.on("*", event, nsp)

    for nsp in namespaces:
        add(nsp)


def listen_engine(client, number):
    """The same for a client of Engine.IO."""

    client.on("connect", lambda: tell(number, "connect", "/", client.sid,
                                      client.transport()))
    client.on("message", lambda data: tell(number, "event", "/", "message",
                                           [data]))
    client.on("disconnect", lambda: tell(number, "disconnect", "/"))


def acknowledged(number, ack):
    """A callback that tells the answer, if there is to be one."""

    return ack and (lambda *args: tell(number, "ack", ack, args))
