#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "redis/server_pair.h"

namespace appmem::test {

/// Random commands of Redis: mostly well-formed, on few keys so that they meet, with values at the
/// edges of what is allowed; some with wrong options, arguments or arities.
class CommandGenerator {
 public:
  explicit CommandGenerator(std::uint64_t seed) : random_(seed) {}

  /// `now_ms` is what the servers' clocks show.
  Words next(std::int64_t now_ms);
  /// How far to move the clock, in milliseconds; mostly not at all.
  std::int64_t step_ms();

 private:
  std::uint64_t below(std::uint64_t n) { return random_() % n; }
  bool chance(std::uint64_t percent) { return below(100) < percent; }
  template <typename T>
  const T& one_of(const std::vector<T>& choices) {
    return choices[below(choices.size())];
  }

  std::string key();
  std::string value();
  std::string integer();
  std::string number();
  std::string seconds(std::int64_t now_ms, bool milliseconds, bool moment);
  Words command(std::int64_t now_ms);
  Words string_command(std::int64_t now_ms);
  Words expiry_command(std::int64_t now_ms);
  Words key_command();
  Words whole_command();
  void add_keys(Words& words, bool with_values);
  void spoil(Words& words);

  std::mt19937_64 random_;
};

}  // namespace appmem::test
