// SPDX-License-Identifier: Apache-2.0
//
// Runs the committer's step machine on rows that a test makes by hand: a world of accounts,
// receipts and sources in memory, from which a LockRequest is answered.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/bank_decide.h"
#include "protocol/batch_state.h"
#include "protocol/committer.h"

namespace pawl::protocol {

inline EntityRef account(std::string key) {
  return {bank::Account::machine, std::move(key)};
}

class BatchFixture : public ::testing::Test {
 protected:
  BatchFixture() {
    bank::describe(registry);
    config.version = 42;
  }

  void put(const std::string& key, std::int64_t balance = 100,
           bank::State state = bank::State::open) {
    bank::Account row;
    row.id = key;
    row.state = state;
    row.state_since = Time{11};
    row.balance = balance;
    EntitySlot slot;
    slot.ref = account(key);
    slot.present = true;
    slot.row = to_row(row);
    slot.version = 5;
    slot.last_time = Time{50};
    slot.newest = {0, 3, 7};
    world[slot.ref] = slot;
  }

  template <class C>
  std::uint64_t request(C command, std::string id = {}, std::string who = "ann") {
    if (id.empty()) id = "id-" + std::to_string(works.size());
    return add(RequestWork{make_command(std::move(command)), {std::move(who), std::move(id), ""}});
  }
  std::uint64_t add(WorkItem item) {
    works.push_back({works.size() + 1, std::move(item)});
    return works.size();
  }

  MessageRow message_row(std::int64_t id, const std::string& from, const std::string& to,
                         const std::string& label = "m", std::int64_t amount = 10) {
    MessageRow row;
    row.id = id;
    row.from = account(from);
    row.to = account(to);
    row.kind = bank::Credit::kind;
    row.payload = to_payload(bank::Credit{to, amount, label});
    messages.insert(id);
    return row;
  }
  std::uint64_t message(std::int64_t id, const std::string& from, const std::string& to,
                        const std::string& label = "m") {
    MessageRow row = message_row(id, from, to, label);
    auto command = registry.find_command(row.kind)->decode(row.payload);
    return add(MessageWork{row, *command});
  }

  EffectRow effect_row(std::int64_t id, EffectState state, std::int64_t token = 3) {
    EffectRow row;
    row.id = id;
    row.kind = bank::Payment::kind;
    row.owner = account("a");
    row.payload = to_payload(bank::Payment{"a", 10, "k"});
    row.idempotency_key = "k";
    row.state = state;
    row.attempt = 1;
    row.token = token;
    effects[id] = row;
    return row;
  }
  std::uint64_t answer(const EffectRow& claimed, Outcome outcome) {
    return add(AnswerWork{claimed, EffectAnswer(outcome, "c"), 0.5});
  }

  void run() {
    batch = std::make_unique<Batch>(registry, config, std::move(works), nullptr,
                                    BatchOptions{.receipts_window_us = receipts_window_us,
                                                 .look_up_receipts = look_up_receipts});
    works.clear();
    LockedBatch locked;
    locked.time = now;
    locked.sequence = 9;
    locked.restored_at = restored_at;
    for (const auto& ref : batch->lock_request().entities) {
      const auto found = world.find(ref);
      if (found != world.end()) {
        locked.entities.push_back(found->second);
      } else {
        locked.entities.emplace_back().ref = ref;
      }
    }
    for (const auto& key : batch->lock_request().receipts) {
      const auto found = look_up_receipts ? receipts.find(key) : receipts.end();
      locked.receipts.push_back(found == receipts.end() ? std::nullopt
                                                        : std::optional(found->second));
    }
    for (const auto& query : batch->lock_request().records) {
      RecordRows rows{query.table, {}};
      const auto& all = notes[locked.entities[query.entity].ref.key];
      const auto size = std::min(all.size(), static_cast<std::size_t>(query.limit));
      for (std::size_t i = all.size() - size; i < all.size(); ++i) {
        rows.rows.push_back(to_row(bank::Note{all[i], 0}));
      }
      locked.entities[query.entity].records.push_back(std::move(rows));
    }
    for (const auto id : batch->lock_request().effects) {
      const auto found = effects.find(id);
      locked.effects.push_back(found == effects.end() ? std::nullopt
                                                      : std::optional(found->second));
    }
    for (const auto id : batch->lock_request().messages) {
      locked.messages.push_back(messages.contains(id));
    }
    for (const auto& ref : batch->lock_request().deadlines) {
      locked.deadlines.push_back(armings[ref.name]);
    }
    for (const auto id : batch->lock_request().parked) {
      const auto found = parked.find(id);
      locked.parked.push_back(found == parked.end() ? std::nullopt : std::optional(found->second));
    }
    batch->decide(std::move(locked));
  }

  const WriteBatch& writes() const { return batch->write_batch(); }
  // As if the batch had been committed, for what repeats find.
  void keep_receipts() {
    for (const auto& write : writes().receipts) receipts[write.key] = write.receipt;
  }
  const WorkResult& result(std::uint64_t ticket) const {
    for (const auto& r : batch->results()) {
      if (r.ticket == ticket) return r;
    }
    ADD_FAILURE() << "no result for ticket " << ticket;
    static const WorkResult none;
    return none;
  }
  std::string code(std::uint64_t ticket) const {
    const auto& receipt = result(ticket).receipt;
    if (!receipt) return std::string(receipt.error().code.code);
    return receipt->done ? "done" : receipt->code;
  }
  const EntitySlot& slot(const std::string& key) const {
    for (const auto& s : writes().entities) {
      if (s.ref.key == key) return s;
    }
    ADD_FAILURE() << "not locked: " << key;
    static const EntitySlot none;
    return none;
  }
  bank::Account row(const std::string& key) const {
    bank::Account out;
    const auto& s = slot(key);
    const bool read = !s.present || from_row(std::span<const Value>(s.row), out);
    EXPECT_TRUE(read) << key;
    return out;
  }

  Registry registry;
  ConfigSnapshot config;
  Time now = Time::from_seconds(100);
  std::int64_t receipts_window_us = 0;
  bool look_up_receipts = true;
  Time restored_at;
  std::map<EntityRef, EntitySlot> world;
  std::map<ReceiptKey, StoredReceipt> receipts;
  std::map<std::string, std::vector<std::string>> notes;
  std::map<std::int64_t, EffectRow> effects;
  std::set<std::int64_t> messages;
  std::map<std::string, std::int64_t> armings;
  std::map<std::int64_t, ParkedRow> parked;
  std::vector<Work> works;
  std::unique_ptr<Batch> batch;
};

}  // namespace pawl::protocol
