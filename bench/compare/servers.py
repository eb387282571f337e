"""The servers that are compared, each started on a Unix socket of its own and on given cores."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass

import wire

MIB = 1 << 20
START_SECONDS_MAX = 20.0
STOP_SECONDS_MAX = 30.0


@dataclass(frozen=True)
class Limits:
    """What a server is started with; every kind has its own words for it."""

    memory_bytes: int = 12 << 30
    value_bytes: int = 17 * MIB
    connections: int = 1000
    threads: int = 1


@dataclass(frozen=True)
class Kind:
    name: str
    program: str
    protocols: tuple
    evicts: bool = False  # an LRU cache by itself, rather than by an option

    def command(self, path, folder, limits):
        return _COMMANDS[self.name](self.program, path, folder, limits)


def _appmemd(program, path, folder, limits):
    return [program, "--socket", path, "--threads", str(limits.threads), "--log-level", "error"] + [
        "--max-memory", str(limits.memory_bytes), "--max-value-bytes", str(limits.value_bytes),
        "--max-connections", str(limits.connections),
    ]


def _redis(program, path, folder, limits):
    return [program, "--port", "0", "--unixsocket", path, "--dir", folder] + [
        "--save", "", "--appendonly", "no", "--maxclients", str(limits.connections),
        "--maxmemory", str(limits.memory_bytes), "--maxmemory-policy", "allkeys-lru",
    ]


def _memcached(program, path, folder, limits):
    megabytes = max(1, limits.memory_bytes // MIB)
    command = [program, "-s", path, "-a", "0700", "-t", str(limits.threads), "-m", str(megabytes)]
    command += ["-c", str(limits.connections)]
    if limits.value_bytes > MIB and megabytes >= 2 * limits.value_bytes // MIB:
        command += ["-I", str(limits.value_bytes)]
    return command + (["-u", "root"] if os.geteuid() == 0 else [])


_COMMANDS = {"appmem": _appmemd, "redis": _redis, "valkey": _redis, "memcached": _memcached}
NAMES = tuple(_COMMANDS)


def find_kinds(bin_folder, environment, names=None):
    """The kinds there are on this machine, appmem first, and why others are missing.

    VALKEY_SERVER in `environment` names Valkey's server; the others come from `bin_folder` and PATH.
    """
    found, missing = [], []
    programs = [
        ("appmem", os.path.join(bin_folder, "appmemd"), ("resp", "ndjson")),
        ("redis", shutil.which("redis-server"), ("resp",)),
        ("memcached", shutil.which("memcached"), ("memcached",)),
        ("valkey", environment.get("VALKEY_SERVER"), ("resp",)),
    ]
    for name, program, protocols in programs:
        if names is not None and name not in names:
            continue
        if program and os.access(program, os.X_OK):
            found.append(Kind(name, os.path.abspath(program), protocols))
        elif name == "valkey" and not program:
            missing.append("valkey: VALKEY_SERVER names no program")
        else:
            missing.append(f"{name}: no program {program or name}")
    return found, missing


SERVER_PRIORITY = 1
CLIENT_PRIORITY = 1
PROBE_PRIORITY = 2


@dataclass(frozen=True)
class Placement:
    """Which cores the server has, and which its clients; the same ones where there is only one.

    `realtime` runs both before everything else on these cores (SCHED_FIFO, which needs root): for a
    machine on which others work at the same time.
    """

    server: frozenset
    clients: frozenset
    realtime: bool = False

    @staticmethod
    def choose(cores, threads, realtime=False):
        cores = sorted(cores)
        if len(cores) < 2:
            return Placement(frozenset(cores), frozenset(cores), realtime)
        count = min(threads, len(cores) - 1)
        return Placement(frozenset(cores[:count]), frozenset(cores[count:]), realtime)

    def for_server(self):
        """A server started inside runs where it belongs."""
        return _scheduled(self.server, SERVER_PRIORITY if self.realtime else 0)

    def for_clients(self, priority=CLIENT_PRIORITY):
        """A client started inside runs where it belongs."""
        return _scheduled(self.clients, priority if self.realtime else 0)


@contextlib.contextmanager
def _scheduled(cores, priority):
    cores_before = os.sched_getaffinity(0)
    policy_before, parameters_before = os.sched_getscheduler(0), os.sched_getparam(0)
    os.sched_setaffinity(0, cores)
    try:
        if priority > 0:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
        yield
    finally:
        if priority > 0:
            os.sched_setscheduler(0, policy_before, parameters_before)
        os.sched_setaffinity(0, cores_before)


class Server:
    """One running server. Use it in a `with`: it starts there, answers, and ends with it."""

    def __init__(self, kind, placement, limits=Limits()):
        self.kind = kind
        self.limits = limits
        self._placement = placement
        self._folder = tempfile.mkdtemp(prefix="compare-")
        self.path = os.path.join(self._folder, "s")
        self._process = None
        self.start_seconds = None

    def __enter__(self):
        command = self.kind.command(self.path, self._folder, self.limits)
        with self._placement.for_server():
            begin = time.monotonic()
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
        try:
            self._wait_for_answer(begin + START_SECONDS_MAX)
        except BaseException:
            self.__exit__()
            raise
        self.start_seconds = time.monotonic() - begin
        return self

    def __exit__(self, *_):
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process.stderr.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def pid(self):
        return self._process.pid

    def ask_something(self, connection):
        """One small request and its answer, in a protocol that this server speaks."""
        if "resp" in self.kind.protocols:
            connection.ask("PING")
        else:
            connection.line(b"version\r\n")

    def cpu_seconds(self):
        """CPU time of all threads of the process up to now."""
        total = 0
        for task in os.listdir(f"/proc/{self.pid}/task"):
            with contextlib.suppress(FileNotFoundError):
                with open(f"/proc/{self.pid}/task/{task}/schedstat") as file:
                    total += int(file.read().split()[0])
        return total / 1e9

    def resident_bytes(self):
        with open(f"/proc/{self.pid}/smaps_rollup") as file:
            for line in file:
                if line.startswith("Rss:"):
                    return int(line.split()[1]) * 1024
        raise RuntimeError(f"no Rss of process {self.pid}")

    def _wait_for_answer(self, deadline):
        while True:
            try:
                with wire.connect(self.path) as connection:
                    self.ask_something(connection)
                    return
            except (FileNotFoundError, ConnectionRefusedError):
                if self._process.poll() is not None:
                    error = self._process.stderr.read().decode(errors="replace").strip()
                    raise RuntimeError(f"{self.kind.name} ended at its start: {error}") from None
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{self.kind.name} does not answer") from None
                time.sleep(0.0002)
