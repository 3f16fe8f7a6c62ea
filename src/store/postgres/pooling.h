// SPDX-License-Identifier: Apache-2.0
//
// Is there a pooler between us and the server that hands out its server connections by transaction?
// Then prepared statements of one client are run by another, and what is set for a session is not.
#pragma once

#include "store/postgres/connection.h"

namespace pawl::postgres {

// Each round is a chance for the pooler to hand one of our two connections' server to the other.
inline constexpr int pooling_rounds = 4;

// No error: each of two connections keeps a server process of its own. store_transaction_pooling:
// not so. Other errors: those of Connection::open, also where the pooler or the server has no room
// for two.
Result<void> refuse_transaction_pooling(const ConnectionOptions& options);

}  // namespace pawl::postgres
