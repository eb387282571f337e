#include "appmem/base/token.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace appmem {
namespace {

constexpr mode_t kOthersBits = 077;

/// What the system says about an errno.
std::string system_message(int error) {
  return std::generic_category().message(error);
}

/// Why the open file may not be used; empty when it may.
std::string complaint(int file, std::uint32_t uid) {
  struct stat status {};
  if (::fstat(file, &status) != 0) return system_message(errno);
  if (!S_ISREG(status.st_mode)) return "it is not a regular file";
  if (status.st_uid != uid && status.st_uid != 0) {
    return "it belongs to user " + std::to_string(status.st_uid) + ", not to user " +
           std::to_string(uid) + " (chown it)";
  }
  if ((status.st_mode & kOthersBits) != 0) return "others may use it (chmod 600 it)";
  return {};
}

}  // namespace

Result<std::string> read_token_file(const std::string& path, std::uint32_t uid) {
  const std::string what = "the token file " + path;
  // Without waiting for whoever might write to a pipe.
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) {
    return fail(ErrorCode::kNotFound, "cannot read " + what + ": " + system_message(errno));
  }
  const std::string why = complaint(file, uid);
  std::array<char, kTokenBytesMax + 2> buffer{};  // and a line end, and one byte too many
  std::size_t size = 0;
  ssize_t n = 0;
  while (why.empty() && size < buffer.size() &&
         ((n = ::read(file, buffer.data() + size, buffer.size() - size)) > 0 ||
          (n < 0 && errno == EINTR))) {
    size += n > 0 ? static_cast<std::size_t>(n) : 0;
  }
  const int error = errno;
  ::close(file);
  if (!why.empty()) return fail(ErrorCode::kInvalidRequest, "cannot use " + what + ": " + why);
  if (n < 0) {
    return fail(ErrorCode::kNotFound, "cannot read " + what + ": " + system_message(error));
  }
  std::string token(buffer.data(), size);
  if (token.ends_with('\n')) token.pop_back();
  if (token.ends_with('\r')) token.pop_back();
  if (token.size() < kTokenBytesMin || token.size() > kTokenBytesMax) {
    return fail(ErrorCode::kInvalidRequest, what + " must hold one line of " +
                                                std::to_string(kTokenBytesMin) + " to " +
                                                std::to_string(kTokenBytesMax) +
                                                " bytes (`openssl rand -hex 32` makes a good one)");
  }
  if (!std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < 0x7F; })) {
    return fail(ErrorCode::kInvalidRequest,
                what + " must hold one line of printable ASCII without blanks");
  }
  return token;
}

bool is_same_token(std::string_view expected, std::string_view shown) {
  // volatile: no compiler may end the loop where the first difference is found.
  volatile unsigned char difference = expected.size() == shown.size() ? 0 : 1;
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const char other = expected.empty() ? '\0' : expected[i % expected.size()];
    difference = difference | static_cast<unsigned char>(shown[i] ^ other);
  }
  return difference == 0;
}

}  // namespace appmem
