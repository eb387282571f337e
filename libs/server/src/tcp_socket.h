#pragma once

#include "appmem/base/error.h"
#include "appmem/base/tcp_address.h"
#include "fd.h"

namespace appmem::server {

/// A socket that listens at `address`, on any free port where that names port 0; those who are
/// accepted from it send without delay. Errors: kBusy (somebody listens there), kInternal.
Result<Fd> listen_on_tcp(const TcpAddress& address);

/// The two ends of a socket. Errors: kInternal.
Result<TcpAddress> local_address(int socket);
Result<TcpAddress> remote_address(int socket);

}  // namespace appmem::server
