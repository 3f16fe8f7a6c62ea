// SPDX-License-Identifier: Apache-2.0
//
// riverqueue/river issue 1302, mended in 1373: a rescuer lists jobs that run for too long, and
// updates each by its id alone. One that was completed in between is made retryable, and runs
// again; one that was claimed anew in between loses its fresh attempt.
#include "race.h"

namespace races {
namespace {

enum class State { available, running, retryable, completed };
constexpr auto pawl_names(State) {
  return std::array<std::string_view, 4>{"available", "running", "retryable", "completed"};
}
struct Job {
  static constexpr std::string_view machine = "job";
  static constexpr std::string_view table = "jobs";
  std::string id;
  State state = State::available;
  pawl::Time state_since;
  std::int64_t attempt = 0;
  static constexpr auto fields() {
    return std::tuple{pawl::field("id", &Job::id), pawl::field("state", &Job::state),
                      pawl::field("state_since_us", &Job::state_since),
                      pawl::field("attempt", &Job::attempt)};
  }
};
struct InsertTag {
  static constexpr std::string_view kind = "job.insert";
};
struct ClaimTag {
  static constexpr std::string_view kind = "job.claim";
};
struct CompleteTag {
  static constexpr std::string_view kind = "job.complete";
};
struct RescueTag {
  static constexpr std::string_view kind = "job.rescue";
};
using Insert = On<Job, InsertTag>;
using Claim = On<Job, ClaimTag>;
using Complete = On<Job, CompleteTag>;  // seen: the attempt that was carried out
using Rescue = On<Job, RescueTag>;      // seen: the attempt that was listed as stuck

constexpr pawl::ErrorCode not_now{"not_now", pawl::ErrorClass::conflict, "the job is elsewhere"};
constexpr pawl::Guard is_new{"rescuer.is_new"};
constexpr pawl::Guard is_claimable{"rescuer.is_claimable"};
constexpr pawl::Guard is_mine{"rescuer.is_mine"};
// What the update of 1302 did not ask.
constexpr pawl::Guard still_running{"rescuer.still_running"};

pawl::Decision moved(pawl::Locked<Job>& job, State to, std::int64_t attempts = 0) {
  Job row = *job;
  row.state = to;
  row.attempt += attempts;
  return pawl::Change().update(job, row, "moved");
}

pawl::Decision decide(const Insert& insert, pawl::Locked<Job>& job, const pawl::Context&) {
  PAWL_REQUIRE(is_new, !job.present(), not_now);
  return pawl::Change().create(job, Job{.id = insert.id}, "inserted");
}
pawl::Decision decide(const Claim&, pawl::Locked<Job>& job, const pawl::Context&) {
  PAWL_REQUIRE(is_claimable,
               job.present() && (job->state == State::available || job->state == State::retryable),
               not_now);
  return moved(job, State::running, 1);
}
pawl::Decision decide(const Complete& complete, pawl::Locked<Job>& job, const pawl::Context&) {
  PAWL_REQUIRE(is_mine,
               job.present() && job->state == State::running && job->attempt == complete.seen,
               not_now);
  return moved(job, State::completed);
}
pawl::Decision decide(const Rescue& rescue, pawl::Locked<Job>& job, const pawl::Context&) {
  if (!job.present() || job->attempt < rescue.seen) return pawl::Decision::ignore("not listed yet");
  PAWL_REQUIRE(still_running, job->state == State::running && job->attempt == rescue.seen, not_now);
  return moved(job, State::retryable);
}

}  // namespace

pawl::check::System rescuer() {
  pawl::check::System out;
  out.name = "rescuer";
  out.guards = {still_running.name};
  out.scenarios = [] {
    auto registry = std::make_shared<pawl::Registry>();
    auto job = registry->machine<Job>();
    job.initial(State::available)
        .move(State::available, State::running)
        .move(State::running, State::completed)
        .move(State::running, State::retryable)
        .move(State::retryable, State::running)
        // As in the original, where any update by id goes through. Without this move the machine's
        // own table would have stopped the rescuer.
        .move(State::completed, State::retryable);
    auto race = only_orders("rescuer", "a job is completed while a rescuer has it listed as stuck");
    race.registry = std::move(registry);
    race.requests = {ask<Insert>("insert", "job", "app"),
                     ask<Claim>("claim", "job", "worker"),
                     ask<Complete>("complete", "job", "worker", 1),
                     ask<Rescue>("rescue", "job", "rescuer", 1),
                     ask<Claim>("claim again", "job", "worker"),
                     ask<Complete>("complete again", "job", "worker", 2)};
    race.invariants.push_back(
        {"completed is final", [](const pawl::check::View& view) -> std::string {
           if (!done(view, "complete") && !done(view, "complete again")) return {};
           return view.row<Job>("job")->state == State::completed ? "" : "the job lives again";
         }});
    return std::vector{race};
  };
  return out;
}

}  // namespace races
