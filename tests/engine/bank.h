// SPDX-License-Identifier: Apache-2.0
//
// The machine that the tests of the committer, the stores and the engine run: accounts with
// transfers between two of them, messages that can bounce, payments outside, alarms and notes. A
// frozen account refuses; a broken one makes decide() throw, until it is mended. What the commands
// decide: bank_decide.h.
#pragma once

#include <pawl/engine.h>

#include <optional>
#include <string>

namespace bank {

enum class State { open, frozen, broken, closed };
constexpr auto pawl_names(State) {
  return std::array<std::string_view, 4>{"open", "frozen", "broken", "closed"};
}

struct Account {
  static constexpr std::string_view machine = "account";
  static constexpr std::string_view table = "accounts";
  std::string id;
  State state = State::open;
  pawl::Time state_since;
  std::int64_t balance = 0;
  std::int64_t paying = 0;    // payments under way
  std::int64_t paid = 0;      // payments that the outside confirmed
  std::int64_t accepted = 0;  // how often "accepted" was reported
  std::int64_t bounces = 0;
  std::int64_t ticks = 0;            // alarms that rang
  std::string trail;                 // what arrived, in its order
  std::optional<std::string> alias;  // unique
  static constexpr auto fields() {
    return std::tuple{pawl::field("id", &Account::id),
                      pawl::field("state", &Account::state),
                      pawl::field("state_since_us", &Account::state_since),
                      pawl::field("balance", &Account::balance),
                      pawl::field("paying", &Account::paying),
                      pawl::field("paid", &Account::paid),
                      pawl::field("accepted", &Account::accepted),
                      pawl::field("bounces", &Account::bounces),
                      pawl::field("ticks", &Account::ticks),
                      pawl::field("trail", &Account::trail),
                      pawl::field("alias", &Account::alias)};
  }
};

struct Note {
  static constexpr std::string_view table = "account_notes";
  std::string text;
  std::int64_t number = 0;
  static constexpr auto fields() {
    return std::tuple{pawl::field("text", &Note::text), pawl::field("number", &Note::number)};
  }
};

inline constexpr std::string_view schema = R"sql(
CREATE TABLE accounts (
  id TEXT PRIMARY KEY,
  state TEXT NOT NULL,
  state_since_us INTEGER NOT NULL,
  balance INTEGER NOT NULL CHECK (balance >= 0),
  paying INTEGER NOT NULL, paid INTEGER NOT NULL, accepted INTEGER NOT NULL,
  bounces INTEGER NOT NULL, ticks INTEGER NOT NULL, trail TEXT NOT NULL, alias TEXT UNIQUE,
  pawl_version INTEGER NOT NULL, pawl_time_us INTEGER NOT NULL, pawl_lane INTEGER NOT NULL,
  pawl_sequence INTEGER NOT NULL, pawl_offset INTEGER NOT NULL, pawl_schema INTEGER NOT NULL
) STRICT;
CREATE TABLE account_notes (
  record_id INTEGER PRIMARY KEY, entity_key TEXT NOT NULL,
  text TEXT NOT NULL, number INTEGER NOT NULL
) STRICT;
CREATE INDEX account_notes_by_key ON account_notes (entity_key, record_id);)sql";

inline constexpr std::string_view postgres_schema = R"sql(
CREATE TABLE accounts (
  id text COLLATE "C" PRIMARY KEY,
  state text COLLATE "C" NOT NULL,
  state_since_us bigint NOT NULL,
  balance bigint NOT NULL CHECK (balance >= 0),
  paying bigint NOT NULL, paid bigint NOT NULL, accepted bigint NOT NULL,
  bounces bigint NOT NULL, ticks bigint NOT NULL, trail text COLLATE "C" NOT NULL,
  alias text COLLATE "C" UNIQUE,
  pawl_version bigint NOT NULL, pawl_time_us bigint NOT NULL, pawl_lane bigint NOT NULL,
  pawl_sequence bigint NOT NULL, pawl_offset bigint NOT NULL, pawl_schema bigint NOT NULL
) WITH (fillfactor = 70);
CREATE TABLE account_notes (
  record_id bigint PRIMARY KEY, entity_key text COLLATE "C" NOT NULL,
  text text COLLATE "C" NOT NULL, number bigint NOT NULL
);
CREATE INDEX account_notes_by_key ON account_notes (entity_key, record_id);)sql";

namespace error {
inline constexpr pawl::ErrorCode no_account{"no_account", pawl::ErrorClass::not_found, "absent"};
inline constexpr pawl::ErrorCode not_open{"not_open", pawl::ErrorClass::conflict, "not open"};
inline constexpr pawl::ErrorCode no_funds{"no_funds", pawl::ErrorClass::conflict, "no funds"};
}  // namespace error

namespace guard {
inline constexpr pawl::Guard exists{"bank.exists"};
inline constexpr pawl::Guard is_open{"bank.is_open"};
inline constexpr pawl::Guard has_funds{"bank.has_funds"};
}  // namespace guard

// Every command on one account has its name first.
#define PAWL_BANK_ONE_ACCOUNT                       \
  auto keys() const {                               \
    return std::tuple{pawl::Key<Account>{account}}; \
  }

struct Open {
  static constexpr std::string_view kind = "bank.open";
  std::string account;
  std::int64_t balance = 0;
  std::optional<std::string> alias;
  PAWL_BANK_ONE_ACCOUNT
  static constexpr auto fields() {
    return std::tuple{pawl::field("account", &Open::account),
                      pawl::field("balance", &Open::balance), pawl::field("alias", &Open::alias)};
  }
};

struct Deposit {
  static constexpr std::string_view kind = "bank.deposit";
  std::string account;
  std::int64_t amount = 0;
  PAWL_BANK_ONE_ACCOUNT
  static constexpr auto fields() {
    return std::tuple{pawl::field("account", &Deposit::account),
                      pawl::field("amount", &Deposit::amount)};
  }
};

struct DepositReply {
  std::int64_t balance = 0;
  static constexpr auto fields() {
    return std::tuple{pawl::field("balance", &DepositReply::balance)};
  }
};

struct Transfer {
  static constexpr std::string_view kind = "bank.transfer";
  std::string from;
  std::string to;
  std::int64_t amount = 0;
  auto keys() const { return std::tuple{pawl::Key<Account>{from}, pawl::Key<Account>{to}}; }
  static constexpr auto fields() {
    return std::tuple{pawl::field("from", &Transfer::from), pawl::field("to", &Transfer::to),
                      pawl::field("amount", &Transfer::amount)};
  }
};

// Goes to any state, legal or not.
struct Go {
  static constexpr std::string_view kind = "bank.go";
  std::string account;
  State to = State::open;
  PAWL_BANK_ONE_ACCOUNT
  static constexpr auto fields() {
    return std::tuple{pawl::field("account", &Go::account), pawl::field("to", &Go::to)};
  }
};

// Breaks a contract of decide().
struct Misbehave {
  static constexpr std::string_view kind = "bank.misbehave";
  std::string account;
  std::string how;
  std::int64_t count = 0;
  PAWL_BANK_ONE_ACCOUNT
  static constexpr auto fields() {
    return std::tuple{pawl::field("account", &Misbehave::account),
                      pawl::field("how", &Misbehave::how), pawl::field("count", &Misbehave::count)};
  }
};

// Takes the amount and sends `count` messages that carry it away, one each.
struct Send {
  static constexpr std::string_view kind = "bank.send";
  std::string account;
  std::string to;
  std::int64_t amount = 0;
  std::string label;
  PAWL_BANK_ONE_ACCOUNT
  static constexpr auto fields() {
    return std::tuple{pawl::field("account", &Send::account), pawl::field("to", &Send::to),
                      pawl::field("amount", &Send::amount), pawl::field("label", &Send::label)};
  }
};

struct Credit {
  using Sender = Account;
  static constexpr std::string_view kind = "bank.credit";
  std::string account;
  std::int64_t amount = 0;
  std::string label;
  PAWL_BANK_ONE_ACCOUNT
  static constexpr auto fields() {
    return std::tuple{pawl::field("account", &Credit::account),
                      pawl::field("amount", &Credit::amount), pawl::field("label", &Credit::label)};
  }
};

struct Pay {
  static constexpr std::string_view kind = "bank.pay";
  std::string account;
  std::int64_t amount = 0;
  std::string key;
  PAWL_BANK_ONE_ACCOUNT
  static constexpr auto fields() {
    return std::tuple{pawl::field("account", &Pay::account), pawl::field("amount", &Pay::amount),
                      pawl::field("key", &Pay::key)};
  }
};

struct Payment {
  static constexpr std::string_view kind = "bank.payment";
  std::string account;
  std::int64_t amount = 0;
  std::string key;
  std::string idempotency_key() const { return key; }
  static constexpr auto fields() {
    return std::tuple{pawl::field("account", &Payment::account),
                      pawl::field("amount", &Payment::amount), pawl::field("key", &Payment::key)};
  }
};

struct PaymentEnded {
  static constexpr std::string_view kind = "bank.payment_ended";
  std::string account;
  std::int64_t amount = 0;
  pawl::Outcome outcome = pawl::Outcome::unknown;
  static PaymentEnded of(const Payment& payment, const pawl::EffectReport& report) {
    return PaymentEnded{payment.account, payment.amount, report.outcome};
  }
  PAWL_BANK_ONE_ACCOUNT
};

// Rings after `delay_ms`; `again` more times after that, by its own re-arming.
struct SetAlarm {
  static constexpr std::string_view kind = "bank.set_alarm";
  std::string account;
  std::string name;
  std::int64_t delay_ms = 0;
  std::int64_t again = 0;
  PAWL_BANK_ONE_ACCOUNT
  static constexpr auto fields() {
    return std::tuple{
        pawl::field("account", &SetAlarm::account), pawl::field("name", &SetAlarm::name),
        pawl::field("delay_ms", &SetAlarm::delay_ms), pawl::field("again", &SetAlarm::again)};
  }
};

struct ClearAlarm {
  static constexpr std::string_view kind = "bank.clear_alarm";
  std::string account;
  std::string name;
  PAWL_BANK_ONE_ACCOUNT
  static constexpr auto fields() {
    return std::tuple{pawl::field("account", &ClearAlarm::account),
                      pawl::field("name", &ClearAlarm::name)};
  }
};

struct Alarm {
  static constexpr std::string_view kind = "bank.alarm";
  std::string account;
  std::string name;
  std::int64_t delay_ms = 0;
  std::int64_t again = 0;
  std::int64_t due_us = 0;
  PAWL_BANK_ONE_ACCOUNT
  static constexpr auto fields() {
    return std::tuple{pawl::field("account", &Alarm::account), pawl::field("name", &Alarm::name),
                      pawl::field("delay_ms", &Alarm::delay_ms),
                      pawl::field("again", &Alarm::again), pawl::field("due_us", &Alarm::due_us)};
  }
};

struct Write {
  static constexpr std::string_view kind = "bank.write";
  std::string account;
  std::string text;
  std::int64_t number = 0;
  PAWL_BANK_ONE_ACCOUNT
  static constexpr auto fields() {
    return std::tuple{pawl::field("account", &Write::account), pawl::field("text", &Write::text),
                      pawl::field("number", &Write::number)};
  }
};

// Puts the texts of the newest notes that it sees into the trail: two of them, or five.
template <int limit>
struct Recall {
  static constexpr std::string_view kind = limit == 2 ? "bank.recall_two" : "bank.recall_five";
  std::string account;
  PAWL_BANK_ONE_ACCOUNT
  static std::vector<pawl::RecordRead> reads() { return {pawl::newest_records<Note>(limit)}; }
  static constexpr auto fields() { return std::tuple{pawl::field("account", &Recall::account)}; }
};
using RecallTwo = Recall<2>;
using RecallFive = Recall<5>;

#undef PAWL_BANK_ONE_ACCOUNT

}  // namespace bank
