#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace appmem::protocol {

/// Finds one of a fixed set of short names, made at compile time: a hash of the length and three
/// characters, then a comparison. Names beyond `count` are ignored by the constructor's caller.
template <std::size_t Slots>
class NameIndex {
  static_assert((Slots & (Slots - 1)) == 0, "a power of two");

 public:
  static constexpr std::uint16_t kNone = 0xFFFF;

  constexpr NameIndex() { slots_.fill(Slot{}); }

  constexpr void add(std::string_view name, std::uint16_t number) {
    std::size_t slot = hash(name);
    while (slots_[slot].number != kNone)
      slot = (slot + 1) % Slots;
    slots_[slot] = {name, number};
  }

  [[nodiscard]] constexpr std::uint16_t find(std::string_view name) const {
    if (name.empty()) return kNone;
    for (std::size_t slot = hash(name); slots_[slot].number != kNone; slot = (slot + 1) % Slots) {
      if (slots_[slot].name == name) return slots_[slot].number;
    }
    return kNone;
  }

 private:
  struct Slot {
    std::string_view name;
    std::uint16_t number = kNone;
  };

  static constexpr std::size_t hash(std::string_view name) {
    const auto at = [&](std::size_t i) {
      return static_cast<std::size_t>(static_cast<unsigned char>(name[i]));
    };
    return (at(0) * 5 + at(name.size() / 2) * 39 + at(name.size() - 1) * 71 + name.size() * 17) %
           Slots;
  }

  std::array<Slot, Slots> slots_{};
};

}  // namespace appmem::protocol
