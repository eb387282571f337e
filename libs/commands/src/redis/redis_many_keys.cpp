#include "redis_many_keys.h"

#include <memory>
#include <utility>

#include "../many_keys.h"
#include "redis_call.h"

/// MGET, EXISTS and TOUCH of many keys.
namespace appmem::commands {
namespace {

using protocol::RedisId;
using protocol::Reply;

/// A value's length, and its line ends.
constexpr std::size_t kItemBytes = 16;

class RedisMgetJob final : public ManyKeysJob {
 public:
  RedisMgetJob(std::unique_ptr<core::MomentRead> read, const AnswerLimit& limit)
      : ManyKeysJob(std::move(read), limit, kItemBytes) {}

 protected:
  void begin_answer(Reply& reply) override { reply.redis().array(read().size()); }
  bool compose(Reply& out, std::size_t& steps) override {
    protocol::RedisReply& reply = out.redis();
    while (next() < read().size()) {
      if (steps == 0 || reply.congested()) return false;
      const auto entry = read().entry(next());
      if (entry) {
        reply.value(entry->value);
      } else {
        reply.null();
      }
      const bool is_large = entry && entry->value.shared != nullptr;  // not copied
      answered_one(entry && !is_large ? entry->value.bytes.size() : 0, steps);
    }
    return true;
  }
  void refuse(Reply& reply, const Error& error) override {
    write_redis_error(reply.redis(), error);
  }
};

class RedisExistsJob final : public ManyKeysJob {
 public:
  RedisExistsJob(std::unique_ptr<core::MomentRead> read, const AnswerLimit& limit)
      : ManyKeysJob(std::move(read), limit, 0) {}

 protected:
  void begin_answer(Reply& reply) override {
    reply.redis().integer(static_cast<std::int64_t>(read().found()));
  }
  bool compose(Reply& /*reply*/, std::size_t& /*steps*/) override { return true; }
  void refuse(Reply& reply, const Error& error) override {
    write_redis_error(reply.redis(), error);
  }
};

}  // namespace

bool is_redis_read_in_slices(const RedisCall& call) {
  switch (call.spec.id) {
    case RedisId::kMget:
    case RedisId::kExists:
    case RedisId::kTouch:
      return reads_in_slices(call.store, call.ns, call.words.subspan(1));
    default:
      return false;
  }
}

void redis_read_in_slices(RedisCall& call) {
  const bool values = call.spec.id == RedisId::kMget;
  auto read = core::MomentRead::begin(call.store, call.ns, call.words.subspan(1),
                                      {.values = values,
                                       .peek = call.spec.id == RedisId::kExists,
                                       .value_bytes_max = call.control.limits().answer_bytes_max()},
                                      call.now);
  if (!read) return refuse_redis(call, read.error());
  const AnswerLimit limit(call.control.limits(), call.store.memory());
  if (values) {
    call.job = std::make_unique<RedisMgetJob>(*std::move(read), limit);
  } else {
    call.job = std::make_unique<RedisExistsJob>(*std::move(read), limit);
  }
}

}  // namespace appmem::commands
