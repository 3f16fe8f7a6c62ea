// SPDX-License-Identifier: Apache-2.0
//
// A command: the one thing that can change an entity. In C++ it is a plain struct:
//
//   struct Push {
//     static constexpr std::string_view kind = "turnstile.push";
//     std::string turnstile;
//     auto keys() const { return std::tuple{pawl::Key<Turnstile>{turnstile}}; }
//     static constexpr auto fields() { return std::tuple{pawl::field("turnstile",
//     &Push::turnstile)}; }
//   };
//   pawl::Decision decide(const Push&, pawl::Locked<Turnstile>&, const pawl::Context&);
//
// decide() is found in the struct's namespace and must be pure: it may be run again, folded with
// others into one commit, and explored by the checker.
#pragma once

#include <pawl/context.h>
#include <pawl/decision.h>
#include <pawl/fields.h>
#include <pawl/key.h>
#include <pawl/locked.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace pawl {

// Declares that decide() wants to see an entity's newest records of type R, at most `limit`.
struct RecordRead {
  std::size_t entity = 0;
  std::string_view table;
  int limit = 0;
};
inline constexpr int max_records_read = 1'000;

template <class R>
constexpr RecordRead newest_records(int limit, std::size_t entity = 0) {
  return {entity, R::table, limit};
}

inline constexpr ErrorCode entity_unreadable{
    "entity_unreadable", ErrorClass::corrupt,
    "the entity holds something that this version does not know"};

// Untyped and immutable; shared between threads.
class Command {
 public:
  virtual ~Command() = default;
  virtual std::string_view kind() const = 0;
  // 1 to max_entities_per_command, in the order of decide()'s parameters; no entity twice.
  virtual std::vector<EntityRef> keys() const = 0;
  virtual std::vector<RecordRead> record_reads() const = 0;
  virtual std::string payload() const = 0;
  // What a repeat under the same id must equal: C::identity() where declared, else the payload.
  virtual std::string identity() const = 0;
  // `slots` in the order of keys(). A row that this binary cannot read gives an error.
  virtual Result<Decision> decide(std::span<const SlotView> slots, const Context& now) const = 0;
};

namespace internal {

template <class Keys>
struct LockedTuple;
template <class... T>
struct LockedTuple<std::tuple<Key<T>...>> {
  template <class C, std::size_t... I>
  static Result<Decision> run(const C& command, std::span<const SlotView> slots, const Context& now,
                              std::index_sequence<I...>) {
    std::tuple<Locked<T>...> rows(slots[I]...);
    if (!(std::get<I>(rows).readable() && ...)) return fail(entity_unreadable);
    return decide(command, std::get<I>(rows)..., now);
  }
  static constexpr std::size_t count = sizeof...(T);
};

}  // namespace internal

template <class C>
class TypedCommand final : public Command {
 public:
  explicit TypedCommand(C command) : command_(std::move(command)) {}

  std::string_view kind() const override { return C::kind; }
  std::vector<EntityRef> keys() const override {
    return std::apply([](const auto&... key) { return std::vector<EntityRef>{entity_ref(key)...}; },
                      command_.keys());
  }
  std::vector<RecordRead> record_reads() const override {
    if constexpr (requires { C::reads(); }) {
      return C::reads();
    } else {
      return {};
    }
  }
  std::string payload() const override {
    if constexpr (HasFields<C>) {
      return to_payload(command_);
    } else {
      return {};
    }
  }
  std::string identity() const override {
    if constexpr (requires { command_.identity(); }) {
      return command_.identity();
    } else {
      return payload();
    }
  }
  Result<Decision> decide(std::span<const SlotView> slots, const Context& now) const override {
    using Rows = internal::LockedTuple<decltype(command_.keys())>;
    static_assert(Rows::count >= 1 && Rows::count <= max_entities_per_command);
    return Rows::run(command_, slots, now, std::make_index_sequence<Rows::count>());
  }
  const C& value() const { return command_; }

 private:
  C command_;
};

template <class C>
std::shared_ptr<const Command> make_command(C command) {
  return std::make_shared<TypedCommand<C>>(std::move(command));
}

// A message that its receiver refused, or that could not be delivered, on its way back. Its entity
// is the sender: message structs name their sender's machine (`using Sender = Order;`), and that
// system decides Bounced<C> too.
template <class C>
struct Bounced {
  static inline const std::string kind = "bounced:" + std::string(C::kind);

  C message;
  std::string sender_key;
  std::string code;    // the refusal's code
  std::string detail;  // and its particulars

  auto keys() const { return std::tuple{Key<typename C::Sender>{sender_key}}; }
};

template <class T, class C>
Change& Change::deadline(const Locked<T>& entity, std::string name, Time due, const C& command) {
  static_assert(HasFields<C>, "a deadline's command is stored: it needs fields()");
  deadlines.push_back({entity.index(), std::move(name), due, make_command(command)});
  return *this;
}

template <class T, class C>
Change& Change::message(const Locked<T>& from, const C& command) {
  static_assert(HasFields<C>, "a message is stored: it needs fields()");
  messages.push_back({from.index(), make_command(command)});
  return *this;
}

}  // namespace pawl
