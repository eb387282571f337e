#!/usr/bin/env python3
"""Compares appmemd with redis-server, memcached and Valkey on this machine.

    bench/compare/run.py [SECTION ...] [--quick] [--json FILE]

Each server is started alone, on a Unix socket of its own, on the same cores, its clients on the
others; figures are ratios within one run, medians over alternating rounds. VALKEY_SERVER names
Valkey's server where there is one. Exit status 0 whether or not the targets are met, 1 when
something could not be measured.
"""

import argparse
import os
import resource
import signal
import sys

import churn
import durability
import evenness
import memory
import report
import servers
import sweeps
import targets
import throughput

# A section has TARGET_PREFIXES, add_options(parser) and run(context) -> report.SectionReport.
SECTIONS = {
    "throughput": throughput,
    "memory": memory,
    "churn": churn,
    "evenness": evenness,
    "durability": durability,
    "sweeps": sweeps,
}
SECTIONS_BY_DEFAULT = ("throughput", "memory", "churn", "evenness", "durability")
CLIENT_THREADS_MAX = 4
ROUNDS = 5
ROUNDS_QUICK = 3


class Context:
    """What all sections share: the options, the servers and where they run."""

    def __init__(self, options):
        self.options = options
        self.rounds = options.rounds or (ROUNDS_QUICK if options.quick else ROUNDS)
        self.kinds, self.missing = servers.find_kinds(options.bin, os.environ, options.servers)
        self.appmemctl = os.path.join(options.bin, "appmemctl")
        # Clients and servers with 10,000 connections need as many files.
        _, files_max = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (files_max, files_max))
        self.cores = os.sched_getaffinity(0)
        self.placement = self.place(options.threads)

    def place(self, threads):
        """Where a server with so many threads and its clients run."""
        return servers.Placement.choose(self.cores, threads, self.options.realtime)

    def client_threads(self, placement):
        """Threads of a load generator that has some: as many as its cores, up to a few."""
        return self.options.client_threads or min(CLIENT_THREADS_MAX, len(placement.clients))

    def keep_out_of_the_way(self):
        """This process fills and watches the servers, so it runs where their clients run."""
        os.sched_setaffinity(0, self.placement.clients)
        if self.options.realtime:
            priority = os.sched_param(servers.CLIENT_PRIORITY)
            os.sched_setscheduler(0, os.SCHED_FIFO, priority)

    def in_turn(self, number):
        """The servers, each round beginning with another one."""
        at = number % len(self.kinds)
        return self.kinds[at:] + self.kinds[:at]

    def say(self, text):
        print(text, file=sys.stderr, flush=True)


def parse_arguments(arguments):
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = ", ".join(SECTIONS)
    parser.add_argument(
        "sections", nargs="*", metavar="SECTION", help=f"of {names}; default: all but sweeps"
    )
    parser.add_argument(
        "--bin",
        default=os.path.join(root, "build/release/bin"),
        metavar="DIR",
        help="where appmemd and appmemctl are; default build/release/bin",
    )
    parser.add_argument(
        "--servers",
        nargs="+",
        choices=servers.NAMES,
        metavar="NAME",
        help="only these of " + ", ".join(servers.NAMES),
    )
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="event loops of the servers")
    parser.add_argument("--client-threads", type=int, metavar="N", help="of redis-benchmark")
    parser.add_argument(
        "--rounds", type=int, metavar="N", help=f"default {ROUNDS}, {ROUNDS_QUICK} if --quick"
    )
    parser.add_argument("--quick", action="store_true", help="fewer requests, keys and rounds")
    parser.add_argument(
        "--realtime",
        action="store_true",
        help="run servers and clients before everything else, for all but durability; as root, where others work too",
    )
    parser.add_argument("--json", metavar="FILE", help="write everything that was measured")
    for section in SECTIONS.values():
        section.add_options(parser)
    options = parser.parse_args(arguments)
    unknown = [name for name in options.sections if name not in SECTIONS]
    if unknown:
        parser.error(f"no section {unknown[0]}; there are {names}")
    if options.realtime and "durability" in options.sections:
        parser.error("durability cannot be measured with --realtime: the threads of the disk would never run")
    options.sections = options.sections or [
        name for name in SECTIONS_BY_DEFAULT if not (options.realtime and name == "durability")
    ]
    return options


def main():
    options = parse_arguments(sys.argv[1:])
    context = Context(options)
    if not context.kinds:
        sys.exit("nothing to compare: " + "; ".join(context.missing))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))  # servers end with us
    about = report.machine()
    context.keep_out_of_the_way()
    print(report.machine_line(about))
    print("`bench/compare/run.py " + " ".join(sys.argv[1:]) + "`\n")
    document = {"machine": about, "arguments": sys.argv[1:], "sections": {}}
    figures, noisy, prefixes, messages = {}, set(), [], []
    for name in options.sections:
        section = SECTIONS[name]
        result = section.run(context)
        figures |= result.figures
        noisy |= result.noisy
        prefixes += section.TARGET_PREFIXES
        messages += result.messages
        document["sections"][name] = result.data
        for table in result.tables:
            print(table.markdown(), flush=True)
    print(report.verdict_table(figures, prefixes, noisy).markdown())
    for message in context.missing + messages:
        print("not measured: " + message)
    verdicts = {verdict.target.figure: verdict.word for verdict in targets.judge(figures, noisy)}
    document |= {"figures": figures, "verdicts": verdicts, "not_measured": context.missing + messages}
    if options.json:
        report.write_json(options.json, document)
    return 1 if messages else 0


if __name__ == "__main__":
    sys.exit(main())
