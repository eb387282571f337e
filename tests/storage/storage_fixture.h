#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "appmem/base/units.h"
#include "appmem/core/store.h"
#include "appmem/storage/data_directory.h"
#include "appmem/storage/storage.h"
#include "support/manual_clock.h"
#include "support/simulated_files.h"

namespace appmem::storage::test {

using namespace std::chrono_literals;

/// What a test wants to know of an entry.
struct KeptEntry {
  ValueKind kind = ValueKind::kBytes;
  std::string text;
  std::uint64_t version = 0;
  std::optional<TimePoint> deadline;
  friend bool operator==(const KeptEntry&, const KeptEntry&) = default;
};

inline std::ostream& operator<<(std::ostream& out, const KeptEntry& entry) {
  out << entry.text.substr(0, 40) << " (" << entry.text.size() << " bytes, version "
      << entry.version;
  if (entry.deadline) out << ", until " << entry.deadline->time_since_epoch().count();
  return out << ")";
}

struct KeptNamespace {
  int type = 0;
  int persist = 0;
  std::optional<std::uint64_t> max_keys;
  std::map<std::string, KeptEntry> entries;
  friend bool operator==(const KeptNamespace&, const KeptNamespace&) = default;
};

/// All durable namespaces of a store.
using Kept = std::map<std::string, KeptNamespace>;

inline Kept kept_by(core::Store& store, const Instant& now) {
  Kept kept;
  for (const core::NamespaceInfo& info : store.list_namespaces(now)) {
    if (info.settings.persist == core::Persistence::kNone) continue;
    KeptNamespace& ns = kept[info.name];
    ns.type = static_cast<int>(info.settings.type);
    ns.persist = static_cast<int>(info.settings.persist);
    ns.max_keys = info.settings.max_keys;
    const auto show = [&](const core::EntryView& entry) {
      const bool is_integer = entry.value.kind == ValueKind::kInteger;
      ns.entries[std::string(entry.key)] = {
          entry.value.kind,
          is_integer ? std::to_string(entry.value.integer) : std::string(entry.value.bytes),
          entry.version, entry.deadline};
      return true;
    };
    for (core::ScanCursor cursor = 0;;) {
      const auto step = store.scan(info.id, cursor, 1000, now, show);
      EXPECT_TRUE(step);
      if (!step || step->done) break;
      cursor = step->next;
    }
  }
  return kept;
}

/// What storage reports.
class EventList final : public Observer {
 public:
  void event(Severity /*severity*/, std::string_view name, std::string_view message,
             const EventField* /*fields*/, std::size_t /*field_count*/) override {
    const std::lock_guard lock(mutex_);
    events.emplace_back(name, message);
  }
  [[nodiscard]] std::size_t count(std::string_view name) const {
    return static_cast<std::size_t>(std::count_if(
        events.begin(), events.end(), [&](const auto& event) { return event.first == name; }));
  }
  std::vector<std::pair<std::string, std::string>> events;

 private:
  std::mutex mutex_;
};

/// A store with its storage, as often as it is started. Everything happens at once, in this thread.
class Machine {
 public:
  static constexpr const char* kDirectory = "/data";

  explicit Machine(std::unique_ptr<appmem::test::SimulatedFiles> disk =
                       std::make_unique<appmem::test::SimulatedFiles>())
      : files(std::move(disk)) {
    options.directory = kDirectory;
    options.seed = 7;
    options.threads = false;
  }

  /// What recover() says.
  Result<void> start() {
    ++starts_;
    storage = std::make_unique<Storage>(options, *files, clock, events);
    const Instant now = clock.now();
    // Entries come in the order of the tables, or in any.
    const std::uint64_t other_seed = 11 + starts_;
    const std::uint64_t seed =
        starts_ % 2 == 0 ? stored_hash_seed(*files, kDirectory).value_or(other_seed) : other_seed;
    store = std::make_unique<core::Store>(
        core::StoreOptions{.max_memory_bytes = max_memory_bytes,
                           .shards = shards,
                           .seed = seed,
                           .version_floor = kVersionFloor + starts_ * kVersionsPerStart,
                           .version_reach = kVersionsPerStart * starts_,
                           .sink = storage.get()},
        now);
    auto recovered = storage->recover(*store);
    if (recovered) storage->start({});
    return recovered;
  }
  void must_start() {
    const auto started = start();
    ASSERT_TRUE(started) << started.error().message;
  }
  /// An orderly end.
  Result<void> stop() {
    auto closed = storage->close();
    storage.reset();
    store.reset();
    return closed;
  }
  /// The machine loses what is not on the disk.
  void crash(std::uint64_t seed) {
    // Nobody gets to write anything any more.
    files->crash_at(files->operations());
    storage.reset();
    store.reset();
    files->crash(seed);
  }

  core::NamespaceId make(std::string_view name,
                         core::NamespaceSettings settings = {.persist = core::Persistence::kWal,
                                                             .eviction = core::Eviction::kNone}) {
    EXPECT_TRUE(storage->prepare());
    const auto made = store->create_namespace(name, settings, clock.now());
    EXPECT_TRUE(made) << (made ? "" : made.error().message);
    return made.value_or(core::kDefaultNamespace);
  }
  [[nodiscard]] core::NamespaceId find(std::string_view name) const {
    const auto found = store->find_namespace(name);
    EXPECT_TRUE(found) << name;
    return found.value_or(core::kDefaultNamespace);
  }
  Result<core::SetOutcome> try_set(core::NamespaceId ns, std::string_view key,
                                   std::string_view value,
                                   std::optional<milliseconds> ttl = std::nullopt) {
    core::SetOptions set;
    if (ttl) set.expiry = {core::Expiry::Mode::kAt, clock.now().mono + *ttl};
    return store->set(ns, key, ValueView::from_bytes(value), set, clock.now());
  }
  void set(core::NamespaceId ns, std::string_view key, std::string_view value,
           std::optional<milliseconds> ttl = std::nullopt) {
    const auto done = try_set(ns, key, value, ttl);
    ASSERT_TRUE(done) << done.error().message;
  }
  Result<std::optional<std::string>> try_get(core::NamespaceId ns, std::string_view key) {
    std::optional<std::string> found;
    const auto done = store->get(ns, key, {}, clock.now(), [&](const core::EntryView& entry) {
      found = entry.value.kind == ValueKind::kInteger ? std::to_string(entry.value.integer)
                                                      : std::string(entry.value.bytes);
    });
    if (!done) return fail(done.error());
    return found;
  }
  std::optional<std::string> get(core::NamespaceId ns, std::string_view key) {
    auto found = try_get(ns, key);
    EXPECT_TRUE(found) << (found ? "" : found.error().message);
    return found ? *std::move(found) : std::nullopt;
  }
  /// Ends a turn; whether all of it is committed.
  bool commit() {
    storage->turn_ended();
    return storage->committed() >= storage->latest();
  }
  Kept kept() { return kept_by(*store, clock.now()); }
  [[nodiscard]] std::vector<std::string> names() const {
    auto found = files->list(kDirectory);
    return found ? *found : std::vector<std::string>();
  }

  std::unique_ptr<appmem::test::SimulatedFiles> files;
  appmem::test::ManualClock clock;
  EventList events;
  StorageOptions options;
  std::uint64_t max_memory_bytes = 64_MiB;
  std::size_t shards = 4;
  std::unique_ptr<Storage> storage;
  std::unique_ptr<core::Store> store;

 private:
  static constexpr std::uint64_t kVersionFloor = 1'000'000'000;
  static constexpr std::uint64_t kVersionsPerStart = 1'000'000;
  std::uint64_t starts_ = 0;
};

}  // namespace appmem::storage::test
