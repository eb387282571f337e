#pragma once

#include <cstdint>

#include "appmem/base/error.h"
#include "appmem/base/limits.h"
#include "appmem/base/memory_budget.h"
#include "appmem/protocol/reply.h"

namespace appmem::commands {

/// How large an answer may become that holds many values: all of it may have to wait for its client
/// in memory. Thread safety: as the reply's. Lifetime: within the memory budget's.
class AnswerLimit {
 public:
  AnswerLimit(const Limits& limits, const MemoryBudget& memory);

  /// To be called behind each value. Errors: kTooLarge (more than a connection may have waiting,
  /// so the server would have to close it), kOutOfMemory (more than the process has to spare).
  [[nodiscard]] Result<void> check(const protocol::Reply& reply) const;
  /// The same for an answer that will come to so many bytes, for which so many more will be taken
  /// from memory.
  [[nodiscard]] Result<void> check_bytes(std::uint64_t bytes, std::uint64_t memory = 0) const;

 private:
  const std::uint64_t bytes_max_;
  const MemoryBudget& memory_;
};

}  // namespace appmem::commands
