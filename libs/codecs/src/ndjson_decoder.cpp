#include "ndjson_decoder.h"

#include <string>
#include <utility>

#include "appmem/base/limits.h"
#include "json_compose.h"
#include "json_scan.h"
#include "request_walk.h"

namespace appmem::codecs {

using protocol::Request;

namespace {

/// What is really wrong with a line that was refused: where it is no JSON, that comes first,
/// whatever else was noticed before.
void explain(std::string_view line, Error& error) {
  const JsonScan scan = scan_json_text(line, kJsonScanDepthMax);
  if (scan || scan.too_deep) return;
  error = {ErrorCode::kInvalidJson,
           std::string(scan.problem) + " at byte " + std::to_string(scan.end - line.data()),
           std::nullopt};
}

}  // namespace

Result<void> decode_ndjson(std::string_view line, const NdjsonLimits& limits, Request& request) {
  request.clear();
  while (!line.empty() && is_json_space(line.back()))
    line.remove_suffix(1);
  while (!line.empty() && is_json_space(line.front()))
    line.remove_prefix(1);
  Error error;
  if (!is_utf8(line)) [[unlikely]] {
    error = {ErrorCode::kInvalidJson, "the line is not UTF-8", std::nullopt};
  } else if (!line.starts_with('{')) [[unlikely]] {
    error = {ErrorCode::kInvalidRequest, "a request is a JSON object", std::nullopt};
    explain(line, error);
  } else {
    RequestWalk walk(limits, line, request);
    if (walk.run()) [[likely]] {
      return {};
    }
    error = std::move(walk.error());
    explain(line, error);
  }
  request.clear();
  request.set_id(recover_request_id(line));
  return fail(std::move(error));
}

std::string_view recover_request_id(std::string_view line) {
  const char* p = line.data();
  const char* const end = p + line.size();
  const auto skip = [&p, end](char expected) {
    p = skip_json_space(p, end);
    if (p == end || *p != expected) return false;
    p = skip_json_space(p + 1, end);
    return true;
  };
  if (!skip('{')) return {};
  while (p != end && *p == '"') {
    const JsonScan name = scan_json_string(p, end);
    if (!name) return {};
    const std::string_view name_text(p, static_cast<std::size_t>(name.end - p));
    p = name.end;
    if (!skip(':') || p == end) return {};
    const JsonScan value = scan_json_value(p, end, kJsonScanDepthMax);
    if (!value) return {};
    const std::string_view text(p, static_cast<std::size_t>(value.end - p));
    p = skip_json_space(value.end, end);
    const bool whole = p != end && (*p == ',' || *p == '}');
    if (name_text == "\"id\"") {
      const bool is_string = text.starts_with('"');
      const bool fits = text.size() <= kRequestIdBytesMax + (is_string ? 2 : 0);
      const bool right =
          is_string ? is_utf8(text) : read_json_integer(text).kind != JsonInteger::Kind::kNoInteger;
      return whole && fits && right ? text : std::string_view();
    }
    if (!skip(',')) return {};
  }
  return {};
}

}  // namespace appmem::codecs
