// SPDX-License-Identifier: Apache-2.0
//
// Committed rows for answers and listings, on read-only connections of their own: each call is one
// statement, so no read transaction outlives it and the WAL can always be checkpointed.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "store/sqlite/sqlite_store.h"

namespace pawl::sqlite {

class SqliteReads final : public Reads {
 public:
  static Result<std::unique_ptr<SqliteReads>> open(const SqliteOptions& options,
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
  struct Reader {
    Connection connection;
    std::map<std::string, Statement, std::less<>> statements;
    Result<Statement*> cached(const std::string& sql);
  };
  // Borrows a reader, waiting until one is free.
  class Lease {
   public:
    explicit Lease(SqliteReads& reads);
    ~Lease();
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Reader* operator->() const { return reader_; }

   private:
    SqliteReads& reads_;
    Reader* reader_;
  };

  explicit SqliteReads(const Registry& registry) : registry_(registry) {}
  Result<std::vector<AlertInfo>> select_alerts(const std::string& rest, int limit);

  const Registry& registry_;
  std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<std::unique_ptr<Reader>> readers_;
  std::vector<Reader*> free_;
};

}  // namespace pawl::sqlite
