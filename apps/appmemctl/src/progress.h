#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

namespace appmem::ctl {

/// A counter on standard error while something takes long; nothing where that is no terminal, and
/// nothing for what is done at once.
class Progress {
 public:
  /// `what` is counted ("keys"). Lifetime: the progress's. `wanted` false: show nothing.
  Progress(std::string_view what, bool wanted);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  /// Takes the line away again.
  ~Progress();

  void show(std::uint64_t done);

 private:
  std::string_view what_;
  bool wanted_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point next_;
};

}  // namespace appmem::ctl
