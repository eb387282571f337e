"""How long one GET takes while another client is busy: a probe each half millisecond.

The best of several runs counts, since a machine that others use adds to a latency and never takes from
it. Beside each run stand two controls, of nobody else and of a process that only burns CPU on the
clients' cores; a run whose idle control exceeds a bound is repeated.
"""

import array
import contextlib
import os
import subprocess
import sys
import time
from dataclasses import dataclass

import disturb
import figures
import report
import servers
import targets
import wire

TARGET_PREFIXES = ("evenness.",)
RUNS = 5
RUNS_QUICK = 2
INTERVAL_US = 500
CONTROL_SECONDS = 1.0
IDLE_MS_MAX = 1.0
CONTROLS_MAX = 4  # so often an idle control is taken, until one is quiet
WORK_SECONDS = 2.0
SETTLE_SECONDS = 0.5  # what comes behind a piece of work counts too
VALUE_BYTES = 32
LIMIT_MIB = 160  # what 1,000,000 keys leave some room in, for the scenario at the memory limit
FEW_KEYS = 10_000
SPREAD_MS = 1000  # all keys of `expire-all` expire within
EXPIRY_SECONDS_MAX = 15.0
HERE = os.path.dirname(os.path.abspath(__file__))

# Without a target, and only when named.
FURTHER_SCENARIOS = {
    "mget-100000": "MGETs 100,000 keys",
    "scan-at-once": "SCAN COUNT 1000000",
    "exec": "EXEC of 10,000 SETs",
    "swapdb": "SWAPDB 0 1",
    "getrange": "GETRANGE of 8 MB",
    "append": "APPEND to 16 MB",
    "setrange": "SETRANGE in 16 MB",
    "appends": "128 APPENDs to it at once",
    "setranges": "128 SETRANGEs in it at once",
}
SCENARIOS = targets.EVENNESS_SCENARIOS | FURTHER_SCENARIOS


def add_options(parser):
    group = parser.add_argument_group("evenness")
    group.add_argument("--runs", type=int, metavar="N", help=f"default {RUNS}, {RUNS_QUICK} if --quick")
    group.add_argument(
        "--scenarios",
        nargs="+",
        metavar="NAME",
        choices=SCENARIOS,
        help=f"only these: {', '.join(targets.EVENNESS_SCENARIOS)}; only when named: "
        + ", ".join(FURTHER_SCENARIOS),
    )
    group.add_argument("--seconds", type=float, default=WORK_SECONDS, metavar="S", help="of each disturbance")
    group.add_argument("--evenness-keys", type=int, default=1_000_000, metavar="N")


@dataclass
class Times:
    """What the probe saw in a window, in milliseconds."""

    p50: float
    p99_9: float
    max: float
    samples: int

    @staticmethod
    def of(latencies_ns):
        waited = figures.with_waiting(latencies_ns, INTERVAL_US * 1000)
        if not waited:
            raise RuntimeError("the probe sent nothing in its window")
        p50, p99_9, most = (figures.quantile(waited, share) / 1e6 for share in (0.5, 0.999, 1.0))
        return Times(p50, p99_9, most, len(waited))


class Probe:
    """The probe's process, from its first request to its end."""

    def __init__(self, server, placement, keys):
        command = [sys.executable, "-S", "-E", os.path.join(HERE, "probe.py")]
        with placement.for_clients(servers.PROBE_PRIORITY):
            self._process = subprocess.Popen(
                command + [server.path, str(keys), str(INTERVAL_US)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        words = self._process.stdout.readline().split()
        if words[:1] != [b"ready"]:
            raise RuntimeError("the probe did not start")
        self.scheduling = words[1].decode()

    def end(self):
        """Lists of the times of sending and of the latencies, in nanoseconds."""
        output, _ = self._process.communicate(timeout=60)
        if self._process.returncode != 0:
            raise RuntimeError("the probe failed")
        pairs = array.array("q", output)
        return pairs[0::2], pairs[1::2]

    def kill(self):
        self._process.kill()
        self._process.communicate()


@contextlib.contextmanager
def probing(server, placement, keys, windows):
    """Probes while the body runs; then adds to `windows` the Times of each that the body filled in.

    The body is given a function that notes a window: name, begin and end by time.monotonic_ns().
    """
    noted = []
    probe = Probe(server, placement, keys)
    try:
        yield lambda *window: noted.append(window)
        sent, latencies = probe.end()
    except BaseException:
        probe.kill()
        raise
    for name, begin, end in noted:
        windows[name] = Times.of(
            [latency for at, latency in zip(sent, latencies) if begin <= at + latency and at <= end]
        )
    windows["scheduling"] = probe.scheduling


def run(context):
    result = report.SectionReport()
    keys = context.options.evenness_keys
    runs = context.options.runs or (RUNS_QUICK if context.options.quick else RUNS)
    names = context.options.scenarios or list(targets.EVENNESS_SCENARIOS)
    best = {}
    try:
        for name in names:
            for number in range(runs):
                for kind in context.in_turn(number):
                    if _has_scenario(kind, name):
                        context.say(f"{name}, run {number + 1}/{runs}: {kind.name}")
                        _add_run(context, kind, name, keys, best, result)
    except KeyboardInterrupt:
        result.messages.append("evenness: interrupted")
    kinds = [kind for kind in context.kinds if "resp" in kind.protocols]
    _summarise(names, kinds, best, result)
    return result


def _has_scenario(kind, name):
    return "resp" in kind.protocols and (name != "drop" or kind.name == "appmem")


def _add_run(context, kind, name, keys, best, result):
    try:
        found = _one_run(context, kind, name, keys)
    except (wire.ReplyError, RuntimeError, OSError) as error:
        result.messages.append(f"{kind.name}, {name}: {error}")
        return
    result.data.setdefault(name, {}).setdefault(kind.name, []).append(_plain(found))
    if (name, kind.name) not in best or _is_better(found, best[name, kind.name]):
        best[name, kind.name] = found


def _one_run(context, kind, name, keys):
    limit = LIMIT_MIB << 20 if name == "limit" else servers.Limits.memory_bytes
    placement, seconds = context.placement, context.options.seconds
    with servers.Server(kind, placement, servers.Limits(memory_bytes=limit)) as server:
        if name in targets.EXPIRY_SCENARIOS:
            return _run_of_expiry(server, placement, name, keys)
        _fill(server, 0, keys)
        if name == "limit":
            _fill(server, keys, 3 * keys)
        if name == "drop":
            _fill_namespace(server, keys)
        time.sleep(SETTLE_SECONDS)
        found = _controls(server, placement, keys)
        with _disturbing(name, server, placement, keys, seconds) as disturbance:
            with probing(server, placement, keys, found) as note:
                time.sleep(0.1)
                begin = time.monotonic_ns()
                found["done"] = disturbance()
                time.sleep(SETTLE_SECONDS)
                note("work", begin, time.monotonic_ns())
        return found


def _controls(server, placement, keys, until=None):
    """Times of an idle control, repeated until it is quiet, and of one that burns CPU."""
    found = {}
    for _ in range(CONTROLS_MAX):
        with _disturbing("burn", server, placement, keys, CONTROL_SECONDS) as burn:
            with probing(server, placement, keys, found) as note:
                time.sleep(0.1)
                begin = time.monotonic_ns()
                time.sleep(CONTROL_SECONDS)
                middle = time.monotonic_ns()
                note("idle", begin, middle)
                burn()
                note("burn", middle, time.monotonic_ns())
        found["quiet"] = found["idle"].max <= IDLE_MS_MAX
        if found["quiet"] or (until is not None and time.monotonic() > until):
            break
    return found


@contextlib.contextmanager
def _disturbing(name, server, placement, keys, seconds):
    """A prepared disturbance; calling what it yields lets it work, and returns how often it did."""
    command = [sys.executable, "-S", "-E", os.path.join(HERE, "disturb.py"), name, server.path]
    with placement.for_clients():
        process = subprocess.Popen(
            command + [str(keys), str(seconds)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def work():
        process.stdin.write(b"go\n")
        process.stdin.flush()
        return int(_line_of(process))

    try:
        if _line_of(process) != "ready":
            raise RuntimeError(f"the disturbance {name} did not start")
        yield work
    finally:
        process.kill()
        process.communicate()


def _line_of(process):
    line = process.stdout.readline().decode().strip()
    if not line:
        raise RuntimeError("a disturbance ended early")
    return line


def _run_of_expiry(server, placement, name, keys):
    few = FEW_KEYS if name == "expire-few" else keys
    begin = time.monotonic()
    _fill(server, 0, keys)  # finds out how long it takes
    lead = 3 * (time.monotonic() - begin) + 5 * CONTROL_SECONDS
    due = time.monotonic() + lead
    due_ms = int((time.time() + lead) * 1000)
    later_ms = due_ms + 3_600_000
    if name == "expire-all":
        expires = lambda number: due_ms + number * SPREAD_MS // keys
        last = due + 0.99 * SPREAD_MS / 1000
    else:
        step = keys // few  # spread over the keys, as over the table
        expires = lambda number: due_ms if number % step == 0 else later_ms + number
        last = due
    _fill(server, 0, keys, expires)
    found = _controls(server, placement, keys, until=due - 3 * CONTROL_SECONDS)
    if time.monotonic() > due - 0.4:
        raise RuntimeError("the machine was too slow to store the keys before they expire")
    left_at_most = keys - 0.99 * few
    with wire.connect(server.path) as watcher, probing(server, placement, keys, found) as note:
        time.sleep(max(0.0, due - 0.2 - time.monotonic()))
        begin = time.monotonic_ns()
        gone = None
        while time.monotonic() < last + EXPIRY_SECONDS_MAX:
            if watcher.ask("DBSIZE") <= left_at_most:
                gone = time.monotonic()
                break
            time.sleep(0.01)
        time.sleep(SETTLE_SECONDS)
        note("work", begin, time.monotonic_ns())
    found["gone_seconds"] = EXPIRY_SECONDS_MAX if gone is None else max(0.0, gone - last)
    return found


def _fill(server, begin, end, expires=None):
    store = wire.Store("resp", b"x" * VALUE_BYTES, expires)
    with wire.connect(server.path) as connection:
        wire.fill(connection, store, begin, end)


def _fill_namespace(server, keys):
    name = disturb.DROPPED_NAMESPACE
    with wire.connect(server.path) as connection:
        connection.line(b'{"op":"ns.create","name":"%s"}\n' % name.encode())
    with wire.connect(server.path) as connection:
        connection.ask("SELECT", name)
        wire.fill(connection, wire.Store("resp", b"x" * VALUE_BYTES), 0, keys)


def _is_better(found, other):
    if found["quiet"] != other["quiet"]:
        return found["quiet"]
    return found["work"].max < other["work"].max


def _plain(found):
    return {name: value.__dict__ if isinstance(value, Times) else value for name, value in found.items()}


def _summarise(names, kinds, best, result):
    rows = []
    for name in names:
        ours, theirs = best.get((name, "appmem")), best.get((name, "redis"))
        at = f"evenness.{name}"
        if ours is not None:
            result.figures[f"{at}.p99_9"] = ours["work"].p99_9
            result.figures[f"{at}.max"] = ours["work"].max
            if not ours["quiet"]:
                result.noisy |= {f"{at}.p99_9", f"{at}.max"}
            if "gone_seconds" in ours:
                result.figures[f"{at}.gone"] = ours["gone_seconds"]
        if ours is not None and theirs is not None:
            result.figures[f"{at}.p99_9_of_redis"] = ours["work"].p99_9 / theirs["work"].p99_9
            result.figures[f"{at}.max_of_redis"] = ours["work"].max / theirs["work"].max
            if not ours["quiet"] or not theirs["quiet"]:
                result.noisy |= {f"{at}.p99_9_of_redis", f"{at}.max_of_redis"}
        for kind in kinds:
            found = best.get((name, kind.name))
            if found is not None:
                rows.append(_row(SCENARIOS[name], kind, found))
    columns = ["another client", "server", "p50 ms", "p99.9 ms", "max ms", "idle max", "burn max"]
    columns += ["done", "99 % gone after s"]
    note = f"The best of the runs. A star: no idle control stayed within {IDLE_MS_MAX:g} ms."
    result.tables.append(report.Table("Evenness", columns, rows, note))


def _row(text, kind, found):
    work = found["work"]
    star = "" if found["quiet"] else " *"
    return (
        [text, kind.name]
        + [report.number(value) for value in (work.p50, work.p99_9, work.max)]
        + [report.number(found["idle"].max) + star, report.number(found["burn"].max)]
        + [str(found.get("done", ""))]
        + [_gone_text(found.get("gone_seconds"))]
    )


def _gone_text(seconds):
    if seconds is None:
        return ""
    return report.number(seconds) if seconds < EXPIRY_SECONDS_MAX else f"over {seconds:g}"
