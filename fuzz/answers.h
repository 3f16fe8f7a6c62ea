// SPDX-License-Identifier: Apache-2.0
//
// net::Client without sockets: each request is answered by a function, when deliver() is called and
// never from within send(), as the real one promises. Linked instead of it into the fuzz targets.
#pragma once

#include <cstddef>
#include <functional>

#include "net/client.h"

namespace pawl::fuzz {

using Answering = std::function<net::ClientResult(const net::ClientRequest&)>;

// Answers what was sent, and what is sent meanwhile, until nothing waits; gives how many requests
// that were. Stops after `most`.
std::size_t deliver(const Answering& answer, std::size_t most);

}  // namespace pawl::fuzz
