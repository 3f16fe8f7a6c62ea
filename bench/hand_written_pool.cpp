// SPDX-License-Identifier: Apache-2.0
#include "hand_written_pool.h"

#include <libpq-fe.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "database.h"

namespace pawl::bench {

namespace {

constexpr const char* schema = R"sql(
DROP TABLE IF EXISTS pool_accounts, pool_journal, pool_effects, pool_receipts;
CREATE TABLE pool_accounts (id text PRIMARY KEY, state text NOT NULL, balance bigint NOT NULL,
  version bigint NOT NULL) WITH (fillfactor = 70);
CREATE TABLE pool_journal (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  account text NOT NULL, entry text NOT NULL);
CREATE TABLE pool_effects (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind text NOT NULL,
  account text NOT NULL, payload text NOT NULL, state text NOT NULL, next_at timestamptz NOT NULL);
CREATE TABLE pool_receipts (id text PRIMARY KEY, reply text NOT NULL, created timestamptz NOT NULL);
)sql";

struct Prepared {
  const char* name;
  const char* sql;
};
constexpr std::array<Prepared, 7> statements{{
    {"begin", "BEGIN"},
    {"select", "SELECT state, balance, version FROM pool_accounts WHERE id = $1 FOR UPDATE"},
    {"update",
     "UPDATE pool_accounts SET state = $2, balance = $3, version = version + 1 WHERE id = $1 AND "
     "version = $4"},
    {"journal", "INSERT INTO pool_journal (account, entry) VALUES ($1, $2)"},
    {"effect",
     "INSERT INTO pool_effects (kind, account, payload, state, next_at) VALUES ('notify', $1, $2, "
     "'ready', now())"},
    {"receipt", "INSERT INTO pool_receipts VALUES ($1, $2, now()) ON CONFLICT DO NOTHING"},
    {"commit", "COMMIT"},
}};

class Session {
 public:
  explicit Session(const std::string& url) : connection_(PQconnectdb(url.c_str())) {
    for (const Prepared& statement : statements) {
      check(PQprepare(connection_, statement.name, statement.sql, 0, nullptr));
    }
  }
  ~Session() { PQfinish(connection_); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void transition(const std::string& account, const std::string& id) {
    run("begin", {});
    PGresult* row = check(execute("select", {account}), false);
    if (PQntuples(row) != 1) give_up();
    const std::string from = PQgetvalue(row, 0, 0);
    const std::string balance = std::to_string(std::atoll(PQgetvalue(row, 0, 1)) + 1);
    const std::string version = PQgetvalue(row, 0, 2);
    PQclear(row);
    const std::string to = from == "idle" ? "moving" : "idle";
    run("update", {account, to, balance, version});
    run("journal",
        {account, "{\"machine\":\"account\",\"key\":\"" + account + "\",\"version\":" + version +
                      ",\"command\":\"bench.move\",\"source\":\"request\",\"who\":"
                      "\"bench\",\"id\":\"" +
                      id + "\",\"from\":\"" + from + "\",\"to\":\"" + to +
                      "\",\"why\":\"moved\",\"previous\":[0,1,2]}"});
    run("effect", {account, "{\"account\":\"" + account + "\",\"amount\":1,\"command\":\"" + id +
                                "\",\"schema_number\":1}"});
    run("receipt", {id, to});
    run("commit", {});
  }

 private:
  [[noreturn]] void give_up() {
    std::fprintf(stderr, "by hand: %s\n", PQerrorMessage(connection_));
    std::exit(1);
  }
  PGresult* execute(const char* name, const std::vector<std::string>& parameters) {
    std::vector<const char*> values;
    for (const auto& parameter : parameters) values.push_back(parameter.c_str());
    return PQexecPrepared(connection_, name, static_cast<int>(values.size()), values.data(),
                          nullptr, nullptr, 0);
  }
  PGresult* check(PGresult* result, bool clear = true) {
    const auto status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) give_up();
    if (clear) PQclear(result);
    return result;
  }
  void run(const char* name, const std::vector<std::string>& parameters) {
    check(execute(name, parameters));
  }

  PGconn* connection_;
};

}  // namespace

HandWrittenPool::HandWrittenPool(std::string url, int connections) : url_(std::move(url)) {
  for (int i = 0; i < connections; ++i) threads_.emplace_back([this] { serve(); });
}

HandWrittenPool::~HandWrittenPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void HandWrittenPool::transition(std::string account, std::string id, std::function<void()> done) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back({std::move(account), std::move(id), std::move(done)});
  }
  wake_.notify_one();
}

void HandWrittenPool::serve() {
  Session session(url_);
  while (true) {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const Request request = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    session.transition(request.account, request.id);
    request.done();
  }
}

void make_hand_written_tables(const std::string& url, int entities) {
  sql(url, schema);
  sql(url,
      "INSERT INTO pool_accounts SELECT 'account_' || lpad(i::text, 8, '0'), 'idle', 1, 1 FROM "
      "generate_series(0, " +
          std::to_string(entities) + " - 1) AS i");
  sql(url, "VACUUM ANALYZE pool_accounts");
}

}  // namespace pawl::bench
