#include "request_path.h"

#include <span>

#include "appmem/base/check.h"
#include "appmem/base/units.h"

namespace appmem::bench {
namespace {

constexpr std::size_t kPieces = 64;

constexpr Instant kStart{TimePoint{std::chrono::hours{24}},
                         WallTime{std::chrono::seconds{1'704'067'200}}};

core::StoreOptions store_options() {
  core::StoreOptions options;
  options.max_memory_bytes = 1_GiB;
  options.threads = 2;
  options.seed = 7;
  return options;
}

protocol::Caller owner() {
  protocol::Caller caller;
  caller.role = protocol::Caller::Role::kOperator;
  return caller;
}

}  // namespace

RequestPath::RequestPath()
    : now(kStart),
      validator(codecs::make_json_validator()),
      store(store_options(), now),
      dispatcher(store, control, *validator) {
}

PathConnection::PathConnection(RequestPath& path)
    : path_(path),
      codec_({.request_bytes_max = path.control.limits().effective_request_bytes_max(),
              .memory = &path.store.memory()}),
      prefetch_(path.store),
      output_(&path.store.memory()) {
  session_.id = 1;
  session_.caller = owner();
  session_.role_at_start = session_.caller.role;
}

void PathConnection::execute(std::string& input, std::size_t bytes) {
  const std::span<const protocol::Request> requests =
      std::span(requests_).first(decode(input, bytes));
  protocol::Codec& codec = codec_.settled();
  for (const protocol::Request& request : requests) {
    protocol::Reply& reply = codec.begin_reply(request, output_);
    const auto outcome = path_.dispatcher.execute(session_, request, reply, path_.now);
    APPMEM_CHECK(outcome.progress == protocol::Outcome::Progress::kDone);
    codec.end_reply();
  }
  drain();
}

std::size_t PathConnection::decode(std::string& input, std::size_t bytes) {
  using Kind = protocol::Codec::Frame::Kind;
  std::size_t count = 0;
  for (std::size_t at = 0; at < bytes; ++count) {
    APPMEM_CHECK(count < kPipelineMax);
    protocol::Codec& codec = codec_.settled();
    const auto frame = codec.next_frame(std::string_view(input).substr(at, bytes - at));
    APPMEM_CHECK(frame.kind == Kind::kRequest);
    requests_[count].clear();
    const auto decoded =
        codec.decode(std::span(input).subspan(at, frame.consumed), requests_[count]);
    APPMEM_CHECK(decoded.has_value());
    const auto key = path_.dispatcher.likely_key(session_, requests_[count]);
    if (key) prefetch_.add(key->ns, key->key);
    at += frame.consumed;
  }
  prefetch_.finish();
  return count;
}

void PathConnection::drain() {
  if (keeps_answers_) last_answers_.clear();
  while (!output_.empty()) {
    output_.gather(output_.end_position(), kPieces, pieces_);
    std::size_t bytes = 0;
    for (const std::string_view piece : pieces_) {
      if (keeps_answers_) last_answers_ += piece;
      bytes += piece.size();
    }
    output_.consume(bytes);
  }
  output_.shrink();
}

}  // namespace appmem::bench
