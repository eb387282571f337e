#!/usr/bin/env python3
"""Times one GET each interval, in a process of its own, until its standard input ends.

    probe.py SOCKET KEYS INTERVAL_US

Then writes to standard output, as native 64-bit integers, pairs: when the request was sent (CLOCK_MONOTONIC,
nanoseconds) and how long its answer took (nanoseconds). Prints "ready SCHEDULING\n" before the first.
"""

import array
import ctypes
import gc
import os
import random
import select
import socket
import sys
import time

import servers
import wire

REQUESTS = 4096  # made beforehand, sent over and over
SAMPLES_MAX = 1_000_000
PR_SET_TIMERSLACK = 29


def become_punctual():
    """Asks the kernel to run this process when it is due; says what was granted."""
    ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(servers.PROBE_PRIORITY))
        return "fifo"
    except PermissionError:
        return "normal"


def is_whole(answer):
    """Whether all of the answer to one GET is there."""
    end = answer.find(b"\r\n")
    if end < 0:
        return False
    if answer[:1] != b"$":
        raise SystemExit(f"probe: the answer was {bytes(answer[:80])!r}")
    length = int(answer[1:end])
    return length < 0 or len(answer) >= end + 2 + length + 2


def probe(path, keys, interval_ns):
    numbers = random.Random(1)
    requests = [wire.request("GET", wire.key(numbers.randrange(keys))) for _ in range(REQUESTS)]
    times = array.array("q", bytes(16 * SAMPLES_MAX))
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    scheduling = become_punctual()
    gc.collect()
    gc.freeze()
    gc.disable()
    print("ready", scheduling, flush=True)
    told_to_end = select.poll()
    told_to_end.register(0, select.POLLIN | select.POLLHUP)
    now = time.monotonic_ns
    due = now() + interval_ns
    count = 0
    while count < SAMPLES_MAX:
        wait = due - now()
        if wait > 0:
            time.sleep(wait / 1e9)
        sent = now()
        connection.sendall(requests[count % REQUESTS])
        answer = connection.recv(4096)
        while not is_whole(answer):
            answer += connection.recv(4096)
        done = now()
        times[2 * count] = sent
        times[2 * count + 1] = done - sent
        count += 1
        due = max(due + interval_ns, done)
        if count % 16 == 0 and told_to_end.poll(0):
            break
    return times[: 2 * count]


def main():
    path, keys, interval_us = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    sys.stdout.buffer.write(probe(path, keys, interval_us * 1000).tobytes())


if __name__ == "__main__":
    main()
