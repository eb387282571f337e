#pragma once

#include <cstddef>
#include <string_view>

namespace appmem::test {

/// Whether `text` is `pattern`, in which `…` stands for anything.
inline bool fits(std::string_view pattern, std::string_view text) {
  constexpr std::string_view kAnything = "…";
  std::size_t mark = pattern.find(kAnything);
  if (mark == std::string_view::npos) return pattern == text;
  if (!text.starts_with(pattern.substr(0, mark))) return false;
  text.remove_prefix(mark);
  for (;;) {
    pattern.remove_prefix(mark + kAnything.size());
    mark = pattern.find(kAnything);
    if (mark == std::string_view::npos) return text.ends_with(pattern);
    const std::size_t found = text.find(pattern.substr(0, mark));
    if (found == std::string_view::npos) return false;
    text.remove_prefix(found + mark);
  }
}

}  // namespace appmem::test
