"""Threaded clients: requests and websocket-client.  See remote.py."""

import os
import sys
import threading

import engineio
import socketio

import remote


class InOrder(engineio.Client):
    """Each message would have a thread of its own, and the order of two, or
    of an event and its binaries, would be the scheduler's.
    """

    def _trigger_event(self, event, *args, run_async=False):
        return super()._trigger_event(event, *args)


class Client(socketio.Client):
    def _engineio_client_class(self):
        return InOrder

    def _handle_connect(self, namespace, data):
        # connect() may come to it only when the server has ended it again,
        # and an end without it is not heard
        self.connected = True
        super()._handle_connect(namespace, data)


clients = {}


def create(number, options):
    if options.pop("engine", False):
        client = InOrder(handle_sigint=False)
        remote.listen_engine(client, number)
        return client

    client = Client(reconnection=options.pop("reconnection", False),
                    reconnection_delay=0.02, reconnection_delay_max=0.05,
                    randomization_factor=0, handle_sigint=False)
    remote.listen(client, number, options["namespaces"])
    return client


def connect(number, client, options):
    try:
        client.connect(**options)

    except (engineio.exceptions.ConnectionError,
            socketio.exceptions.ConnectionError) as e:
        remote.tell(number, "failed", *e.args)


for line in sys.stdin:
    number, word, *args = remote.read(line)

    if word == "connect":
        clients[number] = create(number, args[0])
        threading.Thread(target=connect,
                         args=[number, clients[number], args[0]]).start()

    elif word == "emit":
        nsp, event, data, ack = args
        clients[number].emit(event, tuple(data), namespace=nsp,
                             callback=remote.acknowledged(number, ack))

    elif word == "send":
        clients[number].send(*args)

    elif word == "disconnect":
        threading.Thread(target=clients[number].disconnect).start()

# some thread may wait for a poll that is of no use any more
os._exit(0)
