#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace appmem::commands {

/// The lengths of the longest common subsequences of all beginnings of two texts, `a` and `b`,
/// found 64 at a time (Hyyrö, "Bit-parallel LCS-length computation revisited", 2004): a row stands
/// for a beginning of `a`, and a bit in it says whether the next byte of `b` leaves the length as
/// it is. Thread safety: none. Lifetime: both texts are borrowed.
class LcsTable {
 public:
  /// `keeps_rows`: leads() will be asked.
  LcsTable(std::string_view a, std::string_view b, bool keeps_rows);
  /// What the two take, in bytes.
  static std::uint64_t memory_bytes(std::string_view a, std::string_view b, bool keeps_rows);

  /// Does work for about `steps` looks at an entry, and counts them down. True when all is known.
  bool advance(std::size_t& steps);

  // Precondition of all that follows: advance() has returned true.

  [[nodiscard]] std::size_t length() const;
  /// Whether the first `i` + 1 bytes of `a` have more in common with the first `j` + 1 of `b` than
  /// with the first `j`.
  [[nodiscard]] bool grows(std::size_t i, std::size_t j) const {
    const unsigned byte = rows_[i * row_bytes_ + j / 8];
    return (byte >> (j % 8) & 1U) == 0;
  }

 private:
  using Word = std::uint64_t;

  void mark(std::size_t word);

  const std::string_view a_;
  const std::string_view b_;
  const std::size_t words_;                  // of a row
  const std::size_t row_bytes_;              // of a row that is kept
  std::array<std::int16_t, 256> mask_of_{};  // by a byte of `a`; -1 where it has none
  std::unique_ptr<Word[]> masks_;            // where each such byte stands in `b`
  std::size_t marked_ = 0;                   // words of all masks
  std::vector<Word> row_;
  std::unique_ptr<unsigned char[]> rows_;
  std::size_t done_rows_ = 0;
  std::size_t done_words_ = 0;  // of the next row
  Word carry_ = 0;
};

}  // namespace appmem::commands
