// The store against a naive model: millions of seeded operations of all kinds, in several
// namespaces, with a moving clock, memory limits, batches that fail midway, and passes in slices.

#include "store_model.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "appmem/base/limits.h"
#include "store_fixture.h"
#include "support/environment.h"
#include "support/random.h"

namespace appmem::core {
namespace {

struct Scale {
  const char* name;
  std::uint64_t memory_bytes;
  std::size_t shards;
  /// Entries are evicted: what is missing in the store may be missing.
  bool evicts;
  std::uint64_t operations;
  /// In the namespace that grows beyond its home.
  std::uint64_t many_keys;
};

constexpr std::size_t kValueBytesMax = kInlineValueBytesMax + 5000;

class StoreModelTest : public StoreTest, public testing::WithParamInterface<Scale> {
 protected:
  struct Subject {
    std::string name;
    NamespaceId id;
    NaiveNamespace model;
    std::uint64_t keys = 0;  // that operations choose from
    std::map<std::string, Version> versions{};
  };
  /// A pass that goes on between operations.
  struct Pass {
    std::size_t subject = 0;
    ScanCursor cursor = 0;
    std::map<std::string, int> shown;
    /// Keys that have been there since it began.
    std::map<std::string, bool> stable;
  };

  void SetUp() override {
    StoreOptions options;
    options.max_memory_bytes = GetParam().memory_bytes;
    options.shards = GetParam().shards;
    options.value_bytes_max = kValueBytesMax;
    options.seed = random_.seed();
    restart(options);
    add("default", {}, 300);
    add("string", {.type = ValueType::kString, .default_ttl = 700ms}, 200);
    add("int", {.type = ValueType::kInt, .max_keys = 150}, 300);
    add("json", {.type = ValueType::kJson, .max_value_bytes = 300}, 200);
    add("bounded", {.max_bytes = 300'000}, 2000);
    add("queued", {.eviction = Eviction::kS3Fifo, .max_bytes = 200'000}, 1500);
    add("many", {}, GetParam().many_keys);
  }

  void add(const std::string& name, const NamespaceSettings& settings, std::uint64_t keys) {
    const NamespaceId id = name == "default" ? kDefaultNamespace : create(name, settings);
    subjects_.push_back({name, id, NaiveNamespace(settings, kValueBytesMax), keys});
  }

  [[nodiscard]] TimePoint time() { return now().mono; }
  [[nodiscard]] std::string some_key(const Subject& subject) {
    const std::uint64_t i = random_.below(subject.keys);
    std::string key = "k" + std::to_string(i);
    if (i % 50 == 0) key.append(250 + i % 20, 'l');
    return key;
  }
  [[nodiscard]] StoredValue some_value() {
    switch (random_.below(8)) {
      case 0:
      case 1:
        return {ValueKind::kInteger, "", static_cast<std::int64_t>(random_()) >> random_.below(60)};
      case 2:
        return {ValueKind::kBytes,
                std::to_string(static_cast<std::int64_t>(random_.below(2000)) - 1000), 0};
      case 3:
        return {ValueKind::kJson, "[" + std::string(random_.below(200), '1') + "]", 0};
      case 4:
        if (random_.one_in(300)) {
          return {ValueKind::kBytes, std::string(kInlineValueBytesMax - 3 + random_.below(6), 'L'),
                  0};
        }
        return {ValueKind::kBytes, random_.bytes(random_.below(3000)), 0};
      default:
        return {ValueKind::kBytes, random_.bytes(random_.below(100)), 0};
    }
  }
  [[nodiscard]] Expiry some_expiry() {
    switch (random_.below(6)) {
      case 0:
        return {Expiry::Mode::kNever, {}};
      case 1:
        return {Expiry::Mode::kKeep, {}};
      case 2:
        return at(in(milliseconds{random_.below(3)} - 1ms));
      case 3:
        return at(in(milliseconds{random_.below(5000)}));
      default:
        return {};
    }
  }
  [[nodiscard]] Version some_version(Subject& subject, const std::string& key) {
    const auto* known = subject.model.find(key, time());
    return known != nullptr && !random_.one_in(3) ? known->version : random_.below(1000);
  }

  /// The store may have evicted the entry: then the model forgets it.
  void reconcile(Keyspace& keyspace, Subject& subject, const std::string& key) {
    if (!GetParam().evicts && !subject.model.settings.max_bytes &&
        !subject.model.settings.max_keys) {
      return;
    }
    bool found = false;
    const auto got = keyspace.get(subject.id, key, {.touch = std::nullopt, .peek = true}, now(),
                                  [&](const EntryView&) { found = true; });
    ASSERT_TRUE(got);
    if (!found) {
      subject.model.forget(key);
      not_stable(subject, key);
    }
  }

  /// The key was absent for a moment: no pass has to show it.
  void not_stable(const Subject& subject, const std::string& key) {
    for (std::size_t i = 0; i < passes_.size(); ++i) {
      if (&subjects_[passes_[i].subject] != &subject) continue;
      if (passes_[i].stable.erase(key) != 0) unstable_in_batch_.emplace_back(i, key);
    }
  }

  void expect_same(Keyspace& keyspace, Subject& subject, const std::string& key) {
    std::optional<StoredEntry> found;
    const auto got = keyspace.get(
        subject.id, key, {.touch = std::nullopt, .peek = true}, now(), [&](const EntryView& view) {
          found = {StoredValue::of(view.value), view.version, view.deadline};
        });
    ASSERT_TRUE(got);
    const auto* expected = subject.model.find(key, time());
    ASSERT_EQ(found.has_value(), expected != nullptr) << subject.name << " " << key;
    if (!found) return;
    ASSERT_EQ(found->value, expected->value) << subject.name << " " << key;
    ASSERT_EQ(found->version, expected->version) << subject.name << " " << key;
    ASSERT_EQ(found->deadline, expected->deadline) << subject.name << " " << key;
  }

  /// Whether the store did what the model did; a write may also have been refused for lack of
  /// memory, and then the model's change is taken back.
  template <class Outcome>
  void check(Subject& subject, const std::string& key, const Result<Outcome>& result,
             std::optional<ErrorCode> expected,
             const std::optional<NaiveNamespace::Entry>& before) {
    if (!result && result.error().code == ErrorCode::kOutOfMemory && !expected) {
      ASSERT_TRUE(GetParam().evicts || subject.model.settings.max_bytes);
      ++refused_;
      subject.model.entries.erase(key);
      if (before) subject.model.entries[key] = *before;
      return;
    }
    ASSERT_EQ(error_of(result), expected)
        << subject.name << " " << key << (result ? "" : " " + result.error().message);
  }

  void note_version(Subject& subject, const std::string& key, Version version) {
    auto* entry = subject.model.find(key, time());
    if (version == 0) {
      ASSERT_EQ(entry, nullptr);
      return;
    }
    Version& last = subject.versions[key];
    ASSERT_GT(version, last) << subject.name << " " << key;
    last = version;
    ASSERT_NE(entry, nullptr);
    entry->version = version;
  }

  /// One operation on one key, in the store (or a batch) and in the model. Whether it succeeded.
  bool operate(Keyspace& keyspace, Subject& subject, const std::string& key) {
    reconcile(keyspace, subject, key);
    NaiveNamespace& model = subject.model;
    std::optional<NaiveNamespace::Entry> before;
    if (const auto* known = model.find(key, time())) before = *known;
    if (!before) not_stable(subject, key);
    bool done = false;
    switch (random_.below(10)) {
      case 0:
      case 1:
      case 2: {
        const StoredValue value = some_value();
        SetOptions options;
        options.expiry = some_expiry();
        options.conditions.if_absent = random_.one_in(8);
        options.conditions.if_present = random_.one_in(8);
        if (random_.one_in(8)) options.conditions.if_version = some_version(subject, key);
        if (GetParam().evicts && value.bytes.size() > kInlineValueBytesMax) {
          // Room for it is made before the entry is looked at, and may be the entry's own.
          options = {};
        }
        std::optional<StoredValue> old;
        const auto show = [&](const EntryView& view) {
          old = StoredValue::of(view.value);
        };
        const EntryVisitor visitor = show;
        if (value.bytes.size() <= kInlineValueBytesMax && random_.one_in(2)) options.old = &visitor;
        const auto expected = model.set(key, value, options, time());
        const auto result = keyspace.set(subject.id, key, value.view(), options, now());
        check(subject, key, result, expected, before);
        done = result.has_value();
        if (done) note_version(subject, key, result->version);
        if (options.old != nullptr && (done || expected == ErrorCode::kExists)) {
          EXPECT_EQ(old.has_value(), before.has_value());
          if (old && before) {
            EXPECT_EQ(*old, before->value);
          }
        }
        break;
      }
      case 3: {
        RemoveOptions options;
        if (random_.one_in(3)) options.if_version = some_version(subject, key);
        const auto expected = model.remove(key, options.if_version, time());
        const auto result = keyspace.remove(subject.id, key, options, now());
        check(subject, key, result, expected, before);
        done = result.has_value();
        if (done) {
          EXPECT_EQ(result->removed, before.has_value());
        }
        break;
      }
      case 4:
      case 5: {
        IncrementOptions options;
        options.by = static_cast<std::int64_t>(random_()) >> random_.below(63);
        options.initial = static_cast<std::int64_t>(random_.below(100));
        if (random_.one_in(4)) options.min = -500;
        if (random_.one_in(4)) options.max = 500;
        options.expiry = some_expiry();
        if (options.expiry.mode == Expiry::Mode::kKeep) options.expiry = {};
        const auto expected = model.increment(key, options, time());
        const auto result = keyspace.increment(subject.id, key, options, now());
        check(subject, key, result, expected, before);
        done = result.has_value();
        if (done) note_version(subject, key, result->version);
        break;
      }
      case 6: {
        if (GetParam().evicts && before && before->value.bytes.size() > kInlineValueBytesMax / 2) {
          break;  // as above
        }
        const std::string bytes = random_.bytes(
            random_.one_in(500) ? random_.below(kInlineValueBytesMax / 2) : random_.below(40));
        Patch patch{bytes};
        if (random_.one_in(2)) {
          const std::size_t size = before ? before->value.text().size() : 0;
          patch.offset = random_.below(size + random_.below(60) + 1);
        }
        const auto expected = model.patch(key, patch, time());
        const auto result = keyspace.patch(subject.id, key, patch, now());
        check(subject, key, result, expected, before);
        done = result.has_value();
        if (done) note_version(subject, key, result->version);
        break;
      }
      case 7: {
        ExpireOptions options;
        options.expiry = random_.one_in(4) ? Expiry{Expiry::Mode::kNever, {}}
                                           : at(in(milliseconds{random_.below(3000)}));
        options.if_none = random_.one_in(5);
        options.if_some = random_.one_in(5);
        options.if_longer = random_.one_in(5);
        options.if_shorter = random_.one_in(5);
        const auto expected = model.expire(key, options, time());
        const auto result = keyspace.expire(subject.id, key, options, now());
        check(subject, key, result, expected, before);
        done = result.has_value();
        if (done) {
          EXPECT_EQ(result->found, before.has_value());
        }
        break;
      }
      default: {
        GetOptions options;
        if (random_.one_in(6)) {
          options.touch = some_expiry();
          if (options.touch->mode == Expiry::Mode::kDefault) options.touch = std::nullopt;
        }
        bool found = false;
        const auto result =
            keyspace.get(subject.id, key, options, now(), [&](const EntryView& view) {
              found = true;
              EXPECT_EQ(view.key, key);
              EXPECT_EQ(StoredValue::of(view.value), before ? before->value : StoredValue{});
            });
        if (options.touch) model.touch(key, *options.touch, time());
        check(subject, key, result, std::nullopt, before);
        done = result.has_value();
        if (done) {
          EXPECT_EQ(found, before.has_value()) << subject.name << " " << key;
        }
        break;
      }
    }
    expect_same(keyspace, subject, key);
    if (!model.entries.count(key)) not_stable(subject, key);
    return done;
  }

  void operate_batch() {
    struct Named {
      std::size_t subject;
      std::string key;
    };
    std::vector<Named> named;
    const std::size_t subject = random_.below(subjects_.size());
    for (std::uint64_t i = 1 + random_.below(random_.one_in(20) ? 60 : 6); i > 0; --i) {
      const std::size_t which = random_.one_in(3) ? random_.below(subjects_.size()) : subject;
      named.push_back({which, some_key(subjects_[which])});
    }
    std::vector<KeyRef> keys;
    keys.reserve(named.size());
    for (const Named& it : named)
      keys.push_back({subjects_[it.subject].id, it.key});
    // What to go back to.
    std::vector<std::optional<NaiveNamespace::Entry>> before;
    for (const Named& it : named) {
      Subject& owner = subjects_[it.subject];
      reconcile(*store_, owner, it.key);
      const auto* known = owner.model.find(it.key, time());
      before.push_back(known != nullptr ? std::optional(*known) : std::nullopt);
      if (known == nullptr) not_stable(owner, it.key);
    }
    const bool fails = random_.one_in(2);
    const std::uint64_t operations = 1 + random_.below(named.size() * 2);
    unstable_in_batch_.clear();
    const auto result = store_->atomically(keys, now(), [&](Batch& batch) -> Result<void> {
      for (std::uint64_t i = 0; i < operations; ++i) {
        const Named& it = named[random_.below(named.size())];
        operate(batch, subjects_[it.subject], it.key);
        if (HasFatalFailure()) return {};
      }
      if (fails) return fail(ErrorCode::kConflict, "as the test wants");
      return {};
    });
    ASSERT_EQ(result.has_value(), !fails);
    if (fails) {
      for (std::size_t i = 0; i < named.size(); ++i) {
        auto& entries = subjects_[named[i].subject].model.entries;
        entries.erase(named[i].key);
        if (before[i]) entries[named[i].key] = *before[i];
      }
      for (const auto& [pass, key] : unstable_in_batch_)
        passes_[pass].stable[key] = true;
    }
    for (const Named& it : named) {
      // A later operation of the batch may have made the entry of an earlier one go.
      reconcile(*store_, subjects_[it.subject], it.key);
      expect_same(*store_, subjects_[it.subject], it.key);
      if (HasFatalFailure()) return;
      if (!subjects_[it.subject].model.entries.count(it.key)) {
        not_stable(subjects_[it.subject], it.key);
      }
    }
  }

  void go_on_with(Pass& pass) {
    Subject& subject = subjects_[pass.subject];
    const auto step = store_->scan(subject.id, pass.cursor, 1 + random_.below(200), now(),
                                   [&](const EntryView& view) {
                                     const std::string key(view.key);
                                     ++pass.shown[key];
                                     const auto* expected = subject.model.find(key, time());
                                     EXPECT_NE(expected, nullptr) << subject.name << " " << key;
                                     if (expected != nullptr) {
                                       EXPECT_EQ(StoredValue::of(view.value), expected->value);
                                       EXPECT_EQ(view.version, expected->version);
                                       EXPECT_EQ(view.deadline, expected->deadline);
                                     }
                                     return !random_.one_in(100);
                                   });
    ASSERT_TRUE(step);
    if (!step->done) {
      ASSERT_GT(step->next, pass.cursor);
      pass.cursor = step->next;
      return;
    }
    for (const auto& [key, times] : pass.shown)
      ASSERT_EQ(times, 1) << subject.name << " " << key;
    const auto stable = std::exchange(pass.stable, {});
    for (const auto& [key, unused] : stable) {
      reconcile(*store_, subject, key);
      if (subject.model.find(key, time()) == nullptr) continue;
      ASSERT_EQ(pass.shown.count(key), 1U) << subject.name << " " << key;
    }
    ++passes_done_;
    pass = {};
  }

  void begin_pass(std::size_t which) {
    Pass pass;
    pass.subject = which;
    for (const auto& [key, entry] : subjects_[which].model.entries) {
      if (!entry.deadline || *entry.deadline > time()) pass.stable[key] = true;
    }
    passes_.push_back(std::move(pass));
  }

  void forget_passes_of(std::size_t which) {
    std::erase_if(passes_, [&](const Pass& pass) { return pass.subject == which; });
  }

  void check_all() {
    for (Subject& subject : subjects_) {
      for (auto it = subject.model.entries.begin(); it != subject.model.entries.end();) {
        const std::string key = (it++)->first;
        reconcile(*store_, subject, key);
        expect_same(*store_, subject, key);
        if (HasFatalFailure()) return;
      }
      clock_.advance(40ms);
      settle();
      ns_ = subject.id;
      const NamespaceInfo info = this->info();
      // The wheel may be a bucket late.
      std::uint64_t keys = 0;
      std::uint64_t due = 0;
      std::uint64_t deadlines = 0;
      std::uint64_t bytes = 0;
      for (const auto& [key, entry] : subject.model.entries) {
        if (entry.deadline && *entry.deadline <= time()) {
          ++due;
          continue;
        }
        ++keys;
        if (entry.deadline) ++deadlines;
        bytes +=
            key.size() + (entry.value.kind == ValueKind::kInteger ? 8 : entry.value.bytes.size());
      }
      ASSERT_GE(info.keys, keys) << subject.name;
      ASSERT_LE(info.keys, keys + due) << subject.name;
      ASSERT_GE(info.bytes, bytes) << subject.name;
      if (info.keys == keys) {
        ASSERT_EQ(info.bytes, bytes) << subject.name;
        ASSERT_EQ(info.deadlines, deadlines) << subject.name;
      }
      if (!GetParam().evicts && !subject.model.settings.max_bytes &&
          !subject.model.settings.max_keys) {
        ASSERT_EQ(info.counters.evictions, 0U) << subject.name;
      }
      if (subject.model.settings.max_keys) {
        ASSERT_LE(info.keys, *subject.model.settings.max_keys);
      }
      if (subject.model.settings.max_bytes) {
        ASSERT_LE(info.memory, *subject.model.settings.max_bytes);
      }
      ASSERT_EQ(info.counters.gets, info.counters.hits + info.counters.misses);
      if (subject.name == "many") evictions_ += info.counters.evictions;
    }
    ASSERT_LE(store_->memory().used(), store_->memory().limit());
  }

  void run_some_event() {
    switch (random_.below(12)) {
      case 0: {  // set the wall clock
        clock_.set_wall(now().wall + milliseconds{random_.below(1'000'000'000)} -
                        milliseconds{500'000'000});
        break;
      }
      case 1:
        if (random_.one_in(400)) {
          const std::size_t which = random_.below(subjects_.size());
          Subject& subject = subjects_[which];
          const auto cleared = store_->clear_namespace(subject.id, now());
          ASSERT_TRUE(cleared);
          subject.model.entries.clear();
          forget_passes_of(which);
        }
        break;
      case 2:
        if (random_.one_in(40)) {
          Subject& subject = subjects_[subjects_.size() - 1 - random_.below(3)];
          subject.model.settings.eviction = random_.one_in(2) ? Eviction::kLru : Eviction::kS3Fifo;
          ASSERT_TRUE(store_->alter_namespace(subject.id, subject.model.settings, now()));
        }
        if (random_.one_in(400)) {
          const std::size_t which = 1 + random_.below(subjects_.size() - 1);
          Subject& subject = subjects_[which];
          ASSERT_TRUE(store_->drop_namespace(subject.id, now()));
          subject.id = create(subject.name, subject.model.settings);
          subject.model.entries.clear();
          subject.versions.clear();
          forget_passes_of(which);
        }
        break;
      case 3:
        if (passes_.size() < 3) begin_pass(random_.below(subjects_.size()));
        break;
      case 4:
      case 5:
      case 6:
        if (!passes_.empty()) {
          const std::size_t which = random_.below(passes_.size());
          go_on_with(passes_[which]);
          if (HasFatalFailure()) return;
          if (passes_[which].cursor == 0)
            passes_.erase(passes_.begin() + static_cast<std::ptrdiff_t>(which));
        }
        break;
      case 7:
      case 8:
        clock_.advance(milliseconds{random_.below(20)});
        break;
      default:
        store_->maintain(random_.below(4), 1 + random_.below(4), now(),
                         WorkBudget{1 + random_.below(2000)});
        break;
    }
  }

  test::Random random_{20'240'101};
  std::vector<Subject> subjects_;
  std::vector<Pass> passes_;
  /// What passes have stopped to count on since a batch began.
  std::vector<std::pair<std::size_t, std::string>> unstable_in_batch_;
  std::uint64_t refused_ = 0;
  std::uint64_t passes_done_ = 0;
  /// In the namespace with many keys.
  std::uint64_t evictions_ = 0;
};

TEST_P(StoreModelTest, DoesWhatTheModelDoes) {
  const std::uint64_t operations = GetParam().operations * test::test_scale();
  std::uint64_t since_check = 0;
  for (std::uint64_t i = 0; i < operations; ++i) {
    SCOPED_TRACE(i);
    if (random_.one_in(30)) {
      operate_batch();
    } else {
      // Half of all in the namespace with many keys.
      Subject& subject =
          random_.one_in(2) ? subjects_.back() : subjects_[random_.below(subjects_.size())];
      operate(*store_, subject, some_key(subject));
    }
    if (random_.one_in(20)) run_some_event();
    if (++since_check == operations / 8) {
      check_all();
      since_check = 0;
    }
    ASSERT_FALSE(HasFailure());
  }
  check_all();
  EXPECT_GT(passes_done_, 10U);
  EXPECT_EQ(evictions_ > 0, GetParam().evicts);
}

INSTANTIATE_TEST_SUITE_P(Scales, StoreModelTest,
                         testing::Values(Scale{"OneShard", 256_MiB, 1, false, 500'000, 20'000},
                                         Scale{"ManyShards", 512_MiB, 8, false, 500'000, 30'000},
                                         Scale{"OneShardFull", 3_MiB, 1, true, 500'000, 20'000},
                                         Scale{"ManyShardsFull", 5_MiB, 4, true, 500'000, 30'000}),
                         [](const auto& scale) { return scale.param.name; });

}  // namespace
}  // namespace appmem::core
