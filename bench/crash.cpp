// SPDX-License-Identifier: Apache-2.0
//
// The crash comparison: eight effects under way whose far side cannot recognise a repeat, kill -9
// in the middle, restart. Counts how often the far side was made to do each, and how many the
// engine shows as unknown.
//
// With --store postgres the rivals go through the same, in one table.
#include <fcntl.h>
#include <pawl/engine.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <fstream>
#include <map>

#include "database.h"
#include "scripts.h"
#include "workload.h"

namespace {

constexpr int effects_in_flight = 8;

enum class JobState { asked, done };
constexpr auto pawl_names(JobState) {
  return std::array<std::string_view, 2>{"asked", "done"};
}

struct Job {
  static constexpr std::string_view machine = "job";
  static constexpr std::string_view table = "jobs";
  std::string id;
  JobState state = JobState::asked;
  pawl::Time state_since;
  static constexpr auto fields() {
    return std::tuple{pawl::field("id", &Job::id), pawl::field("state", &Job::state),
                      pawl::field("state_since_us", &Job::state_since)};
  }
};
constexpr std::string_view postgres_schema = R"sql(
CREATE TABLE jobs (id text COLLATE "C" PRIMARY KEY, state text COLLATE "C" NOT NULL,
  state_since_us bigint NOT NULL,
  pawl_version bigint NOT NULL, pawl_time_us bigint NOT NULL, pawl_lane bigint NOT NULL,
  pawl_sequence bigint NOT NULL, pawl_offset bigint NOT NULL, pawl_schema bigint NOT NULL);)sql";
constexpr std::string_view schema = R"sql(
CREATE TABLE jobs (id TEXT PRIMARY KEY, state TEXT NOT NULL, state_since_us INTEGER NOT NULL,
  pawl_version INTEGER NOT NULL, pawl_time_us INTEGER NOT NULL, pawl_lane INTEGER NOT NULL,
  pawl_sequence INTEGER NOT NULL, pawl_offset INTEGER NOT NULL, pawl_schema INTEGER NOT NULL
) STRICT;)sql";

struct Perform {
  static constexpr std::string_view kind = "job.perform";
  std::string job;
  std::string idempotency_key() const { return job; }
  static constexpr auto fields() { return std::tuple{pawl::field("job", &Perform::job)}; }
};
struct Performed {
  static constexpr std::string_view kind = "job.performed";
  std::string job;
  auto keys() const { return std::tuple{pawl::Key<Job>{job}}; }
  static Performed of(const Perform& effect, const pawl::EffectReport&) { return {effect.job}; }
};
pawl::Decision decide(const Performed&, pawl::Locked<Job>& job, const pawl::Context&) {
  Job next = *job;
  next.state = JobState::done;
  return pawl::Change().update(job, next, "performed");
}
struct Ask {
  static constexpr std::string_view kind = "job.ask";
  std::string job;
  auto keys() const { return std::tuple{pawl::Key<Job>{job}}; }
  static constexpr auto fields() { return std::tuple{pawl::field("job", &Ask::job)}; }
};
pawl::Decision decide(const Ask& ask, pawl::Locked<Job>& job, const pawl::Context&) {
  if (job.present()) return pawl::Decision::ignore("asked already");
  return pawl::Change().create(job, Job{.id = ask.job}, "asked").effect(job, Perform{ask.job});
}

// Does it at once, answers never; and has no memory of keys, so an inquiry learns nothing.
class FarSide final : public pawl::EffectHandler {
 public:
  explicit FarSide(std::string ledger) : ledger_(std::move(ledger)) {}
  void start(const pawl::EffectCall& call, Done done) override {
    if (call.purpose != pawl::EffectCall::Purpose::perform) {
      done(pawl::EffectAnswer(pawl::Outcome::unknown, "the far side keeps no keys"));
      return;
    }
    const int file = ::open(ledger_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    const std::string line = call.idempotency_key + "\n";
    if (::write(file, line.data(), line.size()) < 0) std::perror("ledger");
    ::close(file);
    unanswered_.push_back(std::move(done));
  }

 private:
  std::string ledger_;
  std::vector<Done> unanswered_;  // the engine's thread alone
};

std::unique_ptr<pawl::Engine> open(pawl::Registry& registry, const pawl::bench::Options& options,
                                   const std::string& directory) {
  registry.machine<Job>()
      .initial(JobState::asked)
      .move(JobState::asked, JobState::done)
      .effect<Perform, Performed>({.resend = pawl::ResendRule::neither, .destination = "far"});
  registry.migration({"bench", 1, schema, postgres_schema});
  auto store = pawl::bench::open_store(options, directory + "/crash.db", registry);
  if (!store) return nullptr;
  auto engine = std::make_unique<pawl::Engine>(std::move(*store), registry,
                                               pawl::EngineOptions{.stop_grace_ms = 100});
  engine->handle_effect(Perform::kind, std::make_shared<FarSide>(directory + "/ledger"));
  return engine->start() ? std::move(engine) : nullptr;
}

std::map<std::string, int> read_ledger(const std::string& directory) {
  std::map<std::string, int> out;
  std::ifstream file(directory + "/ledger");
  for (std::string line; std::getline(file, line);) ++out[line];
  return out;
}

[[noreturn]] void first_life(const pawl::bench::Options& options, const std::string& directory) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  pawl::Registry registry;
  auto engine = open(registry, options, directory);
  if (!engine) std::_Exit(1);
  for (int i = 0; i < effects_in_flight; ++i) {
    (void)engine->call(Ask{"job" + std::to_string(i)}, {.principal = "bench", .id = "ask"});
  }
  while (true) ::pause();
}

void say(const std::string& who, int twice, int visible) {
  std::printf("%-24s run twice %d of %d, visible as unknown %d\n", who.c_str(), twice,
              effects_in_flight, visible);
  std::fflush(stdout);
}

void compare_rivals(bool json) {
  for (const char* rival : {"pg_boss", "graphile_worker", "dbos", "restate"}) {
    const auto said = pawl::bench::run_script("run.sh " + std::string(rival) + " crash");
    const int twice = static_cast<int>(pawl::bench::number_of(said, "ran_twice"));
    const int visible = static_cast<int>(pawl::bench::number_of(said, "unknown_visible"));
    const std::string name = pawl::bench::text_of(said, "name");
    if (json) {
      std::printf(
          "{\"name\":\"crash\",\"baseline\":\"%s\",\"in_flight\":%d,\"run_twice\":%d,"
          "\"visible_as_unknown\":%d}\n",
          name.c_str(), effects_in_flight, twice, visible);
    } else {
      say(name, twice, visible);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const pawl::bench::Options options = pawl::bench::parse_options(argc, argv, {}, "");
  const pawl::bench::Workspace workspace(options);
  const std::string directory = workspace.file("");

  const bool postgres = options.store == "postgres";
  if (postgres) {
    pawl::bench::sql(options.url, std::string("DROP SCHEMA IF EXISTS ") +
                                      pawl::bench::bench_schema + " CASCADE");
  }
  const pid_t child = ::fork();
  if (child == 0) first_life(options, directory);
  const double give_up = pawl::bench::seconds_now() + 30;
  while (read_ledger(directory).size() < effects_in_flight &&
         pawl::bench::seconds_now() < give_up) {
    ::usleep(1'000);
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);

  pawl::Registry registry;
  auto engine = open(registry, options, directory);
  if (!engine) return 1;
  // Until each has been inquired after at least twice, so that a repeat had its chance.
  int visible = 0;
  while (visible < effects_in_flight && pawl::bench::seconds_now() < give_up) {
    visible = 0;
    const auto effects = engine->effects(false, 0, 100);
    if (!effects) return 1;
    for (const auto& effect : *effects) {
      if ((effect.state == "unknown" || effect.state == "inquiring") && effect.inquiry >= 2) {
        ++visible;
      }
    }
    ::usleep(1'000);
  }
  engine->stop();
  int twice = 0;
  for (const auto& [job, times] : read_ledger(directory)) twice += times > 1;
  if (options.json) {
    std::printf(
        "{\"name\":\"crash\",\"store\":\"%s\",\"in_flight\":%d,\"run_twice\":%d,"
        "\"visible_as_unknown\":%d}\n",
        options.store.c_str(), effects_in_flight, twice, visible);
  } else {
    std::printf("killed in the middle of %d effects, and restarted\n", effects_in_flight);
    say("Pawl", twice, visible);
  }
  if (postgres) compare_rivals(options.json);
  return twice == 0 && visible == effects_in_flight ? 0 : 1;
}
