#include "http_refusal.h"

#include <string>

#include "appmem/base/check.h"

namespace appmem::codecs {
namespace {

class HttpError final : public protocol::Reply {
 public:
  void begin(protocol::OutputBuffer& output) { output_ = &output; }

  void error(const Error& error) override {
    const std::string body = error.message + "\n";
    output_->append(
        "HTTP/1.1 501 Not Implemented\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Connection: close\r\n"
        "Content-Length: ");
    output_->append(std::to_string(body.size()));
    output_->append("\r\n\r\n");
    output_->append(body);
  }
  [[nodiscard]] bool congested() const override { return false; }
  [[nodiscard]] std::uint64_t answer_bytes() const override { return 0; }

 private:
  protocol::OutputBuffer* output_ = nullptr;
};

class HttpRefusal final : public protocol::Codec {
 public:
  Frame next_frame(std::string_view input) override {
    return Frame::fatal(
        input.size(),
        {ErrorCode::kInvalidRequest,
         "this server does not speak HTTP: use appmemctl or redis-cli, or send lines of JSON "
         "such as {\"op\":\"ping\"}",
         std::nullopt});
  }
  Result<void> decode(std::span<char> /*frame*/, protocol::Request& /*request*/) override {
    check_failed("no request of HTTP is found", __FILE__, __LINE__);
  }
  protocol::Reply& begin_reply(const protocol::Request& /*request*/,
                               protocol::OutputBuffer& output) override {
    error_.begin(output);
    return error_;
  }
  void end_reply() override {}
  void set_unauthenticated(bool /*unauthenticated*/) override {}
  [[nodiscard]] bool between_requests(std::string_view input) const override {
    return input.empty();
  }

 private:
  HttpError error_;
};

}  // namespace

std::unique_ptr<protocol::Codec> make_http_refusal() {
  return std::make_unique<HttpRefusal>();
}

}  // namespace appmem::codecs
