#!/usr/bin/env python3
"""How long others wait while one client is busy.

One connection sends PINGs, another one does something large, on one event loop. Prints how long the
PINGs took, of appmemd and of redis-server, in milliseconds:

    cmake --preset release && cmake --build --preset release
    bench/others_go_on.py [SCENARIO ...]
"""

import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
import time

KEYS = 1_000_000
LARGE = 16 << 20
REPEAT = 10  # so often each scenario


def request(*words):
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        word = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
    return b"".join(parts)


class Client:
    """Sends requests and reads replies without keeping them; tells of the first error."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb", buffering=1 << 20)
        self.error = None

    def ask(self, *words):
        return self.ask_all([request(*words)])

    def ask_all(self, requests):
        self.socket.sendall(b"".join(requests))
        reply = None
        for _ in requests:
            reply = self.read()
        return reply

    def read(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"$" and rest != b"-1":
            return self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self.read() for _ in range(int(rest))]
        if kind == b"-" and self.error is None:
            self.error = rest.decode()
        return rest


def fill(client):
    for begin in range(0, KEYS, 10_000):
        client.ask_all([request("SET", f"key:{i}", i) for i in range(begin, begin + 10_000)])


def scan(client):
    cursor = b"0"
    while True:
        cursor, _ = client.ask("SCAN", cursor, "COUNT", 1000)
        if cursor == b"0":
            return


def scan_at_once(client):
    client.ask("SCAN", "0", "COUNT", KEYS)


def keys_of(count):
    return [f"key:{i}" for i in range(count)]


def flushall(client):
    client.ask("FLUSHALL")
    time.sleep(0.5)  # what comes behind it counts too


def execute(client):
    client.ask("MULTI")
    client.ask_all([request("SET", f"key:{i}", i) for i in range(10_000)])
    client.ask("EXEC")


def large_then(*words):
    def run(client):
        client.ask(*[b"x" * LARGE if word == "LARGE" else word for word in words])

    return run


def many(count, *words):
    return lambda client: client.ask_all([request(*words)] * count)


# name: (what is stored before, how often, what is measured)
SCENARIOS = {
    "idle": ("", REPEAT, lambda client: time.sleep(0.1)),
    "KEYS * over 1,000,000": ("keys", 3, lambda client: client.ask("KEYS", "*")),
    "SCAN over them, COUNT 1000": ("keys", 1, scan),
    "SCAN COUNT 1000000": ("keys", 3, scan_at_once),
    "SWAPDB 0 1": ("keys", 100 * REPEAT, lambda client: client.ask("SWAPDB", 0, 1)),
    "MGET of 10,000": ("keys", REPEAT, lambda client: client.ask("MGET", *keys_of(10_000))),
    "MGET of 100,000": ("keys", REPEAT, lambda client: client.ask("MGET", *keys_of(100_000))),
    "EXEC of 10,000": ("keys", REPEAT, execute),
    "FLUSHALL": ("keys", 1, flushall),
    "SET 16 MiB": ("large", REPEAT, large_then("SET", "large", "LARGE")),
    "GET 16 MiB": ("large", REPEAT, large_then("GET", "large")),
    "GETRANGE of half of it": ("large", REPEAT, large_then("GETRANGE", "large", 1, LARGE // 2)),
    "APPEND to it": ("large", REPEAT, large_then("APPEND", "large", "y")),
    "SETRANGE in it": ("large", REPEAT, large_then("SETRANGE", "large", 5, "y")),
    "128 APPENDs to it at once": ("large", 3, many(128, "APPEND", "large", "y")),
    "128 SETRANGEs in it at once": ("large", 3, many(128, "SETRANGE", "large", 5, "y")),
}


def ping_until_told(path, pipe):
    client = Client(path)
    ping = request("PING")
    for _ in range(100):
        client.ask_all([ping])
    pipe.send("ready")
    times = []
    while not pipe.poll():
        begin = time.perf_counter()
        client.ask_all([ping])
        times.append(time.perf_counter() - begin)
        time.sleep(0.0002)
    pipe.send(times)


def measure(path, client, repeat, action):
    here, there = multiprocessing.Pipe()
    pinger = multiprocessing.Process(target=ping_until_told, args=(path, there))
    pinger.start()
    here.recv()
    begin = time.perf_counter()
    for _ in range(repeat):
        action(client)
    took = (time.perf_counter() - begin) / repeat
    time.sleep(0.05)  # PINGs after a request that is over at once
    here.send("stop")
    times = sorted(here.recv())
    pinger.join()
    return took, times


def prepare(client, what):
    client.ask("FLUSHALL")
    time.sleep(1)
    if what == "keys":
        fill(client)
    if what == "large":
        client.ask("SET", "large", b"x" * (LARGE - 1000))
    client.error = None


def run(path, names):
    results = {}
    client = Client(path)
    stored = None
    for name in names:
        what, repeat, action = SCENARIOS[name]
        if what != stored or what == "large":
            prepare(client, what)
        stored = what
        took, times = measure(path, client, repeat, action)
        at = lambda share: times[min(len(times) - 1, int(len(times) * share))] * 1000
        results[name] = (took * 1000, at(0.5), at(0.99), times[-1] * 1000, client.error)
        client.error = None
    return results


def start(arguments, path):
    server = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not os.path.exists(path):
        time.sleep(0.05)
    return server


def main():
    names = sys.argv[1:] or list(SCENARIOS)
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    appmemd = os.environ.get("APPMEMD", root + "/build/release/bin/appmemd")
    with tempfile.TemporaryDirectory() as folder:
        path = folder + "/s"
        results = []
        for arguments in (
            [appmemd, "--socket", path, "--threads", "1", "--max-memory", "1GiB",
             "--max-value-bytes", "17MiB"],
            ["redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--dir", folder],
        ):
            server = start(arguments, path)
            time.sleep(0.2)
            try:
                results.append(run(path, names))
            finally:
                server.terminate()
                server.wait()
            if os.path.exists(path):
                os.unlink(path)
    print(f"{'ms: the request, PING p50 p99 max':34}{'appmemd':>32}{'redis-server':>36}")
    for name in names:
        line = f"{name:34}"
        for result in results:
            line += "{:10.1f} {:7.2f} {:7.2f} {:7.2f} ".format(*result[name][:4])
        errors = [result[name][4] for result in results]
        print(line + "; ".join(error[:60] for error in errors if error))


if __name__ == "__main__":
    main()
