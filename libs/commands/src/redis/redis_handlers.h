#pragma once

#include "redis_call.h"

namespace appmem::commands {

// redis_set.cpp: values, set whole.
void redis_getex(RedisCall& call);
void redis_getset(RedisCall& call);
void redis_mset(RedisCall& call);  // and MSETNX
void redis_set(RedisCall& call);
void redis_setex(RedisCall& call);  // and PSETEX
void redis_setnx(RedisCall& call);
// redis_strings.cpp: values, read, or changed in part.
void redis_append(RedisCall& call);
void redis_get(RedisCall& call);
void redis_getdel(RedisCall& call);
void redis_getrange(RedisCall& call);  // and SUBSTR
void redis_mget(RedisCall& call);
void redis_setrange(RedisCall& call);
void redis_strlen(RedisCall& call);
// redis_lcs.cpp
void redis_lcs(RedisCall& call);
// redis_counters.cpp
void redis_incr(RedisCall& call);  // and DECR, INCRBY, DECRBY
void redis_incrbyfloat(RedisCall& call);
// redis_expiry.cpp: deadlines.
void redis_expire(RedisCall& call);      // and PEXPIRE, EXPIREAT, PEXPIREAT
void redis_expiretime(RedisCall& call);  // and PEXPIRETIME
void redis_persist(RedisCall& call);
void redis_ttl(RedisCall& call);  // and PTTL
// redis_keys.cpp: keys, whatever their values.
void redis_copy(RedisCall& call);
void redis_del(RedisCall& call);     // and UNLINK
void redis_exists(RedisCall& call);  // and TOUCH
void redis_move(RedisCall& call);
void redis_rename(RedisCall& call);  // and RENAMENX
void redis_type(RedisCall& call);
// redis_databases.cpp: all keys of a namespace.
void redis_dbsize(RedisCall& call);
void redis_flushall(RedisCall& call);
void redis_flushdb(RedisCall& call);
void redis_select(RedisCall& call);
void redis_swapdb(RedisCall& call);
// redis_scan.cpp: passes over its keys.
void redis_keys(RedisCall& call);
void redis_randomkey(RedisCall& call);
void redis_scan(RedisCall& call);
// redis_object.cpp: what is known about an entry.
void redis_memory(RedisCall& call);
void redis_object(RedisCall& call);
// redis_connection.cpp
void redis_auth(RedisCall& call);
void redis_client(RedisCall& call);
void redis_echo(RedisCall& call);
void redis_hello(RedisCall& call);
void redis_ping(RedisCall& call);
void redis_quit(RedisCall& call);
void redis_reset(RedisCall& call);
// redis_server.cpp
void redis_command(RedisCall& call);
void redis_config(RedisCall& call);
void redis_info(RedisCall& call);
void redis_save(RedisCall& call);  // and BGSAVE
void redis_lastsave(RedisCall& call);
void redis_shutdown(RedisCall& call);
void redis_time(RedisCall& call);
// redis_partitions.cpp
void redis_create(RedisCall& call);
void redis_describe(RedisCall& call);
void redis_drop(RedisCall& call);
void redis_list(RedisCall& call);
void redis_stats(RedisCall& call);
// redis_transaction.cpp
void redis_discard(RedisCall& call);
void redis_exec(RedisCall& call);
void redis_multi(RedisCall& call);
void redis_unwatch(RedisCall& call);
void redis_watch(RedisCall& call);

}  // namespace appmem::commands
