"""Statistics of small samples."""

import math
import statistics


def quantile(values, share):
    """The smallest of `values` that at least `share` of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def median_of(dictionaries):
    """A dictionary with the median of each number over several with the same names."""
    first = dictionaries[0]
    return {name: statistics.median(each[name] for each in dictionaries) for name in first}


def median_ratio(ours, theirs):
    """The median of the ratios of values taken in the same round."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def with_waiting(latencies, interval):
    """`latencies` and those of the requests that were not sent because an answer was outstanding.

    A probe that sends one request each `interval` and waits for its answer sends none while the
    server stands still. Each request that was due in that time would have waited for the rest of it.
    """
    result = []
    for latency in latencies:
        while latency > 0:
            result.append(latency)
            latency -= interval
    return result
