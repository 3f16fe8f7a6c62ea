// SPDX-License-Identifier: Apache-2.0
//
// One round trip: statements are queued, sent together and answered together. Without a BEGIN
// everything up to a sync() is one transaction, of which nothing stays when one statement fails;
// after a failure the rest up to that sync() is skipped. A COMMIT sent as a statement takes effect
// when the server reads it, also where its answer never comes: Outcome says for each statement
// whether it can have run.
//
//   Pipeline round(connection);
//   round.add("BEGIN");
//   const auto read = round.add(lock_rows, parameters);
//   auto outcome = round.run(deadline_in(5'000));
//   if (!outcome) ... outcome.error()
//   outcome[read].integer(0, 0)
#pragma once

#include <optional>

#include "store/postgres/connection.h"

namespace pawl::postgres {

// A statement that is prepared where it is first used. Its name stands for its SQL in the whole
// program.
struct Statement {
  std::string name;
  std::string sql;
  std::vector<Type> types;
};

enum class Progress : std::uint8_t { nothing_sent, sent, partly_answered, answered };

struct Outcome {
  std::vector<ResultSet> results;  // one for each statement
  std::vector<Warning> warnings;   // at a sync() they are the last statement's before it
  Progress progress = Progress::nothing_sent;
  // Of the first that failed or, when the connection did, was not answered. Several transactions in
  // one round can each fail; the others' results say so.
  std::optional<SqlError> failure;
  std::size_t failed_at = 0;

  explicit operator bool() const { return !failure; }
  const SqlError& error() const { return *failure; }
  const ResultSet& operator[](std::size_t statement) const { return results[statement]; }
  // May the statement have reached the server, run, and never been answered? Then only the server
  // can say what came of it.
  bool in_doubt(std::size_t statement) const;
  bool warned(std::size_t statement) const;
};

class Pipeline {
 public:
  explicit Pipeline(Connection& connection);
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;
  // One that was filled and not run closes the connection: nothing of it may reach the server
  // later.
  ~Pipeline();

  // The statement's index in the Outcome. A failure to queue shows in run().
  std::size_t add(const Statement& statement, const Parameters& parameters);
  // Parsed anew, one statement without parameters: BEGIN, COMMIT, SET.
  std::size_t add(const std::string& sql);
  std::size_t add(const std::string& sql, const Parameters& parameters);
  void sync();
  std::size_t size() const { return results_.size(); }

  // Closes with a sync() where there is none, sends, and reads every answer. Once.
  Outcome run(Deadline deadline);

 private:
  enum class Step : std::uint8_t { prepare, statement, sync };
  struct Expected {
    Step step;
    std::size_t statement;
  };

  // Begins a statement; false: the connection is of no use.
  bool begin(const std::string& name);
  void sent_to_libpq(bool accepted, Step step, std::size_t bytes);
  bool read_results();
  bool take(PGresult* result);
  bool take_end();
  void answer(Answer answer, PGresult* result);
  void fail(std::size_t at, SqlError error);
  void break_off(std::string why);
  void misuse(std::string why);
  bool complete() const { return next_ == expected_.size(); }
  Outcome finish();

  Connection::Core* core_;
  std::vector<std::string> names_;  // of the statements
  std::vector<ResultSet> results_;
  std::vector<Expected> expected_;
  std::size_t next_ = 0;          // in expected_
  bool have_result_ = false;      // of expected_[next_]; libpq marks its end by a null after it
  std::size_t queued_bytes_ = 0;  // never less than what libpq holds back
  std::size_t may_be_sent_ = 0;   // statements of which bytes may have left
  bool synced_ = true;
  bool broken_ = false;
  bool ran_ = false;
  std::optional<SqlError> failure_;
  std::size_t failed_at_ = 0;
};

// A round of one statement.
std::expected<ResultSet, SqlError> run_one(Connection& connection, const Statement& statement,
                                           const Parameters& parameters, Deadline deadline);
std::expected<ResultSet, SqlError> run_one(Connection& connection, const std::string& sql,
                                           Deadline deadline);

}  // namespace pawl::postgres
