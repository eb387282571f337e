// Which entries of a namespace go under s3fifo (decision 0014): a small queue for what is new, a
// main queue for what was used in it or came back, and a memory of what went from the small one.
// An entry's queue and uses are in its header, its place in the queue is its tick; the ends of the
// queues are found by looking at windows of the table, as for lru.

#include <algorithm>

#include "appmem/base/check.h"
#include "shard.h"

namespace appmem::core {
namespace {

/// The small queue gives while it has at least this share of the memory: one part in so many.
constexpr std::int64_t kSmallShare = 10;
/// What was used so often in the small queue goes on to the main one.
constexpr std::uint8_t kUsesForMain = 2;
/// Looks for victims before giving up: what a look finds may be protected, or be used again, or
/// come from the wrong queue.
constexpr std::size_t kLooksMax = 8;
/// What an insertion saves up at most to remember more of what has gone.
constexpr std::size_t kGhostSavingsBytes = kPageBytes;
/// Room is made for it as for a write that has tried before: sparse spans are emptied early, since
/// only whole pages help.
constexpr std::size_t kGhostAttempt = 2;

}  // namespace

void Shard::touch_queued(NamespacePart& part, Entry entry, const Instant& now) {
  entry.count_use();
  if (part.protect_step != step_) return;
  // A step that may evict knows what it has touched by its tick. So the entry goes to the end of
  // its queue; were it always touched like this, it would never be judged at the other end.
  entry.set_tick(part.ticks.advance(now.mono));
  if (!entry.in_main() && entry.standing().uses >= kUsesForMain) move_to_main(part, entry);
}

void Shard::enter_queue(const Site& site, Handle old, Handle fresh) {
  Entry::Standing standing;
  if (old != kNoHandle) {
    standing = entry(old).standing();
  } else {
    standing.main = site.part.ghosts.take(site.table_hash);
  }
  entry(fresh).set_standing(standing);
}

void Shard::move_to_main(NamespacePart& part, Entry entry) {
  entry.set_standing({.main = true, .uses = 0});
  part.main_memory +=
      static_cast<std::int64_t>(Arena::block_bytes_for(entry.shape().bytes()) +
                                (entry.large() ? entry.shared().memory_bytes() : 0));
}

std::uint32_t Shard::queue_end(const NamespacePart& part) const {
  return part.protect_step == step_ ? part.protect_tick - 1 : part.ticks.current();
}

std::size_t Shard::evict_queued(NamespacePart& part, Step& step) {
  const std::int64_t small_memory = part.entry_memory - part.main_memory;
  APPMEM_CHECK(part.main_memory >= 0 && small_memory >= 0);
  bool from_main = small_memory * kSmallShare < part.entry_memory;
  for (std::size_t looks = 0; looks < kLooksMax; ++looks) {
    std::vector<Victim>& found = from_main ? part.main_victims.found : part.victims.found;
    while (!found.empty()) {
      const Victim victim = found.back();
      found.pop_back();
      const Handle handle = still_there(part, victim);
      if (handle == kNoHandle) continue;
      const Entry::Standing standing = entry(handle).standing();
      // Moved or used since it was found: it is judged again when it is found again.
      if (standing.main != from_main) continue;
      if (standing.uses >= (from_main ? 1 : kUsesForMain)) continue;
      if (!from_main) part.ghosts.add(victim.table_hash, part.table.size());
      return evict_entry(part, victim.table_hash, handle, step);
    }
    if (!(from_main ? find_in_main(part) : find_in_small(part))) from_main = !from_main;
  }
  return 0;
}

/// The oldest that were not used enough are to go; what was, and is older than the last of them,
/// goes on to the main queue. When none is to go, the same window is where to look in the main
/// queue: it may be that all of it has just come there.
bool Shard::find_in_small(NamespacePart& part) {
  const std::uint32_t begin = part.victims.next;
  const std::size_t keep = look(part, part.victims);
  std::erase_if(candidates_, [&](Candidate& found) {
    const Entry::Standing standing = entry(found.handle).standing();
    found.uses = standing.uses;
    return standing.main || is_protected(part, part.ticks.current() - found.age);
  });
  const auto used = std::partition(candidates_.begin(), candidates_.end(),
                                   [](const Candidate& each) { return each.uses < kUsesForMain; });
  const auto unused_count = static_cast<std::size_t>(used - candidates_.begin());
  const std::size_t count = std::min(keep, unused_count);
  const auto last = candidates_.begin() + static_cast<std::ptrdiff_t>(count);
  std::uint32_t hand = 0;
  if (count > 0) {
    std::nth_element(candidates_.begin(), last - 1, used,
                     [](const Candidate& a, const Candidate& b) { return a.age > b.age; });
    hand = (last - 1)->age;
  }
  for (auto found = used; found != candidates_.end(); ++found) {
    if (count > 0 && found->age <= hand) continue;
    Entry next = entry(found->handle);
    next.set_tick(queue_end(part));
    move_to_main(part, next);
  }
  candidates_.resize(count);
  name_victims(part, part.victims);
  if (count == 0) part.main_victims.next = begin;
  return count > 0;
}

/// Plays what a queue would do until `keep` entries have come out of it: the oldest one comes out
/// if it was not used, otherwise it goes back to the end with one use less. Whether it comes out in
/// the first round or a later one depends on its uses, and in each round the oldest come first; so
/// the ones to come out are the first in that order, and the last of them tells how far the hand
/// got.
bool Shard::find_in_main(NamespacePart& part) {
  const std::size_t keep = look(part, part.main_victims);
  std::erase_if(candidates_, [&](Candidate& found) {
    const Entry::Standing standing = entry(found.handle).standing();
    found.uses = standing.uses;
    return !standing.main || is_protected(part, part.ticks.current() - found.age);
  });
  if (candidates_.empty()) {
    part.main_victims.found.clear();
    return false;
  }
  const auto sooner = [](const Candidate& a, const Candidate& b) {
    return a.uses != b.uses ? a.uses < b.uses : a.age > b.age;
  };
  const std::size_t count = std::min(keep, candidates_.size());
  const auto last = candidates_.begin() + static_cast<std::ptrdiff_t>(count - 1);
  std::nth_element(candidates_.begin(), last, candidates_.end(), sooner);
  const Candidate hand = *last;
  for (auto found = candidates_.begin(); found != candidates_.end(); ++found) {
    Entry next = entry(found->handle);
    if (found <= last) {
      if (found->uses > 0) next.set_standing({.main = true, .uses = 0});
      continue;
    }
    const bool passed = found->age > hand.age;
    const unsigned rounds = hand.uses + (passed ? 1U : 0U);
    if (rounds == 0) continue;
    const auto uses = static_cast<std::uint8_t>(found->uses - rounds);
    next.set_standing({.main = true, .uses = uses});
    if (passed) next.set_tick(queue_end(part));
  }
  candidates_.resize(count);
  name_victims(part, part.main_victims);
  return true;
}

void Shard::make_room_for_ghosts(NamespacePart& part, Step& step) {
  if (!part.ghosts.wants_room(part.table.size())) return;
  if (!part.ghosts.save_up(kGhostSavingsBytes)) {
    arena_.purge(kGhostSavingsBytes);
    if (!part.ghosts.save_up(kGhostSavingsBytes)) {
      // The next insertion tries again.
      static_cast<void>(
          make_room(part, {.bytes = kGhostSavingsBytes, .block = false}, kGhostAttempt, step));
    }
  }
  tell_usage(part);
}

void Shard::apply_settings(NamespacePart& part) {
  part.victims = {};
  part.main_victims = {};
  if (!part.is_s3fifo()) part.ghosts.clear();
  tell_usage(part);
}

}  // namespace appmem::core
