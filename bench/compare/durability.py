"""What lasts: appmemd with a log against Redis's append-only file, on the same disk in the same run.

Throughput when every write is on the disk before its answer, CPU time a request when it is there within a
second, the time of a restart, and how long a quiet client waits beside checkpoints, compaction and syncs.
"""

import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

import evenness
import figures
import load
import report
import servers
import targets
import wire

TARGET_PREFIXES = ("durability.",)
PARTS = ("throughput", "cpu", "restart", "latency")
PIPELINES = (1, 16)
CLIENTS = (1, 10, 50)
KEYS = 100_000
VALUE_BYTES = 32
ROUNDS_MAX = 3
ENTRIES = 1_000_000
STARTS = 3
LOADING_SECONDS_MAX = 300.0
LATENCY_RUNS = 3
LATENCY_SECONDS = 5.0
LATENCY_KEYS = 200_000
# Small, so that there is rotation and compaction within seconds.
LATENCY_SEGMENT = "4MiB"
SYNCS_MEASURED = 200
DURABLE = ("appmem", "redis", "valkey")
HERE = os.path.dirname(os.path.abspath(__file__))

# How each server is told when what it has written is to be on the disk.
SYNC_WORDS = {
    "always": ("always", "always"),
    "interval": ("interval", "everysec"),
    "os": ("os", "no"),
}


def add_options(parser):
    group = parser.add_argument_group("durability", "--entries sets those of a restart")
    group.add_argument("--parts", nargs="+", choices=PARTS, metavar="NAME", help=f"of {', '.join(PARTS)}")
    group.add_argument(
        "--disk", metavar="DIR", help="where data directories are made; default: beside --bin"
    )


@dataclass(frozen=True)
class DurableKind(servers.Kind):
    """A kind of server that keeps what it has in `data`."""

    data: str = ""
    sync: str = "always"
    more: tuple = ()

    @staticmethod
    def of(kind, data, sync, more=()):
        return DurableKind(kind.name, kind.program, kind.protocols, kind.evicts, data, sync, tuple(more))

    def command(self, path, folder, limits):
        command = super().command(path, folder, limits)
        ours, theirs = SYNC_WORDS[self.sync]
        if self.name == "appmem":
            return command + ["--data-dir", self.data, "--sync", ours, *self.more]
        # A later option holds. Its child would rewrite the file beside a measurement, unasked.
        command += ["--dir", self.data, "--appendonly", "yes", "--appendfsync", theirs]
        return command + ["--aof-use-rdb-preamble", "yes", "--auto-aof-rewrite-percentage", "0"]


class DurableServer(servers.Server):
    """Answers once it has loaded what it keeps: `start_seconds` goes up to its first answered GET."""

    def ask_something(self, connection):
        deadline = time.monotonic() + LOADING_SECONDS_MAX
        while True:
            try:
                self.first_answer = connection.ask("GET", wire.key(0))
                return
            except wire.ReplyError as error:
                if "LOADING" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.0005)

    def make_durable(self):
        """The keys that this daemon has by default are kept from here on."""
        if self.kind.name == "appmem":
            ask_json(self, {"op": "ns.alter", "name": "default", "persist": "wal"})

    def kill(self):
        self._process.kill()
        self._process.wait()

    def _wait_for_answer(self, deadline):
        super()._wait_for_answer(deadline + LOADING_SECONDS_MAX)


def ask_json(server, request):
    with wire.connect(server.path) as connection:
        answer = json.loads(connection.line(json.dumps(request).encode() + b"\n"))
    if not answer["ok"]:
        raise wire.ReplyError(f"{request} was answered with {answer}")
    return answer


def run(context):
    result = report.SectionReport()
    parts = context.options.parts or PARTS
    kinds = [kind for kind in context.kinds if kind.name in DURABLE]
    with _on_disk(context) as folder:
        result.data["sync_us"] = sync_us = _sync_times(folder)
    for part, measure in (
        ("throughput", _throughput),
        ("cpu", _cpu),
        ("restart", _restarts),
        ("latency", _latency),
    ):
        if part not in parts:
            continue
        try:
            measure(context, kinds, result)
        except (load.GeneratorError, wire.ReplyError, RuntimeError, OSError) as error:
            result.messages.append(f"durability, {part}: {error}")
    if result.tables:
        result.tables[0].note += f" A write of 4 KiB and fdatasync here: {report.number(sync_us)} µs, median."
    return result


@contextlib.contextmanager
def _on_disk(context):
    """A new folder on the disk that is measured."""
    where = context.options.disk or os.path.dirname(os.path.abspath(context.options.bin))
    folder = tempfile.mkdtemp(prefix="durability-", dir=where)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sync_times(folder):
    """Microseconds that this disk takes for a small write and its sync, median."""
    times = []
    with open(os.path.join(folder, "sync"), "wb", buffering=0) as file:
        os.posix_fallocate(file.fileno(), 0, 4096 * SYNCS_MEASURED)
        os.fsync(file.fileno())
        for _ in range(SYNCS_MEASURED):
            begin = time.monotonic()
            file.write(b"x" * 4096)
            os.fdatasync(file.fileno())
            times.append((time.monotonic() - begin) * 1e6)
    return statistics.median(times)


# --- throughput and CPU time ---


def _throughput(context, kinds, result):
    samples = _measure(context, kinds, "always", CLIENTS)
    for pipeline in PIPELINES:
        ours = samples.get(("appmem", pipeline, max(CLIENTS)))
        theirs = samples.get(("redis", pipeline, max(CLIENTS)))
        if ours and theirs:
            values = ([each.requests_per_second for each in side] for side in (ours, theirs))
            result.figures[f"durability.always.rate.{pipeline}"] = figures.median_ratio(*values)
        if ours:
            rates = [_median_rate(samples["appmem", pipeline, clients]) for clients in CLIENTS]
            result.figures[f"durability.always.growth.{pipeline}"] = least_growth(rates)
    rows = _rows(samples, ("appmem", "redis", "valkey"))
    columns = ["clients, pipeline", "server", "SETs/s", "CPU µs/request", "server busy"]
    note = (
        "--sync always and appendfsync always: on the disk before the answer. Redis does not rewrite its "
        "file meanwhile; appmemd compacts its log."
    )
    result.tables.append(report.Table("Every write synced", columns + ["p50 µs", "p99 µs"], rows, note))
    result.data["always"] = _plain(samples)


def _cpu(context, kinds, result):
    samples = _measure(context, kinds, "interval", CLIENTS[-1:])
    for pipeline in PIPELINES:
        ours = samples.get(("appmem", pipeline, CLIENTS[-1]))
        theirs = samples.get(("redis", pipeline, CLIENTS[-1]))
        if ours and theirs:
            values = ([each.cpu_us_per_request for each in side] for side in (ours, theirs))
            result.figures[f"durability.interval.cpu.{pipeline}"] = figures.median_ratio(*values)
    columns = ["clients, pipeline", "server", "SETs/s", "CPU µs/request", "server busy", "p50 µs", "p99 µs"]
    note = "--sync interval and appendfsync everysec. CPU time is that of all threads of the process."
    rows = _rows(samples, ("appmem", "redis", "valkey"))
    result.tables.append(report.Table("Synced each second", columns, rows, note))
    result.data["interval"] = _plain(samples)


def least_growth(rates):
    """By how much the throughput rises from one number of clients to the next, at least."""
    return min(more / fewer for fewer, more in zip(rates, rates[1:]))


def requests_of(sync, clients, pipeline, quick):
    """So many that a run takes a second or more, and on a slow disk not minutes."""
    base = min(2000 * clients, 60_000) if sync == "always" else 200_000
    return max(500, int(base * (0.25 if quick else 1) * (4 if pipeline > 1 else 1)))


def _measure(context, kinds, sync, client_counts):
    """Measured a round, by (kind, pipeline, clients)."""
    samples = {}
    rounds = min(context.rounds, ROUNDS_MAX)
    for number in range(rounds):
        for kind in [kind for kind in context.in_turn(number) if kind in kinds]:
            context.say(f"durability, sync {sync}, round {number + 1}/{rounds}: {kind.name}")
            with _on_disk(context) as data, _server(context, kind, data, sync) as server:
                server.make_durable()
                for pipeline in PIPELINES:
                    for clients in client_counts:
                        requests = requests_of(sync, clients, pipeline, context.options.quick)
                        work = load.Work("set", pipeline, requests, KEYS, VALUE_BYTES, clients)
                        threads = context.client_threads(context.placement)
                        measured = load.redis_benchmark(server, context.placement, work, threads)
                        samples.setdefault((kind.name, pipeline, clients), []).append(measured)
    return samples


def _server(context, kind, data, sync, more=(), placement=None):
    limits = servers.Limits(threads=context.options.threads)
    return DurableServer(DurableKind.of(kind, data, sync, more), placement or context.placement, limits)


def _median_rate(measured):
    return statistics.median(each.requests_per_second for each in measured)


def _rows(samples, order):
    rows = []
    for kind, pipeline, clients in sorted(samples, key=lambda x: (x[1], x[2], order.index(x[0]))):
        middle = figures.median_of([each.as_dict() for each in samples[kind, pipeline, clients]])
        rows.append(
            [f"{clients}, {pipeline}", kind, report.number(middle["requests_per_second"])]
            + [report.number(middle["cpu_us_per_request"]), f"{middle['busy'] * 100:.0f} %"]
            + [report.number(middle[each]) for each in ("p50_us", "p99_us")]
        )
    return rows


def _plain(samples):
    return [
        {"server": kind, "pipeline": pipeline, "clients": clients, "rounds": [x.as_dict() for x in found]}
        for (kind, pipeline, clients), found in samples.items()
    ]


# --- restarts ---


def _restarts(context, kinds, result):
    count = context.options.entries or (ENTRIES // 10 if context.options.quick else ENTRIES)
    rows, data = [], {"entries": count, "seconds": {}}
    for kind in kinds:
        context.say(f"durability, restart with {count:,} entries: {kind.name}")
        with _on_disk(context) as folder:
            times = _restart_times(context, kind, folder, count)
        for how, (seconds, stored) in times.items():
            data["seconds"].setdefault(kind.name, {})[how] = seconds
            rows.append([kind.name, how, report.number(statistics.median(seconds))]
                        + [report.number(max(seconds)), report.number(stored / servers.MIB)])
    seconds = data["seconds"]
    if "appmem" in seconds and "redis" in seconds:
        theirs = statistics.median(seconds["redis"]["rewritten"])
        for how in ("stopped", "killed"):
            ratio = statistics.median(seconds["appmem"][how]) / theirs
            result.figures[f"durability.restart.{how}"] = ratio
    columns = ["server", "", "seconds, median", "seconds, max", "files MiB"]
    note = (
        f"From the start to the first answered GET, {STARTS} starts each, all cores free. stopped: a checkpoint and an end in "
        "good order; killed: kill -9 after the last write; rewritten: an RDB preamble, after BGREWRITEAOF."
    )
    title = f"Restart with {count:,} entries of 16+{VALUE_BYTES} bytes"
    result.tables.append(report.Table(title, columns, rows, note))
    result.data["restart"] = data


def _restart_times(context, kind, folder, count):
    """Seconds of the starts and the bytes of the files, by how the server had ended."""
    found = {}
    # Nobody else works while a server starts: it may use all cores, whatever it makes of them.
    cores = context.placement.server | context.placement.clients
    alone = servers.Placement(cores, cores, context.placement.realtime)

    def restart(how, is_killed):
        seconds = []
        stored = _stored_bytes(folder)
        for _ in range(STARTS):
            with _server(context, kind, folder, "interval", placement=alone) as server:
                seconds.append(server.start_seconds)
                with wire.connect(server.path) as connection:
                    kept = connection.ask("DBSIZE")
                if kept != count or server.first_answer is None:
                    raise RuntimeError(f"{kind.name}, {how}: {kept} of {count} entries came back")
                if is_killed:
                    server.kill()
        found[how] = (seconds, stored)

    with _server(context, kind, folder, "interval") as server:
        server.make_durable()
        store = wire.Store("resp", b"x" * VALUE_BYTES)
        with wire.connect(server.path) as connection:
            wire.fill(connection, store, 0, count)
        server.kill()
    restart("killed", True)
    with _server(context, kind, folder, "interval") as server:
        if kind.name == "appmem":
            ask_json(server, {"op": "checkpoint"})
        else:
            _rewrite(server)
    restart("stopped" if kind.name == "appmem" else "rewritten", False)
    return found


def _rewrite(server):
    with wire.connect(server.path) as connection:
        connection.ask("BGREWRITEAOF")
        deadline = time.monotonic() + LOADING_SECONDS_MAX
        while True:
            persistence = connection.ask("INFO", "persistence").decode()
            if "aof_rewrite_in_progress:0" in persistence and "aof_rewrite_scheduled:0" in persistence:
                return
            if time.monotonic() > deadline:
                raise RuntimeError("Redis does not end its rewriting")
            time.sleep(0.05)


def _stored_bytes(folder):
    return sum(
        os.path.getsize(os.path.join(parent, name))
        for parent, _, names in os.walk(folder)
        for name in names
    )


# --- a quiet client ---


def _latency(context, kinds, result):
    kind = next((kind for kind in kinds if kind.name == "appmem"), None)
    if kind is None:
        return
    rows, data = [], {}
    keys = LATENCY_KEYS // (4 if context.options.quick else 1)
    for name, text in targets.DURABILITY_READS.items():
        best = None
        for number in range(context.options.runs or (1 if context.options.quick else LATENCY_RUNS)):
            context.say(f"durability, a quiet client of {text}, run {number + 1}")
            with _on_disk(context) as folder:
                found = _one_latency(context, kind, folder, name, keys)
            data.setdefault(name, []).append(_plain_times(found))
            if best is None or evenness._is_better(found, best):
                best = found
        figure = f"durability.get.{name}.p99_9"
        result.figures[figure] = best["work"].p99_9
        if not best["quiet"]:
            result.noisy.add(figure)
        rows.append(_latency_row(text, best))
    columns = ["a GET each half millisecond of", "p50 ms", "p99.9 ms", "max ms", "idle p99.9", "idle max"]
    columns += ["burn p99.9", "SETs/s beside it", "checkpoints", "syncs", "slowest sync ms"]
    note = (
        f"Beside {LATENCY_SECONDS:g} s of SETs in pipelines to a durable namespace of {keys:,} keys, with one "
        f"checkpoint after the other, segments of {LATENCY_SEGMENT} and a sync each second. The best of the runs."
    )
    result.tables.append(report.Table("A quiet client beside all that", columns, rows, note))
    result.data["latency"] = data


def _one_latency(context, kind, folder, name, keys):
    more = ["--segment-size", LATENCY_SEGMENT, "--sync-interval", "1s"]
    placement = context.placement
    with _server(context, kind, folder, "interval", more) as server:
        if name == "durable":
            server.make_durable()
        ask_json(server, {"op": "ns.create", "name": "kept", "persist": "wal"})
        written = "default" if name == "durable" else "kept"
        for namespace in {"default", written}:
            with wire.connect(server.path) as connection:
                connection.ask("SELECT", namespace)
                wire.fill(connection, wire.Store("resp", b"x" * VALUE_BYTES), 0, keys)
        ask_json(server, {"op": "checkpoint"})
        time.sleep(evenness.SETTLE_SECONDS)
        found = evenness._controls(server, placement, keys)
        before = ask_json(server, {"op": "stats"})["storage"]
        with _writing(server, placement, written, keys) as work:
            with evenness.probing(server, placement, keys, found) as note:
                time.sleep(0.1)
                begin = time.monotonic_ns()
                found["sets"], found["checkpoints"] = work()
                time.sleep(evenness.SETTLE_SECONDS)
                note("work", begin, time.monotonic_ns())
        after = ask_json(server, {"op": "stats"})["storage"]
        found["syncs"] = after["syncs"] - before["syncs"]
        found["storage"] = after
        return found


@contextlib.contextmanager
def _writing(server, placement, namespace, keys):
    """Prepared writes; calling what it yields lets them happen, and returns how many there were."""
    command = [sys.executable, "-S", "-E", os.path.join(HERE, "durable_load.py"), server.path, namespace]
    with placement.for_clients():
        process = subprocess.Popen(
            command + [str(keys), str(LATENCY_SECONDS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def work():
        process.stdin.write(b"go\n")
        process.stdin.flush()
        return tuple(int(word) for word in evenness._line_of(process).split())

    try:
        if evenness._line_of(process) != "ready":
            raise RuntimeError("the writes did not start")
        yield work
    finally:
        process.kill()
        process.communicate()


def _latency_row(text, found):
    work, idle, burn = found["work"], found["idle"], found["burn"]
    star = "" if found["quiet"] else " *"
    slowest = found["storage"].get("sync_us_max")
    return (
        [text]
        + [report.number(value) for value in (work.p50, work.p99_9, work.max, idle.p99_9)]
        + [report.number(idle.max) + star, report.number(burn.p99_9)]
        + [report.number(found["sets"] / LATENCY_SECONDS), str(found["checkpoints"])]
        + [str(found["syncs"]), report.number(None if slowest is None else slowest / 1000)]
    )


def _plain_times(found):
    return {
        name: value.__dict__ if isinstance(value, evenness.Times) else value
        for name, value in found.items()
    }
