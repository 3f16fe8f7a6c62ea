// SPDX-License-Identifier: Apache-2.0
#include "store/postgres/postgres_lane.h"

#include <pawl/log.h>

#include <chrono>

#include "core/crash_point.h"
#include "store/postgres/lane_holder.h"
#include "store/postgres/postgres_retention.h"
#include "store/postgres/rows.h"
#include "store/postgres/store_error.h"

namespace pawl::postgres {

namespace {

// After such a round the statements are planned anew.
constexpr std::chrono::milliseconds slow_round{100};

}  // namespace

PostgresLane::PostgresLane(std::shared_ptr<LaneShared> shared, Connection connection,
                           TakenLane taken)
    : shared_(std::move(shared)),
      connection_(std::move(connection)),
      id_(taken.id),
      epoch_(taken.epoch),
      holder_(std::move(taken.holder)),
      earlier_holder_is_dead_(taken.earlier_holder_is_dead) {}

PostgresLane::~PostgresLane() {
  abandon();
}

Deadline PostgresLane::deadline() const {
  return deadline_in(shared_->options.statement_timeout_ms + shared_->options.tcp_timeout_ms);
}

Result<void> PostgresLane::connect() {
  if (connection_.alive()) return {};
  auto opened = Connection::open(lane_session_options(shared_->options));
  if (!opened) {
    return fail(protocol::store_failed, opened.error().text());
  }
  connection_ = std::move(*opened);
  return {};
}

Result<void> PostgresLane::ready() {
  if (doubt_) {
    const auto settled = settle();
    if (!settled) {
      // Also for who asks for something else: a repeat of what is in doubt may be among it.
      return std::unexpected(settled.error());
    }
  }
  if (fenced_) return fail(protocol::lane_fenced);
  return connect();
}

Error PostgresLane::failed(const SqlError& error) {
  if (error.kind == SqlErrorKind::connection_lost) {
    in_transaction_ = false;
    connection_.close();
    return Error(protocol::transaction_aborted, "connection lost: " + error.message);
  }
  abandon();
  Error out = store_error(error);
  if (out.code == protocol::lane_fenced) fenced_ = true;
  return out;
}

void PostgresLane::abandon() {
  if (!in_transaction_) return;
  in_transaction_ = false;
  const auto status = connection_.transaction_status();
  if (status == TransactionStatus::idle) return;
  // One that cannot be rolled back properly is cut: the server rolls it back by itself.
  if (!run_one(connection_, "ROLLBACK", deadline())) connection_.close();
}

Result<ResultSet> PostgresLane::read(const Statement& statement, const Parameters& parameters) {
  if (auto able = ready(); !able) return std::unexpected(able.error());
  auto rows = run_one(connection_, statement, parameters, deadline());
  if (!rows) return std::unexpected(store_error(rows.error()));
  return std::move(*rows);
}

// A plan stays as it was made, and when it was made a table may have been nearly empty: then
// reading all of it was the cheapest way to join it. Whatever made a round slow, plans anew are
// cheap.
Outcome PostgresLane::timed(Pipeline& round) {
  const auto began = std::chrono::steady_clock::now();
  Outcome outcome = round.run(deadline());
  replans_ = replans_ || std::chrono::steady_clock::now() - began >= slow_round;
  return outcome;
}

Result<void> PostgresLane::commit(const protocol::WriteBatch& writes) {
  if (!in_transaction_) return fail(protocol::transaction_aborted, "nothing is locked");
  PAWL_CRASH_POINT("store.before_write");
  Pipeline round(connection_);
  const auto written = add_writes(writes, round);
  const auto end = round.add(shared_->statements.commit, {});
  PAWL_CRASH_POINT("store.before_commit");
  const auto outcome = timed(round);
  // A warning: the wait for a standby was cancelled, and it may not have it. What is lost after the
  // COMMIT's own answer changes nothing of it.
  const bool done = outcome[end].tag() == "COMMIT" && !outcome.warned(end);
  if (!done) {
    const bool may_have_happened = outcome[end].done() || outcome.in_doubt(end);
    if (!may_have_happened) return std::unexpected(failed(outcome.error()));
    in_transaction_ = false;
    doubt_ = Doubt{epoch_, sequence_};
    log::warn("commit_in_doubt",
              {{"lane", id_},
               {"sequence", sequence_},
               {"detail", outcome ? std::string("a warning") : outcome.error().message}});
    const auto settled = settle();
    if (!settled) return std::unexpected(settled.error());
    if (!*settled) {
      return fail(fenced_ ? protocol::lane_fenced : protocol::transaction_aborted,
                  "the connection was lost before the commit");
    }
  }
  in_transaction_ = false;
  remember_places(written, outcome);
  PAWL_CRASH_POINT("store.after_commit");
  std::set<std::int32_t> others;
  for (const auto& row : writes.effects_updated) {
    const auto lane = protocol::lane_of(row.id);
    if (lane != id_) others.insert(lane);
  }
  shared_->announcer->committed(others);
  return {};
}

Result<protocol::RetentionPassed> PostgresLane::remove_old(const protocol::RetentionPass& pass) {
  if (auto able = ready(); !able) return std::unexpected(able.error());
  auto passed = remove_old_rows(connection_, shared_->registry, pass, id_, epoch_);
  if (!passed && passed.error().code == protocol::lane_fenced) fenced_ = true;
  return passed;
}

Result<void> PostgresLane::renew() {
  if (auto able = ready(); !able) return able;
  Pipeline round(connection_);
  round.add("UPDATE pawl_lanes SET held_until_us = " + std::string(now_us_sql) +
                " + $3 WHERE id = $1 AND epoch = $2",
            Parameters().integer(id_).integer(epoch_).integer(renew_interval_ms() * 3'000LL));
  const auto outcome = round.run(deadline());
  if (!outcome) return std::unexpected(store_error(outcome.error()));
  if (outcome[0].affected() > 0) return {};
  fenced_ = true;
  return fail(protocol::lane_fenced);
}

int PostgresLane::renew_interval_ms() const {
  return std::max(1, shared_->options.lane_lease_ms / 3);
}

void PostgresLane::release() {
  abandon();
  if (!ready()) return;
  Pipeline look(connection_);
  look.add("SELECT holder FROM pawl_lanes WHERE id = $1 AND epoch = $2",
           Parameters().integer(id_).integer(epoch_));
  const auto found = look.run(deadline());
  if (!found || found[0].rows() == 0) return;
  // Of whom it is not known whether they are dead are left in it.
  give_back(without(found[0].text_view(0, 0), newest_holder(holder_)));
}

// Our mark stays: as long as we are not known to be dead, the leases of what we claimed count.
void PostgresLane::leave() {
  abandon();
  if (!ready()) return;
  give_back(holder_);
}

void PostgresLane::give_back(std::string_view holder) {
  Pipeline round(connection_);
  round.add(
      "UPDATE pawl_lanes SET held_until_us = 0, adopted = false, holder = $3 WHERE id = $1 "
      "AND epoch = $2",
      Parameters().integer(id_).integer(epoch_).text(holder));
  (void)round.run(deadline());
  connection_.close();
}

}  // namespace pawl::postgres
