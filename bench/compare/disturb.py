#!/usr/bin/env python3
"""What another client does to a server while a probe times its GETs; a process of its own.

    disturb.py WHAT SOCKET KEYS SECONDS

Prepares, prints "ready", waits for a line, works for SECONDS or until its one piece of work is
done, and prints how often it did it.
"""

import json
import sys
import time

import wire

LARGE_BYTES = 16_000_000
TRANSACTION_COMMANDS = 10_000
FLOOD_PIPELINE = 1000
GROW_PIPELINE = 100
LIMIT_PIPELINE = 16
LIMIT_VALUE_BYTES = 1000
SCAN_COUNT = 1000
DROPPED_NAMESPACE = "dropped"


def again_and_again(work):
    """A disturbance that repeats `work` until its time is over."""

    def run(seconds):
        end = time.monotonic() + seconds
        count = 0
        while time.monotonic() < end:
            work()
            count += 1
        return count

    return run


def once(work):
    """A disturbance that does `work` once."""

    def run(_):
        work()
        return 1

    return run


class Client:
    """A connection that reads answers without looking at them, into one buffer."""

    def __init__(self, path):
        self.connection = wire.connect(path)
        self._buffer = bytearray(1 << 20)

    def exchange(self, data, answer_bytes):
        """Sends `data` and reads `answer_bytes`; nothing else may be on its way."""
        self.connection.send(data)
        view = memoryview(self._buffer)
        while answer_bytes > 0:
            got = self.connection.socket.recv_into(view[: min(answer_bytes, len(view))])
            if got == 0:
                raise ConnectionError("the server closed the connection")
            answer_bytes -= got


def get_large(path, _):
    client = Client(path)
    client.connection.ask("SET", "large", b"x" * LARGE_BYTES)
    request = wire.request("GET", "large")
    answer = len(b"$%d\r\n" % LARGE_BYTES) + LARGE_BYTES + 2
    return again_and_again(lambda: client.exchange(request, answer))


def set_large(path, _):
    client = Client(path)
    request = wire.request("SET", "large", b"x" * LARGE_BYTES)
    return again_and_again(lambda: client.exchange(request, len(b"+OK\r\n")))


def same_answer(*words):
    """A request whose answer, a list of strings, is as long each time."""

    def prepare(path, _):
        client = Client(path)
        request = wire.request(*words)
        answer = len(wire.request(*client.connection.ask(*words)))
        return again_and_again(lambda: client.exchange(request, answer))

    return prepare


def mget(count):
    return same_answer("MGET", *(wire.key(number) for number in range(count)))


def scan(path, _):
    connection = wire.connect(path)

    def through_all():
        cursor = b"0"
        while True:
            cursor, _ = connection.ask("SCAN", cursor, "COUNT", SCAN_COUNT)
            if cursor == b"0":
                return

    return again_and_again(through_all)


def flood(path, keys):
    client = Client(path)
    store = wire.Store("resp", b"y" * 32)
    batches = [
        store.requests(first, first + FLOOD_PIPELINE)
        for first in range(0, min(keys, 50_000), FLOOD_PIPELINE)
    ]
    answer = len(store.answer) * FLOOD_PIPELINE
    at = 0

    def next_batch():
        nonlocal at
        client.exchange(batches[at], answer)
        at = (at + 1) % len(batches)

    return again_and_again(next_batch)


def new_keys(pipeline, value_bytes):
    def prepare(path, keys):
        client = Client(path)
        store = wire.Store("resp", b"y" * value_bytes)
        answer = len(store.answer) * pipeline
        at = keys

        def next_batch():
            nonlocal at
            client.exchange(store.requests(at, at + pipeline), answer)
            at += pipeline

        return again_and_again(next_batch)

    return prepare


def one_request(*words):
    """Sends the same request again and again, with a large value stored under `large`."""

    def prepare(path, _):
        connection = wire.connect(path)
        connection.ask("SET", "large", b"x" * LARGE_BYTES)
        data = wire.request(*words)

        def work():
            connection.send(data)
            connection.reply()

        return again_and_again(work)

    return prepare


def at_once(count, *words):
    """Like one_request(), with `count` of them in a pipeline."""

    def prepare(path, _):
        connection = wire.connect(path)
        connection.ask("SET", "large", b"x" * LARGE_BYTES)
        data = wire.request(*words) * count

        def work():
            connection.send(data)
            for _ in range(count):
                connection.reply()

        return again_and_again(work)

    return prepare


def transaction(path, _):
    connection = wire.connect(path)
    sets = wire.Store("resp", b"y" * 32).requests(0, TRANSACTION_COMMANDS)
    data = wire.request("MULTI") + sets + wire.request("EXEC")

    def work():
        connection.send(data)
        for _ in range(TRANSACTION_COMMANDS + 2):
            connection.reply()

    return again_and_again(work)


def flush(path, _):
    connection = wire.connect(path)
    return once(lambda: connection.ask("FLUSHALL"))


def drop(path, _):
    connection = wire.connect(path)
    request = b'{"op":"ns.drop","name":"%s"}\n' % DROPPED_NAMESPACE.encode()

    def work():
        answer = json.loads(connection.line(request))
        if not answer["ok"]:
            raise wire.ReplyError(str(answer))

    return once(work)


def burn(_, __):
    return again_and_again(lambda: sum(range(1000)))


DISTURBANCES = {
    "burn": burn,
    "get-16mb": get_large,
    "set-16mb": set_large,
    "mget": mget(10_000),
    "keys": same_answer("KEYS", "*"),
    "scan": scan,
    "flood": flood,
    "flushall": flush,
    "drop": drop,
    "limit": new_keys(LIMIT_PIPELINE, LIMIT_VALUE_BYTES),
    "grow": new_keys(GROW_PIPELINE, 32),
    "mget-100000": mget(100_000),
    "scan-at-once": one_request("SCAN", 0, "COUNT", 1_000_000),
    "exec": transaction,
    "swapdb": one_request("SWAPDB", 0, 1),
    "getrange": one_request("GETRANGE", "large", 1, LARGE_BYTES // 2),
    "append": one_request("APPEND", "large", "y"),
    "setrange": one_request("SETRANGE", "large", 5, "y"),
    "appends": at_once(128, "APPEND", "large", "y"),
    "setranges": at_once(128, "SETRANGE", "large", 5, "y"),
}


def main():
    what, path, keys, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    run = DISTURBANCES[what](path, keys)
    print("ready", flush=True)
    sys.stdin.readline()
    print(run(seconds), flush=True)


if __name__ == "__main__":
    main()
