// SPDX-License-Identifier: Apache-2.0
//
// Duties: what one of the processes on a schema does for all of them, a row of pawl_duties each.
// Who is on duty holds it by a lease on the database's clock and asks again in time; a duty whose
// lease has passed, or whose holder is known to be dead, is another's at once. A lease fences
// nothing: whoever was frozen while it passed may still be at it, so a duty must bear being done
// twice.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "store/postgres/postgres_store.h"

namespace pawl::postgres {

class Duties {
 public:
  explicit Duties(const LaneShared& shared);

  Result<bool> take(std::string_view duty, int lease_ms);
  void leave(std::string_view duty);

 private:
  Result<ResultSet> ask(std::string_view sql, const Parameters& parameters);

  const LaneShared& shared_;
  const std::string self_;
  std::mutex mutex_;
  // Its own: a lane's is busy with commits, and the readers' are the requests'. Made when a duty is
  // asked for first.
  std::optional<Connection> connection_;
};

}  // namespace pawl::postgres
