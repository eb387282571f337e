#include "appmem/protocol/reply.h"

#include "appmem/base/check.h"
#include "appmem/protocol/redis_reply.h"
#include "appmem/protocol/reply_writer.h"

namespace appmem::protocol {

ReplyWriter& Reply::fields() {
  check_failed("the request is of the command table", __FILE__, __LINE__);
}

RedisReply& Reply::redis() {
  check_failed("the request is of the Redis table", __FILE__, __LINE__);
}

}  // namespace appmem::protocol
