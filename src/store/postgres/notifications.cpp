// SPDX-License-Identifier: Apache-2.0
//
// What the server tells a session that listens, between two rounds.
#include "store/postgres/connection.h"

namespace pawl::postgres {

int Connection::socket() const {
  return core_ && core_->handle != nullptr ? PQsocket(core_->handle) : -1;
}

Result<std::vector<Notification>> Connection::take_notifications() {
  if (!core_ || core_->handle == nullptr || core_->busy) return fail(connection_lost);
  if (PQconsumeInput(core_->handle) == 0) {
    Error error(connection_lost, PQerrorMessage(core_->handle));
    close();
    return std::unexpected(std::move(error));
  }
  std::vector<Notification> out;
  while (PGnotify* notice = PQnotifies(core_->handle)) {
    out.push_back({notice->be_pid, notice->extra});
    PQfreemem(notice);
  }
  return out;
}

}  // namespace pawl::postgres
