#include "redis_key_list.h"

#include <algorithm>
#include <cstring>

#include "appmem/base/units.h"

namespace appmem::commands {
namespace {

using Length = std::uint32_t;

constexpr std::size_t kChunkBytes = 64_KiB;
/// A type, a length and two line ends.
constexpr std::size_t kBulkBytes = 10;

Length length_at(const std::string& chunk, std::size_t position) {
  Length length = 0;
  std::memcpy(&length, chunk.data() + position, sizeof length);
  return length;
}

}  // namespace

void RedisKeyList::push(std::string_view key) {
  const auto length = static_cast<Length>(key.size());
  const std::size_t bytes = sizeof length + key.size();
  if (chunks_.empty() || chunks_.back().capacity() - chunks_.back().size() < bytes) {
    chunks_.emplace_back().reserve(std::max(bytes, kChunkBytes));
    budget_.charge(chunks_.back().capacity());
    charged_bytes_ += chunks_.back().capacity();
  }
  std::string& chunk = chunks_.back();
  chunk.append(reinterpret_cast<const char*>(&length), sizeof length);
  chunk.append(key);
  ++size_;
  wire_bytes_ += key.size() + kBulkBytes;
}

std::string_view RedisKeyList::front() const {
  const std::string& chunk = chunks_.front();
  return std::string_view(chunk).substr(position_ + sizeof(Length), length_at(chunk, position_));
}

void RedisKeyList::pop() {
  const std::string& chunk = chunks_.front();
  position_ += sizeof(Length) + length_at(chunk, position_);
  --size_;
  if (position_ < chunk.size()) return;
  budget_.release(chunk.capacity());
  charged_bytes_ -= chunk.capacity();
  chunks_.pop_front();
  position_ = 0;
}

}  // namespace appmem::commands
