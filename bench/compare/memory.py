"""Resident bytes for each entry, of an empty daemon and of an idle connection."""

import statistics
import time

import report
import servers
import targets
import wire

TARGET_PREFIXES = ("memory.",)
TTL_MS = 24 * 3600 * 1000  # nothing expires while it is measured
COUNT_STEP = 1.06  # between two counts at which the growth is read
SETTLE_SECONDS = 0.5
IDLE_CONNECTIONS = 2000
LARGE_VALUE_BYTES = 1000  # rows of larger values stop at a quarter of the largest count
SMALL_LIMIT_BYTES = servers.MIB
SMALL_ENTRIES = 40_000  # many times what fits


def add_options(parser):
    group = parser.add_argument_group("memory")
    group.add_argument(
        "--entries",
        type=int,
        metavar="N",
        help="fill up to so many (a quarter with values of 1024 bytes, but no fewer than "
        f"{targets.MEMORY_ENTRIES:,}); default {targets.MEMORY_ENTRIES:,}, a tenth if --quick",
    )


def run(context):
    result = report.SectionReport()
    rows = []
    result.data["rows"] = []
    for name, value_bytes, has_ttl, _ in targets.MEMORY_ROWS:
        for kind in context.kinds:
            count = entries_of_row(context.options, value_bytes)
            context.say(f"memory {name}: {kind.name}, up to {count:,}")
            samples = _growth(context, kind, value_bytes, has_ttl, count)
            _note_row(name, kind, samples, rows, result)
    columns = ["entries", "server", "count", "bytes an entry", "worst", "at count"]
    note = (
        "Resident growth over the entries that were stored, and the worst of it at any count from "
        f"{targets.MEMORY_COUNT_MIN:,}, read each {COUNT_STEP - 1:.0%}."
    )
    result.tables.append(report.Table("Memory", columns, rows, note))
    _fixed_costs(context, result)
    return result


def entries_of_row(options, value_bytes):
    """How far a row is filled."""
    most = options.entries or targets.MEMORY_ENTRIES // (10 if options.quick else 1)
    if value_bytes < LARGE_VALUE_BYTES:
        return most
    return min(most, max(most // 4, targets.MEMORY_ENTRIES))


def counts_to(count):
    """The counts at which the growth is read: ever COUNT_STEP times as many, the target's and `count`."""
    counts = {count}
    at = min(targets.MEMORY_COUNT_MIN, count)
    while at < count:
        counts.add(int(at))
        at *= COUNT_STEP
    if count > targets.MEMORY_ENTRIES:
        counts.add(targets.MEMORY_ENTRIES)
    return sorted(counts)


def _growth(context, kind, value_bytes, has_ttl, count):
    """Pairs of a count and the resident growth for each of so many entries."""
    protocol = wire.fill_protocol(kind)
    expires = None
    if has_ttl:
        start = int(time.time() * 1000) + TTL_MS
        # Deadlines as they come about: later entries have later ones.
        expires = (lambda _: TTL_MS // 1000) if protocol == "memcached" else (lambda n: start + n // 50)
    store = wire.Store(protocol, b"x" * value_bytes, expires)
    samples = []
    with servers.Server(kind, context.placement) as server:
        with wire.connect(server.path) as connection:
            time.sleep(SETTLE_SECONDS)
            before = server.resident_bytes()
            done = 0
            for at in counts_to(count):
                wire.fill(connection, store, done, at)
                done = at
                samples.append((at, (server.resident_bytes() - before) / at))
            time.sleep(SETTLE_SECONDS)
            samples.append((count, (server.resident_bytes() - before) / count))
            stored = _count(connection, kind)
            if stored != count:
                raise RuntimeError(f"{kind.name} has {stored} of {count} entries")
    return samples


def _count(connection, kind):
    if "resp" in kind.protocols:
        return connection.ask("DBSIZE")
    line = connection.line(b"stats\r\n")
    count = None
    while line != b"END":
        words = line.split()
        if words[1] == b"curr_items":
            count = int(words[2])
        line = connection.read_line()
    return count


def _note_row(name, kind, samples, rows, result):
    last_count, last = samples[-1]
    worst_count, worst = max(samples, key=lambda sample: sample[1])
    rows.append(
        [name, kind.name, f"{last_count:,}", report.number(last)]
        + [report.number(worst), f"{worst_count:,}"]
    )
    data = {"entries": name, "server": kind.name, "bytes_per_entry": samples}
    result.data["rows"].append(data)
    if kind.name != "appmem":
        return
    at_target = [size for count, size in samples if count == targets.MEMORY_ENTRIES]
    if at_target:
        result.figures[f"memory.{name}"] = at_target[-1]
    result.figures[f"memory.{name}.worst"] = worst


def _fixed_costs(context, result):
    rows, data = [], []
    for kind in context.kinds:
        context.say(f"memory of nothing and of connections: {kind.name}")
        limits = servers.Limits(connections=IDLE_CONNECTIONS + 100)
        with servers.Server(kind, context.placement, limits) as server:
            time.sleep(SETTLE_SECONDS)
            empty = server.resident_bytes() / servers.MIB
            idle = _connection_kib(server)
        held = _entries_in_small(context, kind) if "resp" in kind.protocols else None
        rows.append([kind.name] + [report.number(value) for value in (empty, idle, held)])
        data.append({"server": kind.name, "empty_mib": empty, "idle_kib": idle, "in_1mib": held})
        if kind.name == "appmem":
            result.figures["memory.empty"] = empty
            result.figures["memory.connection"] = idle
            result.figures["memory.small"] = held
    columns = ["server", "empty, MiB", "an idle connection, KiB", "16+32 entries in 1 MiB"]
    note = (
        f"Resident growth for each of {IDLE_CONNECTIONS:,} connections that have sent one request. "
        "The limit of 1 MiB is --max-memory and Redis's maxmemory, which its empty process exceeds."
    )
    result.tables.append(report.Table("Fixed costs", columns, rows, note))
    result.data["fixed"] = data


def _connection_kib(server):
    connections = []
    before = server.resident_bytes()
    try:
        for _ in range(IDLE_CONNECTIONS):
            connections.append(wire.connect(server.path))
            server.ask_something(connections[-1])
        time.sleep(SETTLE_SECONDS)
        return (server.resident_bytes() - before) / 1024 / IDLE_CONNECTIONS
    finally:
        for connection in connections:
            connection.close()


def _entries_in_small(context, kind):
    """How many entries of 16+32 bytes are left of many more that were stored in 1 MiB; None if none fits."""
    store = wire.Store("resp", b"x" * 32)
    with servers.Server(kind, context.placement, servers.Limits(SMALL_LIMIT_BYTES)) as server:
        with wire.connect(server.path) as connection:
            counts = []
            try:
                for first in range(0, SMALL_ENTRIES, wire.FILL_BATCH):
                    wire.fill(connection, store, first, first + wire.FILL_BATCH)
                    counts.append(connection.ask("DBSIZE"))
            except wire.ReplyError:
                return None
            return statistics.median_low(counts[len(counts) // 2 :])
