// SPDX-License-Identifier: Apache-2.0
//
// Schedules of the SQL model, driven statement by statement on SQLite: who must wait is told
// SQLITE_BUSY, and every answer is the model's.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <string>

#include "checker/schedule_lines.h"
#include "checker/schedules.h"
#include "seed.h"

namespace pawl::check::sql {
namespace {

constexpr int of_each_scenario = 60;

class SqliteSessions {
 public:
  SqliteSessions() {
    directory_ = std::filesystem::temp_directory_path() /
                 ("pawl-schedules-" + std::to_string(std::random_device{}()));
    std::filesystem::create_directories(directory_);
  }
  SqliteSessions(const SqliteSessions&) = delete;
  SqliteSessions& operator=(const SqliteSessions&) = delete;
  ~SqliteSessions() {
    for (std::size_t i = 0; i < sessions_.size(); ++i) cut(i);
    std::filesystem::remove_all(directory_);
  }

  // What the model calls the answer.
  std::string run(std::size_t session, const std::string& sql) {
    sqlite3* database = open(session);
    sqlite3_stmt* statement = nullptr;
    std::string rows;
    if (sqlite3_prepare_v2(database, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) {
      return std::string("error:") + sqlite3_errmsg(database);
    }
    int code = SQLITE_ROW;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
      if (!rows.empty()) rows += ";";
      for (int c = 0; c < sqlite3_column_count(statement); ++c) {
        rows += (c > 0 ? "," : "") + std::to_string(sqlite3_column_int64(statement, c));
      }
    }
    const bool answers = sqlite3_column_count(statement) > 0;
    sqlite3_finalize(statement);
    if (code == SQLITE_BUSY) return "blocked";
    // The model has PostgreSQL's names.
    if (code == SQLITE_CONSTRAINT) return "error:23505";
    if (code != SQLITE_DONE) return std::string("error:") + sqlite3_errmsg(database);
    return answers ? "rows:" + rows : "count:" + std::to_string(sqlite3_changes(database));
  }

  void set_up(const std::string& sql) {
    char* wrong = nullptr;
    sqlite3_exec(open(0), "PRAGMA journal_mode = WAL", nullptr, nullptr, nullptr);
    ASSERT_EQ(sqlite3_exec(open(0), sql.c_str(), nullptr, nullptr, &wrong), SQLITE_OK) << wrong;
  }

  void cut(std::size_t session) {
    if (sessions_[session] != nullptr) sqlite3_close(sessions_[session]);
    sessions_[session] = nullptr;
  }

 private:
  sqlite3* open(std::size_t session) {
    sqlite3*& database = sessions_[session];
    if (database == nullptr) {
      EXPECT_EQ(sqlite3_open((directory_ / "data").c_str(), &database), SQLITE_OK);
      // No power is lost here.
      sqlite3_exec(database, "PRAGMA synchronous = OFF", nullptr, nullptr, nullptr);
    }
    return database;
  }

  std::filesystem::path directory_;
  std::array<sqlite3*, max_sessions> sessions_{};
};

void drive(const Schedule& schedule) {
  SqliteSessions sessions;
  sessions.set_up(schedule.setup);
  std::array<std::string, max_sessions> waiting;
  for (std::size_t i = 0; i < schedule.lines.size(); ++i) {
    const ScheduleLine& line = schedule.lines[i];
    std::string answer;
    if (line.kind == "step") {
      waiting[line.session] = line.sql;
      answer = sessions.run(line.session, line.sql);
    } else if (line.kind == "goes_on") {
      answer = sessions.run(line.session, waiting[line.session]);
    } else if (line.kind == "rollback") {
      answer = sessions.run(line.session, "ROLLBACK");
    } else if (line.kind == "cut") {
      sessions.cut(line.session);
    } else {
      answer = sessions.run(max_sessions - 1, "SELECT * FROM " + line.table + " ORDER BY id");
    }
    const bool any = line.expected == "done" || line.expected.empty();
    if (any) {
      ASSERT_FALSE(answer == "blocked" || answer.starts_with("error:")) << answer << "\n"
                                                                        << schedule.until(i);
    } else {
      ASSERT_EQ(answer, line.expected) << schedule.until(i);
    }
  }
}

TEST(SqliteSchedules, AnswerAsTheModelDoes) {
  const std::uint64_t seed = pawl::test::seed_of_run();
  std::printf("PAWL_SEED=%llu\n", static_cast<unsigned long long>(seed));
  const auto all = read_schedules(schedules(Dialect::sqlite, seed, of_each_scenario));
  ASSERT_FALSE(all.empty());
  std::size_t waits = 0;
  for (const Schedule& schedule : all) {
    for (const ScheduleLine& line : schedule.lines) waits += line.expected == "blocked" ? 1 : 0;
    drive(schedule);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(waits, 0U);
}

}  // namespace
}  // namespace pawl::check::sql
