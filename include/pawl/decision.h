// SPDX-License-Identifier: Apache-2.0
//
// What decide() answers: a refusal with its guard, "nothing to do", or a change. A change is a list
// of everything that shall commit together: rows, records, effects, deadlines, messages, alerts and
// the reply. It is data; nothing has happened yet when it is returned.
#pragma once

#include <pawl/error.h>
#include <pawl/fields.h>
#include <pawl/guard.h>
#include <pawl/locked.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace pawl {

class Command;

struct RowChange {
  std::size_t entity = 0;  // the entity's place in the command
  Row row;
  bool created = false;
  std::string why;
};

struct RecordChange {
  std::size_t entity = 0;
  std::string_view table;
  Row row;
};

struct EffectChange {
  std::size_t entity = 0;
  std::string_view kind;
  std::string payload;
  std::string idempotency_key;
};

// Arms the entity's deadline of that name, replacing an earlier one; without a command, disarms it.
struct DeadlineChange {
  std::size_t entity = 0;
  std::string name;
  Time due;
  std::shared_ptr<const Command> command;
};

struct MessageChange {
  std::size_t from_entity = 0;
  std::shared_ptr<const Command> command;
};

struct AlertChange {
  std::size_t entity = 0;
  std::string code;
  std::string detail;
};

class Change;

class Decision {
 public:
  enum class Kind { refused, ignored, changed };

  Decision(Refusal refusal)  // NOLINT(google-explicit-constructor): returned by PAWL_REQUIRE
      : kind_(Kind::refused), refusal_(std::move(refusal)) {}
  Decision(Change change);  // NOLINT(google-explicit-constructor): returned by decide

  // Nothing to do, and that is right: a deadline that no longer matters, a repeated outcome. The
  // source (deadline, message, outcome) is consumed; no row changes.
  static Decision ignore(std::string why);

  Kind kind() const { return kind_; }
  const Refusal& refusal() const { return *refusal_; }
  const Change& change() const { return *change_; }
  Change take_change() &&;  // moved out, or copied if another Decision shares it
  const std::string& why_ignored() const { return why_; }

 private:
  Decision() = default;

  Kind kind_ = Kind::ignored;
  std::optional<Refusal> refusal_;
  std::shared_ptr<Change> change_;
  std::string why_;
};

class Change {
 public:
  // Creates the absent entity. `why` is short and goes to the journal.
  template <class T>
  Change& create(const Locked<T>& entity, const T& row, std::string why) {
    rows.push_back({entity.index(), to_row(row), true, std::move(why)});
    return *this;
  }

  // Replaces the entity's row. The engine refuses a change of the key and a move that the machine's
  // table does not allow (a defect), and sets state_since when the state changed.
  template <class T>
  Change& update(const Locked<T>& entity, const T& row, std::string why) {
    rows.push_back({entity.index(), to_row(row), false, std::move(why)});
    return *this;
  }

  template <class T, HasFields R>
  Change& record(const Locked<T>& entity, const R& row) {
    records.push_back({entity.index(), R::table, to_row(row)});
    return *this;
  }

  template <class T, HasFields E>
  Change& effect(const Locked<T>& owner, const E& effect) {
    effects.push_back({owner.index(), E::kind, to_payload(effect), effect.idempotency_key()});
    return *this;
  }

  // See command.h for the templates that make a command of a struct.
  template <class T, class C>
  Change& deadline(const Locked<T>& entity, std::string name, Time due, const C& command);

  template <class T>
  Change& disarm(const Locked<T>& entity, std::string name) {
    deadlines.push_back({entity.index(), std::move(name), Time::never(), nullptr});
    return *this;
  }

  template <class T, class C>
  Change& message(const Locked<T>& from, const C& command);

  template <class T>
  Change& alert(const Locked<T>& entity, std::string code, std::string detail) {
    alerts.push_back({entity.index(), std::move(code), std::move(detail)});
    return *this;
  }

  // What the caller is answered, now and at every repeat: a struct's fields as a JSON object.
  template <HasFields R>
  Change& reply(const R& fields) {
    reply_json = to_payload(fields);
    return *this;
  }

  std::vector<RowChange> rows;
  std::vector<RecordChange> records;
  std::vector<EffectChange> effects;
  std::vector<DeadlineChange> deadlines;
  std::vector<MessageChange> messages;
  std::vector<AlertChange> alerts;
  std::string reply_json;
};

inline Decision::Decision(Change change)
    : kind_(Kind::changed), change_(std::make_shared<Change>(std::move(change))) {}

inline Change Decision::take_change() && {
  if (change_.use_count() > 1) return *change_;
  return std::move(*change_);
}

inline Decision Decision::ignore(std::string why) {
  Decision decision;
  decision.why_ = std::move(why);
  return decision;
}

}  // namespace pawl
