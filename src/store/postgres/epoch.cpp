// SPDX-License-Identifier: Apache-2.0
//
// A database that PostgreSQL's own tools restored becomes a new epoch of its store, in one
// transaction: every effect that had not ended is to be inquired about, and each lane goes on with
// numbers that the forgotten life cannot have given out.
#include <pawl/backup.h>

#include <algorithm>

#include "store/journal_page.h"
#include "store/postgres/pipeline.h"
#include "store/postgres/postgres_store.h"
#include "store/postgres/rows.h"
#include "store/postgres/schema.h"
#include "store/postgres/store_error.h"

namespace pawl::postgres {

namespace {

// Numbers to be passed over: more than can have been given out since the newest commit.
constexpr std::int64_t commits_per_second = 10'000;
constexpr std::int64_t min_skipped = std::int64_t{1} << 20;
constexpr std::int64_t max_skipped = store::sequences_per_restore;

struct Found {
  std::string store_id;
  std::int64_t restores = 0;
  Time now;
  Time newest_commit;
};

class Epoch {
 public:
  Epoch(Connection& connection, const Registry& registry)
      : connection_(connection), registry_(registry) {}

  Result<EpochFacts> begin();

 private:
  Result<ResultSet> ask(const std::string& sql, const Parameters& parameters = {});
  // Locks all that makes the epoch; store_locked while a process holds a lane.
  Result<Found> look();
  Result<void> leap(const Found& found);
  Result<std::int64_t> make_unknown(Time now);

  Connection& connection_;
  const Registry& registry_;
};

Result<ResultSet> Epoch::ask(const std::string& sql, const Parameters& parameters) {
  Pipeline round(connection_);
  round.add(sql, parameters);
  auto outcome = round.run(deadline_in(max_migration_ms));
  if (!outcome) return std::unexpected(store_error(outcome.error()));
  return std::move(outcome.results[0]);
}

Result<Found> Epoch::look() {
  const auto store =
      ask("SELECT store_id, restores, " + std::string(now_us_sql) + " FROM pawl_store FOR UPDATE");
  if (!store) return std::unexpected(store.error());
  if (store->rows() == 0) return fail(schema_differs, "pawl_store is empty");
  Found out{text_of(*store, 0, 0), store->integer(0, 1), Time{store->integer(0, 2)}, Time{}};
  if (out.restores + 1 >= store::max_restores) {
    return fail(backup_failed, "a store can be restored so often only: " +
                                   std::to_string(store::max_restores - 1));
  }
  const auto lanes = ask("SELECT id, held_until_us, holder FROM pawl_lanes ORDER BY id FOR UPDATE");
  if (!lanes) return std::unexpected(lanes.error());
  for (int row = 0; row < lanes->rows(); ++row) {
    if (lanes->integer(row, 1) <= out.now.us) continue;
    return fail(store_locked, "lane " + std::to_string(lanes->integer(row, 0)) + " is held by " +
                                  text_of(*lanes, row, 2) + " until " +
                                  to_rfc3339(Time{lanes->integer(row, 1)}));
  }
  const auto newest =
      ask("SELECT coalesce(max(j.time_us), 0) FROM pawl_lanes l CROSS JOIN LATERAL (SELECT time_us "
          "FROM pawl_journal WHERE lane = l.id ORDER BY sequence DESC LIMIT 1) j");
  if (!newest) return std::unexpected(newest.error());
  out.newest_commit = Time{newest->integer(0, 0)};
  return out;
}

Result<void> Epoch::leap(const Found& found) {
  const auto store = ask(
      "UPDATE pawl_store SET restores = restores + 1, restored_us = $1, epoch = (restores + 1) || "
      "'-' || substr(md5(gen_random_uuid()::text), 1, 8)",
      Parameters().integer(found.now.us));
  if (!store) return std::unexpected(store.error());
  const std::int64_t elapsed =
      std::max<std::int64_t>(0, found.now.us - found.newest_commit.us) / 1'000'000;
  const std::int64_t skipped =
      std::clamp(std::min(elapsed, max_skipped) * commits_per_second, min_skipped, max_skipped);
  // A lane without a commit begins like one that is new.
  const auto lanes =
      ask("UPDATE pawl_lanes l SET epoch = " + next_epoch_sql +
              ", held_until_us = 0, holder = '', adopted = false, "
              "next_sequence = coalesce((SELECT greatest(l.next_sequence, max(j.sequence) + 1) + "
              "$1 FROM pawl_journal j WHERE j.lane = l.id), $2)",
          Parameters().integer(skipped).integer(store::first_sequence(found.restores + 1)));
  if (!lanes) return std::unexpected(lanes.error());
  return {};
}

// What had not ended may have been sent since: also what was only ready. Its key stays the same.
// The token rises, as with whatever changes a row: who has an older one in memory reads it again.
Result<std::int64_t> Epoch::make_unknown(Time now) {
  const std::string line = to_rfc3339(now) + " restored from a backup\n";
  const auto changed = ask(
      "UPDATE pawl_effects SET state = 'unknown', token = token + 1, inquiry = 0, maybe_sent = 1, "
      "lease_until_us = 0, next_at_us = $1, history = CASE WHEN length(history) > 3900 THEN "
      "history ELSE history || $2 END",
      Parameters().integer(now.us).text(line));
  if (!changed) return std::unexpected(changed.error());
  const auto kinds = ask("SELECT DISTINCT kind FROM pawl_effects");
  if (!kinds) return std::unexpected(kinds.error());
  for (int row = 0; row < kinds->rows(); ++row) {
    const EffectSpec* spec = registry_.find_effect(kinds->text_view(row, 0));
    if (spec == nullptr || spec->policy.resend != ResendRule::not_after) continue;
    // Its last sender is gone by now, but its bytes may be on their way until then.
    const auto late =
        ask("UPDATE pawl_effects SET not_after_us = greatest(not_after_us, $2) WHERE kind = $1",
            Parameters()
                .text(kinds->text_view(row, 0))
                .integer(now.plus_ms(spec->policy.not_after_ms).us));
    if (!late) return std::unexpected(late.error());
  }
  return changed->affected();
}

Result<EpochFacts> Epoch::begin() {
  if (auto begun = ask("BEGIN ISOLATION LEVEL READ COMMITTED"); !begun) {
    return std::unexpected(begun.error());
  }
  // On failure the transaction ends with the connection.
  const auto found = look();
  if (!found) return std::unexpected(found.error());
  if (auto leapt = leap(*found); !leapt) return std::unexpected(leapt.error());
  const auto unknown = make_unknown(found->now);
  if (!unknown) return std::unexpected(unknown.error());
  const auto epoch = ask("SELECT epoch FROM pawl_store");
  if (!epoch) return std::unexpected(epoch.error());
  const auto ended = ask("COMMIT");
  if (!ended) return std::unexpected(ended.error());
  if (ended->tag() != "COMMIT") return fail(backup_failed, "the epoch was not committed");
  return EpochFacts{found->store_id, text_of(*epoch, 0, 0), found->newest_commit, *unknown};
}

}  // namespace

}  // namespace pawl::postgres

namespace pawl {

Result<EpochFacts> begin_postgres_epoch(const PostgresOptions& options, const Registry& registry) {
  if (auto sound = registry.check(); !sound) return std::unexpected(sound.error());
  auto session = postgres::session_options(options, "epoch");
  session.statement_timeout_ms = postgres::max_migration_ms;
  session.lock_timeout_ms = postgres::max_migration_ms;
  session.idle_in_transaction_timeout_ms = postgres::max_migration_ms;
  auto connection = postgres::Connection::open(session);
  if (!connection) return std::unexpected(connection.error());
  const auto store = postgres::run_one(*connection, "SELECT to_regclass('pawl_store') IS NOT NULL",
                                       postgres::deadline_in(postgres::max_migration_ms));
  if (!store) return std::unexpected(postgres::store_error(store.error()));
  if (!store->boolean(0, 0)) {
    return fail(schema_differs, "there is no store in the schema " + options.schema);
  }
  if (auto done = postgres::prepare_schema(*connection, options.schema, registry, true); !done) {
    return std::unexpected(done.error());
  }
  return postgres::Epoch(*connection, registry).begin();
}

}  // namespace pawl
