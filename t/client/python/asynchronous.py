"""Clients on asyncio: aiohttp.  See remote.py."""

import asyncio
import sys

import engineio
import socketio

import remote


clients = {}


def create(number, options):
    if options.pop("engine", False):
        client = engineio.AsyncClient(handle_sigint=False)
        remote.listen_engine(client, number)
        return client

    client = socketio.AsyncClient(
        reconnection=options.pop("reconnection", False),
        reconnection_delay=0.02, reconnection_delay_max=0.05,
        randomization_factor=0, handle_sigint=False)
    remote.listen(client, number, options["namespaces"])
    return client


async def connect(number, client, options):
    try:
        await client.connect(**options)

    except (engineio.exceptions.ConnectionError,
            socketio.exceptions.ConnectionError) as e:
        remote.tell(number, "failed", *e.args)


async def main():
    reader = asyncio.StreamReader(limit=1 << 24)
    tasks = set()

    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

    async for line in reader:
        number, word, *args = remote.read(line)

        if word == "connect":
            clients[number] = create(number, args[0])
            tasks.add(asyncio.create_task(
                connect(number, clients[number], args[0])))

        elif word == "emit":
            nsp, event, data, ack = args
            await clients[number].emit(
                event, tuple(data), namespace=nsp,
                callback=remote.acknowledged(number, ack))

        elif word == "send":
            await clients[number].send(*args)

        elif word == "disconnect":
            await clients[number].disconnect()


asyncio.run(main())
