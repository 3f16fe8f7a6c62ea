// SPDX-License-Identifier: Apache-2.0
//
// A real store whose commits a test makes fail: before anything is written, as a full disk would,
// or as a sync that failed would.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "store/store.h"

namespace pawl::test {

// Decides for each commit whether it fails, and how. Called on the engine's thread.
using CommitFault = std::function<std::optional<Error>(const protocol::WriteBatch&)>;

class FailingStore final : public Store {
 public:
  FailingStore(StoreHandle inner, CommitFault fault)
      : inner_(std::move(inner)), fault_(std::move(fault)) {}

  void lock(const protocol::LockRequest& request, Completion<protocol::LockedBatch> done) override {
    inner_->lock(request, std::move(done));
  }
  void commit(const protocol::WriteBatch& writes, Completion<bool> done) override {
    if (auto error = fault_(writes)) {
      inner_->abandon();
      return done(std::unexpected(std::move(*error)));
    }
    inner_->commit(writes, std::move(done));
  }
  void abandon() override { inner_->abandon(); }
  void open_effects(std::int64_t after_id, int limit,
                    Completion<std::vector<EffectSummary>> done) override {
    inner_->open_effects(after_id, limit, std::move(done));
  }
  void waiting_messages(std::int64_t after_id, int limit,
                        Completion<std::vector<protocol::MessageRow>> done) override {
    inner_->waiting_messages(after_id, limit, std::move(done));
  }
  void due_deadlines(Time until, int limit,
                     Completion<std::vector<protocol::DeadlineRow>> done) override {
    inner_->due_deadlines(until, limit, std::move(done));
  }
  void next_deadline(Completion<Time> done) override { inner_->next_deadline(std::move(done)); }
  void parked_pairs(Completion<std::vector<std::pair<EntityRef, EntityRef>>> done) override {
    inner_->parked_pairs(std::move(done));
  }
  void entity(const EntityRef& ref, Completion<EntitySlot> done) override {
    inner_->entity(ref, std::move(done));
  }
  void remove_old(const protocol::RetentionPass& pass,
                  Completion<protocol::RetentionPassed> done) override {
    inner_->remove_old(pass, std::move(done));
  }
  StoreIdentity identity() const override { return inner_->identity(); }
  std::string notes_path() const override { return inner_->notes_path(); }
  bool sole_owner() const override { return inner_->sole_owner(); }
  Clock& clock() override { return inner_->clock(); }
  Reads& reads() override { return inner_->reads(); }

 private:
  StoreHandle inner_;
  CommitFault fault_;
};

}  // namespace pawl::test
