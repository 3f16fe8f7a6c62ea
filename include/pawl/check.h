// SPDX-License-Identifier: Apache-2.0
//
// The checker: explores, exhaustively and deterministically, what a system's own decide functions
// and the engine's own step machines can do, in every order of commands, answers, crashes and
// deadlines, against a small model of the outside. docs/checker.md says how to write one and how to
// read a schedule. Compile the system with PAWL_CHECKER=1 and link pawl::check (not pawl::pawl):
// only in that build can a guard be switched off.
//
//   pawl::check::Scenario scenario;         // machines, requests, outside, invariants
//   auto result = pawl::check::explore(scenario, {});
//   // result.violation, result.complete, result.states
#pragma once

#include <pawl/command.h>
#include <pawl/context.h>
#include <pawl/effect.h>
#include <pawl/machine.h>
#include <pawl/receipt.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pawl::check {

// The state of an outside: named numbers and texts. Absent names are 0 and "".
class Facts {
 public:
  std::int64_t number(std::string_view name) const;
  std::string text(std::string_view name) const;
  bool has(std::string_view name) const { return values_.contains(name); }
  void set(const std::string& name, std::int64_t value);
  void set(const std::string& name, std::string value);
  void add(const std::string& name, std::int64_t value) { set(name, number(name) + value); }
  void erase(const std::string& name) { values_.erase(name); }
  const std::map<std::string, Value, std::less<>>& all() const { return values_; }

 private:
  std::map<std::string, Value, std::less<>> values_;
};

// The far side of the effects. Deterministic: what may go otherwise is an Event or a fault, so that
// every possibility is a step of its own. `now` is the far side's clock (the same as ours).
class Outside {
 public:
  virtual ~Outside() = default;
  virtual Facts initial() const { return {}; }
  // A request arrives, once per time that its bytes do: carry it out and answer.
  virtual EffectAnswer perform(Facts& facts, const EffectCall& call, Time now) const = 0;
  // An inquiry or a poll.
  virtual EffectAnswer inquire(Facts& facts, const EffectCall& call, Time now) const = 0;
  // Codes with which it may refuse this request although it could be carried out, and what it does
  // to refuse it.
  virtual std::vector<std::string> refusals(const Facts& facts, const EffectCall& call) const;
  virtual EffectAnswer refuse(Facts& facts, const EffectCall& call, const std::string& code) const;
  // True: however often the request still arrives, from now on it changes nothing any more (its key
  // was carried out or refused). Late copies of it are then no longer told apart from none.
  virtual bool is_spent(const Facts& facts, const EffectCall& call) const;
};

// A command from outside, under its own id. It may be sent again under that id at any time.
struct Request {
  std::string name;  // unique in the scenario; in schedules
  std::shared_ptr<const Command> command;
  Origin origin;
};

template <class C>
Request request(std::string name, C command, std::string principal) {
  Origin origin;
  origin.principal = std::move(principal);
  origin.id = name;
  return {std::move(name), make_command(std::move(command)), std::move(origin)};
}

// Something that happens by itself: the far side goes on, a setting is changed, a row is edited by
// hand, past the engine. Each part answers false if it cannot happen now.
struct Event {
  std::string name;
  int at_most = 1;
  std::function<bool(Facts&)> outside;
  std::optional<EntityRef> row;
  std::function<bool(Row&)> edit;
  int config = -1;  // from now on this one of the scenario's configurations
};

// One deadline, effect, message or parked command, as an invariant sees it.
struct SeenDeadline {
  EntityRef entity;
  std::string_view name;
  Time due;
};
struct SeenEffect {
  std::string_view kind;
  EntityRef owner;
  std::string_view idempotency_key;
  std::string_view state;  // as in pawl_effects: ready, sending, accepted ...
};
struct SeenMessage {
  EntityRef from;
  EntityRef to;
  std::string_view kind;
  std::string_view payload;
  bool bounced = false;
};

class Explored;  // inside the checker

// What is committed, and the outside, in one state. Only valid while an invariant looks at it.
class View {
 public:
  explicit View(const Explored& inside) : inside_(&inside) {}

  Time now() const;
  // The entity's row; null if absent.
  template <class T>
  const T* row(std::string_view key) const {
    std::shared_ptr<const void>* cell = nullptr;
    const Row* row = row_of(T::machine, key, cell);
    if (row == nullptr) return nullptr;
    if (*cell == nullptr) {
      auto made = std::make_shared<T>();
      if (!from_row(std::span<const Value>(*row), *made)) return nullptr;
      *cell = std::move(made);
    }
    return static_cast<const T*>(cell->get());
  }
  // Records of the entity, oldest first.
  std::size_t records(std::string_view machine, std::string_view key) const;
  const Facts& outside() const;
  // The stored receipt of a request; null if it was not decided, or refused.
  const Receipt* receipt(std::string_view request) const;
  std::vector<SeenDeadline> deadlines() const;
  bool has_deadline(std::string_view key, std::string_view name) const;
  std::vector<SeenEffect> effects() const;
  std::vector<SeenMessage> messages() const;
  // Commands set aside for an operator.
  std::size_t parked() const;

 private:
  const Row* row_of(std::string_view machine, std::string_view key,
                    std::shared_ptr<const void>*& cell) const;
  const Explored* inside_;
};

struct Invariant {
  std::string name;
  // "" where it holds, else what is wrong.
  std::function<std::string(const View&)> broken;
};

// How much may go wrong. Lost and late count per effect, the others per schedule.
struct Bounds {
  int workers = 2;    // processes that carry out effects
  int crashes = 1;    // of a worker, with all that only its memory holds
  int stalls = 1;     // a worker's lease is taken over while it is only slow
  int lost = 1;       // carried out, the answer lost
  int late = 1;       // the request arrives only after its sender has given up
  int unsent = 1;     // nothing was sent
  int refusals = 1;   // a definite no of the far side's own
  int operators = 1;  // verbs on effects, by a person who looks at the outside first
  int ticks = 2;      // how often time passes while requests come; then until deadlines have rung
  int restores = 0;   // a backup is taken, and a store is made of it later, as another epoch
  // The workers are processes of one lane, the first one its owner; so often another one, or the
  // same one started again, takes it over while the last owner is dead, or only slow.
  int takeovers = 0;
  // Workers take commands, messages, deadlines and effects in hand, and lock some steps later.
  bool hands = false;
};

struct Scenario {
  std::string name;
  std::string about;  // one sentence
  std::shared_ptr<const Registry> registry;
  std::vector<ConfigSnapshot> configs = std::vector<ConfigSnapshot>(1);
  std::vector<Request> requests;
  std::shared_ptr<const Outside> outside;  // null: no effects
  std::vector<Event> events;
  std::vector<Invariant> invariants;
  // An end: nothing more has to happen. Asked only where no effect or message is under way.
  std::function<bool(const View&)> ended;
  // Stopped until an operator acts, by the rows. Entering it must have raised an alert.
  std::function<bool(const View&, const EntityRef&)> waits_for_operator;
  // Groups of names that are interchangeable, and occur in keys, payloads and texts: of one length.
  std::vector<std::vector<std::string>> symmetric;
  // How long names are shown in schedules.
  std::map<std::string, std::string> aliases;
  // Entities that are named by no request.
  std::vector<EntityRef> entities;
  Time start = Time::from_seconds(1'700'000'000);
  std::int64_t tick_us = 1'000'000;
  Bounds bounds;
  // Receipts are kept so long (whole seconds, see RetentionOptions); 0: for ever.
  std::int64_t receipts_seconds = 0;
  // Also, in every state: any so many works in one batch do what they do one after the other. The
  // number of batches is that of the works to this power; each different one is tried once.
  int batches = 1;
  // Keep the receipts of refusals, too. Otherwise a refused request counts as never made, as if it
  // were made again under another id: more can happen then, in fewer states.
  bool keep_refusals = false;
  // Count the versions of rows, for decisions that ask for them (a precondition). They only rise,
  // so that states do not meet again: for small scenarios.
  bool keep_versions = false;
  // A decision that breaks the machine's contract, and is stopped by the engine, is part of the
  // scenario and not a finding.
  bool defects_expected = false;
};

struct Options {
  std::string without;  // a guard to switch off; empty: none
  std::size_t memory_mb = 2'048;
  bool progress = false;  // a line on stderr every second
  bool wedges = true;     // also: every state can still reach an end
  int folds = 0;          // Scenario::batches is at least this
};

struct Violation {
  std::string what;
  int steps = 0;
  std::string schedule;  // replays it
  std::string chart;     // in words, with the rows that each step changed
};

struct Result {
  std::int64_t states = 0;
  std::int64_t transitions = 0;
  int depth = 0;  // of the longest of the shortest schedules
  double seconds = 0;
  double wedge_seconds = 0;  // of them, for the search back from the ends
  std::int64_t state_bytes = 0;
  bool complete = false;
  std::string cut;  // why it is not complete
  std::optional<Violation> violation;
};

// Something that has a search of its own.
struct Exploration {
  std::string name;
  std::string about;
  std::function<Result(const Options&)> explore;
  std::function<Result(const std::string& schedule, const Options&)> replay;
};

// Named on the command line; its scenarios and explorations are explored one after another.
struct System {
  std::string name;
  std::function<std::vector<Scenario>()> scenarios = {};
  std::vector<std::string_view> guards = {};
  std::function<std::vector<Exploration>()> explorations = {};
};

Result explore(const Scenario& scenario, const Options& options);
// Follows a schedule; a violation at any of its steps is reported, with the whole chart.
Result replay(const Scenario& scenario, const std::string& schedule, const Options& options);

// The command line `pawl check ...` over these systems; see --help. The exit code: 0 clean, 1 a
// violation (or, with --all-guards, a guard whose removal changed nothing), 2 usage.
int run_command_line(int argc, char** argv, const std::vector<System>& systems);

}  // namespace pawl::check
