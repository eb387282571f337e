#!/usr/bin/env python3
"""Replays an access trace through appmemd and compares its hits with an exact LRU.

    bench/trace/exact_lru.py [--bin build/release/bin] [--json] TRACE MEMORY...

For each MEMORY (a size such as 100MiB, or a share of the trace's distinct bytes such as 10%) it
starts a daemon of its own with that --max-memory, replays the trace with `appmemctl bench --trace`,
and reads the daemon's highest resident size. Beside it an exact LRU of the same capacity is
simulated, in which every object is charged the bytes that the daemon accounts for an entry of its
key and value size (asked for with `stats`).

Prints one row a size. Exit status 1 when a bound of --points-max or of resident memory
(105 % of the limit plus 16 MiB) is not kept.
"""

import argparse
import collections
import csv
import gzip
import json
import os
import re
import socket
import subprocess
import sys
import tempfile

MIB = 1 << 20


def read_trace(path):
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt", newline="") as file:
        rows = csv.reader(file)
        if next(rows) != ["key", "size"]:
            sys.exit(f"{path}: expected the header key,size")
        return [(key, int(size)) for key, size in rows]


def parse_memory(text, footprint):
    if text.endswith("%"):
        return int(footprint * float(text[:-1]) / 100)
    match = re.fullmatch(r"(\d+)\s*(|B|KiB|MiB|GiB|kB|MB|GB)", text)
    if not match:
        sys.exit(f"{text}: expected a size such as 100MiB, or a share such as 10%")
    units = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": MIB, "GiB": 1 << 30,
             "kB": 10**3, "MB": 10**6, "GB": 10**9}
    return int(match[1]) * units[match[2]]


class Daemon:
    """An appmemd of our own on a socket in a fresh directory."""

    def __init__(self, binaries, options):
        self.folder = tempfile.TemporaryDirectory(prefix="appmem-trace-")
        self.socket = os.path.join(self.folder.name, "appmem.sock")
        pid_file = os.path.join(self.folder.name, "pid")
        log = os.path.join(self.folder.name, "log")
        with open(log, "w", encoding="utf-8") as errors:
            started = subprocess.run([os.path.join(binaries, "appmemd"), "--socket", self.socket,
                                      "--background", "--pid-file", pid_file, *options],
                                     check=False, stderr=errors)
        if started.returncode != 0:
            with open(log, encoding="utf-8") as errors:
                sys.exit(errors.read().strip())
        with open(pid_file, encoding="ascii") as file:
            self.pid = int(file.read())

    def resident_peak(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            return int(re.search(r"VmHWM:\s+(\d+) kB", file.read())[1]) * 1024

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with Session(self.socket) as session:
            session.call({"op": "shutdown"})
        self.folder.cleanup()


class Session:
    """One connection that sends a request and waits for its answer."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.file = self.socket.makefile("rwb")

    def call(self, request):
        self.file.write(json.dumps(request).encode() + b"\n")
        self.file.flush()
        answer = json.loads(self.file.readline())
        if not answer["ok"]:
            sys.exit(f"{request}: {answer['error']}")
        return answer

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()


def accounted_bytes(binaries, trace):
    """What an entry costs, for each pair of key length and value size in the trace."""
    costs = {}
    with Daemon(binaries, ["--max-memory", "256MiB"]) as daemon, Session(daemon.socket) as session:
        for key, size in trace:
            if (len(key), size) in costs:
                continue
            session.call({"op": "set", "key": key, "value": "x" * size})
            costs[len(key), size] = session.call({"op": "stats", "key": key})["bytes"]
            session.call({"op": "del", "key": key})
    return costs


def exact_lru_misses(trace, costs, capacity):
    cache = collections.OrderedDict()
    used = misses = 0
    for key, size in trace:
        if key in cache:
            cache.move_to_end(key)
            continue
        misses += 1
        cost = costs[len(key), size]
        if cost > capacity:
            continue
        while used + cost > capacity:
            used -= cache.popitem(last=False)[1]
        cache[key] = cost
        used += cost
    return misses


def replay(binaries, trace_path, memory):
    with Daemon(binaries, ["--max-memory", str(memory)]) as daemon:
        out = subprocess.run([os.path.join(binaries, "appmemctl"), "-a", daemon.socket, "bench",
                              "--trace", trace_path, "--json"], check=True, capture_output=True)
        return json.loads(out.stdout), daemon.resident_peak()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--bin", default="build/release/bin", help="folder of appmemd and appmemctl")
    parser.add_argument("--json", action="store_true", help="one JSON object a row")
    parser.add_argument("--points-max", type=float, default=1.0,
                        help="how many points of hit ratio may be missing (default 1)")
    parser.add_argument("trace")
    parser.add_argument("memory", nargs="+")
    args = parser.parse_args()

    trace = read_trace(args.trace)
    sizes = dict(trace)
    footprint = sum(sizes.values())
    costs = accounted_bytes(args.bin, trace)
    kept = True
    if not args.json:
        print(f"{args.trace}: {len(trace)} requests, {len(sizes)} keys, {footprint / 1e6:.1f} MB distinct")
        print(f"{'memory':>12} {'hit ratio':>10} {'exact LRU':>10} {'points':>7} "
              f"{'peak resident':>14} {'allowed':>10} {'errors':>7}")
    for text in args.memory:
        memory = parse_memory(text, footprint)
        report, resident = replay(args.bin, args.trace, memory)
        exact = 1 - exact_lru_misses(trace, costs, memory) / len(trace)
        row = {"memory": memory, "hit_ratio": report["hit_ratio"], "exact_lru_hit_ratio": exact,
               "points": 100 * (report["hit_ratio"] - exact), "resident_peak": resident,
               "resident_allowed": memory * 105 // 100 + 16 * MIB, "errors": report["errors"],
               "requests": report["requests"]}
        good = (row["points"] >= -args.points_max and resident <= row["resident_allowed"]
                and row["errors"] == 0 and row["requests"] == len(trace))
        kept = kept and good
        if args.json:
            print(json.dumps(row))
        else:
            print(f"{memory / MIB:>8.1f} MiB {row['hit_ratio']:>10.4f} {exact:>10.4f} "
                  f"{row['points']:>+7.2f} {resident / MIB:>10.1f} MiB {row['resident_allowed'] / MIB:>6.1f} MiB "
                  f"{row['errors']:>7}{'' if good else '   <- bound not kept'}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
