#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

namespace appmem::protocol {

/// How many errors have been replied in RESP, by the word that each begins with. Thread safety:
/// all.
class RedisErrorCounts {
 public:
  /// All that there are, in the order of the alphabet.
  static constexpr std::string_view kPrefixes[] = {
      "ERR", "EXECABORT", "NOAUTH", "NOPERM", "NOPROTO", "OOM", "WRONGPASS", "WRONGTYPE"};

  /// `text` begins with its prefix; one that is not known counts as `ERR`.
  void add(std::string_view text) {
    const std::string_view prefix = text.substr(0, text.find(' '));
    std::size_t i = std::size(kPrefixes) - 1;
    while (i > 0 && kPrefixes[i] != prefix)
      --i;
    counts_[i].fetch_add(1, std::memory_order_relaxed);
  }
  /// Of kPrefixes[i].
  [[nodiscard]] std::uint64_t count(std::size_t i) const {
    return counts_[i].load(std::memory_order_relaxed);
  }
  void clear() {
    for (auto& count : counts_)
      count.store(0, std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<std::uint64_t>, std::size(kPrefixes)> counts_{};
};

}  // namespace appmem::protocol
