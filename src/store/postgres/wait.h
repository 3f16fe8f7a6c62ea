// SPDX-License-Identifier: Apache-2.0
//
// Waits for one socket, up to a moment of the monotonic clock. An interrupted wait goes on.
#pragma once

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>

namespace pawl::postgres {

// What happened (POLLIN, POLLOUT, POLLERR ...); 0: nothing in time, or the socket cannot be waited
// for.
inline short wait_for(int socket, short events, std::chrono::steady_clock::time_point deadline) {
  if (socket < 0) return 0;
  while (true) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd asked{.fd = socket, .events = events, .revents = 0};
    const auto ms = std::clamp<std::chrono::milliseconds::rep>(left.count(), 0, INT_MAX);
    const int ready = ::poll(&asked, 1, static_cast<int>(ms));
    if (ready > 0) return asked.revents;
    if (ready == 0) return 0;
    if (errno != EINTR) return 0;
  }
}

}  // namespace pawl::postgres
