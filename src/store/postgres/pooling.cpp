// SPDX-License-Identifier: Apache-2.0
#include "store/postgres/pooling.h"

#include "store/postgres/pipeline.h"

namespace pawl::postgres {
namespace {

// The server process that runs it, in a transaction of its own, or of one that stays open.
Result<std::int64_t> backend_pid(Connection& connection, bool begin, Deadline deadline) {
  Pipeline round(connection);
  if (begin) {
    round.add("BEGIN");
    // A role's default could end it between two steps. For this transaction only: see below.
    round.add("SET LOCAL idle_in_transaction_session_timeout = 0");
  }
  const auto asked = round.add("SELECT pg_backend_pid()");
  const auto outcome = round.run(deadline);
  if (!outcome) return std::unexpected(outcome.error().error());
  return outcome[asked].integer(0, 0);
}

Result<void> one_round(Connection& idle, Connection& holder, int timeout_ms) {
  const auto before = backend_pid(idle, false, deadline_in(timeout_ms));
  if (!before) return std::unexpected(before.error());
  const auto held = backend_pid(holder, true, deadline_in(timeout_ms));
  if (!held) return std::unexpected(held.error());
  // Asked before `idle` asks again: a pooler with a single server connection would let it wait.
  if (*held == *before) return fail(transaction_pooling, "two connections have one server process");
  const auto after = backend_pid(idle, false, deadline_in(timeout_ms));
  if (!after) return std::unexpected(after.error());
  if (*after != *before) return fail(transaction_pooling, "the server process changed");
  const auto ended = run_one(holder, "ROLLBACK", deadline_in(timeout_ms));
  if (!ended) return std::unexpected(ended.error().error());
  return {};
}

}  // namespace

Result<void> refuse_transaction_pooling(const ConnectionOptions& options) {
  // Nothing is set for these two: with such a pooler it would be set for others.
  auto first = Connection::open_unsettled(options);
  if (!first) return std::unexpected(first.error());
  auto second = Connection::open_unsettled(options);
  if (!second) return std::unexpected(second.error());
  for (int round = 0; round < pooling_rounds; ++round) {
    auto& idle = round % 2 == 0 ? *first : *second;
    auto& holder = round % 2 == 0 ? *second : *first;
    auto kept = one_round(idle, holder, options.connect_timeout_ms);
    if (!kept) return kept;
  }
  return {};
}

}  // namespace pawl::postgres
