// SPDX-License-Identifier: Apache-2.0
//
// Small machines that use every part of the engine, for the checker to explore the engine itself:
// an account that adds and sends, a bell that rings at its deadline, a job that is done outside.
#pragma once

#include <pawl/check.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>

namespace pawl::check::engine {

enum class AccountState { open, frozen };
constexpr auto pawl_names(AccountState) {
  return std::array<std::string_view, 2>{"open", "frozen"};
}

struct Account {
  static constexpr std::string_view machine = "account";
  static constexpr std::string_view table = "accounts";
  std::string id;
  AccountState state = AccountState::open;
  Time state_since;
  std::int64_t value = 0;
  std::int64_t sent = 0;       // messages
  std::int64_t newest = 0;     // the newest message that came
  std::int64_t overtaken = 0;  // messages that came after a newer one
  static constexpr auto fields() {
    return std::tuple{field("id", &Account::id),
                      field("state", &Account::state),
                      field("state_since_us", &Account::state_since),
                      field("value", &Account::value),
                      field("sent", &Account::sent),
                      field("newest", &Account::newest),
                      field("overtaken", &Account::overtaken)};
  }
};

template <class Tag>
struct OnAccount {
  static constexpr std::string_view kind = Tag::kind;
  std::string account;
  std::int64_t amount = 0;
  auto keys() const { return std::tuple{Key<Account>{account}}; }
  static constexpr auto fields() {
    return std::tuple{field("account", &OnAccount::account), field("amount", &OnAccount::amount)};
  }
};
struct AddTag {
  static constexpr std::string_view kind = "account.add";
};
struct FreezeTag {
  static constexpr std::string_view kind = "account.freeze";
};
// Opens again, without looking: no move from open to open is needed, but one from frozen is.
struct ThawTag {
  static constexpr std::string_view kind = "account.thaw";
};
using Add = OnAccount<AddTag>;
using Freeze = OnAccount<FreezeTag>;
using Thaw = OnAccount<ThawTag>;

struct Send {
  static constexpr std::string_view kind = "account.send";
  std::string account;
  std::string to;
  auto keys() const { return std::tuple{Key<Account>{account}}; }
  static constexpr auto fields() {
    return std::tuple{field("account", &Send::account), field("to", &Send::to)};
  }
};

// A frozen account cannot read it: its code fails, and the message is parked.
struct Credit {
  using Sender = Account;
  static constexpr std::string_view kind = "account.credit";
  std::string account;
  std::int64_t number = 0;
  auto keys() const { return std::tuple{Key<Account>{account}}; }
  static constexpr auto fields() {
    return std::tuple{field("account", &Credit::account), field("number", &Credit::number)};
  }
};

Decision decide(const Add&, Locked<Account>&, const Context&);
Decision decide(const Freeze&, Locked<Account>&, const Context&);
Decision decide(const Thaw&, Locked<Account>&, const Context&);
Decision decide(const Send&, Locked<Account>&, const Context&);
Decision decide(const Credit&, Locked<Account>&, const Context&);
Decision decide(const Bounced<Credit>&, Locked<Account>&, const Context&);

enum class BellState { armed, rung };
constexpr auto pawl_names(BellState) {
  return std::array<std::string_view, 2>{"armed", "rung"};
}
struct Bell {
  static constexpr std::string_view machine = "bell";
  static constexpr std::string_view table = "bells";
  std::string id;
  BellState state = BellState::armed;
  Time state_since;
  static constexpr auto fields() {
    return std::tuple{field("id", &Bell::id), field("state", &Bell::state),
                      field("state_since_us", &Bell::state_since)};
  }
};
struct Arm {
  static constexpr std::string_view kind = "bell.arm";
  std::string bell;
  auto keys() const { return std::tuple{Key<Bell>{bell}}; }
  static constexpr auto fields() { return std::tuple{field("bell", &Arm::bell)}; }
};
struct Ring {
  static constexpr std::string_view kind = "bell.ring";
  std::string bell;
  auto keys() const { return std::tuple{Key<Bell>{bell}}; }
  static constexpr auto fields() { return std::tuple{field("bell", &Ring::bell)}; }
};
Decision decide(const Arm&, Locked<Bell>&, const Context&);
Decision decide(const Ring&, Locked<Bell>&, const Context&);

enum class JobState { asked, done, failed };
constexpr auto pawl_names(JobState) {
  return std::array<std::string_view, 3>{"asked", "done", "failed"};
}
struct Job {
  static constexpr std::string_view machine = "job";
  static constexpr std::string_view table = "jobs";
  std::string id;
  JobState state = JobState::asked;
  Time state_since;
  std::string code;
  static constexpr auto fields() {
    return std::tuple{field("id", &Job::id), field("state", &Job::state),
                      field("state_since_us", &Job::state_since), field("code", &Job::code)};
  }
};
struct Ask {
  static constexpr std::string_view kind = "job.ask";
  std::string job;
  auto keys() const { return std::tuple{Key<Job>{job}}; }
  static constexpr auto fields() { return std::tuple{field("job", &Ask::job)}; }
};
struct Work {
  static constexpr std::string_view kind = "job_work";
  std::string job;
  std::string idempotency_key() const { return "work:" + job; }
  static constexpr auto fields() { return std::tuple{field("job", &Work::job)}; }
};
struct Worked {
  static constexpr std::string_view kind = "job.worked";
  std::string job;
  Outcome outcome = Outcome::unknown;
  std::string code;
  static Worked of(const Work& work, const EffectReport& report) {
    return {work.job, report.outcome, report.code};
  }
  auto keys() const { return std::tuple{Key<Job>{job}}; }
};
Decision decide(const Ask&, Locked<Job>&, const Context&);
Decision decide(const Worked&, Locked<Job>&, const Context&);

inline constexpr std::int64_t tick_us = 1'000'000;

std::shared_ptr<const Registry> accounts();
std::shared_ptr<const Registry> bells();
std::shared_ptr<const Registry> jobs(ResendRule rule);

// A far side that does what it is told as often as it is told, but for what its rule promises.
class FarSide final : public Outside {
 public:
  // What an inquiry makes unusable, by the rule inquiry_voids: sends that carry the number of the
  // attempt that was inquired, or the key.
  enum class Voids { attempt, key };
  // `queues`: it accepts first, and does it later (an event).
  explicit FarSide(ResendRule rule, bool queues = false, Voids voids = Voids::attempt)
      : rule_(rule), queues_(queues), voids_(voids) {}
  EffectAnswer perform(Facts& facts, const EffectCall& call, Time now) const override;
  EffectAnswer inquire(Facts& facts, const EffectCall& call, Time now) const override;
  std::vector<std::string> refusals(const Facts& facts, const EffectCall& call) const override;
  EffectAnswer refuse(Facts& facts, const EffectCall& call, const std::string& code) const override;

 private:
  ResendRule rule_;
  bool queues_;
  Voids voids_;
  std::string voided(const EffectCall& call) const;
};
// The far side goes on with what it has accepted, or loses it.
bool finish_queued(Facts& facts);
bool lose_queued(Facts& facts);

}  // namespace pawl::check::engine
