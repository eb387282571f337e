#include "redis/differences.h"

#include <algorithm>
#include <cctype>
#include <string>

namespace appmem::test {
namespace {

bool is(const Words& command, std::string_view name) {
  return std::equal(
      command[0].begin(), command[0].end(), name.begin(), name.end(),
      [](char a, char b) { return std::toupper(static_cast<unsigned char>(a)) == b; });
}

}  // namespace

std::span<const Difference> differences() {
  static const std::vector<Difference> kDifferences{};
  static_cast<void>(is);
  return kDifferences;
}

}  // namespace appmem::test
