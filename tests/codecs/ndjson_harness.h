#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "appmem/codecs/ndjson_codec.h"

namespace appmem::codecs {

/// A codec for tests that decode lines and compose answers.
class NdjsonTest : public testing::Test {
 protected:
  using Kind = protocol::Codec::Frame::Kind;
  using Field = protocol::Field;

  /// Decodes a line; `request_` has it then. Nothing is readable behind the padding.
  Result<void> decode(std::string_view line) {
    input_ = std::make_unique<std::vector<char>>(line.begin(), line.end());
    input_->resize(line.size() + protocol::kInputPadding, '#');
    return codec_->decode(std::span(*input_).first(line.size()), request_);
  }
  /// Decodes a line that must be right.
  protocol::Arguments decoded(std::string_view line) {
    const auto result = decode(line);
    EXPECT_TRUE(result) << line << '\n' << (result ? "" : result.error().message);
    // An empty request, where it was refused, so that the test goes on.
    if (!result) request_.set_command(protocol::command_spec(protocol::CommandId::kPing), 0, 0);
    return request_.arguments();
  }
  /// The error of a line that must be refused, as "code: message", with "@index" behind the code
  /// where there is one.
  std::string refusal(std::string_view line) {
    const auto result = decode(line);
    if (result) return "decoded";
    const Error& error = result.error();
    return std::string(error_code_name(error.code)) +
           (error.index ? '@' + std::to_string(*error.index) : "") + ": " + error.message;
  }

  /// What has been composed, with its line end.
  std::string composed() {
    std::vector<std::string_view> pieces;
    output_.gather(output_.end_position(), 1'000'000, pieces);
    std::string all;
    for (const std::string_view piece : pieces)
      all += piece;
    return all;
  }

  std::unique_ptr<protocol::Codec> codec_ = make_ndjson_codec({});
  protocol::Request request_;
  protocol::OutputBuffer output_;

 private:
  std::unique_ptr<std::vector<char>> input_;  // on its own, so that ASan sees its end
};

}  // namespace appmem::codecs
