#include "appmem/base/similar_name.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

namespace appmem {
namespace {

/// A name that is off by this much is taken for a misspelt one.
constexpr std::size_t kSimilarEditsMax = 3;
/// More than anybody's name; what is longer is no misspelt one.
constexpr std::size_t kSimilarBytesMax = 100;

std::string plain(std::string_view name) {
  std::string text(name);
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '_') c = '-';
  }
  return text;
}

/// Insertions, removals and replacements of one character that lead from one text to the other
/// (Levenshtein's distance).
std::size_t edit_distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= from.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= to.size(); ++j) {
      const std::size_t replaced = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

SimilarName::SimilarName(std::string_view written)
    : written_(plain(written.substr(0, kSimilarBytesMax))),
      edits_max_(std::min(kSimilarEditsMax, written_.size() / 2)) {
}

void SimilarName::consider(std::string_view name) {
  if (!best_.empty() && edits_max_ == 0) return;
  const std::size_t edits = edit_distance(written_, plain(name));
  const std::size_t bound = best_.empty() ? edits_max_ : edits_max_ - 1;
  if (edits > bound) return;
  edits_max_ = edits;
  best_ = name;
}

}  // namespace appmem
