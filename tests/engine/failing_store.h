// SPDX-License-Identifier: Apache-2.0
//
// A real store whose commits a test makes fail: before anything is written, as a full disk would,
// or as a sync that failed would. And one that tells when it is asked for messages, or for effects,
// whose look can fail, too.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "store/store.h"

namespace pawl::test {

// Decides for each commit whether it fails, and how. Called on the engine's thread.
using CommitFault = std::function<std::optional<Error>(const protocol::WriteBatch&)>;
// Told before messages are read. Called on the engine's thread.
using MessageLook = std::function<void()>;
// Asked before effects are read: why they are not. Called on the engine's thread.
using EffectLook = std::function<std::optional<Error>()>;
// Where a lane's notes are kept instead.
using NotesPlace = std::function<std::string(std::string path)>;
// Told whether somebody listens from now on.
using ListenLook = std::function<void(bool listens)>;

struct StoreHooks {
  MessageLook messages;
  EffectLook effects;
  NotesPlace notes;
  ListenLook listens;
};

class FailingLane final : public StoreLane {
 public:
  FailingLane(std::unique_ptr<StoreLane> inner, CommitFault fault, StoreHooks hooks)
      : inner_(std::move(inner)), fault_(std::move(fault)), hooks_(std::move(hooks)) {}

  std::int32_t id() const override { return inner_->id(); }
  bool earlier_holder_is_dead() const override { return inner_->earlier_holder_is_dead(); }
  Result<protocol::LockedBatch> lock(const protocol::LockRequest& request) override {
    return inner_->lock(request);
  }
  Result<void> commit(const protocol::WriteBatch& writes) override {
    if (auto error = fault_(writes)) {
      inner_->abandon();
      return std::unexpected(std::move(*error));
    }
    return inner_->commit(writes);
  }
  void abandon() override { inner_->abandon(); }
  Result<std::vector<EntitySlot>> entities(const std::vector<EntityRef>& refs) override {
    return inner_->entities(refs);
  }
  Result<std::vector<EffectSummary>> open_effects(std::int64_t after_id, int limit) override {
    if (auto error = hooks_.effects ? hooks_.effects() : std::nullopt) {
      return std::unexpected(std::move(*error));
    }
    return inner_->open_effects(after_id, limit);
  }
  Result<std::vector<protocol::MessageRow>> waiting_messages(std::int64_t after_id,
                                                             int limit) override {
    if (hooks_.messages) hooks_.messages();
    return inner_->waiting_messages(after_id, limit);
  }
  Result<std::vector<protocol::DeadlineRow>> due_deadlines(Time until, int limit) override {
    return inner_->due_deadlines(until, limit);
  }
  Result<Time> next_deadline() override { return inner_->next_deadline(); }
  Result<std::vector<std::pair<EntityRef, EntityRef>>> parked_pairs() override {
    return inner_->parked_pairs();
  }
  Result<std::vector<int>> share_permits(const std::vector<protocol::PermitWish>& wishes) override {
    return inner_->share_permits(wishes);
  }
  Result<bool> has_work() override { return inner_->has_work(); }
  Result<protocol::RetentionPassed> remove_old(const protocol::RetentionPass& pass) override {
    return inner_->remove_old(pass);
  }
  Result<void> renew() override { return inner_->renew(); }
  int renew_interval_ms() const override { return inner_->renew_interval_ms(); }
  void release() override { inner_->release(); }
  void leave() override { inner_->leave(); }

 private:
  std::unique_ptr<StoreLane> inner_;
  CommitFault fault_;
  StoreHooks hooks_;
};

class FailingStore final : public Store {
 public:
  FailingStore(StoreHandle inner, CommitFault fault, MessageLook look = {})
      : FailingStore(std::move(inner), std::move(fault), StoreHooks{std::move(look), {}, {}, {}}) {}
  FailingStore(StoreHandle inner, CommitFault fault, StoreHooks hooks)
      : inner_(std::move(inner)), fault_(std::move(fault)), hooks_(std::move(hooks)) {}

  void listen(std::function<void(const Tidings&)> told) override {
    if (hooks_.listens) hooks_.listens(told != nullptr);
    inner_->listen(std::move(told));
  }
  Result<std::unique_ptr<StoreLane>> take_lane(LaneWish wish) override {
    auto lane = inner_->take_lane(wish);
    if (!lane || !*lane) return lane;
    return std::make_unique<FailingLane>(std::move(*lane), fault_, hooks_);
  }
  int max_lanes() const override { return inner_->max_lanes(); }
  Result<bool> take_duty(std::string_view duty, int lease_ms) override {
    return inner_->take_duty(duty, lease_ms);
  }
  void leave_duty(std::string_view duty) override { inner_->leave_duty(duty); }
  StoreIdentity identity() const override { return inner_->identity(); }
  std::string notes_path(std::int32_t lane) const override {
    auto path = inner_->notes_path(lane);
    return hooks_.notes ? hooks_.notes(std::move(path)) : path;
  }
  bool sole_owner() const override { return inner_->sole_owner(); }
  Clock& clock() override { return inner_->clock(); }
  Reads& reads() override { return inner_->reads(); }

 private:
  StoreHandle inner_;
  CommitFault fault_;
  StoreHooks hooks_;
};

}  // namespace pawl::test
