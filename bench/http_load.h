// SPDX-License-Identifier: Apache-2.0
//
// A load of small POSTs over keep-alive connections, from a process of its own, so that its CPU
// time is not the server's.
#pragma once

#include <cstdint>
#include <string>

#include "measure.h"

namespace pawl::bench {

// Runs this program again as the load's process and waits for its end. Every answer must be a 200.
// `token`: sent with each request if it is not empty.
Sample load_from_child(std::uint16_t port, int connections, double seconds, int entities,
                       std::uint64_t first_id, std::uint64_t& next_id,
                       const std::string& token = "");

// What main() calls first: true if this process is the load's, which then has ended.
bool ran_as_load(int argc, char** argv);

}  // namespace pawl::bench
