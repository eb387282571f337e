#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "appmem/base/units.h"

namespace appmem::server {

/// Bounds of the server's own work that nobody has to set. What an operator may set is in Limits.

/// Requests that one connection executes in one turn before the others have theirs.
inline constexpr std::size_t kRequestsPerTurnMax = 128;
/// A connection whose requests have taken this long in a turn leaves the rest for the next one, and
/// so does, once the turn has taken kTurnTimeMax, one whose requests are slow at all. The clock is
/// read behind the first request, behind each one that may have been slow, and else behind each
/// few.
inline constexpr std::chrono::microseconds kSessionTimeMax{250};
inline constexpr std::chrono::milliseconds kTurnTimeMax{2};
inline constexpr std::chrono::microseconds kSlowRequestsTime{30};
inline constexpr std::size_t kRequestsPerClockReading = 8;
/// Requests that are decoded before the first of them is executed, so that a Foresight can
/// fetch what they need, those of several connections together; and bytes of a connection after
/// which no more are: larger requests gain nothing by it.
inline constexpr std::size_t kRequestsAheadMax = 32;
inline constexpr std::size_t kBytesAheadMax = 16_KiB;
/// Free ones that a loop keeps.
inline constexpr std::size_t kRequestsPooledMax = 64;
/// Bytes that one connection receives, and that it sends, in one turn.
inline constexpr std::size_t kReadBytesPerTurnMax = 256_KiB;
inline constexpr std::size_t kWriteBytesPerTurnMax = 1_MiB;
/// Pieces of one gather write.
inline constexpr std::size_t kWritePiecesMax = 64;
/// Sockets that report in one turn.
inline constexpr std::size_t kEventsPerTurnMax = 256;
/// New connections in one turn.
inline constexpr std::size_t kAcceptsPerTurnMax = 64;
/// Sliced jobs that run in one turn, and the budget that they share.
inline constexpr std::size_t kJobsPerTurnMax = 8;
inline constexpr std::size_t kJobStepsPerTurn = 2'000;
/// What the jobs that begin in one turn share, those of all connections: a small one is answered at
/// once, and hundreds of them are not more than a turn's requests of other kinds.
inline constexpr std::size_t kFirstSliceStepsPerTurn = 8'000;

/// The size of a receive buffer; MemoryBudget::free_blocks_max says how many free ones a loop
/// keeps.
inline constexpr std::size_t kReceiveBlockBytes = 64_KiB;
/// A half-received request of at most this is kept in memory of its own size.
inline constexpr std::size_t kReceiveTailBytesMax = 4_KiB;
/// What an idle connection takes at most, charged to the memory budget when it is accepted.
inline constexpr std::size_t kConnectionMemoryBytes = 4_KiB;

/// Memory is tight when buffers, and what handlers hold for their clients, have taken the process
/// over its limit by more than MemoryBudget::excess_max() divided by this: connections in the
/// middle of a request stop reading, and those with answers on their way execute nothing. Those
/// that hold most are closed when it stays so for this long; those with most answers on their way
/// at once when the excess passes its maximum.
inline constexpr std::size_t kMemoryTightShare = 2;
inline constexpr std::chrono::milliseconds kMemoryExcessPatience{1'000};
/// When a request has been refused for lack of memory, and those that are half-sent together take
/// more than the limit divided by this, the connections with the largest of them are closed at the
/// next tick, until they take less: others must not wait for who may never go on.
inline constexpr std::size_t kHalfSentShare = 4;
/// Only a connection that holds more than this is closed for it.
inline constexpr std::size_t kMemoryVictimBytesMin = 16_KiB;

/// How often each loop looks after timeouts and RequestHandler::maintain.
inline constexpr std::chrono::milliseconds kMaintenanceInterval{100};
/// How often idle connections are looked for.
inline constexpr std::chrono::milliseconds kIdleCheckInterval{1'000};
/// From the first byte of a connection until its wire format must be known.
inline constexpr std::chrono::milliseconds kProtocolChoiceTimeout{10'000};
/// How long a client may leave open who it is, where it has to show that.
inline constexpr std::chrono::milliseconds kAuthenticationTimeout{10'000};
/// Until accepting is tried again after the system refused it.
inline constexpr std::chrono::milliseconds kAcceptRetryInterval{100};

/// What of the time to stop is kept for the end itself, so that it is over when that time is:
/// connections that still wait are cut so much before.
inline constexpr std::chrono::milliseconds kStopMarginMin{50};
inline constexpr std::chrono::milliseconds kStopMarginMax{500};
/// A tenth of the time within these bounds, and never more than half of it.
constexpr std::chrono::milliseconds stop_margin(std::chrono::milliseconds shutdown_timeout) {
  return std::min(std::clamp(shutdown_timeout / 10, kStopMarginMin, kStopMarginMax),
                  shutdown_timeout / 2);
}

inline constexpr int kListenBacklog = 4'096;
/// Descriptors for all but connections.
inline constexpr std::size_t kDescriptorsReserved = 64;

}  // namespace appmem::server
