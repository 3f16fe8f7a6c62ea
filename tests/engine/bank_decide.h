// SPDX-License-Identifier: Apache-2.0
//
// What the test bank's commands decide, and its registry.
#pragma once

#include <stdexcept>

#include "engine/bank.h"

namespace bank {

using LockedAccount = pawl::Locked<Account>;

// A credit of this label arms a deadline of this name, which pays 1 outside.
inline const std::string pay_later = "pay later";

inline pawl::Decision decide(const Open& open, LockedAccount& account, const pawl::Context&) {
  PAWL_REQUIRE(guard::exists, !account.present(), error::not_open, "it exists");
  Account row;
  row.id = open.account;
  row.balance = open.balance;
  row.alias = open.alias;
  return pawl::Change().create(account, row, "opened");
}

inline pawl::Decision decide(const Deposit& deposit, LockedAccount& account, const pawl::Context&) {
  PAWL_REQUIRE(guard::exists, account.present(), error::no_account);
  PAWL_REQUIRE(guard::is_open, account->state == State::open, error::not_open);
  Account next = *account;
  next.balance += deposit.amount;
  return pawl::Change().update(account, next, "deposit").reply(DepositReply{next.balance});
}

inline pawl::Decision decide(const Transfer& transfer, LockedAccount& from, LockedAccount& to,
                             const pawl::Context&) {
  PAWL_REQUIRE(guard::exists, from.present() && to.present(), error::no_account);
  PAWL_REQUIRE(guard::is_open, from->state == State::open && to->state == State::open,
               error::not_open);
  PAWL_REQUIRE(guard::has_funds, from->balance >= transfer.amount, error::no_funds);
  Account less = *from;
  Account more = *to;
  less.balance -= transfer.amount;
  more.balance += transfer.amount;
  return pawl::Change().update(from, less, "transfer").update(to, more, "transfer");
}

inline pawl::Decision decide(const Go& go, LockedAccount& account, const pawl::Context&) {
  PAWL_REQUIRE(guard::exists, account.present(), error::no_account);
  Account next = *account;
  next.state = go.to;
  return pawl::Change().update(account, next, "told to");
}

inline pawl::Decision decide(const Send& send, LockedAccount& account, const pawl::Context&) {
  PAWL_REQUIRE(guard::exists, account.present(), error::no_account);
  PAWL_REQUIRE(guard::has_funds, account->balance >= send.amount, error::no_funds);
  Account next = *account;
  next.balance -= send.amount;
  return pawl::Change()
      .update(account, next, "sent")
      .message(account, Credit{send.to, send.amount, send.label});
}

inline pawl::Decision decide(const Credit& credit, LockedAccount& account,
                             const pawl::Context& now) {
  PAWL_REQUIRE(guard::exists, account.present(), error::no_account);
  if (account->state == State::broken) throw std::runtime_error("the account is broken");
  PAWL_REQUIRE(guard::is_open, account->state == State::open, error::not_open);
  Account next = *account;
  next.balance += credit.amount;
  next.trail += credit.label;
  pawl::Change change;
  change.update(account, next, "credited");
  if (credit.label == pay_later) {
    change.deadline(account, pay_later, now.time, Alarm{account->id, pay_later, 0, 0, 0});
  }
  return change;
}

inline pawl::Decision decide(const pawl::Bounced<Credit>& back, LockedAccount& account,
                             const pawl::Context&) {
  PAWL_REQUIRE(guard::is_open, account->state == State::open, error::not_open);
  Account next = *account;
  next.balance += back.message.amount;
  ++next.bounces;
  next.trail += "<" + back.message.label + ":" + back.code + ">";
  return pawl::Change().update(account, next, "bounced");
}

inline pawl::Decision decide(const Pay& pay, LockedAccount& account, const pawl::Context&) {
  PAWL_REQUIRE(guard::exists, account.present(), error::no_account);
  PAWL_REQUIRE(guard::has_funds, account->balance >= pay.amount, error::no_funds);
  Account next = *account;
  next.balance -= pay.amount;
  next.paying += pay.amount;
  return pawl::Change()
      .update(account, next, "paying")
      .effect(account, Payment{pay.account, pay.amount, pay.key});
}

inline pawl::Decision decide(const PaymentEnded& ended, LockedAccount& account,
                             const pawl::Context&) {
  if (account->state == State::broken) throw std::runtime_error("the account is broken");
  PAWL_REQUIRE(guard::is_open, account->state != State::frozen, error::not_open);
  Account next = *account;
  if (ended.outcome == pawl::Outcome::accepted) {
    ++next.accepted;
    return pawl::Change().update(account, next, "accepted");
  }
  next.paying -= ended.amount;
  (ended.outcome == pawl::Outcome::confirmed ? next.paid : next.balance) += ended.amount;
  return pawl::Change().update(account, next, std::string(name_of(ended.outcome)));
}

inline pawl::Decision decide(const SetAlarm& set, LockedAccount& account,
                             const pawl::Context& now) {
  PAWL_REQUIRE(guard::exists, account.present(), error::no_account);
  const pawl::Time due = now.time.plus_ms(set.delay_ms);
  return pawl::Change().deadline(account, set.name, due,
                                 Alarm{set.account, set.name, set.delay_ms, set.again, due.us});
}

inline pawl::Decision decide(const ClearAlarm& clear, LockedAccount& account,
                             const pawl::Context&) {
  PAWL_REQUIRE(guard::exists, account.present(), error::no_account);
  return pawl::Change().disarm(account, clear.name);
}

inline pawl::Decision decide(const Alarm& alarm, LockedAccount& account, const pawl::Context& now) {
  if (account->state == State::broken) throw std::runtime_error("the account is broken");
  PAWL_REQUIRE(guard::is_open, account->state == State::open, error::not_open);
  Account next = *account;
  ++next.ticks;
  next.trail += now.time.us < alarm.due_us ? "EARLY" : alarm.name;
  pawl::Change change;
  if (alarm.name == pay_later) {
    --next.balance;
    ++next.paying;
    change.effect(account, Payment{account->id, 1, account->id});
  }
  change.update(account, next, "rang");
  if (alarm.again > 0) {
    const pawl::Time due = now.time.plus_ms(alarm.delay_ms);
    change.deadline(account, alarm.name, due,
                    Alarm{alarm.account, alarm.name, alarm.delay_ms, alarm.again - 1, due.us});
  }
  return change;
}

inline pawl::Decision decide(const Write& write, LockedAccount& account, const pawl::Context&) {
  PAWL_REQUIRE(guard::exists, account.present(), error::no_account);
  return pawl::Change().record(account, Note{write.text, write.number});
}

template <int limit>
pawl::Decision decide(const Recall<limit>&, LockedAccount& account, const pawl::Context&) {
  PAWL_REQUIRE(guard::exists, account.present(), error::no_account);
  Account next = *account;
  next.trail += "[";
  for (const Note& note : account.template records<Note>()) next.trail += note.text;
  next.trail += "]";
  return pawl::Change().update(account, next, "recalled");
}

struct Undeclared {
  using Sender = Account;
  static constexpr std::string_view kind = "bank.undeclared";
  static constexpr std::string_view table = "undeclared";
  std::string account;
  std::string idempotency_key() const { return account; }
  auto keys() const { return std::tuple{pawl::Key<Account>{account}}; }
  static constexpr auto fields() {
    return std::tuple{pawl::field("account", &Undeclared::account)};
  }
};
inline pawl::Decision decide(const Undeclared&, LockedAccount&, const pawl::Context&) {
  return pawl::Decision::ignore("never asked for");
}

inline pawl::Decision decide(const Misbehave& bad, LockedAccount& account,
                             const pawl::Context& now) {
  Account next = account.present() ? *account : Account{.id = bad.account};
  pawl::Change change;
  if (bad.how == "throw") throw std::runtime_error("on purpose");
  if (bad.how == "throw_int") throw 7;
  if (bad.how == "ignore") return pawl::Decision::ignore("as told");
  if (bad.how == "absent") return pawl::Change().update(account, Account(*account), "read it");
  if (bad.how == "key") next.id += "x";
  if (bad.how == "create") return change.create(account, next, "again");
  if (bad.how == "create_closed") {
    next.state = State::closed;
    return change.create(account, next, "born closed");
  }
  if (bad.how == "twice") change.update(account, next, "once");
  if (bad.how == "record") change.record(account, Undeclared{"a"});
  if (bad.how == "effect") change.effect(account, Undeclared{"a"});
  if (bad.how == "message") change.message(account, Undeclared{"a"});
  if (bad.how == "deadline") change.deadline(account, "d", now.time, Undeclared{"a"});
  if (bad.how == "negative") next.balance = -1;
  for (std::int64_t i = 0; i < bad.count; ++i) {
    if (bad.how == "effects") change.effect(account, Payment{bad.account, 1, std::to_string(i)});
    if (bad.how == "messages") change.message(account, Credit{bad.account, 0, ""});
    if (bad.how == "records") change.record(account, Note{"n", i});
  }
  return change.update(account, next, "misbehaved");
}

// Times short enough for tests; each test sets what it is about.
inline pawl::EffectPolicy quick_policy(pawl::ResendRule resend = pawl::ResendRule::dedup) {
  pawl::EffectPolicy policy;
  policy.resend = resend;
  policy.destination = "payments";
  policy.send_timeout_ms = 20'000;
  policy.lease_ttl_ms = 30'000;
  policy.backoff_base_ms = 1;
  policy.backoff_cap_ms = 4;
  policy.poll_interval_ms = 1;
  policy.max_attempts = 3;
  return policy;
}

inline void describe(pawl::Registry& registry, const pawl::EffectPolicy& policy = quick_policy(),
                     std::int64_t notes_keep_seconds = 0) {
  registry.machine<Account>()
      .initial(State::open)
      .move(State::open, State::frozen)
      .move(State::frozen, State::open)
      .move(State::open, State::broken)
      .move(State::broken, State::open)
      .move(State::open, State::closed)
      .record<Note>(notes_keep_seconds)
      .stored_command<Alarm>()
      .message<Credit>()
      .effect<Payment, PaymentEnded>(policy);
  registry.migration({"bank", 1, schema, postgres_schema});
}

}  // namespace bank
