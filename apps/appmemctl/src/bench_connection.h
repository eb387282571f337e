#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "appmem/base/error.h"

namespace appmem::ctl {

/// One socket of the load generator: sends what is queued, hands out whole answer lines.
/// Owns the descriptor. Thread safety: none.
class BenchConnection {
 public:
  explicit BenchConnection(int fd);
  BenchConnection(BenchConnection&& other) noexcept;
  BenchConnection& operator=(BenchConnection&&) = delete;
  ~BenchConnection();

  [[nodiscard]] int fd() const { return fd_; }
  std::string& output() { return output_; }
  [[nodiscard]] bool wants_to_send() const { return sent_ < output_.size(); }

  /// Sends as much as the socket takes now. Errors: kUnavailable.
  Result<void> send_some();
  /// Receives what is there now. Errors: kUnavailable (closed by the daemon).
  Result<void> receive_some();
  /// The next whole line without its end, or an empty view when there is none yet. Valid until
  /// receive_some.
  std::string_view next_line();

 private:
  int fd_;
  std::string output_;
  std::size_t sent_ = 0;
  std::string input_;
  std::size_t input_begin_ = 0;  // first byte not yet handed out
  std::size_t scanned_ = 0;      // no line end before here
};

/// Whether an answer reports success, by the start of its text: ids are not used here, so that
/// every answer begins with "ok".
inline bool answer_is_ok(std::string_view line) {
  return line.starts_with(R"({"ok":true)");
}
inline bool answer_is_hit(std::string_view line) {
  return line.starts_with(R"({"ok":true,"found":true)");
}

/// The longest silence of a daemon under test.
inline constexpr int kBenchSilenceMsMax = 30'000;

}  // namespace appmem::ctl
