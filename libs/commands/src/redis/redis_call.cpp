#include "redis_call.h"

#include <algorithm>
#include <string>

#include "appmem/base/decimal.h"
#include "appmem/protocol/error_table.h"

namespace appmem::commands {

void refuse_redis(RedisCall& call, const Error& error) {
  if (error.code == ErrorCode::kOutOfMemory) [[unlikely]] {
    call.control.out_of_memory(call.session.id, call.spec.name, error);
    if ((call.spec.flags & protocol::kRedisDenyOom) != 0) {
      return call.reply.failure("OOM command not allowed when used memory > 'maxmemory'.");
    }
  }
  write_redis_error(call.reply, error);
}

void write_redis_error(protocol::RedisReply& reply, const Error& error) {
  switch (error.code) {
    case ErrorCode::kNotInteger:
      return reply.failure(kRedisNotAnInteger);
    case ErrorCode::kOverflow:
      return reply.failure("ERR increment or decrement would overflow");
    default:
      return reply.failure(std::string(protocol::error_row(error.code).resp_prefix) + ' ' +
                           error.message);
  }
}

bool read_redis_integer(std::string_view text, std::int64_t& value) {
  const auto integer = integer_of(text);
  value = integer.value_or(value);
  return integer.has_value();
}

std::string in_small_letters(std::string_view text) {
  std::string small(text);
  for (char& c : small) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return small;
}

std::string_view shown_word(std::string_view word) {
  return word.substr(0, word.find('\0'));
}

bool is_redis_word(std::string_view text, std::string_view word) {
  return std::equal(text.begin(), text.end(), word.begin(), word.end(), [](char a, char b) {
    return (a >= 'a' && a <= 'z' ? static_cast<char>(a - 'a' + 'A') : a) == b;
  });
}

}  // namespace appmem::commands
