// SPDX-License-Identifier: Apache-2.0
//
// Tests decisions by calling them: makes a Locked<T> without a store.
//
//   pawl::testing::LockedRow<Turnstile> row(Turnstile{...});   // or LockedRow<Turnstile>("key")
//   for auto decision = decide(Push{...}, row.locked(), pawl::testing::context_at(time));  // an
//   absent one
#pragma once

#include <pawl/context.h>
#include <pawl/locked.h>

namespace pawl::testing {

SlotView view_of(const EntitySlot& slot, std::size_t index);

template <class T>
class LockedRow {
 public:
  explicit LockedRow(const T& row, std::size_t index = 0)
      : slot_(slot_of(row)), locked_(view_of(slot_, index)) {}
  explicit LockedRow(std::string absent_key, std::size_t index = 0)
      : slot_(absent(std::move(absent_key))), locked_(view_of(slot_, index)) {}

  Locked<T>& locked() { return locked_; }

 private:
  static EntitySlot slot_of(const T& row) {
    EntitySlot slot;
    slot.row = to_row(row);
    slot.ref = {T::machine, std::get<std::string>(slot.row[0])};
    slot.present = true;
    slot.version = 1;
    return slot;
  }
  static EntitySlot absent(std::string key) {
    EntitySlot slot;
    slot.ref = {T::machine, std::move(key)};
    return slot;
  }

  EntitySlot slot_;
  Locked<T> locked_;
};

inline Context context_at(Time time, const ConfigSnapshot& config) {
  Context context;
  context.time = time;
  context.config = &config;
  context.command_id = "test";
  return context;
}

}  // namespace pawl::testing
