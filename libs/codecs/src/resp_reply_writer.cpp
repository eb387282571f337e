#include "resp_reply_writer.h"

#include <charconv>
#include <cstring>
#include <string>
#include <utility>

#include "appmem/base/decimal.h"
#include "appmem/protocol/error_table.h"

namespace appmem::codecs {
namespace {

/// A type, the digits of a 64-bit number, a line end.
constexpr std::size_t kHeaderBytesMax = 1 + 20 + 2;

/// A bulk string of so many bytes is composed in one piece.
constexpr std::size_t kSmallBulkBytesMax = 512;

char* put_line_end(char* out) {
  out[0] = '\r';
  out[1] = '\n';
  return out + 2;
}

/// Writes at most kHeaderBytesMax and returns their end.
char* put_header(char* out, char type, std::int64_t number) {
  *out++ = type;
  if (number >= 10 && number <= 99) {
    *out++ = static_cast<char>('0' + number / 10);
    *out++ = static_cast<char>('0' + number % 10);
  } else {
    out = std::to_chars(out, out + kHeaderBytesMax, number).ptr;
  }
  return put_line_end(out);
}

}  // namespace

void RespReplyWriter::begin(protocol::OutputBuffer& output) {
  output_ = &output;
  begin_ = output.end_position();
  whole_ = false;
  silent_ = off_ || std::exchange(skips_next_, false);
}

void RespReplyWriter::end() {
  output_ = nullptr;
}

void RespReplyWriter::header(char type, std::int64_t number) {
  if (silent_) return;
  char* const out = output_->prepare(kHeaderBytesMax);
  output_->commit(static_cast<std::size_t>(put_header(out, type, number) - out));
}

void RespReplyWriter::error_line(std::string_view prefix, std::string_view text) {
  if (errors_ != nullptr) errors_->add(prefix.empty() ? text : prefix);
  if (silent_) return;
  output_->append('-');
  output_->append(prefix);
  for (std::size_t end = 0; !text.empty(); text.remove_prefix(end)) {
    end = text.find_first_of("\r\n");
    output_->append(text.substr(0, end));
    if (end == std::string_view::npos) break;
    output_->append(' ');
    ++end;
  }
  output_->append("\r\n");
}

void RespReplyWriter::status(std::string_view text) {
  if (silent_) return;
  char* const out = output_->prepare(1 + text.size() + 2);
  *out = '+';
  std::memcpy(out + 1, text.data(), text.size());
  output_->commit(static_cast<std::size_t>(put_line_end(out + 1 + text.size()) - out));
}

void RespReplyWriter::integer(std::int64_t value) {
  header(':', value);
}

void RespReplyWriter::bulk(std::string_view bytes) {
  if (silent_) return;
  const auto size = static_cast<std::int64_t>(bytes.size());
  if (bytes.size() > kSmallBulkBytesMax) {
    header('$', size);
    output_->append(bytes);
    output_->append("\r\n");
    return;
  }
  char* const out = output_->prepare(kHeaderBytesMax + bytes.size() + 2);
  char* end = put_header(out, '$', size);
  if (!bytes.empty()) std::memcpy(end, bytes.data(), bytes.size());
  end = put_line_end(end + bytes.size());
  output_->commit(static_cast<std::size_t>(end - out));
}

void RespReplyWriter::value(const ValueView& value) {
  if (value.kind == ValueKind::kInteger) {
    DecimalText digits;
    bulk(decimal_of(value.integer, digits));
  } else if (value.shared == nullptr || silent_) {
    bulk(value.bytes);
  } else {
    header('$', static_cast<std::int64_t>(value.bytes.size()));
    output_->append_shared(*value.shared, value.bytes);
    output_->append("\r\n");
  }
}

void RespReplyWriter::null() {
  if (!silent_) output_->append(version_ >= 3 ? "_\r\n" : "$-1\r\n");
}

void RespReplyWriter::null_array() {
  if (!silent_) output_->append(version_ >= 3 ? "_\r\n" : "*-1\r\n");
}

void RespReplyWriter::verbatim(std::string_view text) {
  if (version_ < 3) return bulk(text);
  constexpr std::string_view kPlainText = "txt:";
  header('=', static_cast<std::int64_t>(kPlainText.size() + text.size()));
  if (silent_) return;
  output_->append(kPlainText);
  output_->append(text);
  output_->append("\r\n");
}

void RespReplyWriter::array(std::size_t items) {
  header('*', static_cast<std::int64_t>(items));
}

void RespReplyWriter::map(std::size_t pairs) {
  const auto count = static_cast<std::int64_t>(pairs);
  version_ >= 3 ? header('%', count) : header('*', 2 * count);
}

void RespReplyWriter::set(std::size_t items) {
  header(version_ >= 3 ? '~' : '*', static_cast<std::int64_t>(items));
}

void RespReplyWriter::failure(std::string_view text) {
  error_line({}, text);
}

void RespReplyWriter::error(const Error& error) {
  output_->truncate(begin_);
  error_line(std::string(protocol::error_row(error.code).resp_prefix) + ' ', error.message);
}

void RespReplyWriter::set_silence(Silence silence) {
  if (silence == Silence::kSkip) {
    skips_next_ = !off_;
  } else {
    off_ = silent_ = silence == Silence::kAll;
  }
}

bool RespReplyWriter::congested() const {
  return !whole_ && output_->size() > output_bytes_congested_;
}

std::uint64_t RespReplyWriter::answer_bytes() const {
  return output_->end_position() - begin_;
}

}  // namespace appmem::codecs
