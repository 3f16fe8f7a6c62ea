// SPDX-License-Identifier: Apache-2.0
//
// What a state's numbers stand for: rows, receipts, deadlines, effects, messages, answers and the
// outside's facts, each different one kept once. Kept in normal form: what no decision may depend
// on (versions, ids, tokens, journal positions, histories, alerts' times) is left out, so that
// paths which differ in nothing else meet in one state. docs/checker.md argues each of these.
#pragma once

#include <pawl/check.h>

#include <memory>
#include <string>
#include <vector>

#include "check/byte_table.h"
#include "check/state.h"
#include "protocol/storage.h"

namespace pawl::check {

// What never changes of an effect.
struct EffectLabel {
  std::string kind;
  EntityRef owner;
  std::string payload;
  std::string idempotency_key;
  int copy = 0;  // tells effects of one content apart that exist at the same time
};

class Parts {
 public:
  explicit Parts(const Registry& registry) : registry_(registry) {}

  PartId of_row(const Row& row);
  Row row(PartId id) const;
  PartId of_records(const std::vector<Row>& rows);
  std::vector<Row> records(PartId id) const;
  // `writer`: which request wrote it. `tick`: when, where receipts are not kept for ever.
  PartId of_receipt(const protocol::StoredReceipt& receipt, std::size_t writer, int tick);
  protocol::StoredReceipt receipt(PartId id, std::size_t& writer) const;
  int receipt_tick(PartId id) const;
  // The committed part of a state: a backup.
  PartId of_committed(std::string_view encoded);
  std::string_view committed(PartId id) const { return bytes(id).substr(1); }
  PartId of_deadline(const protocol::DeadlineRow& row);
  protocol::DeadlineRow deadline(PartId id) const;
  // Of an effect's row only what its label does not say.
  PartId of_effect(const protocol::EffectRow& row, const EffectPolicy& policy);
  protocol::EffectRow effect(PartId id, const EffectLabel& label) const;
  PartId of_message(const protocol::MessageRow& row);
  protocol::MessageRow message(PartId id) const;
  PartId of_parked(const protocol::ParkedRow& row);
  protocol::ParkedRow parked(PartId id) const;
  PartId of_answer(const EffectAnswer& answer);
  EffectAnswer answer(PartId id) const;
  PartId of_facts(const Facts& facts);
  const Facts& facts(PartId id);
  PartId of_label(const EffectLabel& label);
  EffectLabel label(PartId id) const;

  // For symmetry: the same part under other names.
  PartId of_bytes(std::string_view bytes) { return table_.insert(bytes).first + 1; }
  std::string_view bytes(PartId id) const { return table_[id - 1]; }

  // The deadline's due time alone; asked for at every step.
  Time due(PartId id) {
    if (due_.size() < id) due_.resize(id + id / 2, unknown_due);
    Time& place = due_[id - 1];
    if (place == unknown_due) place = deadline(id).due;
    return place;
  }
  // The effect's state alone; asked for at every step.
  protocol::EffectState effect_state(PartId id) const {
    std::int64_t state = 0;
    std::memcpy(&state, bytes(id).data() + 1, sizeof state);
    return static_cast<protocol::EffectState>(state);
  }

  // A typed row once decoded, for invariants.
  std::shared_ptr<const void>& typed(PartId id);
  const Row& kept_row(PartId id);

  std::size_t size() const { return table_.size(); }
  std::size_t memory() const { return table_.memory(); }

 private:
  EntityRef known(const std::string& machine, std::string key) const;

  const Registry& registry_;
  ByteTable table_;
  std::vector<std::shared_ptr<const void>> typed_;
  std::vector<std::unique_ptr<Row>> rows_;
  std::vector<std::unique_ptr<Facts>> facts_;
  static constexpr Time unknown_due{-1};
  std::vector<Time> due_;
};

}  // namespace pawl::check
