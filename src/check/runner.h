// SPDX-License-Identifier: Apache-2.0
//
// Runs one item of work through the production committer (protocol::Batch) on the rows of a state,
// as a store would give them to it, and answers what it wrote. What is run follows from the work
// and the rows that it locks alone, so each such run is made once and remembered; it is made twice,
// and both must agree, or decide() is no function of what it is given.
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "check/byte_table.h"
#include "check/state.h"
#include "check/world.h"
#include "protocol/work.h"

namespace pawl::check {

enum class WorkKind : std::uint8_t {
  request,
  message,
  deadline,
  claim,
  answer,
  lease_lost,
  operate,
  parked
};

// What is to be run, by number.
struct WorkName {
  WorkKind kind = WorkKind::request;
  std::uint8_t flag = 1;    // the source stands (message, deadline, token); parked: try again
  std::uint8_t verb = 0;    // operate
  std::uint16_t index = 0;  // request, place or label
  PartId row = 0;           // message, deadline, parked; the effect as it was claimed or looked at
  PartId answer = 0;
};

// What the work wrote, and how it ended.
struct Ran {
  static constexpr PartId gone = 0xFFFFFFFF;

  std::vector<std::pair<std::uint8_t, PartId>> entities;
  std::vector<std::pair<std::uint8_t, PartId>> records;
  std::vector<std::pair<std::uint8_t, PartId>> receipts;
  std::vector<std::pair<std::uint8_t, PartId>> deadlines;
  std::vector<std::pair<PartId, PartId>> new_effects;  // label's part, row
  std::optional<PartId> effect;                        // its new row, or gone: it has ended
  std::vector<PartId> messages;
  bool message_gone = false;
  std::vector<PartId> parked;
  bool parked_gone = false;
  std::optional<EffectCall::Purpose> exchange;
  std::uint32_t alerted = 0;  // a bit per entity
  bool effect_alerted = false;

  protocol::Fate fate = protocol::Fate::decided;
  bool done = false;      // carried out, not refused
  bool refused = false;   // refused by a guard: its receipt says so
  bool repeated = false;  // answered from a receipt
  std::string said;       // the refusal's or error's code
  std::string defect;     // a broken contract: always a violation

  bool changes() const {
    return !entities.empty() || !records.empty() || !receipts.empty() || !deadlines.empty() ||
           !new_effects.empty() || effect.has_value() || !messages.empty() || message_gone ||
           !parked.empty() || parked_gone;
  }
};

class Runner {
 public:
  explicit Runner(World& world) : world_(world) {}

  // `rows`: the entities as the work reads them, normally the state's own.
  const Ran& run(const WorkName& name, const State& state,
                 const std::array<PartId, max_entities>& rows);
  // All in one batch, each on what the ones before have made of the rows. Requests, messages and
  // deadlines only. `gone`: which of the messages are consumed. Not remembered.
  Ran run_batch(std::span<const WorkName> names, const State& state, std::vector<bool>& gone);
  // Of the works and of all that they read: batches of one key do the same. Valid until the next
  // call.
  std::string_view batch_key(std::span<const WorkName> names, const State& state);
  // Which entities the work locks, a bit each.
  std::uint32_t locks(const WorkName& name);

  std::int64_t runs() const { return runs_; }
  std::size_t memory() const { return keys_.memory() + ran_.size() * 400; }

 private:
  // What a work locks, by number.
  struct Shape {
    std::vector<std::uint8_t> entities;
    std::vector<std::uint8_t> receipts;
    bool effect = false;
    std::optional<std::uint8_t> place;
  };

  std::uint32_t shape_of(const WorkName& name);
  static std::uint32_t tick_key(const State& state);
  void append_reads(const Shape& shape, const WorkName& name, const State& state,
                    const std::array<PartId, max_entities>& rows);
  protocol::WorkItem item(const WorkName& name, std::int64_t id = only_id) const;
  protocol::EffectRow effect_row(std::uint16_t label, PartId row, std::int64_t token) const;
  PartId open_effect(const WorkName& name, const State& state) const;
  static constexpr std::int64_t only_id = 1;
  std::int64_t window_us() const { return world_.scenario().receipts_seconds * 1'000'000; }

  Ran execute(const WorkName& name, const State& state,
              const std::array<PartId, max_entities>& rows);
  std::optional<Ran> execute_once(const WorkName& name, const State& state,
                                  const std::array<PartId, max_entities>& rows, bool look_up);
  bool receipt_is_taken(const protocol::WriteBatch& writes, const State& state) const;
  protocol::LockedBatch locked(const WorkName& name, const protocol::LockRequest& request,
                               const State& state, const std::array<PartId, max_entities>& rows);
  void take_writes(const WorkName& name, const protocol::WriteBatch& writes, const State& state,
                   Ran& ran);
  std::string illegal_move(std::size_t entity, PartId before, PartId after) const;
  void take_rows(const protocol::WriteBatch& writes, const State& state, Ran& ran);

  World& world_;
  ByteTable shape_keys_;
  std::vector<Shape> shapes_;
  ByteTable keys_;
  std::deque<Ran> ran_;  // references stay
  std::vector<std::uint32_t> key_;
  std::int64_t runs_ = 0;
};

}  // namespace pawl::check
