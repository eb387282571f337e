# What people type. The work is done by CMake's presets and by scripts/.

PREFIX ?= /usr/local
DESTDIR ?=
# Seconds for each fuzz target.
FUZZ_SECONDS ?= 15
# Seconds for the daemon that is killed in crash-test; and how many times the seeds of its simulated files.
SECONDS ?= 300
CRASH_SCALE ?= 20
# Arguments for bench/compare/run.py.
COMPARE ?=

.DEFAULT_GOAL := help
.PHONY: help run build test tsan tidy format format-check fuzz check check-instructions check-threads check-long crash-test bench bench-compare install pre-commit hook clean

help: ## show this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 22

run: build ## build the release and run appmemd on your default socket, until Ctrl-C
	@scripts/run

build: ## install what is missing and build build/release/bin/{appmemd,appmemctl}
	@scripts/install-deps run
	@scripts/build release

test: ## build with ASan+UBSan and run every test
	@scripts/install-deps test
	@scripts/install-npm --optional
	@scripts/test asan

tsan: ## build with ThreadSanitizer and run the tests that use threads
	@scripts/install-deps test
	@scripts/test tsan

format: ## format the sources
	@scripts/install-deps check
	@scripts/format

format-check: ## fail where a source is not formatted
	@scripts/install-deps check
	@scripts/format --check

tidy: ## run clang-tidy over everything
	@scripts/install-deps check
	@scripts/tidy

fuzz: ## run each fuzz target for FUZZ_SECONDS over its corpus
	@scripts/install-deps check
	@scripts/fuzz $(FUZZ_SECONDS)

check-instructions: ## count the instructions of fixed workloads; fail where one takes more than was committed
	@scripts/install-deps check
	@scripts/check-instructions

check: tsan format-check tidy fuzz check-instructions ## what CI runs after `make test`

check-threads: ## 64 client threads with 100,000 operations each against one daemon, under ThreadSanitizer
	@scripts/install-deps test
	@APPMEM_TEST_SCALE=1000 scripts/test tsan --tests-regex '^e2e_many_clients_test\.'

check-long: ## the tests at 20 times their size, all of them under both sanitizers; clang-tidy's analyzer in depth; ten minutes for each fuzz target
	@scripts/install-deps check
	@scripts/tidy --deep
	@APPMEM_TEST_SCALE=20 scripts/test asan
	@APPMEM_TEST_SCALE=20 scripts/test tsan-all
	@scripts/fuzz 600

crash-test: ## crash the simulated disk CRASH_SCALE times as often, then kill a daemon under load for SECONDS (300)
	@scripts/install-deps test
	@APPMEM_TEST_SCALE=$(CRASH_SCALE) scripts/test asan --tests-regex '^storage_crash_test\.' --timeout 7200
	@APPMEM_KILL_SECONDS=$(SECONDS) scripts/test asan --tests-regex '^e2e_kill_test\.' --timeout $$(($(SECONDS) + 600)) --verbose

bench: ## build and run the benchmarks
	@scripts/install-deps check
	@scripts/build bench
	@for program in build/bench/bin/bench_*; do "$$program" || exit 1; done

bench-compare: ## compare with redis-server and memcached; COMPARE='SECTION ... --quick' for less (`--help` lists all)
	@scripts/install-deps test
	@scripts/build release
	@bench/compare/run.py --json build/compare.json $(COMPARE)

install: build ## install to PREFIX, below DESTDIR
	@cmake -B build/release -DCMAKE_INSTALL_PREFIX="$(PREFIX)" >/dev/null
	@DESTDIR="$(DESTDIR)" cmake --install build/release --strip

pre-commit: ## check format and clang-tidy of the sources changed since the last commit
	@scripts/install-deps check
	@scripts/pre-commit

hook: ## let git run `make pre-commit` before each commit
	@ln -sf ../../scripts/pre-commit "$$(git rev-parse --git-path hooks)/pre-commit"

clean: ## remove everything built
	@rm -rf build
