#!/usr/bin/env python3
"""Writes to a durable namespace while a probe times GETs; a process of its own.

    durable_load.py SOCKET NAMESPACE KEYS SECONDS

Prints "ready", waits for a line, then writes random keys in pipelines for SECONDS and asks for one checkpoint
after the other beside that; prints how many SETs and how many checkpoints were answered.
"""

import random
import select
import sys
import time

import wire

PIPELINE = 16
VALUE_BYTES = 32
BATCHES = 2000  # made beforehand, sent over and over
CHECKPOINT = b'{"op":"checkpoint"}\n'


def write(path, namespace, keys, seconds):
    """How many SETs and how many checkpoints there were."""
    writer, checkpoints = wire.connect(path), wire.connect(path)
    writer.ask("SELECT", namespace)
    numbers = random.Random(2)
    value = b"y" * VALUE_BYTES
    batches = [
        b"".join(
            wire.request("SET", wire.key(numbers.randrange(keys)), value) for _ in range(PIPELINE)
        )
        for _ in range(BATCHES)
    ]
    answer_bytes = len(b"+OK\r\n") * PIPELINE
    print("ready", flush=True)
    sys.stdin.readline()
    end = time.monotonic() + seconds
    count, done = 0, 0
    checkpoints.send(CHECKPOINT)
    while time.monotonic() < end:
        writer.send(batches[count % BATCHES])
        writer.read_exactly(answer_bytes)
        count += 1
        if count % 16 == 0 and select.select([checkpoints.socket], [], [], 0)[0]:
            if b'"ok":true' not in checkpoints.read_line():
                raise wire.ReplyError("a checkpoint failed")
            done += 1
            checkpoints.send(CHECKPOINT)
    return count * PIPELINE, done


def main():
    path, namespace, keys, seconds = sys.argv[1:5]
    print(*write(path, namespace, int(keys), float(seconds)), flush=True)


if __name__ == "__main__":
    main()
