#include "answer_limit.h"

#include <string>

#include "appmem/base/units.h"

namespace appmem::commands {
namespace {

/// An answer this small is never refused for what others use.
constexpr std::uint64_t kSmallAnswerBytes = 1_MiB;
/// Brackets and the line's end are still to come.
constexpr std::uint64_t kEndBytes = 16;

}  // namespace

AnswerLimit::AnswerLimit(const Limits& limits, const MemoryBudget& memory)
    : bytes_max_(limits.answer_bytes_max()), memory_(memory) {
}

Result<void> AnswerLimit::check(const protocol::Reply& reply) const {
  return check_bytes(reply.answer_bytes());
}

Result<void> AnswerLimit::check_bytes(std::uint64_t answer_bytes, std::uint64_t memory) const {
  const std::uint64_t bytes = answer_bytes + kEndBytes;
  if (bytes > bytes_max_) {
    return fail(ErrorCode::kTooLarge, "the answer is over the limit of " +
                                          format_byte_size(bytes_max_) + " (max-output, less " +
                                          format_byte_size(kOutputBytesPause) +
                                          "); ask for less at once");
  }
  if (bytes > kSmallAnswerBytes && memory_.excess() + memory > memory_.excess_max()) {
    return fail(ErrorCode::kOutOfMemory, "no memory to compose this answer; ask for less at once");
  }
  return {};
}

}  // namespace appmem::commands
