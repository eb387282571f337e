#!/usr/bin/env python3
"""Resident bytes an entry costs, at growing counts of entries.

    scripts/build release
    bench/memory/growth.py [--appmemd PROGRAM] [--counts 100000,2000000] [ROW ...]

A daemon of its own is filled over its Unix socket with `SET key value [PX ttl]`, and VmRSS is read at
each count, once what runs in the background has come to rest; what it was before, when one entry had
been written often, is taken off. A ROW is the length of the values, with `+ttl` where they have one: 32
32+ttl 64+ttl 1024+ttl, which is also what is measured when none is given. A second number is what the
daemon accounts.
"""

import argparse
import sys

from daemon import KEY_BYTES, Daemon

COUNTS = [
    100_000, 115_000, 137_000, 160_000, 200_000, 250_000, 300_000, 350_000, 400_000, 500_000,
    600_000, 750_000, 900_000, 1_000_000, 1_200_000, 1_500_000, 1_750_000, 2_000_000, 2_500_000,
    3_000_000, 3_500_000, 4_000_000, 5_000_000, 6_000_000, 7_500_000, 10_000_000, 12_500_000,
    15_000_000, 20_000_000,
]
ROWS = ["32", "32+ttl", "64+ttl", "1024+ttl"]
# What a row may take at 2,000,000 entries; 5 % more at any other count.
TARGETS = {"32": 80, "32+ttl": 88, "64+ttl": 120, "1024+ttl": 1110}
LARGE_BYTES = 1024
LARGE_COUNT_MAX = 5_000_000


def measure(program, row, counts, ttl_ms):
    value_bytes = int(row.split("+")[0])
    value = b"v" * value_bytes
    worst = 0.0
    at_2m = None
    with Daemon(program, "--max-memory", "16GiB") as daemon:
        expiry = ttl_ms if row.endswith("+ttl") else 0
        for _ in range(20):
            daemon.write([0] * 1000, value, expiry)
        empty, empty_used = daemon.rest()
        print(f"{KEY_BYTES}+{row}: empty {empty / 2**20:.1f} MiB")
        written = 0
        for count in counts:
            if value_bytes >= LARGE_BYTES and count > LARGE_COUNT_MAX:
                break
            daemon.write(range(written, count), value, expiry)
            written = count
            resident, used = daemon.rest()
            each = (resident - empty) / count
            worst = max(worst, each)
            if count == 2_000_000:
                at_2m = each
            print(f"  {count:10,} {each:8.1f} resident {(used - empty_used) / count:8.1f} accounted",
                  flush=True)
    if row in TARGETS and at_2m is not None:
        target = TARGETS[row]
        met = at_2m <= target and worst <= target * 1.05
        print(f"  target {target}: {at_2m:.1f} at 2,000,000, {worst:.1f} at most"
              f" ({worst / target:.3f}): {'met' if met else 'MISSED'}")
        return met
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--appmemd", default="build/release/bin/appmemd")
    parser.add_argument("--counts", help="numbers of entries, separated by commas")
    parser.add_argument("--ttl-ms", type=int, default=10_000_000)
    parser.add_argument("rows", nargs="*", default=ROWS, metavar="ROW")
    options = parser.parse_args()
    counts = COUNTS
    if options.counts:
        counts = sorted(int(count) for count in options.counts.split(","))
    met = [measure(options.appmemd, row, counts, options.ttl_ms) for row in options.rows]
    sys.exit(0 if all(met) else 1)


if __name__ == "__main__":
    main()
