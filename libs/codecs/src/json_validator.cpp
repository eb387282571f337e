#include <memory>
#include <string>

#include "appmem/base/limits.h"
#include "appmem/codecs/ndjson_codec.h"
#include "json_compose.h"
#include "json_scan.h"

namespace appmem::codecs {
namespace {

class Validator final : public protocol::JsonValidator {
 public:
  [[nodiscard]] Result<void> validate(std::string_view text) const override {
    if (!is_utf8(text)) return fail(ErrorCode::kInvalidJson, "the document is not UTF-8");
    const JsonScan scan = scan_json_text(text, kJsonDepthMax);
    if (scan.too_deep) {
      return fail(ErrorCode::kTooLarge,
                  "a document is nested over the limit of " + std::to_string(kJsonDepthMax));
    }
    if (scan) return {};
    return fail(ErrorCode::kInvalidJson, std::string(scan.problem) + " at byte " +
                                             std::to_string(scan.end - text.data()) +
                                             " of the document");
  }
};

}  // namespace

std::unique_ptr<protocol::JsonValidator> make_json_validator() {
  return std::make_unique<Validator>();
}

}  // namespace appmem::codecs
