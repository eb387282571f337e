#!/usr/bin/env python3
"""One `appmemctl get` as a process beside one `redis-cli get`.

    bench/one_command.py [--bin build/release/bin] [--runs 60] [--ratio-max 0.75]

Both ask a daemon of its own over its Unix socket, in turn, so that what else the machine does meets
both. Prints the medians of CPU and elapsed time and their ratios. Exit status 1 when a ratio is over
--ratio-max.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time


def run(command):
    """CPU and elapsed seconds of one process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    done = subprocess.run(command, capture_output=True, check=True)
    elapsed = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.stdout.strip() != b"Ada":
        sys.exit(f"{command[0]} said {done.stdout!r}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, elapsed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", default="build/release/bin")
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--ratio-max", type=float, default=0.75)
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "s")
        pid_file = os.path.join(folder, "pid")
        ctl = [os.path.join(options.bin, "appmemctl"), "-a", path]
        subprocess.run(
            [os.path.join(options.bin, "appmemd"), "--background", "--socket", path]
            + ["--pid-file", pid_file, "--log-level", "error"],
            check=True,
        )
        try:
            subprocess.run(ctl + ["set", "name=Ada"], check=True, stdout=subprocess.DEVNULL)
            ours, theirs = [], []
            for _ in range(options.runs):
                ours.append(run(ctl + ["get", "name"]))
                theirs.append(run(["redis-cli", "-s", path, "get", "name"]))
        finally:
            with open(pid_file) as file:
                os.kill(int(file.read()), 15)
    worst = 0.0
    print("           appmemctl  redis-cli  ratio")
    for name, index in (("cpu", 0), ("elapsed", 1)):
        a, b = (statistics.median(each[index] for each in runs) for runs in (ours, theirs))
        worst = max(worst, a / b)
        print(f"{name:8} {a * 1e3:8.2f} ms {b * 1e3:7.2f} ms  {a / b:5.2f}")
    return 1 if worst > options.ratio_max else 0


if __name__ == "__main__":
    sys.exit(main())
