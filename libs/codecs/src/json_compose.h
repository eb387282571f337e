#pragma once

#include <string>
#include <string_view>

#include "appmem/protocol/output_buffer.h"

/// Writing JSON text to the end of an output buffer or of a string.
namespace appmem::codecs {

bool is_utf8(std::string_view bytes);

/// Content of a string, without quotes: runs that stand for themselves are copied, the rest is
/// escaped. Precondition: `bytes` is UTF-8. `Out` is an OutputBuffer or a std::string.
template <typename Out>
void append_json_escaped(Out& out, std::string_view bytes);

/// `"…"` of text that should be UTF-8: what is not becomes U+FFFD, so that an answer is always
/// valid.
template <typename Out>
void append_json_text(Out& out, std::string_view text);

/// Base64, without quotes.
template <typename Out>
void append_base64(Out& out, std::string_view bytes);

/// A document's text on one line: line ends, which can only stand between its tokens, become
/// spaces.
template <typename Out>
void append_json_document(Out& out, std::string_view text);

}  // namespace appmem::codecs
