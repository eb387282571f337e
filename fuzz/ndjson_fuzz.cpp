// The NDJSON codec on any bytes: lines are cut as a plain split cuts them, however the input
// arrives; each line is decoded to the same meaning, or refused for the same reason, as by the
// reference; answers and refusals are lines of JSON; documents are valid where the reference says
// so.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "appmem/base/limits.h"
#include "appmem/codecs/ndjson_codec.h"
#include "appmem/codecs/ndjson_reply.h"
#include "appmem/protocol/reply_writer.h"
#include "ndjson_reference.h"

namespace appmem {
namespace {

using protocol::Codec;

constexpr std::size_t kLineBytesMax = 2048;
/// A second limit, which small inputs pass: what is cut is short, and so are those a fuzzer is
/// quick with.
constexpr std::size_t kLineBytesMaxSmall = 24;
/// How deep the scanner follows brackets when it explains what is wrong.
constexpr std::size_t kScanDepthMax = 128;

void require(bool condition, const char* what, std::string_view line) {
  if (condition) return;
  std::fprintf(stderr, "%s: %.*s\n", what, static_cast<int>(line.size()), line.data());
  std::abort();
}

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

std::string_view trimmed(std::string_view line) {
  if (is_blank(line)) return {};
  line.remove_prefix(line.find_first_not_of(" \t\r\n"));
  return line.substr(0, line.find_last_not_of(" \t\r\n") + 1);
}

/// What the codec should make of the whole input where a line has at most `line_bytes_max`, one
/// text a line.
std::vector<std::string> split(std::string_view input, std::size_t line_bytes_max) {
  std::vector<std::string> lines;
  for (std::size_t end = input.find('\n'); end != std::string_view::npos; end = input.find('\n')) {
    std::string_view line = input.substr(0, end);
    input.remove_prefix(end + 1);
    if (is_blank(line)) continue;
    line.remove_prefix(line.find_first_not_of(" \t\r"));
    const std::size_t size = line.size() - (line.ends_with('\r') ? 1 : 0);
    lines.emplace_back(size > line_bytes_max ? "refused" : trimmed(line));
  }
  // A line that is too long is refused before its end has come.
  if (!is_blank(input)) {
    input.remove_prefix(input.find_first_not_of(" \t\r"));
    if (input.size() - (input.ends_with('\r') ? 1 : 0) > line_bytes_max)
      lines.emplace_back("refused");
  }
  return lines;
}

/// The line of a frame. What comes before it there, blank lines and the end of a line that was too
/// long, must not change what is decoded.
std::string line_of(Codec& codec, std::string frame) {
  std::string_view line = trimmed(frame);
  if (line.rfind('\n') == std::string_view::npos) return std::string(line);
  std::string alone(trimmed(line.substr(line.rfind('\n') + 1)));
  const auto decoded = [](Codec& by, std::string text) {
    const std::size_t size = text.size();
    text.resize(size + protocol::kInputPadding);
    protocol::Request request;
    const auto result = by.decode(std::span(text).first(size), request);
    return result ? reference::describe(request).text : result.error().message;
  };
  const auto other = codecs::make_ndjson_codec({});
  require(decoded(codec, std::move(frame)) == decoded(*other, alone), "leftovers decoded", alone);
  return alone;
}

/// Hands the input to a codec in pieces of `step` bytes, as a session does.
std::vector<std::string> cut(std::string_view input, std::size_t step, std::size_t line_bytes_max) {
  const auto codec = codecs::make_ndjson_codec({.request_bytes_max = line_bytes_max});
  std::vector<std::string> lines;
  std::string pending;
  for (std::size_t at = 0; at < input.size(); at += step) {
    pending += input.substr(at, step);
    for (bool more = true; more;) {
      const Codec::Frame frame = codec->next_frame(pending);
      require(frame.consumed <= pending.size(), "consumed more than there is", pending);
      switch (frame.kind) {
        case Codec::Frame::Kind::kIncomplete:
          more = false;
          break;
        case Codec::Frame::Kind::kRequest:
          lines.push_back(line_of(*codec, pending.substr(0, frame.consumed)));
          break;
        default:
          lines.emplace_back("refused");
          break;
      }
      pending.erase(0, frame.consumed);
    }
    require(pending.size() <= line_bytes_max + step + 1, "buffered too much", pending);
    require(codec->between_requests(pending) || !pending.empty() || lines.empty() ||
                lines.back() == "refused",
            "an idle connection looks busy", pending);
  }
  return lines;
}

void check_answer(Codec& codec, const protocol::Request& request, const Error* error) {
  protocol::OutputBuffer output;
  protocol::ReplyWriter& reply = codec.begin_reply(request, output).fields();
  reply.bytes(protocol::Field::kKey, request.id());
  if (error != nullptr) reply.error(*error);
  codec.end_reply();
  std::vector<std::string_view> pieces;
  output.gather(output.end_position(), 64, pieces);
  std::string line;
  for (const std::string_view piece : pieces)
    line += piece;
  require(line.ends_with('\n') && line.find('\n') == line.size() - 1, "not one line", line);
  line.pop_back();
  const auto object = codecs::NdjsonObject::parse(line);
  require(object && reference::is_json(line), "an answer that is no JSON", line);
  const auto ok = object->check_ok();
  require(ok.has_value() == (error == nullptr), "another answer than was written", line);
  if (error != nullptr) require(ok.error().code == error->code, "another error", line);
}

void check_line(std::string_view line, const reference::Decoded& expected) {
  const auto codec = codecs::make_ndjson_codec({});
  std::vector<char> frame(line.begin(), line.end());
  frame.resize(line.size() + protocol::kInputPadding);
  protocol::Request request;
  const auto result = codec->decode(std::span(frame).first(line.size()), request);
  check_answer(*codec, request, result ? nullptr : &result.error());

  // A tree does not know how long an id was as it was written.
  if (!result && result.error().message.starts_with("field \"id\" is over")) return;
  if (expected.error == ErrorCode::kInvalidJson && reference::nesting(line) > kScanDepthMax) {
    require(!result, "malformed and taken", line);
    return;
  }
  const reference::Decoded actual =
      result ? reference::describe(request)
             : reference::Decoded{result.error().code, result.error().index, {}};
  if (actual == expected) return;
  const auto name = [](const reference::Decoded& decoded) {
    return decoded.error ? std::string(error_code_name(*decoded.error)) : decoded.text;
  };
  std::fprintf(stderr, "decoded:   %s\nreference: %s\n", name(actual).c_str(),
               name(expected).c_str());
  require(false, "another meaning", line);
}

void check_document(std::string_view text, bool valid) {
  static const auto kValidator = codecs::make_json_validator();
  const bool deep = reference::nesting(text) > kJsonDepthMax;
  const auto result = kValidator->validate(text);
  require(result.has_value() == (valid && !deep), "another opinion of a document", text);
  if (!valid && !deep) require(result.error().code == ErrorCode::kInvalidJson, "code", text);
}

}  // namespace
}  // namespace appmem

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string input(reinterpret_cast<const char*>(data), size);
  const std::vector<std::string> lines = appmem::split(input, appmem::kLineBytesMax);
  const std::size_t some = std::size_t{data[0]} % 64 + 2;
  for (const std::size_t step : {std::size_t{1}, some, size}) {
    appmem::require(appmem::cut(input, step, appmem::kLineBytesMax) == lines,
                    "cut into other lines", input);
  }
  const std::size_t small = appmem::kLineBytesMaxSmall;
  appmem::require(appmem::cut(input, some, small) == appmem::split(input, small),
                  "cut into other lines by a smaller limit", input);
  for (const std::string& line : lines) {
    // nlohmann/json and the reference's mark for numbers cannot meet in one text.
    if (line.find("\xF4\x8F\xBF\xBF#") != std::string::npos) continue;
    const appmem::reference::Decoded expected = appmem::reference::decode(line);
    appmem::check_line(line, expected);
    appmem::check_document(line, expected.error != appmem::ErrorCode::kInvalidJson);
  }
  return 0;
}
