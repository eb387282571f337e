#pragma once

#include <string>

#include "appmem/base/error.h"

namespace appmem::daemon {

/// A file that holds the number of this process and a line end, while it lives.
class PidFile {
 public:
  PidFile() = default;
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;
  /// Removes the file, if it still is this process's.
  ~PidFile();

  /// Replaces whatever stood there, in one step; but not the file of a daemon that lives, which
  /// holds a lock on it. Errors: kBusy, kInternal, with the path.
  Result<void> write(const std::string& path);

 private:
  std::string path_;
  int fd_ = -1;
};

}  // namespace appmem::daemon
