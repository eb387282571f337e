#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "appmem/base/error.h"
#include "appmem/base/units.h"
#include "bench_wire.h"

namespace appmem::ctl {

/// One socket of the load generator: sends what is queued, hands out whole replies. Its buffers are
/// kept, so that a request costs no allocation. Owns the descriptor. Thread safety: none.
class BenchConnection {
 public:
  /// `input_bytes`: how much is received at once; more where a reply is longer.
  BenchConnection(int fd, std::size_t input_bytes);
  BenchConnection(const BenchConnection&) = delete;
  BenchConnection& operator=(const BenchConnection&) = delete;
  ~BenchConnection();

  [[nodiscard]] int fd() const { return fd_; }
  std::string& output() { return output_; }
  [[nodiscard]] bool wants_to_send() const { return sent_ < output_.size(); }

  /// Sends as much as the socket takes now. What a server that has closed does not take is dropped:
  /// receive_some tells, behind what the server has said.
  void send_some();
  /// Receives what is there now. Errors: kTooLarge (a reply of more than kReplyBytesMax), and at
  /// the end of the connection kBusy, where the last reply says so, or kUnavailable (with the last
  /// reply where that refused something).
  Result<void> receive_some();

  struct Reply {
    ReplyKind kind = ReplyKind::kError;
    /// With its end. Valid until receive_some.
    std::string_view text;
  };
  /// The next whole reply, or nothing when there is none yet.
  std::optional<Reply> next_reply(const BenchWire& wire);

  /// For one request at a time: sends what is queued and waits for its reply.
  /// Errors: those above; kTimeout.
  Result<Reply> exchange(const BenchWire& wire);

  /// No server sends more for one request: the largest value there is, with every byte escaped.
  static constexpr std::size_t kReplyBytesMax = 4_GiB;

 private:
  /// Makes room behind what has not been handed out yet.
  void make_room();
  /// Why the connection has ended; `error` as in errno, 0 for the end of the stream.
  [[nodiscard]] tl::unexpected<Error> ended(int error) const;

  const int fd_;
  std::string output_;
  std::size_t sent_ = 0;
  int send_error_ = 0;             // of a server that takes nothing more
  std::string refusal_;            // the line of the last reply, where it is an error
  std::unique_ptr<char[]> input_;  // bytes from begin_ to end_ are received and not handed out
  std::size_t capacity_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t seen_ = 0;  // of the reply at begin_, which was not complete with them
};

/// The first line of a reply, for a message; at most 500 bytes.
std::string_view reply_line(std::string_view reply);

/// A reply that refuses, as an error: its own code and message in JSON; in other formats
/// `otherwise` with its line.
Error refusal_of(std::string_view reply, ErrorCode otherwise);

/// The longest silence of a server under test.
inline constexpr int kBenchSilenceMsMax = 30'000;

/// kTimeout, in words.
tl::unexpected<Error> bench_silence();

}  // namespace appmem::ctl
