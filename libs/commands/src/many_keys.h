#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "answer_limit.h"
#include "appmem/core/moment_read.h"
#include "appmem/core/store.h"
#include "appmem/protocol/outcome.h"

namespace appmem::commands {

/// Whether a request that reads so many keys does so in slices, as of one moment. Few are read in
/// one step, which takes less time than a turn; and so are those of a persistent namespace, whose
/// answer waits for what it has seen to be stored.
bool reads_in_slices(const core::Store& store, core::NamespaceId ns,
                     std::span<const std::string_view> keys);

/// Reads keys as of one moment in slices, then answers in slices.
class ManyKeysJob : public protocol::Job {
 public:
  bool run(protocol::Reply& reply, const Instant& now, protocol::TurnBudget& budget) final;
  /// It holds up nobody who reads while its own client does not.
  [[nodiscard]] bool answering() const final { return is_read_; }
  [[nodiscard]] std::size_t memory_bytes() const final { return read_->memory_bytes(); }

 protected:
  /// An item of the answer comes to about `item_bytes`, its value aside.
  ManyKeysJob(std::unique_ptr<core::MomentRead> read, const AnswerLimit& limit,
              std::size_t item_bytes);

  /// Begins the answer; once.
  virtual void begin_answer(protocol::Reply& reply) = 0;
  /// Answers from the item `next` on, which it moves on, until `steps` is used up or the answer has
  /// to wait. True when it is complete.
  virtual bool compose(protocol::Reply& reply, std::size_t& steps) = 0;
  /// Replies with an error; nothing has been answered.
  virtual void refuse(protocol::Reply& reply, const Error& error) = 0;

  [[nodiscard]] const core::MomentRead& read() const { return *read_; }
  [[nodiscard]] std::size_t next() const { return next_; }
  void answered_one(std::size_t value_bytes, std::size_t& steps);

 private:
  bool run_some(protocol::Reply& reply, const Instant& now, std::size_t& steps);
  [[nodiscard]] Result<void> check_limit(const protocol::Reply& reply) const;

  const std::unique_ptr<core::MomentRead> read_;
  const AnswerLimit limit_;
  const std::size_t item_bytes_;
  bool is_read_ = false;
  std::size_t next_ = 0;
};

}  // namespace appmem::commands
