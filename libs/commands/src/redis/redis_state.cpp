#include "redis_state.h"

#include <utility>

namespace appmem::commands {

QueuedCommand::QueuedCommand(const protocol::RedisSpec& spec,
                             std::span<const std::string_view> words)
    : spec_(&spec) {
  std::size_t bytes = 0;
  for (const std::string_view word : words)
    bytes += word.size();
  bytes_.reserve(bytes);
  ends_.reserve(words.size());
  for (const std::string_view word : words) {
    bytes_ += word;
    ends_.push_back(bytes_.size());
  }
}

void QueuedCommand::words(std::vector<std::string_view>& words) const {
  words.clear();
  words.reserve(ends_.size());
  std::size_t begin = 0;
  for (const std::size_t end : ends_) {
    words.push_back(std::string_view(bytes_).substr(begin, end - begin));
    begin = end;
  }
}

std::size_t QueuedCommand::memory_bytes() const {
  return sizeof *this + bytes_.capacity() + ends_.capacity() * sizeof(std::size_t);
}

void RedisState::end_transaction() {
  in_transaction = false;
  refused = false;
  std::vector<QueuedCommand>().swap(queue);
  memory.release(std::exchange(charged_bytes, 0));
  std::vector<WatchedKey>().swap(watched);
}

}  // namespace appmem::commands
