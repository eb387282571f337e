"""Just enough of RESP and memcached's text protocol to fill a server and to ask it something."""

import socket

REPLY_SECONDS_MAX = 120.0
FILL_BATCH = 1000
FILL_BATCH_BYTES = 4 << 20


class ReplyError(Exception):
    """The server answered with an error."""


def request(*words):
    """One command of RESP; numbers and strings become bytes."""
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        word = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
    return b"".join(parts)


def key(number):
    """The key that redis-benchmark and `appmemctl bench` give this number: 16 bytes."""
    return b"key:%012d" % number


class Connection:
    """A blocking connection whose replies are read in order."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(REPLY_SECONDS_MAX)
        try:
            self.socket.connect(path)
        except BaseException:
            self.socket.close()
            raise
        self._file = self.socket.makefile("rb", buffering=1 << 16)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._file.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def ask(self, *words):
        """The reply to one command of RESP: bytes, int, None or a list. Raises ReplyError."""
        self.send(request(*words))
        return self.reply()

    def line(self, data):
        """Sends `data` and returns the one line of the answer, without its end."""
        self.send(data)
        return self.read_line()

    def read_line(self):
        line = self._file.readline()
        if not line.endswith(b"\n"):
            raise ConnectionError("the server closed the connection")
        return line.rstrip(b"\r\n")

    def read_exactly(self, count):
        data = self._file.read(count)
        if len(data) != count:
            raise ConnectionError("the server closed the connection")
        return data

    def reply(self):
        line = self.read_line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.read_exactly(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        raise ReplyError(rest.decode(errors="replace"))


def connect(path):
    return Connection(path)


def info(connection):
    """INFO as a dictionary of strings."""
    lines = connection.ask("INFO").decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


class Store:
    """Requests that store `value` under numbered keys, and the one answer each of them has.

    `expires` is None; or a function from a key's number to its deadline, in milliseconds since 1970
    for RESP and in whole seconds from now for memcached.
    """

    def __init__(self, protocol, value, expires=None):
        self.batch = max(1, min(FILL_BATCH, FILL_BATCH_BYTES // max(1, len(value))))
        self._protocol = protocol
        self._expires = expires
        if protocol == "memcached":
            self.answer = b"STORED\r\n"
            self._template = b"set key:%%012d 0 %%d %d\r\n%s\r\n" % (len(value), _escape(value))
        else:
            self.answer = b"+OK\r\n"
            head = b"*%d\r\n$3\r\nSET\r\n$16\r\nkey:%%012d\r\n$%d\r\n%s\r\n"
            self._template = head % (3 if expires is None else 5, len(value), _escape(value))
            if expires is not None:
                self._template += b"$4\r\nPXAT\r\n$13\r\n%013d\r\n"

    def requests(self, begin, end):
        """The requests for the keys numbered from `begin` to `end`, one after the other."""
        numbers = range(begin, end)
        if self._expires is not None:
            values = tuple(x for number in numbers for x in (number, self._expires(number)))
        elif self._protocol == "memcached":
            values = tuple(x for number in numbers for x in (number, 0))
        else:
            values = tuple(numbers)
        return self._template * (end - begin) % values


def _escape(value):
    return value.replace(b"%", b"%%")


def fill(connection, store, begin, end):
    """Stores the keys from `begin` to `end` and checks every answer."""
    for first in range(begin, end, store.batch):
        last = min(end, first + store.batch)
        connection.send(store.requests(first, last))
        expected = store.answer * (last - first)
        got = connection.read_exactly(len(expected))
        if got != expected:
            raise ReplyError(f"a fill was answered with {got[:80]!r}")


def fill_protocol(kind):
    return "resp" if "resp" in kind.protocols else "memcached"
