#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "appmem/core/store.h"
#include "appmem/protocol/outcome.h"
#include "scan_answer.h"

namespace appmem::commands {

/// Which keys a scan in key order returns.
struct KeyRange {
  std::string from;               // the first that belongs to it
  std::optional<std::string> to;  // the first behind it; nothing: no end
  /// Where the last page ended: only keys behind it.
  std::optional<std::string> after;
};

/// Keys kept for a page take at most about this; a page of long keys is shorter instead.
inline constexpr std::size_t kRangePageBytesMax = 4U << 20U;

/// One page of a scan in key order over a namespace without an index in that order: a pass over all
/// keys that keeps the `limit` smallest in range, and then writes them. A page costs a pass
/// whatever its size, so larger pages are cheaper by the key.
///
/// A key that is there throughout all pages comes exactly once: a pass shows it, and each page
/// holds all keys of the range up to its last one. What is written meanwhile may or may not be
/// seen.
class RangeScan final : public protocol::Job {
 public:
  /// `store` is borrowed and must outlive the job. Precondition: limit > 0.
  RangeScan(core::Store& store, core::NamespaceId ns, KeyRange range, std::size_t limit,
            bool with_values);
  ~RangeScan() override;

  bool run(protocol::Reply& out, const Instant& now, protocol::TurnBudget& budget) override;

 private:
  enum class Phase : std::uint8_t { kCollecting, kWriting, kEnded };

  /// Each does some of its phase and takes what it did from `steps`.
  void collect(protocol::ReplyWriter& reply, const Instant& now, std::size_t& steps);
  void write(protocol::ReplyWriter& reply, const Instant& now, std::size_t& steps);

  [[nodiscard]] bool wanted(std::string_view key) const;
  void keep(std::string_view key);
  void drop_largest();
  void charge();

  core::Store& store_;
  const core::NamespaceId ns_;
  KeyRange range_;
  const std::size_t limit_;
  ScanAnswer answer_;
  Phase phase_ = Phase::kCollecting;
  core::ScanCursor cursor_ = 0;
  /// A heap with the largest on top while collecting; then in order.
  std::vector<std::string> kept_;
  std::size_t kept_bytes_ = 0;
  /// Taken from the store's memory budget for `kept_`.
  std::size_t charged_bytes_ = 0;
  /// The smallest key that did not fit: the page ends before it.
  std::optional<std::string> bound_;
  std::size_t written_ = 0;
};

}  // namespace appmem::commands
