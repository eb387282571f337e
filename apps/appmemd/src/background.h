#pragma once

#include <optional>

#include "appmem/base/error.h"

namespace appmem::daemon {

/// `--background`: the caller's process waits until the daemon answers, and ends; the daemon goes
/// on in a session of its own with standard input and output closed. Its log stays on standard
/// error where that is a file, and is dropped elsewhere, so that neither a terminal nor a pipe is
/// held; other descriptors that the caller left open are closed. Before any thread is started.
class Background {
 public:
  /// Forks. In the caller's process it returns the exit code to end with, once the daemon answers
  /// or has failed (and has said why on standard error); in the daemon nothing, where descriptors
  /// from `first_unused` on are closed. Errors: kInternal.
  static Result<std::optional<int>> enter(Background& background, int first_unused);

  Background() = default;
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;
  ~Background();

  /// In the daemon: the socket answers, so the caller may go on. Does nothing when not in the
  /// background.
  void ready();

 private:
  int ready_pipe_ = -1;
};

}  // namespace appmem::daemon
