#include "output.h"

#include <cerrno>
#include <cstdio>
#include <system_error>

#include <unistd.h>

#include "appmem/base/units.h"
#include "appmem/protocol/error_table.h"

namespace appmem::ctl {
namespace {

constexpr std::size_t kBufferBytesMax = 64_KiB;

[[noreturn]] void end_program(int error) {
  if (error == EPIPE) ::_exit(protocol::kExitDone);
  // The reason for stopping cannot go anywhere else; if this fails too, the exit code remains.
  std::fprintf(stderr, "appmemctl: cannot write to standard output: %s\n",
               std::generic_category().message(error).c_str());
  ::_exit(protocol::kExitLocalFile);
}

}  // namespace

Output::Output(int fd) : fd_(fd), terminal_(::isatty(fd) == 1) {
}

void Output::write(std::string_view bytes) {
  if (muted_ || reader_gone_) return;
  buffer_.append(bytes);
  if (buffer_.size() >= kBufferBytesMax) flush();
}

void Output::flush() {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const ssize_t n = ::write(fd_, rest.data(), rest.size());
    if (n >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EPIPE && outlives_reader_) {
      reader_gone_ = true;
      break;
    } else if (errno != EINTR) {
      end_program(errno);
    }
  }
  buffer_.clear();
}

void Output::write_stored(std::string_view bytes) {
  if (terminal_) {
    write_escaped(bytes, false);
  } else {
    write(bytes);
  }
}

void Output::write_stored_in_line(std::string_view bytes) {
  if (terminal_) {
    write_escaped(bytes, true);
  } else {
    write(bytes);
  }
}

void Output::write_escaped(std::string_view bytes, bool line_ends_too) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string shown;
  shown.reserve(bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_control = byte < 0x20 || byte == 0x7F;
    if (!is_control || c == '\t' || (c == '\n' && !line_ends_too)) {
      shown.push_back(c);
    } else if (c == '\n') {
      shown += "\\n";
    } else {
      shown += "\\x";
      shown.push_back(kHex[byte >> 4U]);
      shown.push_back(kHex[byte & 0xFU]);
    }
  }
  write(shown);
}

}  // namespace appmem::ctl
