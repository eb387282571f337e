#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "appmem/base/error.h"

namespace appmem::ctl {

/// Everything up to the end of `fd`. At most a request's worth: what is longer could not be sent.
/// Errors: kInternal (the system's words), kTooLarge; the message begins with `name`.
Result<std::string> read_all(int fd, const std::string& name);

/// The content of a file. Errors: as read_all; kInternal also when it cannot be opened.
Result<std::string> read_file(const std::string& path);

/// Reports an error of the two above and returns the exit code.
int report_file(const Error& error);

/// How many different texts there are.
std::uint64_t distinct(const std::vector<std::string>& texts);

/// Hands out the lines of a file or a pipe as they come. Does not own the descriptor.
class LineInput {
 public:
  explicit LineInput(int fd) : fd_(fd) {}
  /// The next line without its end; false at the end of the input or when it cannot be read.
  bool next(std::string& line);
  /// errno of a failed read; 0 when there was none.
  [[nodiscard]] int error() const { return error_; }

 private:
  int fd_;
  int error_ = 0;
  bool ended_ = false;
  std::string buffer_;
  std::size_t begin_ = 0;
};

}  // namespace appmem::ctl
