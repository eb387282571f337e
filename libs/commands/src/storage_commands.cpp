#include "storage_commands.h"

#include <string>

#include "access.h"
#include "appmem/protocol/redis_reply.h"
#include "handlers.h"
#include "redis/redis_call.h"

namespace appmem::commands {
namespace {

using protocol::Outcome;

const Error kNoStorage{ErrorCode::kUnavailable,
                       "this store keeps nothing on a disk: that takes a daemon (appmemd)",
                       std::nullopt};

/// Waits for what storage was asked for.
class StorageWait final : public protocol::Job {
 public:
  StorageWait(StorageControl& storage, std::uint64_t request, bool is_redis)
      : storage_(storage), request_(request), is_redis_(is_redis) {}

  bool run(protocol::Reply& reply, const Instant& /*now*/,
           protocol::TurnBudget& /*budget*/) override {
    const auto state = storage_.state(request_);
    waits_ = !state;
    if (waits_) return false;
    if (is_redis_) {
      if (*state) {
        reply.redis().ok();
      } else {
        write_redis_error(reply.redis(), state->error());
      }
    } else if (!*state) {
      reply.error(state->error());
    }
    return true;
  }
  [[nodiscard]] bool answering() const override { return false; }
  [[nodiscard]] bool waiting() const override { return waits_; }

 private:
  StorageControl& storage_;
  const std::uint64_t request_;
  const bool is_redis_;
  bool waits_ = false;
};

/// Waits for a verification, and tells what it has found.
class VerifyWait final : public protocol::Job {
 public:
  VerifyWait(StorageControl& storage, std::uint64_t request)
      : storage_(storage), request_(request) {}

  bool run(protocol::Reply& reply, const Instant& /*now*/,
           protocol::TurnBudget& /*budget*/) override {
    const auto found = storage_.verified(request_);
    waits_ = !found;
    if (waits_) return false;
    if (!*found) {
      reply.error(found->error());
      return true;
    }
    protocol::ReplyWriter& fields = reply.fields();
    fields.unsigned_integer(protocol::Field::kFiles, (*found)->files);
    fields.unsigned_integer(protocol::Field::kRecords, (*found)->records);
    fields.unsigned_integer(protocol::Field::kBytes, (*found)->bytes);
    if (!(*found)->damage.empty()) fields.text(protocol::Field::kMessage, (*found)->damage);
    return true;
  }
  [[nodiscard]] bool answering() const override { return false; }
  [[nodiscard]] bool waiting() const override { return waits_; }

 private:
  StorageControl& storage_;
  const std::uint64_t request_;
  bool waits_ = false;
};

Outcome wait_for(Call& call, const Result<std::uint64_t>& request) {
  if (!request) return refuse(call, request.error());
  return Outcome::later(wait_for_storage(*call.control.storage(), *request, false));
}

}  // namespace

Result<void> prepare_storage(ServerControl& control, const core::NamespaceSettings& settings) {
  if (settings.persist == core::Persistence::kNone) return {};
  StorageControl* const storage = control.storage();
  return storage == nullptr ? Result<void>() : storage->prepare();
}

std::unique_ptr<protocol::Job> wait_for_storage(StorageControl& storage, std::uint64_t request,
                                                bool is_redis) {
  return std::make_unique<StorageWait>(storage, request, is_redis);
}

Outcome wait_for_checkpoint(Call& call) {
  StorageControl* const storage = call.control.storage();
  if (storage == nullptr) return refuse(call, kNoStorage);
  return wait_for(call, storage->request_checkpoint());
}

Outcome handle_checkpoint(Call& call) {
  const auto may = check_rights(call.session.caller, call.args, call.session.ns);
  if (!may) return refuse(call, may.error());
  return wait_for_checkpoint(call);
}

Outcome handle_log_verify(Call& call) {
  const auto may = check_rights(call.session.caller, call.args, call.session.ns);
  if (!may) return refuse(call, may.error());
  StorageControl* const storage = call.control.storage();
  if (storage == nullptr) return refuse(call, kNoStorage);
  const auto request = storage->request_verify();
  if (!request) return refuse(call, request.error());
  return Outcome::later(std::make_unique<VerifyWait>(*storage, *request));
}

Outcome handle_storage_resume(Call& call) {
  const auto may = check_rights(call.session.caller, call.args, call.session.ns);
  if (!may) return refuse(call, may.error());
  StorageControl* const storage = call.control.storage();
  if (storage == nullptr) return refuse(call, kNoStorage);
  return wait_for(call, storage->request_resume());
}

}  // namespace appmem::commands
