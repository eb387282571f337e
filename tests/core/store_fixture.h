#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "appmem/core/store.h"
#include "support/manual_clock.h"

namespace appmem::core {

using namespace std::chrono_literals;

/// A value that can be compared and kept.
struct StoredValue {
  ValueKind kind = ValueKind::kBytes;
  std::string bytes;
  std::int64_t integer = 0;

  static StoredValue of(const ValueView& view) {
    return {view.kind, std::string(view.bytes), view.integer};
  }
  [[nodiscard]] ValueView view() const {
    switch (kind) {
      case ValueKind::kInteger:
        return ValueView::from_integer(integer);
      case ValueKind::kJson:
        return ValueView::from_json(bytes);
      case ValueKind::kBytes:
        break;
    }
    return ValueView::from_bytes(bytes);
  }
  [[nodiscard]] std::string text() const {
    return kind == ValueKind::kInteger ? std::to_string(integer) : bytes;
  }
  friend bool operator==(const StoredValue&, const StoredValue&) = default;
};

inline std::ostream& operator<<(std::ostream& out, const StoredValue& value) {
  return out << static_cast<int>(value.kind) << ":"
             << (value.bytes.size() > 64 ? std::to_string(value.bytes.size()) + " bytes"
                                         : value.text());
}

/// An entry that can be compared and kept.
struct StoredEntry {
  StoredValue value;
  Version version = 0;
  std::optional<TimePoint> deadline;
};

/// What every test of the store does, in few words. Values in these are bytes.
class StoreTest : public testing::Test {
 protected:
  explicit StoreTest(StoreOptions options = {.max_memory_bytes = 16_MiB, .seed = 1})
      : options_(options), store_(std::make_unique<Store>(options, clock_.now())) {}

  void restart(const StoreOptions& options) {
    store_.reset();
    options_ = options;
    store_ = std::make_unique<Store>(options, clock_.now());
  }

  [[nodiscard]] Instant now() { return clock_.now(); }
  [[nodiscard]] TimePoint in(milliseconds ttl) { return now().mono + ttl; }
  [[nodiscard]] static Expiry at(TimePoint when) { return {Expiry::Mode::kAt, when}; }

  Result<SetOutcome> set(std::string_view key, std::string_view value,
                         std::optional<milliseconds> ttl = std::nullopt) {
    SetOptions options;
    if (ttl) options.expiry = at(in(*ttl));
    return set_with(key, ValueView::from_bytes(value), options);
  }
  Result<SetOutcome> set_with(std::string_view key, const ValueView& value,
                              const SetOptions& options) {
    return store_->set(ns_, key, value, options, now());
  }

  std::optional<StoredEntry> entry(std::string_view key, const GetOptions& options = {}) {
    std::optional<StoredEntry> found;
    const auto got = store_->get(ns_, key, options, now(), [&](const EntryView& view) {
      EXPECT_EQ(view.key, key);
      found = StoredEntry{StoredValue::of(view.value), view.version, view.deadline};
    });
    EXPECT_TRUE(got.has_value()) << got.error().message;
    EXPECT_EQ(got && got->found, found.has_value());
    return found;
  }
  std::optional<std::string> get(std::string_view key) {
    const auto found = entry(key);
    if (!found) return std::nullopt;
    return found->value.text();
  }
  std::optional<std::string> peek(std::string_view key) {
    const auto found = entry(key, {.touch = std::nullopt, .peek = true});
    if (!found) return std::nullopt;
    return found->value.text();
  }
  bool remove(std::string_view key) {
    const auto removed = store_->remove(ns_, key, {}, now());
    EXPECT_TRUE(removed.has_value());
    return removed && removed->removed;
  }
  Result<IncrementOutcome> incr(std::string_view key, std::int64_t by = 1) {
    return store_->increment(ns_, key, {.by = by}, now());
  }
  Result<PatchOutcome> append(std::string_view key, std::string_view bytes) {
    return store_->patch(ns_, key, {bytes}, now());
  }
  Result<PatchOutcome> write_at(std::string_view key, std::size_t offset, std::string_view bytes) {
    return store_->patch(ns_, key, {bytes, offset}, now());
  }
  Result<ExpireOutcome> expire(std::string_view key, milliseconds ttl) {
    ExpireOptions options;
    options.expiry = at(in(ttl));
    return store_->expire(ns_, key, options, now());
  }
  NamespaceInfo info() {
    const auto info = store_->namespace_info(ns_, now());
    EXPECT_TRUE(info.has_value());
    return info.value_or(NamespaceInfo{});
  }
  NamespaceId create(std::string_view name, const NamespaceSettings& settings = {}) {
    const auto made = store_->create_namespace(name, settings, now());
    EXPECT_TRUE(made.has_value()) << made.error().message;
    return made.value_or(kDefaultNamespace);
  }
  /// A whole pass, in slices of `visits`: how often each key was shown.
  std::map<std::string, int> scan(std::size_t visits = 100) {
    std::map<std::string, int> shown;
    ScanCursor cursor = 0;
    for (;;) {
      const auto step = store_->scan(ns_, cursor, visits, now(), [&](const EntryView& view) {
        ++shown[std::string(view.key)];
        return true;
      });
      if (!step) {
        ADD_FAILURE() << step.error().message;
        return shown;
      }
      if (step->done) return shown;
      EXPECT_GT(step->next, cursor);
      cursor = step->next;
    }
  }
  /// Background work until nothing is waiting.
  void settle() {
    constexpr int kRoundsMax = 100'000;
    for (int round = 0; round < kRoundsMax; ++round) {
      if (!store_->maintain(0, 1, now(), WorkBudget{})) return;
    }
    ADD_FAILURE() << "background work does not end";
  }
  template <class T>
  static std::optional<ErrorCode> error_of(const Result<T>& result) {
    if (result) return std::nullopt;
    return result.error().code;
  }

  test::ManualClock clock_;
  StoreOptions options_;
  std::unique_ptr<Store> store_;
  NamespaceId ns_ = kDefaultNamespace;
};

/// The same of a store that is started with a limit.
class LimitedStoreTest : public StoreTest {
 protected:
  void start(std::uint64_t bytes, std::size_t shards = 1) {
    StoreOptions options;
    options.max_memory_bytes = bytes;
    options.shards = shards;
    options.seed = 7;
    restart(options);
  }
  [[nodiscard]] std::uint64_t used() const { return store_->memory().used(); }
  [[nodiscard]] std::uint64_t limit() const { return store_->memory().limit(); }
  static std::string key(std::uint64_t i) { return "key:" + std::to_string(1'000'000 + i); }
};

}  // namespace appmem::core
