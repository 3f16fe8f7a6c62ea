// SPDX-License-Identifier: Apache-2.0
//
// A machine is one kind of entity: its row struct, the moves between its states that are legal, and
// the commands, effects, records and messages that belong to it. Systems describe their machines in
// a Registry once, at start; the engine knows them only through it.
//
//   registry.machine<Turnstile>()
//       .initial(State::locked)
//       .move(State::locked, State::open).move(State::open, State::locked)
//       .stored_command<CloseAgain>();        // commands that come back from the database
#pragma once

#include <pawl/command.h>
#include <pawl/effect.h>
#include <pawl/error.h>
#include <pawl/fields.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pawl {

struct RecordSpec {
  std::string_view table;
  std::vector<ColumnSpec> columns;
  std::int64_t keep_seconds = 0;  // 0: for ever
};

struct MachineSpec {
  std::string_view name;
  std::string_view table;
  std::vector<ColumnSpec> columns;  // the key first
  int schema_number = 1;
  std::size_t state_column = 0;
  std::size_t state_since_column = 0;
  std::vector<std::string_view> states;
  std::set<std::string_view> initial_states;
  std::set<std::pair<std::string_view, std::string_view>> moves;
  std::vector<RecordSpec> records;

  const RecordSpec* record(std::string_view table_name) const;
};

// A command that is stored and decoded again: a deadline's or a message's.
struct StoredCommandSpec {
  std::string_view kind;
  std::function<Result<std::shared_ptr<const Command>>(std::string_view payload)> decode;
  // For messages: the bounce of one. Empty where the kind is no message.
  std::function<Result<std::shared_ptr<const Command>>(
      std::string_view payload, std::string sender_key, std::string code, std::string detail)>
      decode_bounced;
};

struct EffectSpec {
  std::string_view kind;
  EffectPolicy policy;
  std::function<Result<std::shared_ptr<const Command>>(std::string_view payload,
                                                       const EffectReport& report)>
      outcome;
};

// Where a system's tables come from: plain SQL per store, applied in order of number. A text that
// is empty changes nothing in that store.
struct Migration {
  std::string_view system;
  int number = 1;  // 1, 2, 3 ... without gaps
  std::string_view sqlite;
  // Integers are bigint, texts text COLLATE "C": ordered by their bytes, as everywhere here.
  std::string_view postgres = {};
};

inline constexpr ErrorCode registry_invalid{"registry_invalid", ErrorClass::defect,
                                            "a machine's description contradicts itself"};

template <class T>
class MachineBuilder;

class Registry {
 public:
  // Declares machine T: T::machine, T::table, T::fields() with the key first, a column "state" of a
  // named enum and a column "state_since_us" of type Time.
  template <class T>
  MachineBuilder<T> machine();

  void migration(Migration migration) { migrations_.push_back(migration); }

  // What is missing or contradictory in what was declared; call once all is declared.
  Result<void> check() const;

  const MachineSpec* find_machine(std::string_view name) const;
  const StoredCommandSpec* find_command(std::string_view kind) const;
  const EffectSpec* find_effect(std::string_view kind) const;
  const std::vector<std::unique_ptr<MachineSpec>>& machines() const { return machines_; }
  const std::vector<Migration>& migrations() const { return migrations_; }

  // Replaces a kind's policy (limits and times come from the configuration).
  Result<void> set_effect_policy(std::string_view kind, const EffectPolicy& policy);

 private:
  template <class T>
  friend class MachineBuilder;

  std::vector<std::unique_ptr<MachineSpec>> machines_;
  std::map<std::string_view, StoredCommandSpec> commands_;
  std::map<std::string_view, EffectSpec> effects_;
  std::vector<Migration> migrations_;
};

template <class T>
class MachineBuilder {
 public:
  using State = decltype(T::state);

  MachineBuilder(Registry& registry, MachineSpec& spec) : registry_(registry), spec_(spec) {}

  // A state that a create may begin in.
  MachineBuilder& initial(State state) {
    spec_.initial_states.insert(name_of(state));
    return *this;
  }
  // A legal change of state. Staying in a state is always legal.
  MachineBuilder& move(State from, State to) {
    spec_.moves.emplace(name_of(from), name_of(to));
    return *this;
  }
  // Removed when so old; 0: never.
  template <class R>
  MachineBuilder& record(std::int64_t keep_seconds = 0) {
    spec_.records.push_back({R::table, column_specs<R>(), keep_seconds});
    return *this;
  }
  // A command that deadlines carry.
  template <class C>
  MachineBuilder& stored_command() {
    registry_.commands_[C::kind] = {C::kind, &decode<C>, nullptr};
    return *this;
  }
  // A message that this machine receives.
  template <class C>
  MachineBuilder& message() {
    registry_.commands_[C::kind] = {C::kind, &decode<C>, &decode_bounced<C>};
    return *this;
  }
  // An effect that this machine owns, and the command its end is handed over as: constructible by
  // `static OutcomeCommand of(const E&, const EffectReport&)`.
  template <class E, class OutcomeCommand>
  MachineBuilder& effect(EffectPolicy policy) {
    registry_.effects_[E::kind] = {E::kind, policy, &outcome<E, OutcomeCommand>};
    return *this;
  }

 private:
  using AnyCommand = Result<std::shared_ptr<const Command>>;

  template <class C>
  static AnyCommand decode(std::string_view payload) {
    auto command = from_payload<C>(payload);
    if (!command) return std::unexpected(command.error());
    return make_command(std::move(*command));
  }
  template <class C>
  static AnyCommand decode_bounced(std::string_view payload, std::string sender_key,
                                   std::string code, std::string detail) {
    auto message = from_payload<C>(payload);
    if (!message) return std::unexpected(message.error());
    return make_command(
        Bounced<C>{std::move(*message), std::move(sender_key), std::move(code), std::move(detail)});
  }
  template <class E, class OutcomeCommand>
  static AnyCommand outcome(std::string_view payload, const EffectReport& report) {
    auto effect = from_payload<E>(payload);
    if (!effect) return std::unexpected(effect.error());
    return make_command(OutcomeCommand::of(*effect, report));
  }

  Registry& registry_;
  MachineSpec& spec_;
};

template <class T>
MachineBuilder<T> Registry::machine() {
  auto spec = std::make_unique<MachineSpec>();
  spec->name = T::machine;
  spec->table = T::table;
  spec->columns = column_specs<T>();
  spec->schema_number = schema_number_of<T>();
  for (const std::string_view name : pawl_names(decltype(T::state){})) spec->states.push_back(name);
  for (std::size_t i = 0; i < spec->columns.size(); ++i) {
    if (spec->columns[i].name == "state") spec->state_column = i;
    if (spec->columns[i].name == "state_since_us") spec->state_since_column = i;
  }
  machines_.push_back(std::move(spec));
  return MachineBuilder<T>(*this, *machines_.back());
}

}  // namespace pawl
