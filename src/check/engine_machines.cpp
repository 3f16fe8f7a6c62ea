// SPDX-License-Identifier: Apache-2.0
#include "check/engine_machines.h"

#include <stdexcept>

namespace pawl::check::engine {

namespace {

constexpr Guard is_open{"engine.account_is_open"};
constexpr ErrorCode frozen{"frozen", ErrorClass::conflict, "the account is frozen"};
constexpr Guard is_there{"engine.account_is_there"};
constexpr ErrorCode unknown{"unknown", ErrorClass::not_found, "there is no such account"};
constexpr Guard is_new{"engine.job_is_new"};
constexpr ErrorCode known{"known", ErrorClass::conflict, "the job was asked for before"};

std::string times_done(const EffectCall& call) {
  return "done " + call.idempotency_key;
}
std::string refused_for_good(const EffectCall& call) {
  return "refused " + call.idempotency_key;
}
std::string queued(const EffectCall& call) {
  return "queued " + call.idempotency_key;
}

}  // namespace

Decision decide(const Add& add, Locked<Account>& account, const Context&) {
  Account row = account.present() ? *account : Account{.id = add.account};
  PAWL_REQUIRE(is_open, row.state == AccountState::open, frozen);
  row.value += add.amount;
  Change change;
  if (account.present()) return change.update(account, row, "added");
  return change.create(account, row, "added");
}

Decision decide(const Freeze&, Locked<Account>& account, const Context&) {
  PAWL_REQUIRE(is_there, account.present(), unknown);
  Account row = *account;
  row.state = AccountState::frozen;
  return Change().update(account, row, "frozen");
}

Decision decide(const Thaw&, Locked<Account>& account, const Context&) {
  if (!account.present()) return Decision::ignore("no account");
  Account row = *account;
  row.state = AccountState::open;
  return Change().update(account, row, "open");
}

Decision decide(const Send& send, Locked<Account>& account, const Context&) {
  Account row = account.present() ? *account : Account{.id = send.account};
  Credit credit;
  credit.account = send.to;
  credit.number = ++row.sent;
  Change change;
  if (account.present()) {
    change.update(account, row, "sent");
  } else {
    change.create(account, row, "sent");
  }
  change.message(account, credit);
  return change;
}

Decision decide(const Credit& credit, Locked<Account>& account, const Context&) {
  Account row = account.present() ? *account : Account{.id = credit.account};
  if (row.state == AccountState::frozen) throw std::runtime_error("the code of a frozen account");
  if (credit.number < row.newest) ++row.overtaken;
  row.newest = std::max(row.newest, credit.number);
  ++row.value;
  Change change;
  if (account.present()) return change.update(account, row, "credited");
  return change.create(account, row, "credited");
}

Decision decide(const Bounced<Credit>&, Locked<Account>&, const Context&) {
  return Decision::ignore("nothing is taken back");
}

Decision decide(const Arm& arm, Locked<Bell>& bell, const Context& now) {
  Bell row = bell.present() ? *bell : Bell{.id = arm.bell};
  row.state = BellState::armed;
  Change change;
  if (bell.present()) {
    change.update(bell, row, "armed");
  } else {
    change.create(bell, row, "armed");
  }
  change.deadline(bell, "ring", now.time.plus_us(tick_us), Ring{arm.bell});
  return change;
}

Decision decide(const Ring&, Locked<Bell>& bell, const Context&) {
  Bell row = *bell;
  row.state = BellState::rung;
  return Change().update(bell, row, "rung");
}

Decision decide(const Ask& ask, Locked<Job>& job, const Context&) {
  PAWL_REQUIRE(is_new, !job.present(), known);
  return Change().create(job, Job{.id = ask.job}, "asked").effect(job, Work{ask.job});
}

Decision decide(const Worked& worked, Locked<Job>& job, const Context&) {
  if (worked.outcome == Outcome::accepted) return Decision::ignore("it goes on");
  Job row = *job;
  row.state = worked.outcome == Outcome::confirmed ? JobState::done : JobState::failed;
  row.code = name_of(worked.outcome);
  return Change().update(job, row, "worked");
}

std::shared_ptr<const Registry> accounts() {
  auto registry = std::make_shared<Registry>();
  registry->machine<Account>()
      .initial(AccountState::open)
      .move(AccountState::open, AccountState::frozen)
      .move(AccountState::frozen, AccountState::open)
      .message<Credit>();
  return registry;
}

std::shared_ptr<const Registry> bells() {
  auto registry = std::make_shared<Registry>();
  registry->machine<Bell>()
      .initial(BellState::armed)
      .move(BellState::armed, BellState::rung)
      .move(BellState::rung, BellState::armed)
      .stored_command<Ring>();
  return registry;
}

std::shared_ptr<const Registry> jobs(ResendRule rule) {
  EffectPolicy policy;
  policy.resend = rule;
  policy.destination = "far side";
  policy.max_attempts = 2;
  policy.not_after_ms = static_cast<int>(tick_us / 1'000);
  auto registry = std::make_shared<Registry>();
  registry->machine<Job>()
      .initial(JobState::asked)
      .move(JobState::asked, JobState::done)
      .move(JobState::asked, JobState::failed)
      .effect<Work, Worked>(policy);
  return registry;
}

std::string FarSide::voided(const EffectCall& call) const {
  const std::string key = "voided " + call.idempotency_key;
  return voids_ == Voids::key ? key : key + " " + std::to_string(call.attempt);
}

EffectAnswer FarSide::perform(Facts& facts, const EffectCall& call, Time now) const {
  if (rule_ == ResendRule::dedup && facts.has(times_done(call))) return {Outcome::confirmed};
  if (rule_ == ResendRule::dedup && facts.has(queued(call))) return {Outcome::accepted};
  if (rule_ == ResendRule::dedup && facts.has(refused_for_good(call))) {
    return {Outcome::refused, "closed"};
  }
  if (rule_ == ResendRule::not_after && now > call.not_after) return {Outcome::refused, "too_late"};
  if (rule_ == ResendRule::inquiry_voids && facts.has(voided(call))) {
    return {Outcome::refused, "voided"};
  }
  if (queues_) {
    facts.add(queued(call), 1);
    facts.set("queue", call.idempotency_key);
    return {Outcome::accepted};
  }
  facts.add(times_done(call), 1);
  return {Outcome::confirmed};
}

EffectAnswer FarSide::inquire(Facts& facts, const EffectCall& call, Time) const {
  if (facts.has(times_done(call))) return {Outcome::confirmed};
  if (facts.has(queued(call))) return {Outcome::accepted};
  if (facts.has(refused_for_good(call))) return {Outcome::refused, "closed"};
  if (rule_ == ResendRule::inquiry_voids) facts.set(voided(call), 1);
  return {Outcome::absent};
}

std::vector<std::string> FarSide::refusals(const Facts& facts, const EffectCall& call) const {
  if (facts.has(times_done(call)) || facts.has(queued(call))) return {};
  if (facts.has(refused_for_good(call))) return {};
  return {"closed"};
}

// Who deduplicates remembers a refusal, too: else a late copy of what was refused is carried out.
EffectAnswer FarSide::refuse(Facts& facts, const EffectCall& call, const std::string& code) const {
  if (rule_ == ResendRule::dedup) facts.set(refused_for_good(call), 1);
  return {Outcome::refused, code};
}

bool finish_queued(Facts& facts) {
  const std::string key = facts.text("queue");
  if (key.empty() || facts.number("queued " + key) == 0) return false;
  facts.add("queued " + key, -1);
  facts.add("done " + key, 1);
  return true;
}

bool lose_queued(Facts& facts) {
  const std::string key = facts.text("queue");
  if (key.empty() || facts.number("queued " + key) == 0) return false;
  facts.add("queued " + key, -1);
  // It is done all the same, by somebody who no longer knows our key.
  facts.add("done without a name", 1);
  return true;
}

}  // namespace pawl::check::engine
