#!/usr/bin/env python3
"""Replays access traces through appmemd, redis-server and memcached and compares who misses least.

    bench/trace/hits.py --cloudphysics cloudphysics.csv.gz [--json FILE] [PART...]

Every replay is a look-aside cache over one connection to a Unix socket: a get, and on a miss a set.
Parts (all when none is named; those of cloudphysics are left out without that trace):

    lru      appmemd's lru beside an exact LRU of as many bytes, each entry charged what appmemd
             accounts for one (its `stats`): at most 0.5 points more misses
    s3fifo   appmemd's s3fifo at a tenth of what the trace asks for: 8 % (cloudphysics) and 10 %
             (web12) fewer misses than an exact LRU, at most 3 % more on Zipf and on scans over Zipf
    servers  values of 100 bytes at the same limit: fewer misses than the best of Redis's
             allkeys-lru and allkeys-lfu and memcached, with no larger resident size than memcached

Up to a mebibyte, which is the least that appmemd takes as --max-memory, the limit of `lru` and
`s3fifo` is a namespace's max_bytes. Exit status 1 when a target is missed.
"""

import argparse
import bisect
import getpass
import gzip
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time

from exact_lru import MIB, Daemon, Session, accounted_bytes, exact_lru_misses, read_trace

WEB12 = os.path.join(os.path.dirname(__file__), "../../tests/data/web12.csv.gz")
START_SECONDS_MAX = 20


def zipf_trace(seed, exponent, keys=50_000, requests=200_000, scan=False):
    """Independent requests for keys of a Zipf distribution; with `scan`, a fifth of all are for keys
    that are asked for once, 4,000 at a time."""
    rng = random.Random(seed)
    until = []
    total = 0.0
    for rank in range(1, keys + 1):
        total += rank ** -exponent
        until.append(total)
    trace = []
    for at in range(requests):
        if scan and at % 20_000 < 4_000:
            trace.append((f"scan:{at}", 100))
        else:
            trace.append((f"key:{bisect.bisect(until, rng.random() * total)}", 100))
    return trace


def write_trace(path, trace):
    with gzip.open(path, "wt", encoding="ascii", compresslevel=1) as file:
        file.write("key,size\n")
        file.writelines(f"{key},{size}\n" for key, size in trace)


# --- servers -------------------------------------------------------------------------------------


class Server:
    """A child process that listens on a Unix socket in a folder of its own."""

    def __init__(self, name, command):
        self.name = name
        self.folder = tempfile.TemporaryDirectory(prefix="appmem-hits-")
        self.path = os.path.join(self.folder.name, "s")
        self.process = subprocess.Popen([word.replace("SOCKET", self.path).replace(
            "FOLDER", self.folder.name) for word in command], stdout=subprocess.DEVNULL)
        self.socket = socket.socket(socket.AF_UNIX)
        until = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                self.socket.connect(self.path)
                break
            except OSError:
                if time.monotonic() > until or self.process.poll() is not None:
                    sys.exit(f"{command[0]} does not answer")
                time.sleep(0.02)
        self.file = self.socket.makefile("rb")

    def resident(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM:"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()
        self.process.terminate()
        try:
            self.process.wait(timeout=START_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.folder.cleanup()


class Resp(Server):
    def get(self, key):
        self.socket.sendall(b"*2\r\n$3\r\nGET\r\n$%d\r\n%b\r\n" % (len(key), key))
        header = self.file.readline()
        if not header.startswith(b"$"):
            sys.exit(f"{self.name}: {header}")
        if header.startswith(b"$-1"):
            return False
        self.file.read(int(header[1:]) + 2)
        return True

    def set(self, key, value):
        self.socket.sendall(b"*3\r\n$3\r\nSET\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n" %
                            (len(key), key, len(value), value))
        return self.file.readline().startswith(b"+")


class Memcached(Server):
    def get(self, key):
        self.socket.sendall(b"get %b\r\n" % key)
        header = self.file.readline()
        if header.startswith(b"END"):
            return False
        self.file.read(int(header.split()[3]) + 2)
        self.file.readline()
        return True

    def set(self, key, value):
        self.socket.sendall(b"set %b 0 0 %d\r\n%b\r\n" % (key, len(value), value))
        return self.file.readline().startswith(b"STORED")


def appmem(binaries, policy, limit):
    return Resp("appmem " + policy, [os.path.join(binaries, "appmemd"), "--socket", "SOCKET",
                                     "--max-memory", f"{limit}B", "--eviction", policy,
                                     "--log-level", "error"])


def redis(policy, limit):
    return Resp("redis " + policy, ["redis-server", "--port", "0", "--unixsocket", "SOCKET", "--save",
                                    "", "--appendonly", "no", "--dir", "FOLDER", "--maxmemory",
                                    str(limit), "--maxmemory-policy", policy])


def memcached(limit):
    """It takes whole mebibytes only, and no items of more than half of them."""
    mebibytes = -(-limit // MIB)
    user = ["-u", getpass.getuser()] if os.getuid() == 0 else []
    item_max = ["-I", "512k"] if mebibytes == 1 else []
    return Memcached("memcached", ["memcached", "-s", "SOCKET", "-m", str(mebibytes), *item_max, *user])


def look_aside(server, trace, value):
    misses = refused = 0
    for key, _ in trace:
        key = key.encode()
        if not server.get(key):
            misses += 1
            if not server.set(key, value):
                refused += 1
    return misses, refused, server.resident()


def replay(binaries, policy, trace_path, limit):
    """The trace with its own sizes through appmemctl, as that is faster; the misses."""
    bounded = limit <= MIB
    options = ["--max-memory", "64MiB" if bounded else f"{limit}B", "--eviction", policy]
    with Daemon(binaries, options) as daemon, Session(daemon.socket) as session:
        if bounded:
            session.call({"op": "ns.alter", "name": "default", "max_bytes": limit})
        out = subprocess.run([os.path.join(binaries, "appmemctl"), "-a", daemon.socket, "bench",
                              "--trace", trace_path, "--json"], check=True, capture_output=True)
        report = json.loads(out.stdout)
        if report["errors"] != 0:
            sys.exit(f"{trace_path}: {report['errors']} errors")
        return round((1 - report["hit_ratio"]) * report["requests"])


# --- parts ---------------------------------------------------------------------------------------


class Traces:
    def __init__(self, binaries, cloudphysics):
        self.binaries = binaries
        self.folder = tempfile.TemporaryDirectory(prefix="appmem-hits-")
        self.paths = {"web12": WEB12}
        if cloudphysics:
            self.paths["cloudphysics"] = cloudphysics
        self.read = {}
        self.costs = {}

    def path(self, name):
        if name not in self.paths:
            shape = {"zipf 0.8": (1, 0.8), "zipf 1.0": (2, 1.0), "zipf 1.2": (3, 1.2),
                     "scan over zipf 1.0": (4, 1.0, 50_000, 200_000, True)}[name]
            self.paths[name] = os.path.join(self.folder.name, name.replace(" ", "-") + ".csv.gz")
            write_trace(self.paths[name], zipf_trace(*shape))
        return self.paths[name]

    def has(self, name):
        return name != "cloudphysics" or name in self.paths

    def trace(self, name):
        if name not in self.read:
            self.read[name] = read_trace(self.path(name))
        return self.read[name]

    def exact_lru(self, name, limit):
        if name not in self.costs:
            self.costs[name] = accounted_bytes(self.binaries, self.trace(name))
        return exact_lru_misses(self.trace(name), self.costs[name], limit)

    def footprint(self, name):
        return sum(dict(self.trace(name)).values())


def compare_with_exact(traces, policy, name, share, judge, target):
    limit = int(traces.footprint(name) * share / 100)
    requests = len(traces.trace(name))
    misses = replay(traces.binaries, policy, traces.path(name), limit)
    exact = traces.exact_lru(name, limit)
    row = {"part": policy, "trace": name, "limit": limit, "share_percent": share,
           "miss_ratio": misses / requests, "exact_lru_miss_ratio": exact / requests,
           "points": 100 * (misses - exact) / requests, "relative_percent": 100 * (misses / exact - 1),
           "target": target}
    row["met"] = judge(row)
    return row


def lru_rows(traces):
    cases = [("cloudphysics", share) for share in (5, 10, 25, 50)] + [("web12", 1), ("web12", 10)]
    for name, share in cases:
        if traces.has(name):
            yield compare_with_exact(traces, "lru", name, share, lambda row: row["points"] <= 0.5,
                                     "at most 0.5 points more")


def s3fifo_rows(traces):
    cases = [("cloudphysics", -8), ("web12", -10), ("zipf 0.8", 3), ("zipf 1.0", 3), ("zipf 1.2", 3),
             ("scan over zipf 1.0", 3)]
    for name, bound in cases:
        if traces.has(name):
            words = f"at least {-bound} % fewer" if bound < 0 else f"at most {bound} % more"
            yield compare_with_exact(traces, "s3fifo", name, 10,
                                     lambda row, bound=bound: row["relative_percent"] <= bound, words)


def server_rows(traces):
    value = b"v" * 100
    cases = [("cloudphysics", 1), ("cloudphysics", 2), ("cloudphysics", 4), ("web12", 0.5),
             ("web12", 1)]
    for name, mebibytes in cases:
        if not traces.has(name):
            continue
        limit = int(mebibytes * MIB)
        trace = traces.trace(name)
        seen = {}
        for make in (lambda: appmem(traces.binaries, "lru", limit),
                     lambda: appmem(traces.binaries, "s3fifo", limit),
                     lambda: redis("allkeys-lru", limit), lambda: redis("allkeys-lfu", limit),
                     lambda: memcached(limit)):
            with make() as server:
                misses, refused, resident = look_aside(server, trace, value)
                seen[server.name] = {"miss_ratio": misses / len(trace), "refused": refused,
                                     "resident": resident}
        # memcached cannot be given less than a mebibyte, so below that it is no rival.
        rivals = [seen[key] for key in seen
                  if key.startswith("redis") or (key == "memcached" and limit % MIB == 0)]
        best = min(rival["miss_ratio"] for rival in rivals)
        for server, row in seen.items():
            row = {"part": "servers", "trace": name, "limit": limit, "server": server, **row}
            if server.startswith("appmem"):
                row["target"] = f"below {best:.4f}, resident up to memcached's"
                row["met"] = (row["miss_ratio"] < best
                              and row["resident"] <= seen["memcached"]["resident"])
            yield row


def show(row):
    where = f"{row['trace']:<19} {row['limit'] / MIB:>7.2f} MiB"
    verdict = {True: "met", False: "MISSED"}.get(row.get("met"), "")
    if row["part"] == "servers":
        print(f"{row['server']:<18} {where}  misses {row['miss_ratio']:.4f}  resident "
              f"{row['resident'] / MIB:5.1f} MiB  refused {row['refused']:>6}  "
              f"{row.get('target', '')} {verdict}", flush=True)
        return
    print(f"{row['part']:<6} {where} ({row['share_percent']:>2} %)  misses {row['miss_ratio']:.4f}  "
          f"exact LRU {row['exact_lru_miss_ratio']:.4f}  {row['points']:+.2f} points, "
          f"{row['relative_percent']:+.2f} %  {row['target']}: {verdict}", flush=True)


def main():
    parts = {"lru": lru_rows, "s3fifo": s3fifo_rows, "servers": server_rows}
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--bin", default="build/release/bin", help="folder of appmemd and appmemctl")
    parser.add_argument("--cloudphysics", metavar="FILE", help="that trace; it is not in this project")
    parser.add_argument("--json", metavar="FILE", help="write all rows there as well")
    parser.add_argument("parts", nargs="*", choices=[[], *parts], metavar="PART")
    args = parser.parse_args()

    traces = Traces(args.bin, args.cloudphysics)
    rows = []
    for part in args.parts or parts:
        for row in parts[part](traces):
            show(row)
            rows.append(row)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)
    return 0 if all(row.get("met", True) for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
