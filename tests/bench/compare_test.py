#!/usr/bin/env python3
"""Tests of what bench/compare makes of what it reads; nothing is started and nothing is timed."""

import contextlib
import io
import os
import socket
import sys
import tempfile
import threading
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "bench", "compare"))

import churn
import disturb
import durability
import evenness
import figures
import load
import memory
import probe
import report
import run
import servers
import sweeps
import targets
import throughput
import wire

REDIS_BENCHMARK_OUTPUT = """
SET: rps=0.0 (overall: 0.0) avg_msec=-nan (overall: -nan)\r====== SET ======
  2000 requests completed in 0.21 seconds
  5 parallel clients

Latency by percentile distribution:
0.000% <= 0.055 milliseconds (cumulative count 20)
50.000% <= 1.031 milliseconds (cumulative count 1004)
99.805% <= 22.591 milliseconds (cumulative count 1999)
99.902% <= 22.703 milliseconds (cumulative count 1999)
100.000% <= 23.007 milliseconds (cumulative count 2000)

Cumulative distribution of latencies:
7.200% <= 0.103 milliseconds (cumulative count 144)

Summary:
  throughput summary: 9569.38 requests per second
  latency summary (msec):
          avg       min       p50       p95       p99       max
        1.697     0.048     1.031     4.415    11.527    23.007
"""


class FiguresTest(unittest.TestCase):
    def test_quantile_is_a_value_that_enough_do_not_exceed(self):
        values = list(range(1, 1001))
        self.assertEqual(figures.quantile(values, 0.5), 500)
        self.assertEqual(figures.quantile(values, 0.999), 999)
        self.assertEqual(figures.quantile(values, 1.0), 1000)
        self.assertEqual(figures.quantile([7], 0.0), 7)

    def test_ratio_is_taken_in_each_round_before_the_median(self):
        # A machine that was slow in the second round was slow for both.
        self.assertEqual(figures.median_ratio([1, 30, 1], [2, 60, 2]), 0.5)

    def test_rounds_that_do_not_belong_together_are_refused(self):
        with self.assertRaises(ValueError):
            figures.median_ratio([1, 2], [1])

    def test_median_is_taken_of_each_name(self):
        found = figures.median_of([{"a": 1, "b": 9}, {"a": 5, "b": 7}, {"a": 2, "b": 8}])
        self.assertEqual(found, {"a": 2, "b": 8})

    def test_a_long_answer_stands_for_the_requests_that_it_kept_from_being_sent(self):
        self.assertEqual(figures.with_waiting([100, 1700, 100], 500), [100, 1700, 1200, 700, 200, 100])


class TargetsTest(unittest.TestCase):
    def test_each_figure_has_one_target(self):
        names = [target.figure for target in targets.TARGETS]
        self.assertEqual(len(names), len(set(names)))

    def test_each_target_belongs_to_a_section(self):
        prefixes = tuple(p for section in run.SECTIONS.values() for p in section.TARGET_PREFIXES)
        for target in targets.TARGETS:
            self.assertTrue(target.figure.startswith(prefixes), target.figure)

    def test_limit_itself_meets_at_most_and_at_least_but_not_below(self):
        for sense, at_limit, under, over in (
            (targets.AT_MOST, True, True, False),
            (targets.AT_LEAST, True, False, True),
            (targets.BELOW, False, True, False),
        ):
            target = targets.Target("x", "x", sense, 10)
            self.assertEqual(targets.is_met(target, 10), at_limit)
            self.assertEqual(targets.is_met(target, 9), under)
            self.assertEqual(targets.is_met(target, 11), over)

    def test_a_figure_that_is_missing_is_neither_met_nor_missed(self):
        words = {verdict.word for verdict in targets.judge({})}
        self.assertEqual(words, {"not measured"})
        verdicts = {v.target.figure: v.word for v in targets.judge({"start_ms": 51, "cpu.resp.get.1": 0})}
        self.assertEqual(verdicts["start_ms"], "missed")
        self.assertEqual(verdicts["cpu.resp.get.1"], "met")

    def test_noise_makes_a_miss_and_every_ratio_doubtful(self):
        figures_seen = {"start_ms": 51, "memory.empty": 5, "evenness.keys.max_of_redis": 0.1}
        verdicts = targets.judge(figures_seen, set(figures_seen))
        words = {verdict.target.figure: verdict.word for verdict in verdicts}
        self.assertEqual(words["start_ms"], "missed (noisy)")
        self.assertEqual(words["memory.empty"], "met")
        self.assertEqual(words["evenness.keys.max_of_redis"], "met (noisy)")


class LoadTest(unittest.TestCase):
    def test_redis_benchmark_is_read_in_microseconds(self):
        rate, *times = load.parse_redis_benchmark(REDIS_BENCHMARK_OUTPUT)
        self.assertAlmostEqual(rate, 9569.38)
        for time_us, expected in zip(times, (1031, 11527, 22703, 23007), strict=True):
            self.assertAlmostEqual(time_us, expected)

    def test_redis_benchmark_that_failed_is_an_error(self):
        with self.assertRaisesRegex(load.GeneratorError, "Could not connect"):
            load.parse_redis_benchmark("Could not connect to Redis")

    def test_appmemctl_bench_is_read_from_its_last_line(self):
        line = (
            '{"requests":10,"errors":0,"requests_per_second":21791.5,"latency_us":'
            '{"p50":7.5,"p90":8,"p99":9.5,"p99_9":10.5,"p99_99":11,"max":12.5,"mean":8}}'
        )
        found = load.parse_appmemctl_bench("progress\n" + line + "\n")
        self.assertEqual(found, (21791.5, 7.5, 9.5, 10.5, 12.5))

    def test_appmemctl_bench_with_errors_is_an_error(self):
        with self.assertRaisesRegex(load.GeneratorError, "2 errors: busy"):
            load.parse_appmemctl_bench('{"errors":2,"first_error":"busy"}')


class WireTest(unittest.TestCase):
    def test_stored_keys_are_those_of_the_generators(self):
        requests = wire.Store("resp", b"50%").requests(7, 9)
        expected = [wire.request("SET", b"key:%012d" % number, b"50%") for number in (7, 8)]
        self.assertEqual(requests, b"".join(expected))

    def test_stored_deadlines_are_absolute_milliseconds(self):
        requests = wire.Store("resp", b"x", lambda n: 1_800_000_000_000 + n).requests(3, 4)
        self.assertEqual(
            requests, wire.request("SET", wire.key(3), "x", "PXAT", 1_800_000_000_003)
        )

    def test_memcached_is_told_the_length_and_the_time_to_live(self):
        requests = wire.Store("memcached", b"ab", lambda _: 60).requests(1, 2)
        self.assertEqual(requests, b"set key:000000000001 0 60 2\r\nab\r\n")

    def test_replies_of_each_kind_are_read(self):
        replies = b"+OK\r\n:7\r\n$3\r\na\r\n\r\n$-1\r\n*2\r\n$1\r\na\r\n:1\r\n-ERR no\r\n"
        with self._connection_that_reads(replies) as connection:
            self.assertEqual(connection.reply(), b"OK")
            self.assertEqual(connection.reply(), 7)
            self.assertEqual(connection.reply(), b"a\r\n")
            self.assertIsNone(connection.reply())
            self.assertEqual(connection.reply(), [b"a", 1])
            with self.assertRaisesRegex(wire.ReplyError, "ERR no"):
                connection.reply()
            with self.assertRaises(ConnectionError):
                connection.reply()

    def test_a_fill_that_is_answered_otherwise_is_an_error(self):
        with self._connection_that_reads(b"-ERR full\r\n") as connection:
            with self.assertRaisesRegex(wire.ReplyError, "ERR full"):
                wire.fill(connection, wire.Store("resp", b"x"), 0, 2)

    def _connection_that_reads(self, data):
        """A connection to a listener that sends `data` and no more."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(os.path.join(folder.name, "s"))
        listener.listen()

        def answer():
            peer, _ = listener.accept()
            with peer:
                peer.sendall(data)
                peer.shutdown(socket.SHUT_WR)
                while peer.recv(4096):
                    pass

        thread = threading.Thread(target=answer)
        thread.start()
        self.addCleanup(thread.join)
        return wire.connect(os.path.join(folder.name, "s"))


class ProbeTest(unittest.TestCase):
    def test_answer_is_whole_at_its_last_byte_only(self):
        for answer in (b"$3\r\nabc\r\n", b"$-1\r\n"):
            for length in range(len(answer)):
                self.assertFalse(probe.is_whole(answer[:length]), answer[:length])
            self.assertTrue(probe.is_whole(answer))

    def test_an_error_ends_the_probe(self):
        with self.assertRaises(SystemExit):
            probe.is_whole(b"-ERR\r\n")

    def test_each_scenario_has_its_disturbance(self):
        scenarios = set(targets.EVENNESS_SCENARIOS) | set(evenness.FURTHER_SCENARIOS)
        expected = scenarios - set(targets.EXPIRY_SCENARIOS) | {"burn"}
        self.assertEqual(set(disturb.DISTURBANCES), expected)

    def test_a_quiet_run_is_better_than_a_shorter_wait_beside_noise(self):
        def found(quiet, most):
            return {"quiet": quiet, "work": evenness.Times(0.1, 0.5, most, 100)}

        self.assertTrue(evenness._is_better(found(True, 5.0), found(False, 1.0)))
        self.assertFalse(evenness._is_better(found(False, 1.0), found(True, 5.0)))
        self.assertTrue(evenness._is_better(found(True, 1.0), found(True, 1.5)))


class ServersTest(unittest.TestCase):
    def test_server_and_clients_have_cores_of_their_own(self):
        placement = servers.Placement.choose({3, 1, 2, 0}, threads=2)
        self.assertEqual((placement.server, placement.clients), ({0, 1}, {2, 3}))

    def test_clients_have_a_core_however_many_threads_the_server_has(self):
        placement = servers.Placement.choose({0, 1}, threads=8)
        self.assertEqual((placement.server, placement.clients), ({0}, {1}))

    def test_one_core_is_shared(self):
        placement = servers.Placement.choose({5}, threads=1)
        self.assertEqual((placement.server, placement.clients), ({5}, {5}))

    def test_valkey_is_there_when_the_environment_names_it(self):
        found, missing = servers.find_kinds("/nowhere", {"VALKEY_SERVER": sys.executable}, ["valkey"])
        self.assertEqual([kind.name for kind in found], ["valkey"])
        self.assertEqual(missing, [])
        found, missing = servers.find_kinds("/nowhere", {}, ["appmem", "valkey"])
        self.assertEqual(found, [])
        self.assertEqual(len(missing), 2)


class SectionsTest(unittest.TestCase):
    def test_sizes_drift_up_and_back(self):
        sizes = [churn.value_bytes_at(share) for share in (0, 0.25, 0.5, 0.75, 1)]
        self.assertEqual(sizes, [32, 1448, 65536, 1448, 32])

    def test_churn_is_held_to_the_limit_and_to_a_fresh_server(self):
        mib = servers.MIB
        churned = churn.Churned(
            resident_max=115 * mib, live=91 * mib, shrunk_accounted=3 * mib, soon_accounted=2 * mib,
            fresh_accounted=2 * mib, shrunk_resident=20 * mib, fresh_resident=20 * mib,
        )
        found = churn.figures_of(churned, 100 * mib)
        self.assertAlmostEqual(found["churn.resident"], 10)
        self.assertAlmostEqual(found["churn.live"], 91)
        self.assertAlmostEqual(found["churn.accounted"], 150)
        self.assertAlmostEqual(found["churn.shrunk"], 100)

    def test_memory_is_read_at_the_target_and_close_to_every_count(self):
        counts = memory.counts_to(5_000_000)
        self.assertEqual((counts[0], counts[-1]), (targets.MEMORY_COUNT_MIN, 5_000_000))
        self.assertIn(targets.MEMORY_ENTRIES, counts)
        for low, high in zip(counts, counts[1:]):
            self.assertLessEqual(high / low, memory.COUNT_STEP + 0.001)

    def test_large_values_are_filled_to_a_quarter(self):
        options = run.parse_arguments(["--entries", "20000000"])
        self.assertEqual(memory.entries_of_row(options, 64), 20_000_000)
        self.assertEqual(memory.entries_of_row(options, 1024), 5_000_000)
        options = run.parse_arguments([])
        self.assertEqual(memory.entries_of_row(options, 1024), targets.MEMORY_ENTRIES)

    def test_sweep_of_values_sends_and_stores_a_bounded_amount(self):
        for size in sweeps.VALUES:
            work = sweeps.work_at("values", size, "set")
            self.assertGreaterEqual(work.requests, sweeps.REQUESTS_MIN)
            self.assertLessEqual(work.keys * size, sweeps.STORED_BYTES_MAX)

    def test_sections_that_do_not_exist_are_refused(self):
        with contextlib.redirect_stderr(io.StringIO()) as said, self.assertRaises(SystemExit):
            run.parse_arguments(["nothing"])
        self.assertIn("no section nothing", said.getvalue())

    def test_a_disk_is_not_measured_before_its_own_threads(self):
        with contextlib.redirect_stderr(io.StringIO()) as said, self.assertRaises(SystemExit):
            run.parse_arguments(["durability", "--realtime"])
        self.assertIn("durability cannot be measured with --realtime", said.getvalue())
        self.assertNotIn("durability", run.parse_arguments(["--realtime"]).sections)
        self.assertIn("durability", run.parse_arguments([]).sections)

    def test_a_target_of_throughput_has_a_pipeline_that_is_measured(self):
        for target in targets.TARGETS:
            if target.figure.startswith(("cpu.", "rate.", "p99.")):
                self.assertIn(int(target.figure.rsplit(".", 1)[1]), throughput.PIPELINES)


class DurabilityTest(unittest.TestCase):
    def test_both_servers_are_told_the_same_about_syncs(self):
        for sync, ours, theirs in (("always", "always", "always"), ("interval", "interval", "everysec")):
            commands = [
                " ".join(self._kind(name, sync).command("/s", "/f", servers.Limits()))
                for name in ("appmem", "redis")
            ]
            self.assertIn(f"--data-dir /d --sync {ours}", commands[0])
            self.assertIn(f"--appendonly yes --appendfsync {theirs}", commands[1])
            # The last of several options is the one that holds.
            self.assertGreater(commands[1].rfind("--dir /d"), commands[1].rfind("--dir /f"))
            self.assertGreater(commands[1].rfind("appendonly yes"), commands[1].rfind("appendonly no"))

    def test_growth_is_that_of_the_worst_step(self):
        self.assertEqual(durability.least_growth([100, 400, 300]), 0.75)
        self.assertEqual(durability.least_growth([100, 200, 800]), 2)

    def test_a_server_that_is_loading_is_asked_again(self):
        answers = [wire.ReplyError("LOADING Redis is loading the dataset in memory"), b"x"]

        class Connection:
            def ask(self, *_):
                answer = answers.pop(0)
                if isinstance(answer, Exception):
                    raise answer
                return answer

        server = durability.DurableServer(self._kind("redis", "always"), None)
        self.addCleanup(server.__exit__)
        server.ask_something(Connection())
        self.assertEqual((server.first_answer, answers), (b"x", []))
        answers.append(wire.ReplyError("ERR no"))
        with self.assertRaisesRegex(wire.ReplyError, "ERR no"):
            server.ask_something(Connection())

    def test_more_clients_send_more_but_a_slow_disk_is_not_asked_for_minutes(self):
        for clients in durability.CLIENTS:
            self.assertLessEqual(durability.requests_of("always", clients, 1, False), 2000 * clients)
            self.assertLess(
                durability.requests_of("always", clients, 1, True),
                durability.requests_of("always", clients, 1, False),
            )

    def test_what_a_target_names_is_measured(self):
        for target in targets.TARGETS:
            words = target.figure.split(".")
            if words[0] == "durability" and words[1] in ("always", "interval"):
                self.assertIn(int(words[3]), durability.PIPELINES)

    def _kind(self, name, sync):
        kind = servers.Kind(name, "/program", ("resp",))
        return durability.DurableKind.of(kind, "/d", sync)


class ReportTest(unittest.TestCase):
    def test_numbers_have_three_digits_that_mean_something(self):
        for value, text in (
            (None, "–"), (0, "0"), (0.00234, "0.00234"), (0.0304, "0.0304"), (0.301, "0.301"),
            (1.234, "1.23"), (45.678, "45.7"), (456.7, "457"), (1234567.8, "1,234,568"), (2, "2.00"),
        ):
            self.assertEqual(report.number(value), text)

    def test_table_is_markdown(self):
        table = report.Table("T", ["a", "b"], [["x", 1]], "n")
        self.assertEqual(table.markdown(), "**T**\n\n| a | b |\n| --- | ---: |\n| x | 1 |\n\nn\n")

    def test_verdicts_are_those_of_the_sections_that_ran(self):
        table = report.verdict_table({"memory.empty": 20}, ["memory."])
        self.assertIn(["an empty daemon, resident", "at most 16.0 MiB", "20.0", "missed"], table.rows)
        self.assertFalse([row for row in table.rows if "RESP" in row[0]])


if __name__ == "__main__":
    unittest.main()
