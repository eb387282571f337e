#include "lcs_table.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace appmem::commands {
namespace {

constexpr std::size_t kWordBits = 64;
/// Words of a row that take about as long as a look at an entry.
constexpr std::size_t kWordsPerStep = 32;
/// What beginning a row costs besides, in words.
constexpr std::size_t kWordsPerRow = 4;

// Rows are kept as the bytes of their words.
static_assert(std::endian::native == std::endian::little);

std::size_t words_of(std::string_view b) {
  return (b.size() + kWordBits - 1) / kWordBits;
}

std::size_t row_bytes_of(std::string_view b) {
  return (b.size() + 7) / 8;
}

std::size_t byte_of(char c) {
  return static_cast<unsigned char>(c);
}

}  // namespace

LcsTable::LcsTable(std::string_view a, std::string_view b, bool keeps_rows)
    : a_(a), b_(b), words_(words_of(b)), row_bytes_(row_bytes_of(b)), row_(words_, ~Word{0}) {
  mask_of_.fill(-1);
  std::int16_t masks = 0;
  for (const char c : a) {
    if (mask_of_[byte_of(c)] < 0) mask_of_[byte_of(c)] = masks++;
  }
  masks_ = std::make_unique_for_overwrite<Word[]>(static_cast<std::size_t>(masks) * words_);
  if (keeps_rows && !b.empty()) {
    rows_ = std::make_unique_for_overwrite<unsigned char[]>(a.size() * row_bytes_);
  }
}

std::uint64_t LcsTable::memory_bytes(std::string_view a, std::string_view b, bool keeps_rows) {
  const std::size_t masks_max = std::min<std::size_t>(a.size(), 256);
  const std::uint64_t kept = keeps_rows ? std::uint64_t{a.size()} * row_bytes_of(b) : 0;
  return (masks_max + 1) * words_of(b) * sizeof(Word) + kept;
}

/// Fills one word of each mask.
void LcsTable::mark(std::size_t word) {
  for (const std::int16_t mask : mask_of_) {
    if (mask >= 0) masks_[static_cast<std::size_t>(mask) * words_ + word] = 0;
  }
  const std::string_view part = b_.substr(word * kWordBits, kWordBits);
  for (std::size_t bit = 0; bit < part.size(); ++bit) {
    const std::int16_t mask = mask_of_[byte_of(part[bit])];
    if (mask >= 0) masks_[static_cast<std::size_t>(mask) * words_ + word] |= Word{1} << bit;
  }
}

bool LcsTable::advance(std::size_t& steps) {
  for (; marked_ < words_; ++marked_, --steps) {
    if (steps == 0) return false;
    mark(marked_);
  }
  std::size_t work = 0;  // in words, since a step was counted
  while (done_rows_ < a_.size()) {
    for (; work >= kWordsPerStep; work -= kWordsPerStep) {
      if (steps == 0) return false;
      --steps;
    }
    const auto mask = static_cast<std::size_t>(mask_of_[byte_of(a_[done_rows_])]);
    const Word* const matches = masks_.get() + mask * words_;
    const std::size_t end = std::min(words_, done_words_ + kWordsPerStep);
    work += end - done_words_ + kWordsPerRow;
    for (; done_words_ < end; ++done_words_) {
      const Word row = row_[done_words_];
      const Word match = matches[done_words_];
      Word sum = 0;
      const bool over = __builtin_add_overflow(row, row & match, &sum);
      const bool over_again = __builtin_add_overflow(sum, carry_, &sum);
      carry_ = over || over_again ? 1 : 0;
      row_[done_words_] = sum | (row & ~match);
    }
    if (end < words_) continue;
    if (rows_ != nullptr) {
      std::memcpy(rows_.get() + done_rows_ * row_bytes_, row_.data(), row_bytes_);
    }
    ++done_rows_;
    done_words_ = 0;
    carry_ = 0;
  }
  return true;
}

std::size_t LcsTable::length() const {
  std::size_t length = 0;
  for (const Word word : row_)
    length += static_cast<std::size_t>(std::popcount(~word));
  return length;
}

}  // namespace appmem::commands
