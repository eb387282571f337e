// Journal: what a batch has changed so far.

#include "step.h"

namespace appmem::core {

void Journal::moved(const Shard* shard, Handle from, Handle to) {
  for (; indexed_ < records.size(); ++indexed_) {
    const Record& record = records[indexed_];
    if (record.before != kNoHandle) by_handle_.emplace(record.before, indexed_);
    if (record.after != kNoHandle) by_handle_.emplace(record.after, indexed_);
  }
  // A handle means one block in each shard, which at most two records name: the one that made it
  // and the one that replaced it.
  std::vector<std::size_t> followed;
  auto [next, end] = by_handle_.equal_range(from);
  while (next != end) {
    Record& record = records[next->second];
    if (record.shard != shard) {
      ++next;
      continue;
    }
    if (record.before == from) record.before = to;
    if (record.after == from) record.after = to;
    followed.push_back(next->second);
    next = by_handle_.erase(next);
  }
  for (const std::size_t at : followed)
    by_handle_.emplace(to, at);
}

void Journal::pop() {
  records.pop_back();
  if (indexed_ <= records.size()) return;
  by_handle_.clear();
  indexed_ = 0;
}

}  // namespace appmem::core
