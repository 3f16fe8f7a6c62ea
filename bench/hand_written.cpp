// SPDX-License-Identifier: Apache-2.0
#include <sqlite3.h>

#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "workload.h"

namespace pawl::bench {

class HandWrittenSide::Impl {
 public:
  Impl(const std::string& path, int entities) : entities_(entities) {
    check(sqlite3_open(path.c_str(), &db_));
    run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536;"
        "PRAGMA wal_autocheckpoint = 8192;"
        "CREATE TABLE accounts (id TEXT PRIMARY KEY, state TEXT NOT NULL, balance INTEGER NOT "
        "NULL, version INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
        "CREATE TABLE journal (id INTEGER PRIMARY KEY, entry TEXT NOT NULL) STRICT;"
        "CREATE TABLE effects (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, account TEXT NOT NULL, "
        "payload TEXT NOT NULL, state TEXT NOT NULL, next_at INTEGER NOT NULL) STRICT;"
        "CREATE TABLE receipts (id TEXT PRIMARY KEY, reply TEXT NOT NULL, created INTEGER NOT "
        "NULL) STRICT, WITHOUT ROWID;");
    run("BEGIN");
    sqlite3_stmt* insert = prepare("INSERT INTO accounts VALUES (?1, 'idle', 1, 1)");
    for (int i = 0; i < entities; ++i) {
      const std::string name = account_name(i);
      text(insert, 1, name);
      step(insert);
    }
    run("COMMIT");
    sqlite3_finalize(insert);
    begin_ = prepare("BEGIN IMMEDIATE");
    select_ = prepare("SELECT state, balance, version FROM accounts WHERE id = ?1");
    receipt_ = prepare("SELECT reply FROM receipts WHERE id = ?1");
    update_ = prepare(
        "UPDATE accounts SET state = ?2, balance = ?3, version = version + 1 WHERE id = ?1 AND "
        "version = ?4");
    journal_ = prepare("INSERT INTO journal (entry) VALUES (?1)");
    effect_ = prepare(
        "INSERT INTO effects (kind, account, payload, state, next_at) VALUES ('notify', ?1, ?2, "
        "'ready', ?3)");
    store_receipt_ = prepare("INSERT INTO receipts VALUES (?1, ?2, ?3)");
    commit_ = prepare("COMMIT");
  }

  ~Impl() {
    for (sqlite3_stmt* statement :
         {begin_, select_, receipt_, update_, journal_, effect_, store_receipt_, commit_}) {
      sqlite3_finalize(statement);
    }
    sqlite3_close(db_);
  }

  void transition(const std::string& account, const std::string& id) {
    step(begin_);
    text(receipt_, 1, id);
    if (sqlite3_step(receipt_) == SQLITE_ROW) std::abort();  // ids are fresh
    sqlite3_reset(receipt_);
    text(select_, 1, account);
    if (sqlite3_step(select_) != SQLITE_ROW) std::abort();
    const std::string from = reinterpret_cast<const char*>(sqlite3_column_text(select_, 0));
    const std::int64_t balance = sqlite3_column_int64(select_, 1);
    const std::int64_t version = sqlite3_column_int64(select_, 2);
    sqlite3_reset(select_);
    const std::string to = from == "idle" ? "moving" : "idle";
    text(update_, 1, account);
    text(update_, 2, to);
    sqlite3_bind_int64(update_, 3, balance + 1);
    sqlite3_bind_int64(update_, 4, version);
    step(update_);
    if (sqlite3_changes(db_) != 1) std::abort();
    const std::string entry = "{\"machine\":\"account\",\"key\":\"" + account +
                              "\",\"version\":" + std::to_string(version + 1) +
                              ",\"command\":\"bench.move\",\"source\":\"request\"," +
                              "\"who\":\"bench\",\"id\":\"" + id + "\",\"from\":\"" + from +
                              "\",\"to\":\"" + to + "\",\"why\":\"moved\",\"previous\":[0,1,2]}";
    text(journal_, 1, entry);
    step(journal_);
    const std::string payload = "{\"account\":\"" + account + "\",\"amount\":1,\"command\":\"" +
                                id + "\",\"schema_number\":1}";
    text(effect_, 1, account);
    text(effect_, 2, payload);
    sqlite3_bind_int64(effect_, 3, version);
    step(effect_);
    text(store_receipt_, 1, id);
    text(store_receipt_, 2, to);
    sqlite3_bind_int64(store_receipt_, 3, version);
    step(store_receipt_);
    step(commit_);
  }

  int entities() const { return entities_; }
  std::uint64_t next = 1;

 private:
  void check(int code) {
    if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW) return;
    std::fprintf(stderr, "hand-written: %s\n", sqlite3_errmsg(db_));
    std::exit(1);
  }
  void run(const char* sql) { check(sqlite3_exec(db_, sql, nullptr, nullptr, nullptr)); }
  sqlite3_stmt* prepare(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    check(sqlite3_prepare_v2(db_, sql, -1, &statement, nullptr));
    return statement;
  }
  void text(sqlite3_stmt* statement, int index, const std::string& value) {
    sqlite3_bind_text64(statement, index, value.data(), value.size(), SQLITE_STATIC, SQLITE_UTF8);
  }
  void step(sqlite3_stmt* statement) {
    check(sqlite3_step(statement));
    sqlite3_reset(statement);
  }

  sqlite3* db_ = nullptr;
  int entities_;
  sqlite3_stmt* begin_ = nullptr;
  sqlite3_stmt* select_ = nullptr;
  sqlite3_stmt* receipt_ = nullptr;
  sqlite3_stmt* update_ = nullptr;
  sqlite3_stmt* journal_ = nullptr;
  sqlite3_stmt* effect_ = nullptr;
  sqlite3_stmt* store_receipt_ = nullptr;
  sqlite3_stmt* commit_ = nullptr;
};

HandWrittenSide::HandWrittenSide(const std::string& path, int entities)
    : impl_(std::make_unique<Impl>(path, entities)) {}

HandWrittenSide::~HandWrittenSide() = default;

void HandWrittenSide::transition(const std::string& account, const std::string& id) {
  impl_->transition(account, id);
}

Sample HandWrittenSide::run(double seconds) {
  std::mt19937 random(static_cast<unsigned>(impl_->next));
  std::uniform_int_distribution<int> pick(0, impl_->entities() - 1);
  std::vector<std::int64_t> latencies;
  latencies.reserve(1'000'000);
  const double cpu_before = cpu_seconds_now();
  const double begin = seconds_now();
  double now = begin;
  while (now < begin + seconds) {
    impl_->transition(account_name(pick(random)), "move-" + std::to_string(impl_->next++));
    const double after = seconds_now();
    latencies.push_back(static_cast<std::int64_t>((after - now) * 1e6));
    now = after;
  }
  const auto count = static_cast<double>(latencies.size());
  return summarise(latencies, now - begin, cpu_seconds_now() - cpu_before, count);
}

}  // namespace pawl::bench
