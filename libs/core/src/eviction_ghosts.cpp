#include "eviction_ghosts.h"

#include <algorithm>
#include <span>
#include <utility>

#include "appmem/base/check.h"

namespace appmem::core {

bool EvictionGhosts::save_up(std::size_t bytes_max) {
  const std::size_t wanted = next_buckets() * kBucketBytes;
  const std::size_t bytes = std::min(bytes_max, wanted - charged_bytes_);
  if (!budget_.try_charge(bytes)) return false;
  charged_bytes_ += bytes;
  if (charged_bytes_ == wanted) resize(next_buckets());
  return true;
}

std::size_t EvictionGhosts::next_buckets() const {
  return std::min(buckets() + std::max(buckets() / 4, kBucketsMin), kBucketsMax);
}

void EvictionGhosts::add(std::uint32_t hash, std::size_t entries) {
  if (slots_.empty()) return;
  if (entries < buckets() * kBucketKeysLow && buckets() > kBucketsMin) {
    resize(std::max(buckets() / 2, kBucketsMin));
    const std::size_t bytes = buckets() * kBucketBytes;
    APPMEM_CHECK(charged_bytes_ >= bytes);
    budget_.release(std::exchange(charged_bytes_, bytes) - bytes);
  }
  if (++added_ > std::max(entries / kEpochsKept, kEpochKeysMin)) {
    added_ = 1;
    epoch_ = epoch_ % kEpochs + 1;
  }
  sweep_one();
  std::uint16_t* const bucket = bucket_of(hash);
  std::uint16_t* const oldest =
      std::max_element(bucket, bucket + kBucketKeys,
                       [this](std::uint16_t a, std::uint16_t b) { return age(a) < age(b); });
  *oldest = static_cast<std::uint16_t>(epoch_ << kPrintBits | (hash & kPrintMask));
  blank_ = false;
}

bool EvictionGhosts::take(std::uint32_t hash) {
  if (slots_.empty()) return false;
  for (std::uint16_t& slot : std::span(bucket_of(hash), kBucketKeys)) {
    if ((slot & kPrintMask) != (hash & kPrintMask) || age(slot) >= kEpochsKept) continue;
    slot = 0;
    return true;
  }
  return false;
}

void EvictionGhosts::clear() {
  budget_.release(std::exchange(charged_bytes_, 0));
  slots_ = {};
  epoch_ = 1;
  added_ = 0;
  sweep_next_ = 0;
  blank_ = true;
}

std::uint16_t* EvictionGhosts::bucket_of(std::uint32_t hash) {
  return slots_.data() + (std::uint64_t{hash} * buckets() >> 32U) * kBucketKeys;
}

/// In epochs; an empty slot is older than any.
unsigned EvictionGhosts::age(std::uint16_t slot) const {
  const unsigned epoch = slot >> kPrintBits;
  if (epoch == 0) return kEpochs;
  return epoch_ >= epoch ? epoch_ - epoch : epoch_ + kEpochs - epoch;
}

/// What is too old must be gone before the number of its epoch comes again, kEpochs - kEpochsKept
/// epochs later. By then as many buckets have been looked through as keys were added: all of them,
/// since there is at most one for every kBucketKeysLow entries, or kBucketsMin.
void EvictionGhosts::sweep_one() {
  if (sweep_next_ >= buckets()) sweep_next_ = 0;
  for (std::uint16_t& slot : std::span(&slots_[sweep_next_ * kBucketKeys], kBucketKeys)) {
    if (slot != 0 && age(slot) >= kEpochsKept) slot = 0;
  }
  ++sweep_next_;
}

/// Of a key in a bucket it is not known where in its range of hashes it lies. So each new bucket
/// gets what was in all old ones whose ranges overlap its own, as many of the youngest as it holds.
void EvictionGhosts::resize(std::size_t buckets) {
  const std::vector<std::uint16_t> old = std::exchange(slots_, {});
  const std::size_t old_buckets = old.size() / kBucketKeys;
  slots_.resize(buckets * kBucketKeys);
  sweep_next_ = 0;
  if (blank_) return;
  const auto younger = [this](std::uint16_t a, std::uint16_t b) {
    return age(a) < age(b);
  };
  std::vector<std::uint16_t> found;
  for (std::size_t bucket = 0; bucket < buckets; ++bucket) {
    const std::size_t begin = bucket * old_buckets / buckets;
    const std::size_t end = ((bucket + 1) * old_buckets + buckets - 1) / buckets;
    found.clear();
    for (const std::uint16_t slot :
         std::span(&old[begin * kBucketKeys], (end - begin) * kBucketKeys)) {
      if (slot != 0) found.push_back(slot);
    }
    if (found.size() > kBucketKeys) {
      std::nth_element(found.begin(), found.begin() + kBucketKeys, found.end(), younger);
      found.resize(kBucketKeys);
    }
    std::copy(found.begin(), found.end(), &slots_[bucket * kBucketKeys]);
  }
}

}  // namespace appmem::core
