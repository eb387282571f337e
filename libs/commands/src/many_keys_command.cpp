#include "many_keys_command.h"

#include <utility>

#include "handlers.h"
#include "many_keys.h"

/// `mget` and `exists` of many keys.
namespace appmem::commands {
namespace {

using protocol::Field;
using protocol::Outcome;
using protocol::Reply;

/// {"found":true,"value":…,"version":…}
constexpr std::size_t kItemBytes = 56;

class MgetJob final : public ManyKeysJob {
 public:
  MgetJob(std::unique_ptr<core::MomentRead> read, const AnswerLimit& limit)
      : ManyKeysJob(std::move(read), limit, kItemBytes) {}

 protected:
  void begin_answer(Reply& reply) override { reply.fields().begin_list(Field::kValues); }
  bool compose(Reply& out, std::size_t& steps) override {
    protocol::ReplyWriter& reply = out.fields();
    while (next() < read().size()) {
      if (steps == 0 || reply.congested() || reply.deferred()) return false;
      const auto entry = read().entry(next());
      reply.begin_item_object();
      reply.boolean(Field::kFound, entry.has_value());
      if (entry) {
        reply.value(Field::kValue, entry->value);
        reply.unsigned_integer(Field::kVersion, entry->version);
      }
      reply.end_item_object();
      const bool is_large = entry && entry->value.shared != nullptr;  // composed in slices anyway
      answered_one(entry && !is_large ? entry->value.bytes.size() : 0, steps);
    }
    reply.end_list();
    return true;
  }
  void refuse(Reply& reply, const Error& error) override { reply.error(error); }
};

class ExistsJob final : public ManyKeysJob {
 public:
  ExistsJob(std::unique_ptr<core::MomentRead> read, const AnswerLimit& limit)
      : ManyKeysJob(std::move(read), limit, 0) {}

 protected:
  void begin_answer(Reply& reply) override {
    reply.fields().unsigned_integer(Field::kCount, read().found_keys());
  }
  bool compose(Reply& /*reply*/, std::size_t& /*steps*/) override { return true; }
  void refuse(Reply& reply, const Error& error) override { reply.error(error); }
};

}  // namespace

Outcome read_in_slices(Call& call, core::NamespaceId ns, ManyKeys what) {
  const bool values = what == ManyKeys::kMget;
  auto read = core::MomentRead::begin(call.store, ns, call.args.keys(Field::kKeys),
                                      {.values = values,
                                       .peek = !values,
                                       .value_bytes_max = call.control.limits().answer_bytes_max()},
                                      call.now);
  if (!read) return refuse(call, read.error());
  const AnswerLimit limit(call.control.limits(), call.store.memory());
  if (values) return Outcome::later(std::make_unique<MgetJob>(*std::move(read), limit));
  return Outcome::later(std::make_unique<ExistsJob>(*std::move(read), limit));
}

}  // namespace appmem::commands
