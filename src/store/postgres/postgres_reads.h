// SPDX-License-Identifier: Apache-2.0
//
// Committed rows for answers and listings, on a few connections that threads share. Each call is
// one statement, so it sees one moment and holds no transaction; a timeline is one statement for
// each step. One whose connection was lost is asked once more, as nothing is changed here; one that
// was not answered in time is not.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "store/postgres/connection_pool.h"
#include "store/postgres/pipeline.h"
#include "store/store.h"

namespace pawl::postgres {

class PostgresReads final : public Reads {
 public:
  // Connects when first asked. The registry must outlive it.
  static Result<std::unique_ptr<PostgresReads>> open(const PostgresOptions& options,
                                                     const Registry& registry);

  Result<EntitySlot> entity(const EntityRef& ref) override;
  Result<std::vector<Row>> query(const Query& query) override;
  Result<Aggregate> aggregate(const Query& query, std::string_view sum_column) override;
  Result<std::vector<TimelineEntry>> timeline(const EntityRef& ref, int limit) override;
  Result<std::optional<Time>> history_starts_at() override;
  Result<JournalPage> journal_after(const JournalCursor& place, int limit) override;
  Result<JournalCursor> journal_end() override;
  Result<std::vector<EffectInfo>> effects(bool with_ended, std::int64_t after_id,
                                          int limit) override;
  Result<std::optional<protocol::EffectRow>> effect(std::int64_t id) override;
  Result<std::vector<AlertInfo>> alerts(bool with_acked, int limit) override;
  Result<std::vector<AlertInfo>> undelivered_alerts(int limit) override;
  Result<std::vector<ParkedInfo>> parked(int limit) override;
  Result<StoreProgress> progress() override;
  Result<std::optional<protocol::ParkedRow>> parked_row(std::int64_t id) override;

 private:
  PostgresReads(const PostgresOptions& options, const Registry& registry);

  Result<ResultSet> ask(std::string_view sql, const Parameters& parameters);
  // One try, on a connection of the pool.
  Result<ResultSet> ask_once(const Statement& statement, const Parameters& parameters, bool& lost);
  // Prepared under a name of its own; without a name once there are too many.
  Statement statement_for(std::string_view sql, const Parameters& parameters);
  Result<std::vector<AlertInfo>> select_alerts(const std::string& rest, int limit);

  const Registry& registry_;
  const int checkout_ms_;
  const int answer_ms_;
  ConnectionPool pool_;
  std::mutex mutex_;
  std::map<std::string, std::string, std::less<>> names_;  // SQL -> name
};

}  // namespace pawl::postgres
