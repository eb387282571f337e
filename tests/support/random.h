#pragma once

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace appmem::test {

/// The seed of a random test: `fallback`, so that every run is the same, or APPMEM_TEST_SEED.
inline std::uint64_t random_seed(std::uint64_t fallback) {
  const char* const text = std::getenv("APPMEM_TEST_SEED");  // NOLINT(concurrency-mt-unsafe)
  if (text == nullptr) return fallback;
  const std::string_view digits = text;
  std::uint64_t seed = 0;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), seed);
  if (error != std::errc{} || end != digits.end()) {
    ADD_FAILURE() << "APPMEM_TEST_SEED is no number: " << digits;
  }
  return seed;
}

/// Random numbers that are the same everywhere for the same seed (xoshiro256** by Blackman and
/// Vigna, seeded by their splitmix64). Whatever fails while one lives shows its seed:
///   Random random(1);  // or APPMEM_TEST_SEED=2 in the environment
/// Satisfies UniformRandomBitGenerator. Thread safety: none.
class Random {
 public:
  // NOLINTNEXTLINE(readability-identifier-naming): the standard library's name
  using result_type = std::uint64_t;
  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }

  explicit Random(std::uint64_t fallback_seed, const char* file = __builtin_FILE(),
                  int line = __builtin_LINE())
      : Random(Resolved{random_seed(fallback_seed)}, file, line) {}

  Random(const Random&) = delete;
  Random& operator=(const Random&) = delete;

  result_type operator()() {
    const std::uint64_t result = rotate(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17U;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = rotate(state_[3], 45);
    return result;
  }

  /// A number below `bound`, which is not 0; a little uneven for enormous bounds.
  std::uint64_t below(std::uint64_t bound) { return (*this)() % bound; }
  /// A number from `low` to `high`, both included.
  std::uint64_t between(std::uint64_t low, std::uint64_t high) {
    return low + below(high - low + 1);
  }
  /// True once in `n` times.
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  /// Any bytes.
  std::string bytes(std::size_t count) {
    std::string result(count, '\0');
    for (char& c : result)
      c = static_cast<char>((*this)());
    return result;
  }

  [[nodiscard]] std::uint64_t seed() const { return seed_; }

 private:
  struct Resolved {
    std::uint64_t seed;
  };

  Random(Resolved resolved, const char* file, int line)
      : seed_(resolved.seed),
        trace_(file, line, "APPMEM_TEST_SEED=" + std::to_string(resolved.seed)) {
    std::uint64_t x = seed_;
    for (std::uint64_t& word : state_) {
      x += 0x9e3779b97f4a7c15ULL;
      std::uint64_t mixed = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9ULL;
      mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebULL;
      word = mixed ^ (mixed >> 31U);
    }
  }

  static std::uint64_t rotate(std::uint64_t x, unsigned by) {
    return (x << by) | (x >> (64U - by));
  }

  std::uint64_t seed_;
  testing::ScopedTrace trace_;
  std::uint64_t state_[4]{};
};

}  // namespace appmem::test
