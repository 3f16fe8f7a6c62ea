// SPDX-License-Identifier: Apache-2.0
//
// What came of a commit whose answer was lost. It is asked under the lock of the lane's row, which
// the transaction in doubt has locked: once we hold it, that transaction has ended one way or the
// other, and its journal row, by lane, sequence and epoch, says which. Raising the epoch there
// keeps whatever of it is still on its way from happening later. Unlike a transaction's id this
// holds on a standby that was promoted, too: one that never got the commit has no such row. And
// since this step is itself a commit, it has waited for the standbys as the one in doubt should
// have.
#include <pawl/log.h>
#include <poll.h>

#include <algorithm>
#include <chrono>

#include "store/postgres/postgres_lane.h"

namespace pawl::postgres {

namespace {

// Between two tries to get a connection; a try that waits for the row's lock has waited by itself.
constexpr int retry_pause_ms = 50;
// A look is given so long at least, also when nobody waits for it any more.
constexpr int min_look_ms = 1'000;

}  // namespace

PostgresLane::Look PostgresLane::look_for(const Doubt& doubt, Deadline until, std::string& why) {
  if (auto connected = connect(); !connected) {
    why = connected.error().detail;
    return Look::not_known;
  }
  const auto& options = shared_->options;
  Parameters lane;
  lane.integer(id_);
  Parameters row;
  row.integer(id_).integer(doubt.sequence).integer(doubt.epoch);
  Parameters raise;
  raise.integer(id_).integer(epoch_).integer(options.lane_lease_ms * 1'000LL);
  // Who takes a lane over writes itself into its row: as long as that says what we wrote there, the
  // epochs above ours are our own. Who gave it back again has left our mark, and no time.
  raise.text(holder_);
  Pipeline round(connection_);
  round.add(shared_->statements.begin, {});
  round.add("SELECT FROM pawl_lanes WHERE id = $1 FOR UPDATE", lane);
  const auto found =
      round.add("SELECT 1 FROM pawl_journal WHERE lane = $1 AND sequence = $2 AND epoch = $3", row);
  const auto raised = round.add("UPDATE pawl_lanes SET epoch = " + next_epoch_sql +
                                    ", held_until_us = " + std::string(now_us_sql) +
                                    " + $3 WHERE id = $1 AND epoch >= $2 AND holder = $4 AND "
                                    "held_until_us > 0 RETURNING epoch",
                                raise);
  const auto end = round.add(shared_->statements.commit, {});
  // It may wait for a standby as the one in doubt did.
  const auto outcome = round.run(std::min(deadline(), until));
  if (outcome[end].tag() != "COMMIT" || outcome.warned(end)) {
    why = outcome ? "a standby was not waited for" : outcome.error().message;
    if (connection_.transaction_status() != TransactionStatus::idle &&
        !run_one(connection_, "ROLLBACK", deadline())) {
      connection_.close();
    }
    return Look::not_known;
  }
  if (outcome[raised].rows() > 0) {
    epoch_ = outcome[raised].integer(0, 0);
  } else {
    fenced_ = true;
  }
  return outcome[found].rows() > 0 ? Look::committed : Look::not_there;
}

Result<bool> PostgresLane::settle() {
  const Doubt doubt = *doubt_;
  const auto until = deadline_in(shared_->options.in_doubt_wait_ms);
  std::string why;
  while (true) {
    const Look look = look_for(doubt, std::max(until, deadline_in(min_look_ms)), why);
    if (look != Look::not_known) {
      doubt_.reset();
      log::info(
          "commit_settled",
          {{"lane", id_}, {"sequence", doubt.sequence}, {"committed", look == Look::committed}});
      return look == Look::committed;
    }
    if (std::chrono::steady_clock::now() >= until) break;
    ::poll(nullptr, 0, retry_pause_ms);
  }
  return fail(outcome_in_doubt, "lane " + std::to_string(id_) + ", commit " +
                                    std::to_string(doubt.sequence) + ": " + why);
}

}  // namespace pawl::postgres
