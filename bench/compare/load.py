"""Load generators: redis-benchmark for RESP, `appmemctl bench` for NDJSON, RESP and memcached's text."""

import json
import os
import re
import subprocess
from dataclasses import asdict, dataclass

RUN_SECONDS_MAX = 600.0
CONNECTIONS = 50


@dataclass(frozen=True)
class Measured:
    """One run of a generator against one server. Times of requests are in microseconds."""

    requests: int
    requests_per_second: float
    p50_us: float
    p99_us: float
    p99_9_us: float
    max_us: float
    cpu_us_per_request: float  # of the server
    busy: float  # CPU seconds of the server in a second of the run

    def as_dict(self):
        return asdict(self)


@dataclass(frozen=True)
class Work:
    """What is sent. `operation` is "get" or "set"."""

    operation: str
    pipeline: int
    requests: int
    keys: int
    value_bytes: int = 32
    connections: int = CONNECTIONS


class GeneratorError(Exception):
    """A generator is missing, does not know an option, or saw an error."""


def redis_benchmark(server, placement, work, threads=1):
    """Runs redis-benchmark; its keys are random among `work.keys`."""
    command = ["redis-benchmark", "-s", server.path, "-t", work.operation, "--precision", "3"]
    command += ["-c", str(work.connections), "-P", str(work.pipeline), "-n", str(work.requests)]
    command += ["-r", str(work.keys), "-d", str(work.value_bytes)]
    if threads > 1:
        command += ["--threads", str(threads)]
    return _measure(server, placement, command, work.requests, parse_redis_benchmark)


def appmemctl_bench(appmemctl, server, placement, work, protocol):
    """Runs `appmemctl bench`; each of its connections has a key sequence of its own."""
    command = [appmemctl, "-a", "unix:" + server.path, "bench", "--json"]
    command += ["--protocol", "json" if protocol == "ndjson" else protocol]
    command += ["--connections", str(work.connections), "--pipeline", str(work.pipeline)]
    command += ["--keys", str(work.keys), "--value-bytes", str(work.value_bytes)]
    command += ["--reads", "100" if work.operation == "get" else "0"]
    command += ["--requests", str(work.requests)]
    return _measure(server, placement, command, work.requests, parse_appmemctl_bench)


def parse_redis_benchmark(text):
    """(requests a second, p50, p99, p99.9, max) of its output for people, times in microseconds."""
    rate = re.search(r"throughput summary: ([\d.]+) requests per second", text)
    summary = re.search(r"avg +min +p50 +p95 +p99 +max\s+([\d. ]+)", text)
    if not rate or not summary:
        raise GeneratorError("redis-benchmark said: " + text[-300:].strip())
    _, _, p50, _, p99, largest = (float(word) * 1000 for word in summary.group(1).split())
    steps = re.findall(r"([\d.]+)% <= ([\d.]+) milliseconds", text)
    p99_9 = next((float(ms) * 1000 for share, ms in steps if float(share) >= 99.9), largest)
    return float(rate.group(1)), p50, p99, p99_9, largest


def parse_appmemctl_bench(text):
    """(requests a second, p50, p99, p99.9, max) of `appmemctl bench --json`."""
    report = json.loads(text.strip().splitlines()[-1])
    if report["errors"]:
        raise GeneratorError(f"{report['errors']} errors: {report.get('first_error', '')}")
    latency = report["latency_us"]
    times = (latency[name] for name in ("p50", "p99", "p99_9", "max"))
    return (report["requests_per_second"], *times)


def _measure(server, placement, command, requests, parse):
    before = server.cpu_seconds()
    with placement.for_clients():
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_SECONDS_MAX)
        except FileNotFoundError:
            raise GeneratorError(f"no program {command[0]}") from None
    cpu = server.cpu_seconds() - before
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip()[-300:]
        raise GeneratorError(f"{os.path.basename(command[0])} failed: {words}")
    rate, p50, p99, p99_9, largest = parse(done.stdout)
    return Measured(
        requests=requests,
        requests_per_second=rate,
        p50_us=p50,
        p99_us=p99,
        p99_9_us=p99_9,
        max_us=largest,
        cpu_us_per_request=cpu * 1e6 / requests,
        busy=cpu * rate / requests,
    )
