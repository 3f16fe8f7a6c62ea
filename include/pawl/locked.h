// SPDX-License-Identifier: Apache-2.0
//
// Locked<T>: an entity's row as it is under its lock, the only kind of row that a decision sees.
// Made by the engine from what a store locked (and by pawl/testing.h), neither copied nor moved, so
// that none outlives the transaction it was read in.
#pragma once

#include <pawl/fields.h>
#include <pawl/key.h>
#include <pawl/value.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace pawl {

// A machine's code broke its contract (read an absent row, made an illegal move). The engine stops
// it at the command's edge: the command changes nothing and is reported as a defect.
class MachineDefect : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

// Where an entry stands: the lane's commit and the entry's byte offset in its row.
struct JournalPosition {
  std::int32_t lane = 0;
  std::int64_t sequence = 0;  // 0: no entry
  std::int32_t offset = 0;

  friend bool operator==(const JournalPosition&, const JournalPosition&) = default;
};

// Records that a decision asked to see, oldest first.
struct RecordRows {
  std::string_view table;
  std::vector<Row> rows;
};

// One entity within one transaction, untyped. Owned by the committer.
struct EntitySlot {
  EntityRef ref;
  bool present = false;
  Row row;
  std::int64_t version = 0;  // 0: absent; the first version is 1
  Time last_time;
  JournalPosition newest;
  std::vector<RecordRows> records;
};

// Shows a slot to Locked<T>; only who holds the lock can make one.
class SlotView {
 public:
  const EntitySlot& slot() const { return *slot_; }
  std::size_t index() const { return index_; }

 private:
  friend class LockHolder;
  SlotView(const EntitySlot& slot, std::size_t index) : slot_(&slot), index_(index) {}
  const EntitySlot* slot_;
  std::size_t index_;
};

template <class T>
class Locked {
 public:
  explicit Locked(const SlotView& view)
      : slot_(&view.slot()),
        index_(view.index()),
        readable_(!slot_->present || from_row(std::span<const Value>(slot_->row), row_)) {}
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

  // False: there was no such row when the lock was asked for. Absence is not locked: a create may
  // still lose to another one, and then the command is decided again.
  bool present() const { return slot_->present; }
  // False if the stored row holds something this binary does not know; decide is then not called.
  bool readable() const { return readable_; }

  const T& operator*() const { return checked(); }
  const T* operator->() const { return &checked(); }

  const std::string& key() const { return slot_->ref.key; }
  std::int64_t version() const { return slot_->version; }
  // Its place among the command's entities.
  std::size_t index() const { return index_; }

  // The entity's newest records of type R that the command declared (see command.h), oldest first.
  template <HasFields R>
  std::vector<R> records() const {
    std::vector<R> out;
    for (const auto& list : slot_->records) {
      if (list.table != R::table) continue;
      for (const auto& row : list.rows) {
        R record{};
        if (!from_row(std::span<const Value>(row), record)) {
          throw MachineDefect("a stored record is not readable");
        }
        out.push_back(std::move(record));
      }
    }
    return out;
  }

 private:
  const T& checked() const {
    if (!slot_->present) throw MachineDefect("decide read an entity that is absent");
    return row_;
  }

  const EntitySlot* slot_;
  std::size_t index_;
  T row_{};
  bool readable_;
};

}  // namespace pawl
