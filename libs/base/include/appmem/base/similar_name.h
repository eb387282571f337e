#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace appmem {

/// Among names that are shown to it, the one that somebody who wrote another most likely meant:
/// capitals count as small letters, an underscore as a dash. Thread safety: none.
///
///     SimilarName meant("max-memry");
///     for (const Row& row : rows) meant.consider(row.name);
///     if (!meant.best().empty()) ask("did you mean " + meant.best());
class SimilarName {
 public:
  explicit SimilarName(std::string_view written);

  /// `name` has to live as long as what `best` returns.
  void consider(std::string_view name);
  /// The nearest so far, the first of several; empty where none is near: at most three characters
  /// inserted, removed or replaced, and at most half of those that were written.
  [[nodiscard]] std::string_view best() const { return best_; }

 private:
  std::string written_;
  std::size_t edits_max_;  // fewer than the best one's, once there is one
  std::string_view best_;
};

}  // namespace appmem
