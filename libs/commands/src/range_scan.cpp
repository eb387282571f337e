#include "range_scan.h"

#include <algorithm>
#include <utility>

#include "appmem/base/check.h"
#include "scan_cursor.h"
#include "visits.h"

namespace appmem::commands {

using protocol::ReplyWriter;

RangeScan::RangeScan(core::Store& store, core::NamespaceId ns, KeyRange range, std::size_t limit,
                     bool with_values)
    : store_(store), ns_(ns), range_(std::move(range)), limit_(limit), answer_(with_values) {
  APPMEM_CHECK(limit > 0);
}

RangeScan::~RangeScan() {
  store_.memory().release(charged_bytes_);
}

bool RangeScan::run(protocol::Reply& out, const Instant& now, protocol::TurnBudget& budget) {
  ReplyWriter& reply = out.fields();
  if (phase_ == Phase::kCollecting) collect(reply, now, budget.steps);
  if (phase_ == Phase::kWriting) write(reply, now, budget.steps);
  if (phase_ == Phase::kEnded) return true;
  answer_.pause(reply);
  return false;
}

void RangeScan::collect(ReplyWriter& reply, const Instant& now, std::size_t& steps) {
  while (steps > 0) {
    Visits visits(steps);
    const auto visit = [&](const core::EntryView& entry) {
      if (wanted(entry.key)) keep(entry.key);
      return visits.add(entry.key);
    };
    const auto step = store_.scan(ns_, cursor_, visits.max(), now, visit);
    charge();
    if (!step) {
      answer_.abandon(reply, step.error());
      phase_ = Phase::kEnded;
      return;
    }
    cursor_ = step->next;
    if (step->done) {
      std::sort(kept_.begin(), kept_.end());
      phase_ = Phase::kWriting;
      return;
    }
  }
}

void RangeScan::write(ReplyWriter& reply, const Instant& now, std::size_t& steps) {
  for (; written_ < kept_.size(); ++written_) {
    if (steps == 0 || answer_.must_wait(reply)) return;
    --steps;
    const std::string& key = kept_[written_];
    if (!answer_.with_values()) {
      answer_.add_key(reply, key);
      continue;
    }
    // A key that has gone meanwhile is left out.
    const auto add = [&](const core::EntryView& entry) {
      answer_.add_entry(reply, entry, now);
    };
    const core::GetOptions peek{.touch = std::nullopt, .peek = true};
    if (const auto shown = store_.get(ns_, key, peek, now, add); !shown) {
      answer_.abandon(reply, shown.error());
      phase_ = Phase::kEnded;
      return;
    }
  }
  answer_.finish(reply, bound_ ? key_cursor_text(kept_.back()) : std::string());
  phase_ = Phase::kEnded;
}

bool RangeScan::wanted(std::string_view key) const {
  return key >= range_.from && !(range_.to && key >= *range_.to) &&
         !(range_.after && key <= *range_.after) && !(bound_ && key >= *bound_);
}

void RangeScan::keep(std::string_view key) {
  kept_.emplace_back(key);
  kept_bytes_ += key.size() + sizeof(std::string);
  std::push_heap(kept_.begin(), kept_.end());
  if (kept_.size() > limit_) drop_largest();
  while (kept_bytes_ > kRangePageBytesMax && kept_.size() > 1)
    drop_largest();
}

void RangeScan::drop_largest() {
  std::pop_heap(kept_.begin(), kept_.end());
  kept_bytes_ -= kept_.back().size() + sizeof(std::string);
  bound_ = std::move(kept_.back());
  kept_.pop_back();
}

void RangeScan::charge() {
  if (kept_bytes_ > charged_bytes_) store_.memory().charge(kept_bytes_ - charged_bytes_);
  if (kept_bytes_ < charged_bytes_) store_.memory().release(charged_bytes_ - kept_bytes_);
  charged_bytes_ = kept_bytes_;
}

}  // namespace appmem::commands
