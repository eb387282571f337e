"""How the CPU time of a request grows with keys, connections, sizes of values and event loops."""

import figures
import load
import report
import servers
import wire

TARGET_PREFIXES = ()
SWEEPS = ("keys", "connections", "values", "threads")
KEYS = (10_000, 100_000, 1_000_000, 5_000_000, 20_000_000)
KEYS_QUICK = (10_000, 100_000, 1_000_000)
CONNECTIONS = (1, 10, 100, 1_000, 10_000)
VALUES = (1, 32, 1 << 10, 16 << 10, 256 << 10, 1 << 20, 16 << 20)
STORED_BYTES_MAX = 256 << 20  # in a sweep of values
SENT_BYTES_MAX = 1 << 30  # in one of its measurements
IN_FLIGHT_BYTES_MAX = 64 << 20  # of all connections together
REQUESTS = 500_000
REQUESTS_MIN = 64
DEFAULT_KEYS = 100_000


def add_options(parser):
    group = parser.add_argument_group("sweeps (only when named)")
    group.add_argument(
        "--sweep", nargs="+", choices=SWEEPS, default=list(SWEEPS), help="default: all of them"
    )
    group.add_argument("--sweep-keys", type=int, nargs="+", metavar="N", help=f"default {KEYS}")


def run(context):
    result = report.SectionReport()
    for sweep in context.options.sweep:
        points = _points(context, sweep)
        samples = {}
        for number in range(context.rounds):
            for point in points:
                for kind in context.in_turn(number):
                    if sweep == "threads" and kind.name not in ("appmem", "memcached"):
                        continue
                    context.say(f"{sweep} {point:,}, round {number + 1}: {kind.name}")
                    _measure(context, sweep, point, kind, samples, result)
        _summarise(sweep, samples, result)
    return result


def _points(context, sweep):
    if sweep == "keys":
        chosen = KEYS_QUICK if context.options.quick else KEYS
        return tuple(context.options.sweep_keys or chosen)
    if sweep == "threads":
        return tuple(range(1, len(context.cores) + 1))
    return CONNECTIONS if sweep == "connections" else VALUES


def work_at(sweep, point, operation):
    """What is sent at one point of a sweep."""
    if sweep == "keys":
        return load.Work(operation, 16, REQUESTS, point)
    if sweep == "connections":
        return load.Work(operation, 1, REQUESTS // 5, DEFAULT_KEYS, connections=point)
    if sweep == "values":
        keys = min(DEFAULT_KEYS, max(4, STORED_BYTES_MAX // point))
        requests = min(REQUESTS // 5, max(REQUESTS_MIN, SENT_BYTES_MAX // point))
        connections = max(1, min(load.CONNECTIONS, IN_FLIGHT_BYTES_MAX // point))
        return load.Work(operation, 1, requests, keys, point, connections)
    return load.Work(operation, 16, REQUESTS, DEFAULT_KEYS)


def _measure(context, sweep, point, kind, samples, result):
    threads = point if sweep == "threads" else context.options.threads
    placement = context.place(threads)
    first = work_at(sweep, point, "get")
    limits = servers.Limits(threads=threads, connections=first.connections + 100)
    with servers.Server(kind, placement, limits) as server:
        store = wire.Store(wire.fill_protocol(kind), b"x" * first.value_bytes)
        with wire.connect(server.path) as connection:
            wire.fill(connection, store, 0, first.keys)
        for operation in ("get", "set"):
            work = work_at(sweep, point, operation)
            try:
                measured = _generate(context, server, placement, work)
            except load.GeneratorError as error:
                message = f"sweep of {sweep} at {point:,}, {kind.name}: {error}"
                if message not in result.messages:
                    result.messages.append(message)
                continue
            samples.setdefault((point, kind.name, operation), []).append(measured.as_dict())


def _generate(context, server, placement, work):
    if "resp" in server.kind.protocols:
        return load.redis_benchmark(server, placement, work, context.client_threads(placement))
    return load.appmemctl_bench(context.appmemctl, server, placement, work, "memcached")


def _summarise(sweep, samples, result):
    rows, data = [], []
    for (point, kind, operation), found in samples.items():
        middle = figures.median_of(found)
        data.append({"at": point, "server": kind, "operation": operation, "median": middle})
        rows.append(
            [f"{point:,}", kind, operation, report.number(middle["cpu_us_per_request"])]
            + [report.number(middle["requests_per_second"]), f"{middle['busy'] * 100:.0f} %"]
            + [report.number(middle["p99_us"])]
        )
    columns = [sweep, "server", "operation", "CPU µs/request", "requests/s", "server busy", "p99 µs"]
    result.tables.append(report.Table(f"Sweep of {sweep}", columns, rows))
    result.data[sweep] = data
