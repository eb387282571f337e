#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>
#include <unistd.h>

#include "appmem/base/check.h"
#include "appmem/base/units.h"
#include "appmem/core/store.h"
#include "appmem/storage/file_system.h"
#include "appmem/storage/storage.h"

#ifdef APPMEM_HAS_LEVELDB
#include <leveldb/db.h>
#include <leveldb/write_batch.h>
#endif
#ifdef APPMEM_HAS_ROCKSDB
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>
#endif

/// A durable store beside LevelDB and RocksDB, in the same process and on the same disk: batches of
/// 100 puts (keys of 16 bytes, values of 100), synced or left to the system, and opening a million
/// entries again until the first can be read. The files are in $APPMEM_BENCH_DIR, else below the
/// working directory.

namespace appmem::bench {
namespace {

constexpr std::size_t kEntries = 1'000'000;
constexpr std::size_t kBatch = 100;

std::string key_of(std::size_t number) {
  std::uint64_t bits = (number + 1) * 0x9E3779B97F4A7C15U;
  std::string key(16, '0');
  for (char& c : key) {
    c = "0123456789abcdef"[bits & 0xFU];
    bits >>= 4U;
  }
  return key;
}

const std::string& value() {
  static const std::string kText(100, 'v');
  return kText;
}

/// A directory that goes with it.
class Directory {
 public:
  Directory() {
    const char* const base = std::getenv("APPMEM_BENCH_DIR");  // NOLINT(concurrency-mt-unsafe)
    path_ = std::string(base == nullptr ? "." : base) + "/bench-storage-" +
            std::to_string(::getpid()) + "-" + std::to_string(next_number());
    std::filesystem::create_directories(path_);
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::string file(const char* name) const { return path_ + "/" + name; }

 private:
  static int next_number() {
    static int next = 0;
    return next++;
  }

  std::string path_;
};

class NoObserver final : public Observer {
 public:
  void event(Severity /*severity*/, std::string_view /*name*/, std::string_view /*message*/,
             const EventField* /*fields*/, std::size_t /*count*/) override {}
};

/// The store with its storage, as the daemon has them.
class Appmem {
 public:
  Appmem(const std::string& directory, bool sync)
      : files_(storage::make_system_files()),
        storage_({.directory = directory,
                  .sync = sync ? storage::Sync::kAlways : storage::Sync::kOs,
                  .seed = 1},
                 *files_, clock_, observer_),
        store_({.max_memory_bytes = 2_GiB, .seed = 1, .sink = &storage_}, clock_.now()) {
    APPMEM_CHECK(storage_.recover(store_));
    storage_.start({});
    if (const auto found = store_.find_namespace("w")) {
      ns_ = *found;
      return;
    }
    APPMEM_CHECK(storage_.prepare());
    ns_ = *store_.create_namespace(
        "w", {.persist = core::Persistence::kWal, .eviction = core::Eviction::kNone}, clock_.now());
  }
  ~Appmem() { APPMEM_CHECK(storage_.close()); }

  void put(std::size_t first) {
    const Instant now = clock_.now();
    keys_.clear();
    refs_.clear();
    for (std::size_t i = 0; i < kBatch; ++i)
      keys_.push_back(key_of((first + i) % kEntries));
    for (const std::string& key : keys_)
      refs_.push_back({ns_, key});
    const auto ticket = store_.atomically(refs_, now, [&](core::Batch& batch) -> Result<void> {
      for (const core::KeyRef& ref : refs_) {
        const auto done = batch.set(ref.ns, ref.key, ValueView::from_bytes(value()), {}, now);
        if (!done) return fail(done.error());
      }
      return {};
    });
    APPMEM_CHECK(ticket);
    storage_.turn_ended();
    while (storage_.committed() < *ticket)
      std::this_thread::yield();
  }
  bool has(std::size_t number) {
    const auto found = store_.get(ns_, key_of(number), {}, clock_.now(), [](const auto&) {});
    return found && found->found;
  }
  void checkpoint() { APPMEM_CHECK(storage_.checkpoint()); }

 private:
  SystemClock clock_;
  NoObserver observer_;
  std::unique_ptr<storage::FileSystem> files_;
  storage::Storage storage_;
  core::Store store_;
  core::NamespaceId ns_;
  std::vector<std::string> keys_;
  std::vector<core::KeyRef> refs_;
};

#ifdef APPMEM_HAS_LEVELDB
class LevelDb {
 public:
  LevelDb(const std::string& directory, bool sync) {
    leveldb::Options options;
    options.create_if_missing = true;
    leveldb::DB* db = nullptr;
    APPMEM_CHECK(leveldb::DB::Open(options, directory, &db).ok());
    db_.reset(db);
    write_.sync = sync;
  }
  void put(std::size_t first) {
    leveldb::WriteBatch batch;
    for (std::size_t i = 0; i < kBatch; ++i)
      batch.Put(key_of((first + i) % kEntries), value());
    APPMEM_CHECK(db_->Write(write_, &batch).ok());
  }
  bool has(std::size_t number) {
    std::string found;
    return db_->Get({}, key_of(number), &found).ok();
  }
  void checkpoint() {}

 private:
  std::unique_ptr<leveldb::DB> db_;
  leveldb::WriteOptions write_;
};
#endif

#ifdef APPMEM_HAS_ROCKSDB
class RocksDb {
 public:
  RocksDb(const std::string& directory, bool sync) {
    rocksdb::Options options;
    options.create_if_missing = true;
    rocksdb::DB* db = nullptr;
    APPMEM_CHECK(rocksdb::DB::Open(options, directory, &db).ok());
    db_.reset(db);
    write_.sync = sync;
  }
  void put(std::size_t first) {
    rocksdb::WriteBatch batch;
    for (std::size_t i = 0; i < kBatch; ++i)
      batch.Put(key_of((first + i) % kEntries), value());
    APPMEM_CHECK(db_->Write(write_, &batch).ok());
  }
  bool has(std::size_t number) {
    std::string found;
    return db_->Get({}, key_of(number), &found).ok();
  }
  void checkpoint() {}

 private:
  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::WriteOptions write_;
};
#endif

/// Items are puts.
template <class Database>
void batched_puts(benchmark::State& state) {
  const Directory directory;
  Database database(directory.file("db"), state.range(0) != 0);
  std::size_t next = 0;
  for (auto _ : state) {
    database.put(next);
    next += kBatch;
  }
  state.SetItemsProcessed(state.iterations() * std::int64_t{kBatch});
}

/// From nothing to the first read, of a million entries that were closed in order.
template <class Database>
void reopen(benchmark::State& state) {
  const Directory directory;
  {
    Database database(directory.file("db"), false);
    for (std::size_t next = 0; next < kEntries; next += kBatch)
      database.put(next);
    database.checkpoint();
  }
  for (auto _ : state) {
    auto database = std::make_unique<Database>(directory.file("db"), false);
    APPMEM_CHECK(database->has(kEntries / 2));
    state.PauseTiming();
    database.reset();
    state.ResumeTiming();
  }
}

#define APPMEM_STORAGE_BENCHMARKS(Database)                                           \
  BENCHMARK_TEMPLATE(batched_puts, Database)->Arg(0)->ArgName("sync")->UseRealTime(); \
  BENCHMARK_TEMPLATE(batched_puts, Database)->Arg(1)->ArgName("sync")->UseRealTime(); \
  BENCHMARK_TEMPLATE(reopen, Database)->Unit(benchmark::kMillisecond)->Iterations(3)->UseRealTime()

APPMEM_STORAGE_BENCHMARKS(Appmem);
#ifdef APPMEM_HAS_LEVELDB
APPMEM_STORAGE_BENCHMARKS(LevelDb);
#endif
#ifdef APPMEM_HAS_ROCKSDB
APPMEM_STORAGE_BENCHMARKS(RocksDb);
#endif

}  // namespace
}  // namespace appmem::bench
