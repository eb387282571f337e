"""What is left of a memory limit while the sizes of values drift, and after most of them are deleted."""

import json
import random
import time
import zlib
from dataclasses import asdict, dataclass

import report
import servers
import wire

TARGET_PREFIXES = ("churn.",)
SECONDS = 30.0
LIMIT_MIB = 256
QUICK_SHARE = 0.25  # of both
VALUE_BYTES_MIN = 32
VALUE_DOUBLINGS = 11  # to 64 KiB
JITTER = (0.75, 1.25)
BATCH = 64
SAMPLE_SECONDS = 0.2
RESIDENT_SHARE = 1.05
KEPT_EVERY = 20  # the shrink deletes all but one key in so many
SHRINK_SECONDS = 10.0
# Two ticks of the loop that gives memory back.
SOON_SECONDS = 0.2
SCAN_COUNT = 1000
SLOT_BYTES = 8  # of an entry in appmem's table


def add_options(parser):
    group = parser.add_argument_group("churn")
    group.add_argument(
        "--churn-seconds", type=float, metavar="S", help=f"default {SECONDS:g}, less if --quick"
    )
    group.add_argument(
        "--churn-limit", type=int, metavar="MIB", help=f"default {LIMIT_MIB}, less if --quick"
    )


@dataclass
class Churned:
    """What one server was seen to do; sizes in bytes."""

    written: int = 0
    resident_max: int = 0
    keys: int = 0
    live: int | None = None  # blocks and slots, where a server tells
    shrunk_accounted: int = 0
    soon_accounted: int = 0  # SOON_SECONDS later
    shrunk_resident: int = 0
    fresh_accounted: int = 0
    fresh_resident: int = 0


def run(context):
    result = report.SectionReport()
    share = QUICK_SHARE if context.options.quick else 1
    seconds = context.options.churn_seconds or SECONDS * share
    limit = int(context.options.churn_limit or LIMIT_MIB * share) * servers.MIB
    rows = []
    for kind in context.kinds:
        if "resp" not in kind.protocols:
            continue
        context.say(f"churn of {seconds:g} s: {kind.name}")
        churned = _churn(context, kind, limit, seconds)
        result.data[kind.name] = asdict(churned)
        if kind.name == "appmem":
            result.figures |= figures_of(churned, limit)
        rows.append(_row(kind, churned))
    columns = ["server", "SETs", "highest resident MiB", "live MiB", "keys"]
    columns += ["accounted after the shrink", f"{SOON_SECONDS:g} s later", "fresh"]
    columns += ["resident 10 s after the shrink", "fresh"]
    title = f"Sizes drift from 32 bytes to 64 KiB and back, limit {limit // servers.MIB} MiB, in {seconds:g} s"
    note = f"The shrink deletes all but one key in {KEPT_EVERY}; fresh is a new server with what is left."
    result.tables.append(report.Table(title, columns, rows, note))
    return result


def figures_of(churned, limit):
    beyond = churned.resident_max - RESIDENT_SHARE * limit
    return {
        "churn.resident": beyond / servers.MIB,
        "churn.live": None if churned.live is None else 100 * churned.live / limit,
        "churn.accounted": 100 * churned.shrunk_accounted / churned.fresh_accounted,
        "churn.shrunk": 100 * churned.shrunk_resident / churned.fresh_resident,
    }


def value_bytes_at(share):
    """The size of a value when `share` of the time has passed: up to the largest, and back."""
    height = 1 - abs(2 * share - 1)
    return int(VALUE_BYTES_MIN * 2 ** (VALUE_DOUBLINGS * height))


def _churn(context, kind, limit, seconds):
    churned = Churned()
    limits = servers.Limits(memory_bytes=limit, value_bytes=servers.MIB)
    with servers.Server(kind, context.placement, limits) as server:
        with wire.connect(server.path) as connection:
            _write(server, connection, seconds, limit, churned)
            churned.keys = connection.ask("DBSIZE")
            churned.live = _live_bytes(server) if kind.name == "appmem" else None
            kept = _delete_most(connection)
            churned.shrunk_accounted = _accounted(connection)
            deadline = time.monotonic() + SHRINK_SECONDS
            time.sleep(SOON_SECONDS)
            churned.soon_accounted = _accounted(connection)
            values = _values(connection, kept)
            time.sleep(max(0.0, deadline - time.monotonic()))
            churned.shrunk_resident = server.resident_bytes()
    with servers.Server(kind, context.placement, limits) as server:
        with wire.connect(server.path) as connection:
            for key, value in zip(kept, values):
                connection.ask("SET", key, value)
            churned.fresh_accounted = _accounted(connection)
            churned.fresh_resident = server.resident_bytes()
    return churned


def _write(server, connection, seconds, limit, churned):
    """Fills the limit with small values, then writes values of all sizes for `seconds`."""
    draw = random.Random(1)
    keys = 2 * limit // VALUE_BYTES_MIN
    for first in range(0, limit // 60, wire.FILL_BATCH):
        wire.fill(
            connection, wire.Store("resp", b"x" * VALUE_BYTES_MIN), first, first + wire.FILL_BATCH
        )
    content = bytes(draw.randrange(33, 127) for _ in range(2 << 16))
    begin = time.monotonic()
    sampled = 0.0
    while (passed := time.monotonic() - begin) < seconds:
        middle = value_bytes_at(passed / seconds)
        requests = []
        for _ in range(BATCH):
            size = int(middle * draw.uniform(*JITTER))
            requests.append(wire.request("SET", wire.key(draw.randrange(keys)), content[:size]))
        connection.send(b"".join(requests))
        for _ in range(BATCH):
            connection.reply()
        churned.written += BATCH
        if passed - sampled > SAMPLE_SECONDS:
            sampled = passed
            churned.resident_max = max(churned.resident_max, server.resident_bytes())


def _delete_most(connection):
    """Deletes all keys but one in KEPT_EVERY; returns those that are left."""
    kept, cursor = set(), b"0"
    while True:
        cursor, page = connection.ask("SCAN", cursor, "COUNT", SCAN_COUNT)
        staying = {name for name in page if zlib.crc32(name) % KEPT_EVERY == 0}
        kept |= staying
        doomed = set(page) - staying
        if doomed:
            connection.ask("DEL", *doomed)
        if cursor == b"0":
            return sorted(kept)


def _values(connection, keys):
    """The values of `keys`, which are all there."""
    values = []
    for first in range(0, len(keys), 100):
        values += connection.ask("MGET", *keys[first : first + 100])
    return values


def _accounted(connection):
    return int(wire.info(connection)["used_memory"])


def _live_bytes(server):
    with wire.connect(server.path) as connection:
        stats = json.loads(connection.line(b'{"op":"stats"}\n'))
    return stats["live"] + stats["large"] + stats["keys"] * SLOT_BYTES


def _row(kind, churned):
    def in_mib(value):
        return "" if value is None else report.number(value / servers.MIB)

    return (
        [kind.name, f"{churned.written:,}", in_mib(churned.resident_max), in_mib(churned.live)]
        + [f"{churned.keys:,}", in_mib(churned.shrunk_accounted)]
        + [in_mib(churned.soon_accounted), in_mib(churned.fresh_accounted)]
        + [in_mib(churned.shrunk_resident), in_mib(churned.fresh_resident)]
    )
