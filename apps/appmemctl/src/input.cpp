#include "input.h"

#include <cerrno>
#include <set>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include "appmem/base/limits.h"
#include "appmem/protocol/error_table.h"
#include "context.h"

namespace appmem::ctl {
namespace {

constexpr std::size_t kReadBytes = 64_KiB;

Error system_error(const std::string& name, int error) {
  return {ErrorCode::kInternal, name + ": " + std::generic_category().message(error), std::nullopt};
}

/// Reads once, appending to `text`. Returns the bytes, 0 at the end, or -1 with errno.
ssize_t read_some(int fd, std::string& text) {
  const std::size_t before = text.size();
  text.resize(before + kReadBytes);
  ssize_t n = 0;
  do {
    n = ::read(fd, text.data() + before, kReadBytes);
  } while (n < 0 && errno == EINTR);
  text.resize(before + static_cast<std::size_t>(n > 0 ? n : 0));
  return n;
}

}  // namespace

Result<std::string> read_all(int fd, const std::string& name) {
  std::string text;
  for (;;) {
    const ssize_t n = read_some(fd, text);
    if (n == 0) return text;
    if (n < 0) return fail(system_error(name, errno));
    if (text.size() > kValueBytesMaxCeiling) {
      return fail(ErrorCode::kTooLarge, name + " is larger than any value may be (" +
                                            format_byte_size(kValueBytesMaxCeiling) + ")");
    }
  }
}

Result<std::string> read_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(system_error(path, errno));
  Result<std::string> text = read_all(fd, path);
  ::close(fd);
  return text;
}

int report_file(const Error& error) {
  return report_local(error, error.code == ErrorCode::kInternal
                                 ? protocol::kExitLocalFile
                                 : protocol::error_row(error.code).exit_code);
}

std::uint64_t distinct(const std::vector<std::string>& texts) {
  return std::set<std::string_view>(texts.begin(), texts.end()).size();
}

bool LineInput::next(std::string& line) {
  for (std::size_t scanned = begin_;;) {
    const std::size_t end = buffer_.find('\n', scanned);
    if (end != std::string::npos) {
      line.assign(buffer_, begin_, end - begin_);
      begin_ = end + 1;
      break;
    }
    if (ended_) {
      if (begin_ == buffer_.size()) return false;
      line.assign(buffer_, begin_);
      begin_ = buffer_.size();
      break;
    }
    buffer_.erase(0, begin_);
    begin_ = 0;
    scanned = buffer_.size();
    const ssize_t n = read_some(fd_, buffer_);
    if (n < 0) error_ = errno;
    ended_ = n <= 0;
  }
  if (line.ends_with('\r')) line.pop_back();
  return true;
}

}  // namespace appmem::ctl
