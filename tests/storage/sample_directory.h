#pragma once

#include <map>
#include <string>

#include "crc32c.h"
#include "little_endian.h"
#include "log_format.h"
#include "storage_fixture.h"

namespace appmem::storage::test {

/// Changes a byte of a file's header, whose CRC fits then as well.
inline void change_header(appmem::test::SimulatedFiles& files, const std::string& path,
                          std::size_t at) {
  std::string bytes = files.contents(path);
  bytes[at] = static_cast<char>(bytes[at] ^ 1);
  store_u32(bytes.data() + format::kHeaderCrcAt, 0);
  store_u32(bytes.data() + format::kHeaderCrcAt,
            crc32c(std::string_view(bytes).substr(0, format::kFileHeaderBytes)));
  files.set_contents(path, bytes);
}

/// A small data directory with something of everything: a snapshot, a checkpoint, segments from
/// before it and behind it, every operation, every kind of value. Expects a machine that has not
/// been started.
class SampleDirectory {
 public:
  explicit SampleDirectory(Machine& machine) : machine_(machine) {
    machine.options.segment_bytes = 512;
    machine.must_start();
    write_before_checkpoint();
    EXPECT_TRUE(machine.storage->checkpoint());
    note();
    write_tail();
  }

  /// What there was after each record behind the checkpoint, by its number.
  std::map<std::uint64_t, Kept> history;

 private:
  /// Where values are compressed, there is one in each file that has any.
  void set_long(core::NamespaceId ns, std::string_view key) {
    if (machine_.options.compress_above == kCompressNever) return;
    machine_.set(ns, key, std::string(machine_.options.compress_above + 1, 'c'));
  }

  void write_before_checkpoint() {
    const auto shots = machine_.make("shots", {.persist = core::Persistence::kSnapshot});
    set_long(shots, "long");
    machine_.set(shots, "s1", "in a snapshot");
    machine_.set(shots, "s2", "until the end of the day", 24h);
    const auto ledger = machine_.make("ledger");
    machine_.set(ledger, "old", "from before the checkpoint");
    set_long(ledger, "long before");
    machine_.set(ledger, "changed", "1");
    machine_.set(ledger, "gone", "1");
    EXPECT_TRUE(machine_.commit());
    machine_.make("cleared");
    EXPECT_TRUE(machine_.commit());
  }

  void write_tail() {
    core::Store& store = *machine_.store;
    const Instant now = machine_.clock.now();
    const auto ledger = machine_.find("ledger");
    machine_.set(ledger, "changed", "2");
    note();
    set_long(ledger, "long behind");
    note();
    EXPECT_TRUE(store.remove(ledger, "gone", {}, now));
    note();
    EXPECT_TRUE(machine_.commit());
    EXPECT_TRUE(store.increment(ledger, "n", {.by = -42}, now));
    EXPECT_TRUE(store.set(ledger, "j", ValueView::from_json(R"({"a":[1,2]})"), {}, now));
    machine_.set(ledger, "short", "v", 1h);
    note();
    EXPECT_TRUE(
        store.expire(ledger, "short", {.expiry = {core::Expiry::Mode::kAt, now.mono + 2h}}, now));
    note();
    const std::string bytes("\0\xff\x80 bytes", 9);
    machine_.set(ledger, bytes, bytes);
    EXPECT_TRUE(machine_.commit());
    note();
    const auto cleared = machine_.find("cleared");
    machine_.set(cleared, "k", "v");
    note();
    EXPECT_TRUE(store.clear_namespace(cleared, now));
    machine_.set(cleared, "after", "v");
    EXPECT_TRUE(machine_.commit());
    note();
    const auto made = machine_.make("made", {.type = core::ValueType::kInt,
                                             .persist = core::Persistence::kWal,
                                             .eviction = core::Eviction::kNone,
                                             .max_keys = 100});
    EXPECT_TRUE(store.increment(made, "n", {.by = 7}, now));
    note();
    const auto dropped = machine_.make("dropped");
    machine_.set(dropped, "k", "v");
    EXPECT_TRUE(machine_.commit());
    EXPECT_TRUE(store.drop_namespace(dropped, now));
    auto settings = store.namespace_settings(ledger);
    settings->max_keys = 1000;
    EXPECT_TRUE(store.alter_namespace(ledger, *settings, now));
    note();
    const auto batch = store.atomically_on_all(now, [&](core::Batch& both) -> Result<void> {
      const auto set = both.set(ledger, "b1", ValueView::from_bytes("both"), {}, now);
      if (!set) return fail(set.error());
      const auto other = both.set(cleared, "b2", ValueView::from_bytes("or none"), {}, now);
      return other ? Result<void>() : fail(other.error());
    });
    EXPECT_TRUE(batch);
    EXPECT_TRUE(machine_.commit());
    note();
    machine_.set(ledger, "last", std::string(100, 'z'));
    EXPECT_TRUE(machine_.commit());
    note();
  }

  void note() { history[machine_.storage->latest()] = machine_.kept(); }

  Machine& machine_;
};

}  // namespace appmem::storage::test
