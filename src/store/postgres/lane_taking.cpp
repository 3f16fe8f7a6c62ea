// SPDX-License-Identifier: Apache-2.0
#include "store/postgres/lane_taking.h"

#include <algorithm>

#include "store/journal_page.h"
#include "store/postgres/lane_holder.h"
#include "store/postgres/rows.h"
#include "store/postgres/store_error.h"

namespace pawl::postgres {

namespace {

// Each try that fails has lost against another process that got the lane.
constexpr int max_tries = 50;

struct LaneRow {
  std::int32_t id = 0;
  std::int64_t epoch = 0;
  std::int64_t held_until_us = 0;
  std::string holders;
  bool adopted = false;
  bool lapsed = false;         // by the database's clock, or free
  bool provably_dead = false;  // all of its holders
};

int deadline_ms(const LaneShared& shared) {
  return shared.options.statement_timeout_ms + shared.options.tcp_timeout_ms;
}

Result<std::vector<LaneRow>> read_lanes(Connection& connection, const LaneShared& shared) {
  const auto rows = run_one(connection,
                            "SELECT id, epoch, held_until_us, holder, adopted, held_until_us < " +
                                std::string(now_us_sql) + " FROM pawl_lanes ORDER BY id",
                            deadline_in(deadline_ms(shared)));
  if (!rows) return std::unexpected(store_error(rows.error()));
  std::vector<LaneRow> out;
  for (int i = 0; i < rows->rows(); ++i) {
    LaneRow lane;
    lane.id = static_cast<std::int32_t>(rows->integer(i, 0));
    lane.epoch = rows->integer(i, 1);
    lane.held_until_us = rows->integer(i, 2);
    lane.adopted = rows->boolean(i, 4);
    lane.lapsed = rows->boolean(i, 5);
    lane.holders = text_of(*rows, i, 3);
    lane.provably_dead = are_provably_dead(lane.holders);
    out.push_back(lane);
  }
  return out;
}

// May an exchange of an earlier holder be under way? Only as long as the lease of its claim lasts.
Result<bool> has_leases(Connection& connection, const LaneShared& shared, std::int32_t lane) {
  Pipeline round(connection);
  round.add(
      "SELECT EXISTS (SELECT FROM pawl_effects WHERE id >= $1 AND id <= $2 AND "
      "lease_until_us > " +
          std::string(now_us_sql) + " AND state IN ('sending', 'polling', 'inquiring'))",
      Parameters().integer(first_id_of(lane)).integer(last_id_of(lane)));
  const auto outcome = round.run(deadline_in(deadline_ms(shared)));
  if (!outcome) return std::unexpected(store_error(outcome.error()));
  return outcome[0].boolean(0, 0);
}

// Nothing: its holder lives, or another process was faster.
Result<std::optional<TakenLane>> take(Connection& connection, const LaneShared& shared,
                                      const LaneRow& lane, LaneWish wish) {
  Parameters parameters;
  parameters.integer(lane.id).integer(lane.epoch).integer(lane.held_until_us);
  const std::string self = new_holder();
  // Added first: who is fenced by this very statement may have claimed something just before.
  const std::string holders = lane.provably_dead ? self : lane.holders + " " + self;
  parameters.text(holders);
  parameters.integer(shared.options.lane_lease_ms * 1'000LL);
  parameters.boolean(wish == LaneWish::orphaned);
  Pipeline round(connection);
  round.add("UPDATE pawl_lanes SET epoch = " + next_epoch_sql +
                ", holder = $4, adopted = $6, held_until_us = " + std::string(now_us_sql) +
                " + $5 WHERE id = $1 AND epoch = $2 AND held_until_us = $3 RETURNING epoch",
            parameters);
  const auto outcome = round.run(deadline_in(deadline_ms(shared)));
  if (!outcome) {
    // Its holder is in the middle of a commit.
    if (outcome.error().kind == SqlErrorKind::lock_timeout) return std::optional<TakenLane>();
    return std::unexpected(store_error(outcome.error()));
  }
  if (outcome[0].rows() == 0) return std::optional<TakenLane>();
  TakenLane taken{lane.id, outcome[0].integer(0, 0), lane.provably_dead, holders};
  if (lane.provably_dead) return taken;
  const auto leases = has_leases(connection, shared, lane.id);
  if (!leases) return std::unexpected(leases.error());
  if (*leases) return taken;
  Pipeline alone(connection);
  alone.add("UPDATE pawl_lanes SET holder = $3 WHERE id = $1 AND epoch = $2",
            Parameters().integer(taken.id).integer(taken.epoch).text(self));
  const auto forgotten = alone.run(deadline_in(deadline_ms(shared)));
  if (!forgotten) return std::unexpected(store_error(forgotten.error()));
  taken.holder = self;
  return taken;
}

Result<std::optional<TakenLane>> make(Connection& connection, const LaneShared& shared) {
  Parameters parameters;
  const std::string self = new_holder();
  parameters.text(self).integer(shared.options.lane_lease_ms * 1'000LL);
  parameters.integer(store::max_lanes - 1);
  parameters.integer(store::sequences_per_restore);
  Pipeline round(connection);
  round.add(
      "INSERT INTO pawl_lanes (id, epoch, next_sequence, held_until_us, holder, adopted) SELECT "
      "max_id + 1, " +
          std::string(now_us_sql) + ", 1 + (SELECT restores FROM pawl_store) * $4, " +
          std::string(now_us_sql) +
          " + $2, $1, false FROM (SELECT coalesce(max(id), -1) AS max_id FROM pawl_lanes) AS known "
          "WHERE max_id < $3 ON CONFLICT (id) DO NOTHING RETURNING id, epoch",
      parameters);
  const auto outcome = round.run(deadline_in(deadline_ms(shared)));
  if (!outcome) {
    if (outcome.error().kind == SqlErrorKind::lock_timeout) return std::optional<TakenLane>();
    return std::unexpected(store_error(outcome.error()));
  }
  if (outcome[0].rows() == 0) return std::optional<TakenLane>();
  return TakenLane{static_cast<std::int32_t>(outcome[0].integer(0, 0)), outcome[0].integer(0, 1),
                   true, self};
}

Result<bool> has_work(Connection& connection, const LaneShared& shared, std::int32_t lane) {
  Parameters parameters;
  parameters.integer(first_id_of(lane)).integer(last_id_of(lane)).integer(lane);
  parameters.texts(shared.known_machines);
  const auto found =
      run_one(connection, shared.statements.has_work, parameters, deadline_in(deadline_ms(shared)));
  if (!found) return std::unexpected(store_error(found.error()));
  return found->boolean(0, 0);
}

}  // namespace

Result<std::optional<TakenLane>> take_lane_row(Connection& connection, const LaneShared& shared,
                                               LaneWish wish) {
  for (int tries = 0; tries < max_tries; ++tries) {
    const auto lanes = read_lanes(connection, shared);
    if (!lanes) return std::unexpected(lanes.error());
    for (const LaneRow& lane : *lanes) {
      if (!lane.lapsed && !lane.provably_dead) continue;
      if (wish == LaneWish::orphaned) {
        const auto work = has_work(connection, shared, lane.id);
        if (!work) return std::unexpected(work.error());
        if (!*work) continue;
      }
      auto taken = take(connection, shared, lane, wish);
      if (!taken || *taken) return taken;
    }
    if (wish == LaneWish::orphaned) return std::optional<TakenLane>();
    // One that another process drives beside its own, so that lanes do not grow without end.
    for (const LaneRow& lane : *lanes) {
      if (!lane.adopted) continue;
      auto taken = take(connection, shared, lane, wish);
      if (!taken || *taken) return taken;
    }
    auto made = make(connection, shared);
    if (!made || *made) return made;
  }
  return fail(protocol::store_failed, "there is no lane to be had: too many processes");
}

}  // namespace pawl::postgres
