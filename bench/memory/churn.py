#!/usr/bin/env python3
"""The memory limit under a churn whose sizes drift, and what a shrink gives back.

    scripts/build release
    bench/memory/churn.py [--appmemd PROGRAM] [--minutes 10] [--max-memory 256MiB]

A daemon of its own is written to without a pause, with values whose sizes drift from 32 bytes to 64 KiB
and back, a tenth of them with a TTL. Prints what was resident at most beside what may be (105 % of the
limit and 16 MiB), and the share of the limit that is in live blocks and tables. Then nine tenths of
what was written last are deleted, and what is accounted and resident after up to ten seconds is
compared with a fresh daemon that is given the rest. Exit status 1 when a bound is not kept.
"""

import argparse
import random
import sys
import time

from daemon import Client, Daemon

MIB = 1 << 20
SIZE_MIN, DOUBLINGS = 32, 11
SPREAD = 0.5  # sizes lie this part of a doubling around where the drift is
BATCH_BYTES = 1 << 20
BATCH_MAX = 1000
KEYS = 4_000_000
NOISE = random.Random(1).randbytes(4 * MIB).replace(b"\r", b"r")


def value_of(size):
    begin = random.randrange(len(NOISE) - size)
    return NOISE[begin:begin + size]


def write_some(client, center):
    """Writes about BATCH_BYTES of values around that size; returns how many bytes."""
    count = int(max(1, min(BATCH_MAX, BATCH_BYTES / center)))
    parts = []
    written = 0
    for _ in range(count):
        size = int(center * 2 ** random.uniform(-SPREAD, SPREAD))
        words = b"$2\r\nEX\r\n$3\r\n100\r\n" if random.random() < 0.1 else b""
        parts.append(b"*%d\r\n$3\r\nSET\r\n$16\r\nkey:%012d\r\n$%d\r\n%s\r\n%s" % (
            5 if words else 3, random.randrange(KEYS), size, value_of(size), words))
        written += size
    client.socket.sendall(b"".join(parts))
    replies = client.replies.read(5 * count)
    if replies != b"+OK\r\n" * count:
        sys.exit(f"the daemon said {replies[:200]!r}")
    return written


def share(daemon, limit):
    stats = daemon.stats()
    live = stats["live"] + stats["tables"] + stats["large"]
    return live / limit, stats["memory_used"] / limit


def churn(daemon, limit, seconds):
    allowed = limit * 1.05 + 16 * MIB
    begin = time.monotonic()
    told = 0
    written = 0
    worst_live = 1.0
    full = False
    while (elapsed := time.monotonic() - begin) < seconds:
        phase = 1 - abs(2 * elapsed / seconds - 1)
        center = SIZE_MIN * 2 ** (DOUBLINGS * phase)
        written += write_some(daemon, center)
        if elapsed * 20 >= told * seconds:
            told += 1
            live, used = share(daemon, limit)
            full = full or used > 0.99
            if full:
                worst_live = min(worst_live, live)
            print(f"  {elapsed:6.0f} s, values of {center:8,.0f} bytes: {live:.3f} live,"
                  f" {used:.3f} used, {daemon.status('VmRSS') / MIB:.1f} MiB resident,"
                  f" {written / MIB:,.0f} MiB written", flush=True)
    live, used = share(daemon, limit)
    highest = daemon.status("VmHWM")
    ok = highest <= allowed and live >= 0.9
    print(f"at the end {live:.3f} live (least {worst_live:.3f}), {used:.3f} used; highest resident"
          f" {highest / MIB:.1f} of {allowed / MIB:.1f} MiB: {'kept' if ok else 'NOT KEPT'}")
    return ok


def refill(client, keys, size):
    for begin in range(0, len(keys), 5000):
        client.write(keys[begin:begin + 5000], b"v" * size)


def shrink(program, limit_text, value_bytes, keep, seconds_max=10):
    """Deletes all but every `keep`th of entries that fill half of the limit; compares with fresh."""
    count = int(1.2e8 / (value_bytes + 60))
    keys = list(range(count))
    kept = keys[::keep]
    with Daemon(program, "--max-memory", limit_text) as fresh:
        refill(fresh, kept, value_bytes)
        time.sleep(1)
        fresh_resident, fresh_used = fresh.rest()
    with Daemon(program, "--max-memory", limit_text) as daemon:
        refill(daemon, keys, value_bytes)
        daemon.rest()
        gone = [key for key in keys if key % keep]
        for begin in range(0, len(gone), 5000):
            some = gone[begin:begin + 5000]
            daemon.socket.sendall(b"*2\r\n$6\r\nUNLINK\r\n$16\r\nkey:%012d\r\n".__mul__(len(some))
                                  % tuple(some))
            daemon.replies.read(4 * len(some))
        at_once = daemon.stats()["memory_used"]
        begin = time.monotonic()
        while time.monotonic() - begin < seconds_max:
            resident = daemon.status("VmRSS")
            used = daemon.stats()["memory_used"]
            if resident <= fresh_resident * 1.1 and used <= fresh_used * 1.1:
                break
            time.sleep(0.1)
        took = time.monotonic() - begin
        resident, used = daemon.rest()
    ok = took < seconds_max
    print(f"values of {value_bytes}, 1 in {keep} left: accounted {at_once / fresh_used:.3f} at once,"
          f" {used / fresh_used:.3f} later; resident {resident / fresh_resident:.3f} of a fresh one's"
          f" ({resident / MIB:.1f} MiB), both within 1.1 after {took:.1f} s: {'kept' if ok else 'NOT KEPT'}",
          flush=True)
    return ok


def bytes_of(text):
    return int(text.removesuffix("MiB")) * MIB


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--appmemd", default="build/release/bin/appmemd")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--max-memory", default="256MiB", help="a number of MiB")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    random.seed(options.seed)
    ok = True
    if options.minutes > 0:
        with Daemon(options.appmemd, "--max-memory", options.max_memory) as daemon:
            ok = churn(daemon, bytes_of(options.max_memory), options.minutes * 60)
    for value_bytes in (32, 200, 3000):
        for keep in (2, 10):
            ok &= shrink(options.appmemd, options.max_memory, value_bytes, keep)
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    main()
