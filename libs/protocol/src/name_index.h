#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string_view>
#include <type_traits>

namespace appmem::protocol {

static_assert(std::endian::native == std::endian::little);

/// The bytes from `from` on as a number, while compiling too.
template <typename Word>
constexpr std::uint64_t load_word(const char* from) {
  Word word = 0;
  if (std::is_constant_evaluated()) {
    for (std::size_t i = 0; i < sizeof word; ++i) {
      const auto byte = static_cast<std::uint64_t>(static_cast<unsigned char>(from[i]));
      word = static_cast<Word>(word | byte << (8 * i));
    }
  } else {
    std::memcpy(&word, from, sizeof word);
  }
  return word;
}

/// A name of at most 16 bytes as two words and its length: compared, hashed and put into small
/// letters at once, without a loop. The words overlap where the name is shorter than both.
class ShortName {
 public:
  static constexpr std::size_t kBytesMax = 16;

  constexpr ShortName() = default;
  /// Precondition: 1 to kBytesMax bytes.
  constexpr explicit ShortName(std::string_view name) : bytes_(name.size()) {
    const char* const begin = name.data();
    const std::size_t size = name.size();
    if (size >= 8) {
      head_ = load_word<std::uint64_t>(begin);
      tail_ = load_word<std::uint64_t>(begin + size - 8);
    } else if (size >= 4) {
      head_ = load_word<std::uint32_t>(begin);
      tail_ = load_word<std::uint32_t>(begin + size - 4);
    } else {
      head_ = load_word<std::uint8_t>(begin);
      tail_ = load_word<std::uint8_t>(begin + size / 2) | load_word<std::uint8_t>(begin + size - 1)
                                                              << 8U;
    }
  }

  /// With the bit set by which small letters differ from capitals. Of two names that have become
  /// equal, one of letters alone, the other differs from it in their case only.
  [[nodiscard]] constexpr ShortName folded() const {
    ShortName folded = *this;
    folded.head_ |= kCaseBits;
    folded.tail_ |= kCaseBits;
    return folded;
  }

  [[nodiscard]] constexpr std::uint64_t hash() const {
    // Odd multipliers without a pattern: the fractions of the golden ratio and of the root of 3.
    return head_ * 0x9E37'79B9'7F4A'7C15U + tail_ * 0xBB67'AE85'84CA'A73BU + bytes_;
  }

  friend constexpr bool operator==(const ShortName&, const ShortName&) = default;

 private:
  static constexpr std::uint64_t kCaseBits = 0x2020'2020'2020'2020U;

  std::uint64_t head_ = 0;
  std::uint64_t tail_ = 0;
  std::uint64_t bytes_ = 0;
};

enum class LetterCase : bool { kMatters, kIsIgnored };

/// Finds one of a fixed set of short names, made at compile time. Where the case of letters is
/// ignored, names are of small letters alone.
template <std::size_t Slots, LetterCase Case = LetterCase::kMatters>
class NameIndex {
  static_assert(std::has_single_bit(Slots));

 public:
  static constexpr std::uint16_t kNone = 0xFFFF;

  constexpr void add(std::string_view name, std::uint16_t number) {
    if (!may_be_added(name)) throw std::invalid_argument("so the compiler refuses it");
    const ShortName added = spelled(name);
    std::size_t slot = slot_of(added);
    while (slots_[slot].number != kNone)
      slot = (slot + 1) % Slots;
    slots_[slot] = {added, number};
  }

  [[nodiscard]] constexpr std::uint16_t find(std::string_view name) const {
    if (name.empty() || name.size() > ShortName::kBytesMax) return kNone;
    const ShortName wanted = spelled(name);
    for (std::size_t slot = slot_of(wanted); slots_[slot].number != kNone;
         slot = (slot + 1) % Slots) {
      if (slots_[slot].name == wanted) return slots_[slot].number;
    }
    return kNone;
  }

 private:
  struct Slot {
    ShortName name;
    std::uint16_t number = kNone;
  };

  static constexpr bool may_be_added(std::string_view name) {
    if (name.empty() || name.size() > ShortName::kBytesMax) return false;
    return Case == LetterCase::kMatters ||
           std::all_of(name.begin(), name.end(), [](char c) { return c >= 'a' && c <= 'z'; });
  }
  static constexpr ShortName spelled(std::string_view name) {
    const ShortName as_it_is(name);
    return Case == LetterCase::kMatters ? as_it_is : as_it_is.folded();
  }
  static constexpr std::size_t slot_of(const ShortName& name) {
    constexpr auto kBits = static_cast<unsigned>(std::countr_zero(Slots));
    return name.hash() >> (64U - kBits);
  }

  std::array<Slot, Slots> slots_{};
};

}  // namespace appmem::protocol
