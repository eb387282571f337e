"""A daemon of its own for a measurement, and a connection to it."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time

BATCH = 5_000
KEY_BYTES = 16
STOP_SECONDS_MAX = 300  # many entries on a busy machine


def request(*words):
    """A request of RESP."""
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        word = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
    return b"".join(parts)


class Client:
    """A connection that speaks RESP."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.replies = self.socket.makefile("rb", buffering=1 << 18)

    def close(self):
        self.replies.close()
        self.socket.close()

    def ask(self, *words):
        self.socket.sendall(request(*words))
        return self.read()

    def read(self):
        line = self.replies.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"$" and rest != b"-1":
            return self.replies.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self.read() for _ in range(int(rest))]
        if kind == b"-" or not line:
            sys.exit(f"the daemon said {line!r}")
        return rest

    def write(self, numbers, value, ttl_ms=0):
        """Writes `value` under the keys with these numbers."""
        words = 5 if ttl_ms else 3
        head = b"*%d\r\n$3\r\nSET\r\n$%d\r\nkey:%%0%dd\r\n$%d\r\n%s\r\n" % (
            words, KEY_BYTES, KEY_BYTES - 4, len(value), value)
        tail = b"$2\r\nPX\r\n$%d\r\n%d\r\n" % (len(str(ttl_ms)), ttl_ms) if ttl_ms else b""
        for begin in range(0, len(numbers), BATCH):
            some = tuple(numbers[begin:begin + BATCH])
            self.socket.sendall((head + tail) * len(some) % some)
            replies = self.replies.read(len(some) * 5)
            if replies != b"+OK\r\n" * len(some):
                sys.exit(f"the daemon said {replies[:200]!r}")


class Daemon(Client):
    """A daemon with a socket in a folder of its own, and a connection to it."""

    def __init__(self, program, *options):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "s")
        begin = time.monotonic()
        self.process = subprocess.Popen(
            [program, "--socket", self.path, "--log-level", "error", *options])
        while True:
            try:
                super().__init__(self.path)
                break
            except OSError:
                if time.monotonic() > begin + 30 or self.process.poll() is not None:
                    sys.exit("the daemon did not start")
                time.sleep(0.001)
        self.ask("PING")
        self.start_seconds = time.monotonic() - begin

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
        self.process.terminate()
        self.process.wait(STOP_SECONDS_MAX)
        self.folder.cleanup()

    def status(self, field):
        """Bytes of a field of /proc/PID/status: VmRSS, or VmHWM, which is what VmRSS was at most."""
        with open(f"/proc/{self.process.pid}/status") as status:
            for line in status:
                if line.startswith(field + ":"):
                    return int(line.split()[1]) * 1024
        raise RuntimeError("no " + field)

    def stats(self):
        """What the daemon accounts, in bytes: memory_used, of which live, tables and large."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self.path)
            connection.sendall(b'{"op":"stats"}\n')
            return json.loads(connection.makefile("rb").readline())

    def rest(self, seconds_max=10):
        """Waits until nothing in the background changes what is resident; returns that, and what is
        accounted."""
        end = time.monotonic() + seconds_max
        before = None
        while (now := (self.status("VmRSS"), self.stats()["memory_used"])) != before:
            if time.monotonic() > end:
                break
            before = now
            time.sleep(0.3)
        return now
