// SPDX-License-Identifier: Apache-2.0
#include "jobs.h"

#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "database.h"
#include "workload.h"

namespace pawl::bench {

namespace {

constexpr int asked_at_once = 2'000;
constexpr int patience_ms = 600'000;

enum class JobState { asked, done };
constexpr auto pawl_names(JobState) {
  return std::array<std::string_view, 2>{"asked", "done"};
}

struct Job {
  static constexpr std::string_view machine = "job";
  static constexpr std::string_view table = "jobs";
  std::string id;
  JobState state = JobState::asked;
  Time state_since;
  std::int64_t performed = 0;
  static constexpr auto fields() {
    return std::tuple{field("id", &Job::id), field("state", &Job::state),
                      field("state_since_us", &Job::state_since),
                      field("performed", &Job::performed)};
  }
};
constexpr std::string_view schema = R"sql(
CREATE TABLE jobs (id TEXT PRIMARY KEY, state TEXT NOT NULL, state_since_us INTEGER NOT NULL,
  performed INTEGER NOT NULL,
  pawl_version INTEGER NOT NULL, pawl_time_us INTEGER NOT NULL, pawl_lane INTEGER NOT NULL,
  pawl_sequence INTEGER NOT NULL, pawl_offset INTEGER NOT NULL, pawl_schema INTEGER NOT NULL
) STRICT, WITHOUT ROWID;)sql";
constexpr std::string_view postgres_schema = R"sql(
CREATE TABLE jobs (id text COLLATE "C" PRIMARY KEY, state text COLLATE "C" NOT NULL,
  state_since_us bigint NOT NULL, performed bigint NOT NULL,
  pawl_version bigint NOT NULL, pawl_time_us bigint NOT NULL, pawl_lane bigint NOT NULL,
  pawl_sequence bigint NOT NULL, pawl_offset bigint NOT NULL, pawl_schema bigint NOT NULL
) WITH (fillfactor = 50);)sql";

struct Perform {
  static constexpr std::string_view kind = "job.perform";
  std::string job;
  std::string command;
  std::string idempotency_key() const { return command; }
  static constexpr auto fields() {
    return std::tuple{field("job", &Perform::job), field("command", &Perform::command)};
  }
};
struct Performed {
  static constexpr std::string_view kind = "job.performed";
  std::string job;
  auto keys() const { return std::tuple{Key<Job>{job}}; }
  static Performed of(const Perform& effect, const EffectReport&) { return {effect.job}; }
};
Decision decide(const Performed&, Locked<Job>& job, const Context&) {
  Job next = *job;
  next.state = JobState::done;
  ++next.performed;
  return Change().update(job, next, "performed");
}
struct Ask {
  static constexpr std::string_view kind = "job.ask";
  std::string job;
  auto keys() const { return std::tuple{Key<Job>{job}}; }
  static constexpr auto fields() { return std::tuple{field("job", &Ask::job)}; }
};
Decision decide(const Ask& ask, Locked<Job>& job, const Context& now) {
  Change change;
  if (job.present()) {
    Job next = *job;
    next.state = JobState::asked;
    change.update(job, next, "asked again");
  } else {
    change.create(job, Job{ask.job, JobState::asked, {}, 0}, "asked");
  }
  change.effect(job, Perform{ask.job, std::string(now.command_id)});
  return change;
}

void must(bool good, const std::string& what) {
  if (good) return;
  std::fprintf(stderr, "bench: %s\n", what.c_str());
  std::exit(1);
}

}  // namespace

void Performer::start(const EffectCall& call, Done done) {
  if (call.purpose == EffectCall::Purpose::perform) performed_.fetch_add(1);
  if (answers_) done(EffectAnswer(Outcome::confirmed));
}

Jobs::Jobs(const Options& options, const std::string& file, JobsOptions wanted)
    : options_(options) {
  EffectPolicy policy{.resend = ResendRule::dedup, .destination = "far"};
  policy.concurrency = wanted.concurrency;
  policy.send_timeout_ms = patience_ms;
  policy.lease_ttl_ms = patience_ms * 2;
  registry_.machine<Job>()
      .initial(JobState::asked)
      .move(JobState::asked, JobState::done)
      .move(JobState::done, JobState::asked)
      .effect<Perform, Performed>(policy);
  registry_.migration({"bench", 1, schema, postgres_schema});
  if (wanted.fresh && options.store == "postgres") {
    sql(options.url, std::string("DROP SCHEMA IF EXISTS ") + bench_schema + " CASCADE");
  }
  auto store = open_store(options, file, registry_);
  must(store.has_value(), store ? "" : store.error().text());
  engine_ = std::make_unique<Engine>(std::move(*store), registry_, engine_options(options));
  if (wanted.performer) engine_->handle_effect(Perform::kind, wanted.performer);
}

Jobs::~Jobs() {
  engine_->stop();
}

void Jobs::start() {
  const auto started = engine_->start();
  must(started.has_value(), started ? "" : started.error().text());
}

void Jobs::ask(int job, std::function<void()> done) {
  engine_->submit(Ask{"job_" + account_name(job)},
                  {.principal = "bench",
                   .id = "ask-" + std::to_string(::getpid()) + "-" + std::to_string(next_++)},
                  [done = std::move(done)](const Result<Receipt>& receipt) {
                    must(receipt && receipt->done,
                         receipt ? "a job was refused" : receipt.error().text());
                    done();
                  });
}

void Jobs::ask_all(int count) {
  next_job_ = std::max(next_job_, count);
  std::atomic<int> waiting = 0;
  for (int i = 0; i < count; ++i) {
    for (int now = waiting.load(); now >= asked_at_once; now = waiting.load()) waiting.wait(now);
    waiting.fetch_add(1);
    ask(i, [&waiting] {
      waiting.fetch_sub(1);
      waiting.notify_one();
    });
  }
  for (int now = waiting.load(); now > 0; now = waiting.load()) waiting.wait(now);
}

std::int64_t Jobs::ask_for(double seconds, int count, int in_flight) {
  std::mt19937 random(static_cast<unsigned>(next_));
  std::uniform_int_distribution<int> among(0, std::max(0, count - 1));
  const auto pick = [&] { return count == 0 ? next_job_++ : among(random); };
  std::atomic<int> waiting = 0;
  const int resume_at = in_flight - std::max(1, in_flight / 8);
  std::int64_t asked = 0;
  const double end = seconds_now() + seconds;
  while (seconds_now() < end) {
    if (waiting.load() >= in_flight) {
      for (int now = waiting.load(); now > resume_at; now = waiting.load()) waiting.wait(now);
    }
    waiting.fetch_add(1);
    ++asked;
    ask(pick(), [&waiting, resume_at] {
      const int left = waiting.fetch_sub(1) - 1;
      if (left == resume_at || left == 0) waiting.notify_one();
    });
  }
  for (int now = waiting.load(); now > 0; now = waiting.load()) waiting.wait(now);
  return asked;
}

namespace {

// The first value of the last row, from SQLite beside or without an engine.
std::int64_t ask_sqlite(const std::string& file, const char* statement) {
  sqlite3* db = nullptr;
  must(sqlite3_open(file.c_str(), &db) == SQLITE_OK, "the store cannot be opened");
  std::int64_t value = 0;
  const auto keep = [](void* into, int columns, char** values, char**) {
    if (columns > 0) *static_cast<std::int64_t*>(into) = std::atoll(values[0]);
    return 0;
  };
  must(sqlite3_exec(db, statement, keep, &value, nullptr) == SQLITE_OK, sqlite3_errmsg(db));
  sqlite3_close(db);
  return value;
}

}  // namespace

void fill_with_done_jobs(const Options& options, const std::string& file, int count) {
  {
    const Jobs schema_only(options, file, {});
  }
  const std::string many = std::to_string(count);
  if (options.store == "postgres") {
    const std::string table = std::string(bench_schema) + ".jobs";
    sql(options.url, "INSERT INTO " + table +
                         " SELECT 'filler_' || lpad(i::text, 8, '0'), 'done', 1, 1, 1, 1, 0, 0, 0, "
                         "1 FROM generate_series(1, " +
                         many + ") AS i");
    sql(options.url, "VACUUM ANALYZE " + table);
    return;
  }
  ask_sqlite(file,
             ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " + many +
              ") INSERT INTO jobs SELECT printf('filler_%08d', i), 'done', 1, 1, 1, 1, 0, 0, "
              "0, 1 FROM n")
                 .c_str());
}

std::int64_t sending_effects(const Options& options, const std::string& file) {
  if (options.store != "postgres") {
    return ask_sqlite(file, "SELECT count(*) FROM pawl_effects WHERE state = 'sending'");
  }
  return std::atoll(sql(options.url, std::string("SELECT count(*) FROM ") + bench_schema +
                                         ".pawl_effects WHERE state = 'sending'")
                        .c_str());
}

std::int64_t Jobs::done() {
  const Query query = query_for<Job>({{"state", Comparison::equal, std::string("done")}}, {}, 1);
  const auto counted = engine_->aggregate(query);
  must(counted.has_value(), counted ? "" : counted.error().text());
  return counted->count;
}

}  // namespace pawl::bench
