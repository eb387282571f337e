#include "logged_job.h"

#include <utility>

namespace appmem::commands {
namespace {

bool has_log(const core::Store& store, core::NamespaceId ns) {
  const auto settings = store.namespace_settings(ns);
  return settings && settings->persist == core::Persistence::kWal;
}

class LoggedJob final : public protocol::Job {
 public:
  LoggedJob(const core::Store& store, std::unique_ptr<protocol::Job> job)
      : store_(store), job_(std::move(job)) {}

  bool run(protocol::Reply& reply, const Instant& now, protocol::TurnBudget& budget) override {
    const bool complete = job_->run(reply, now, budget);
    ticket_ = store_.latest_ticket();
    return complete;
  }
  [[nodiscard]] bool answering() const override { return job_->answering(); }
  [[nodiscard]] std::uint64_t ticket() const override { return ticket_; }
  [[nodiscard]] bool waiting() const override { return job_->waiting(); }
  [[nodiscard]] std::size_t memory_bytes() const override { return job_->memory_bytes(); }

 private:
  const core::Store& store_;
  const std::unique_ptr<protocol::Job> job_;
  std::uint64_t ticket_ = 0;
};

/// What it would show may not last.
class RefusedJob final : public protocol::Job {
 public:
  explicit RefusedJob(Error error) : error_(std::move(error)) {}

  bool run(protocol::Reply& reply, const Instant& /*now*/,
           protocol::TurnBudget& /*budget*/) override {
    reply.error(error_);
    return true;
  }
  [[nodiscard]] bool answering() const override { return false; }

 private:
  const Error error_;
};

}  // namespace

std::unique_ptr<protocol::Job> resting_on_log(const core::Store& store, core::NamespaceId ns,
                                              std::unique_ptr<protocol::Job> job) {
  if (!has_log(store, ns)) return job;
  if (auto shown = store.latest_readable(); !shown) {
    return std::make_unique<RefusedJob>(std::move(shown).error());
  }
  return std::make_unique<LoggedJob>(store, std::move(job));
}

core::CommitTicket log_ticket(const core::Store& store, core::NamespaceId ns) {
  return has_log(store, ns) ? store.latest_ticket() : 0;
}

core::CommitTicket durable_ticket(const core::Store& store, core::NamespaceId ns) {
  const auto settings = store.namespace_settings(ns);
  const bool is_durable = settings && settings->persist != core::Persistence::kNone;
  return is_durable ? store.latest_ticket() : 0;
}

}  // namespace appmem::commands
