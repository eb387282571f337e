"""Throughput, latency and CPU time a request, in alternating rounds, and the time of a start."""

import os
import statistics
import time

import figures
import load
import report
import servers
import wire

TARGET_PREFIXES = ("cpu.", "rate.", "p99.", "start_ms")
PIPELINES = (1, 16, 64)
OPERATIONS = ("get", "set")
KEYS = 1_000_000
VALUE_BYTES = 32
STARTS = 15
PROTOCOL_NAMES = {"resp": "RESP", "ndjson": "NDJSON", "memcached": "memcached text"}


def add_options(parser):
    group = parser.add_argument_group("throughput")
    group.add_argument("--keys", type=int, default=KEYS, metavar="N", help="stored before")
    group.add_argument("--pipelines", type=int, nargs="+", default=list(PIPELINES), metavar="N")
    group.add_argument(
        "--requests-scale", type=float, default=1.0, metavar="X", help="times as many requests"
    )


def run(context):
    result = report.SectionReport()
    samples = {}  # (kind, generator, protocol, operation, pipeline): one Measured a round
    entry_bytes = {}
    for number in range(context.rounds):
        for pipeline in context.options.pipelines:
            for kind in context.in_turn(number):
                context.say(f"round {number + 1}/{context.rounds}: {kind.name}, pipeline {pipeline}")
                _measure_kind(context, kind, pipeline, samples, entry_bytes, result)
    starts = {kind.name: _start_times(context, kind) for kind in context.kinds}
    _summarise(context, samples, entry_bytes, starts, result)
    return result


def _measure_kind(context, kind, pipeline, samples, entry_bytes, result):
    limits = servers.Limits(threads=context.options.threads)
    with servers.Server(kind, context.placement, limits) as server:
        before = server.resident_bytes()
        _fill(server, context.options.keys)
        grown = server.resident_bytes() - before
        entry_bytes.setdefault(kind.name, []).append(grown / context.options.keys)
        for generator, protocol in _generators(kind):
            for operation in OPERATIONS:
                work = load.Work(
                    operation, pipeline, _requests(context, pipeline), context.options.keys
                )
                try:
                    measured = _generate(context, server, generator, protocol, work)
                except load.GeneratorError as error:
                    message = f"{kind.name} {PROTOCOL_NAMES[protocol]} with {generator}: {error}"
                    if message not in result.messages:
                        result.messages.append(message)
                    continue
                name = (kind.name, generator, protocol, operation, pipeline)
                samples.setdefault(name, []).append(measured)


def _generators(kind):
    pairs = [("redis-benchmark", "resp")] if "resp" in kind.protocols else []
    return pairs + [("appmemctl", protocol) for protocol in kind.protocols]


def _generate(context, server, generator, protocol, work):
    if generator == "redis-benchmark":
        return load.redis_benchmark(server, context.placement, work, context.client_threads(context.placement))
    return load.appmemctl_bench(context.appmemctl, server, context.placement, work, protocol)


def _requests(context, pipeline):
    seconds_scale = 0.25 if context.options.quick else 1.0
    base = {1: 200_000}.get(pipeline, 1_000_000 if pipeline < 64 else 2_000_000)
    return max(10_000, int(base * seconds_scale * context.options.requests_scale))


def _fill(server, keys):
    store = wire.Store(wire.fill_protocol(server.kind), b"x" * VALUE_BYTES)
    with wire.connect(server.path) as connection:
        wire.fill(connection, store, 0, keys)


def _start_times(context, kind):
    times = []
    for _ in range(STARTS):
        with servers.Server(kind, context.placement) as server:
            times.append(server.start_seconds * 1000)
        time.sleep(0.02)
    return times


def _summarise(context, samples, entry_bytes, starts, result):
    redis = "redis"
    for (kind, generator, protocol, operation, pipeline), ours in samples.items():
        theirs = samples.get((redis, generator, "resp", operation, pipeline))
        if theirs is None:  # a generator that does not speak RESP yet
            theirs = samples.get((redis, "redis-benchmark", "resp", operation, pipeline))
        if kind != "appmem" or theirs is None or len(ours) != len(theirs):
            continue
        if generator == "redis-benchmark" or protocol == "ndjson":
            at = f"{protocol}.{operation}.{pipeline}"
            for figure, field in (
                ("cpu", "cpu_us_per_request"),
                ("rate", "requests_per_second"),
                ("p99", "p99_us"),
            ):
                values = ([getattr(each, field) for each in side] for side in (ours, theirs))
                result.figures[f"{figure}.{at}"] = figures.median_ratio(*values)
    if "appmem" in starts:
        result.figures["start_ms"] = statistics.median(starts["appmem"])
    rows, data = [], []
    for name in sorted(samples, key=_order):
        middle = figures.median_of([each.as_dict() for each in samples[name]])
        kind, generator, protocol, operation, pipeline = name
        rows.append(
            [f"{operation} {pipeline}", kind, PROTOCOL_NAMES[protocol], generator]
            + [report.number(middle["requests_per_second"])]
            + [report.number(middle["cpu_us_per_request"])]
            + [f"{middle['busy'] * 100:.0f} %"]
            + [report.number(middle[each]) for each in ("p50_us", "p99_us", "p99_9_us", "max_us")]
        )
        identity = dict(zip(("server", "generator", "protocol", "operation", "pipeline"), name))
        data.append(identity | {"median": middle, "rounds": [x.as_dict() for x in samples[name]]})
    columns = ["pipeline", "server", "protocol", "generator", "requests/s", "CPU µs/request"]
    columns += ["server busy", "p50 µs", "p99 µs", "p99.9 µs", "max µs"]
    note = (
        "Medians over rounds. A server that is not busy waited for its clients: its throughput is "
        "theirs, and only its CPU time a request says what it can do."
    )
    result.tables.append(report.Table("Throughput", columns, rows, note))
    other = [
        [kind.name]
        + [report.number(statistics.median(starts[kind.name]))]
        + [report.number(max(starts[kind.name]))]
        + [report.number(statistics.median(entry_bytes[kind.name]))]
        for kind in context.kinds
    ]
    columns = ["server", "start ms, median", "start ms, max", "bytes an entry"]
    title = f"Start, and resident growth for each of {context.options.keys:,} entries of 16+32 bytes"
    result.tables.append(report.Table(title, columns, other))
    result.data = {"measurements": data, "start_ms": starts, "bytes_per_entry": entry_bytes}


def _order(name):
    kind, generator, protocol, operation, pipeline = name
    return (pipeline, operation, generator != "redis-benchmark", protocol, kind)
