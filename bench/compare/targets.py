"""What the figures are held to: one row a target, and the judgement of a run."""

from dataclasses import dataclass

AT_MOST = "at most"
AT_LEAST = "at least"
BELOW = "below"
OF_REDIS = "of Redis"


@dataclass(frozen=True)
class Target:
    """`figure` is the name under which a section reports what it measured."""

    figure: str
    text: str
    sense: str
    limit: float
    unit: str = ""


def _throughput():
    rows = []
    for pipeline, cpu, rate in ((1, 0.85, 0.95), (16, 0.33, 2.5), (64, 0.30, 3.0)):
        for operation in ("get", "set"):
            at = f"resp.{operation}.{pipeline}"
            words = f"RESP {operation} pipeline {pipeline}"
            rows.append(Target(f"cpu.{at}", f"CPU a request, {words}", AT_MOST, cpu, OF_REDIS))
            rows.append(Target(f"rate.{at}", f"throughput, {words}", AT_LEAST, rate, OF_REDIS))
            if pipeline == 1:
                rows.append(Target(f"p99.{at}", f"p99, {words}", AT_MOST, 1.0, OF_REDIS))
    for operation in ("get", "set"):
        text = f"CPU a request, NDJSON {operation} pipeline 16"
        rows.append(Target(f"cpu.ndjson.{operation}.16", text, AT_MOST, 0.5, "of Redis's RESP"))
    rows.append(Target("start_ms", "start to the first answer", BELOW, 50, "ms"))
    return rows


# name, value bytes, whether with a time to live, bytes an entry at most
MEMORY_ROWS = (
    ("16+32", 32, False, 80),
    ("16+32 ttl", 32, True, 88),
    ("16+64 ttl", 64, True, 120),
    ("16+1024 ttl", 1024, True, 1110),
)
MEMORY_ENTRIES = 2_000_000
MEMORY_COUNT_MIN = 100_000
MEMORY_SLACK = 1.05


def _memory():
    rows = []
    for name, _, _, limit in MEMORY_ROWS:
        at = f"memory.{name}"
        rows.append(Target(at, f"{name}, at {MEMORY_ENTRIES:,}", AT_MOST, limit, "bytes an entry"))
        text = f"{name}, worst count from {MEMORY_COUNT_MIN:,}"
        worst = round(limit * MEMORY_SLACK, 1)
        rows.append(Target(f"{at}.worst", text, AT_MOST, worst, "bytes an entry"))
    return rows + [
        Target("memory.empty", "an empty daemon, resident", AT_MOST, 16, "MiB"),
        Target("memory.small", "16+32 entries in --max-memory 1MiB", AT_LEAST, 9000, "entries"),
        Target("memory.connection", "an idle connection", AT_MOST, 4, "KiB"),
    ]


def _churn():
    return [
        Target("churn.resident", "resident beyond 105 % of the limit", AT_MOST, 16, "MiB"),
        Target("churn.live", "in live blocks and their slots", AT_LEAST, 90, "% of the limit"),
        Target("churn.accounted", "accounted at once after a shrink", AT_MOST, 110, "% of fresh"),
        Target("churn.shrunk", "resident 10 s after a shrink", AT_MOST, 110, "% of fresh"),
    ]


# What another client does while one GET each half millisecond is timed.
EVENNESS_SCENARIOS = {
    "get-16mb": "GETs 16 MB values",
    "set-16mb": "SETs 16 MB values",
    "mget": "MGETs 10,000 keys",
    "keys": "KEYS * over 1,000,000 keys",
    "scan": "a full SCAN",
    "flood": "pipelined SETs of 1,000",
    "flushall": "FLUSHALL of 1,000,000 keys",
    "drop": "drops a namespace of 1,000,000 keys",
    "limit": "writes at the memory limit",
    "grow": "new keys grow the table",
    "expire-all": "1,000,000 keys expire in one second",
    "expire-few": "10,000 keys expire among 1,000,000",
}
EXPIRY_SCENARIOS = ("expire-all", "expire-few")


def _evenness():
    rows = []
    for name, text in EVENNESS_SCENARIOS.items():
        at = f"evenness.{name}"
        rows.append(Target(f"{at}.p99_9", f"{text}: p99.9", AT_MOST, 1.0, "ms"))
        rows.append(Target(f"{at}.max", f"{text}: max", AT_MOST, 2.0, "ms"))
        if name != "drop":  # Redis has no namespaces
            for figure, word in (("p99_9", "p99.9"), ("max", "max")):
                at_redis = f"{at}.{figure}_of_redis"
                rows.append(Target(at_redis, f"{text}: {word}", BELOW, 1.0, OF_REDIS))
        if name in EXPIRY_SCENARIOS:
            rows.append(Target(f"{at}.gone", f"{text}: 99 % gone after", AT_MOST, 1.1, "s"))
    return rows


# What the namespace of a quiet client keeps.
DURABILITY_READS = {
    "memory": "a memory-only namespace",
    "durable": "the namespace that is written to",
}


def _durability():
    rows = []
    for pipeline, cpu in ((1, 0.8), (16, 0.4)):
        words = f"SET pipeline {pipeline}"
        at = f"durability.always.rate.{pipeline}"
        rows.append(Target(at, f"throughput, {words}, each synced", AT_LEAST, 1.6, OF_REDIS))
        at = f"durability.always.growth.{pipeline}"
        text = f"throughput, {words}, each synced: more clients"
        rows.append(Target(at, text, AT_LEAST, 1.0, "of fewer clients"))
        at = f"durability.interval.cpu.{pipeline}"
        rows.append(Target(at, f"CPU a request, {words}, 1 s syncs", AT_MOST, cpu, OF_REDIS))
    for how, text in (("stopped", "after an end in good order"), ("killed", "after kill -9")):
        at = f"durability.restart.{how}"
        rows.append(Target(at, f"restart {text}", AT_MOST, 0.3, OF_REDIS))
    for name, text in DURABILITY_READS.items():
        at = f"durability.get.{name}.p99_9"
        rows.append(Target(at, f"GET beside checkpoints, {text}: p99.9", AT_MOST, 1.0, "ms"))
    return rows


TARGETS = tuple(_throughput() + _memory() + _churn() + _evenness() + _durability())


@dataclass(frozen=True)
class Verdict:
    target: Target
    measured: float | None
    noisy: bool = False  # something else disturbed the measurement

    @property
    def word(self):
        if self.measured is None:
            return "not measured"
        word = "met" if is_met(self.target, self.measured) else "missed"
        # Noise adds to a time, so what is met beside it is met; it can flatter a ratio.
        is_certain = word == "met" and self.target.unit != OF_REDIS
        return f"{word} (noisy)" if self.noisy and not is_certain else word


def is_met(target, measured):
    if target.sense == AT_LEAST:
        return measured >= target.limit
    if target.sense == BELOW:
        return measured < target.limit
    return measured <= target.limit


def judge(figures, noisy=frozenset()):
    """A verdict for each target, in the order of the table; `noisy` names doubtful figures."""
    return [
        Verdict(target, figures.get(target.figure), target.figure in noisy) for target in TARGETS
    ]
