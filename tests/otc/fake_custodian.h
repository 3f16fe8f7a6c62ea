// SPDX-License-Identifier: Apache-2.0
//
// A custodian in memory with real books and a fault for each call on request. Answers come from a
// thread of its own, one after another; while it is held, they wait. A key is executed once.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "systems/otc/custodian.h"

namespace pawl::otc::test {

struct Fault {
  enum class Kind {
    none,
    refuse,        // a definite no
    never_sent,    // nothing reached it
    lost_request,  // it never happened, and nobody knows
    lost_answer    // it happened, and nobody knows
  };
  Kind kind = Kind::none;
  std::string code;
};

class FakeCustodian final : public Custodian {
 public:
  FakeCustodian() : thread_([this] { serve(); }) {}
  ~FakeCustodian() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      held_ = false;
    }
    changed_.notify_all();
    thread_.join();
  }

  void perform(const CustodianRequest& request, const CallOptions&, Done done) override {
    post([this, request, done = std::move(done)] { return std::pair{done, perform_now(request)}; });
  }
  void inquire(const CustodianRequest& request, const CallOptions&, Done done) override {
    post(
        [this, request, done = std::move(done)] { return std::pair{done, find(key_of(request))}; });
  }
  ResendRule resend_rule(Call) const override { return ResendRule::dedup; }

  // ---- what tests say and ask; any thread

  void give(const Wallet& wallet, MicroUnits amount) {
    const std::lock_guard lock(mutex_);
    balances_[wallet.text()] += amount;
    issued_ += amount;
  }
  void fail_next(Call call, Fault::Kind kind, std::string code = {}, int times = 1) {
    const std::lock_guard lock(mutex_);
    for (int i = 0; i < times; ++i) faults_[call].push_back({kind, code});
  }
  void hold() {
    const std::lock_guard lock(mutex_);
    held_ = true;
  }
  void let_go() {
    {
      const std::lock_guard lock(mutex_);
      held_ = false;
    }
    changed_.notify_all();
  }
  // Payouts stay accepted until they are confirmed or voided.
  void confirm_payouts() {
    const std::lock_guard lock(mutex_);
    for (auto& [key, operation] : operations_) {
      if (operation.answer.outcome != Outcome::accepted) continue;
      operation.answer.outcome = Outcome::confirmed;
      balances_[operation.wallet] += operation.amount;
      pending_ -= operation.amount;
    }
  }
  void void_payouts() {
    const std::lock_guard lock(mutex_);
    for (auto& [key, operation] : operations_) {
      if (operation.answer.outcome != Outcome::accepted) continue;
      operation.answer = {Outcome::refused, std::string(payout_voided_code)};
      escrows_[operation.order_id].owed += operation.amount;
      pending_ -= operation.amount;
    }
  }
  MicroUnits balance(const Wallet& wallet) {
    const std::lock_guard lock(mutex_);
    return balances_[wallet.text()];
  }
  std::string escrow_state(const std::string& order_id) {
    const std::lock_guard lock(mutex_);
    return escrows_[order_id].state;
  }
  // Calls that were executed (not refused, not repeated), by kind.
  int done(Call call) {
    const std::lock_guard lock(mutex_);
    return done_[call];
  }
  int asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  // Whether all coins are somewhere, once.
  bool balanced() {
    const std::lock_guard lock(mutex_);
    MicroUnits sum = pending_;
    for (const auto& [wallet, balance] : balances_) {
      if (balance < 0) return false;
      sum += balance;
    }
    for (const auto& [order, escrow] : escrows_) {
      sum += escrow.owed + (escrow.state == "locked" ? escrow.amount : 0);
    }
    return sum == issued_;
  }

 private:
  struct Escrow {
    std::string state;
    std::string holder;
    MicroUnits amount = 0;
    MicroUnits owed = 0;
  };
  struct Operation {
    EffectAnswer answer;
    std::string order_id;
    std::string wallet;
    MicroUnits amount = 0;
  };
  using Job = std::function<std::pair<Done, EffectAnswer>()>;

  void post(Job job) {
    {
      const std::lock_guard lock(mutex_);
      jobs_.push_back(std::move(job));
    }
    changed_.notify_all();
  }
  void serve() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return stopping_ || (!held_ && !jobs_.empty()); });
      if (jobs_.empty()) return;
      const Job job = std::move(jobs_.front());
      jobs_.pop_front();
      const auto [done, answer] = job();
      lock.unlock();
      done(answer);
      lock.lock();
    }
  }

  EffectAnswer find(const std::string& key) const {
    const auto found = operations_.find(key);
    return found == operations_.end() ? EffectAnswer(Outcome::absent, "absent")
                                      : found->second.answer;
  }
  EffectAnswer perform_now(const CustodianRequest& request) {
    ++asked_;
    const Call call = call_of(request);
    Fault fault;
    if (auto& queue = faults_[call]; !queue.empty()) {
      fault = queue.front();
      queue.pop_front();
    }
    const std::string& key = key_of(request);
    switch (fault.kind) {
      case Fault::Kind::refuse:
        return operations_[key].answer = {Outcome::refused, fault.code};
      case Fault::Kind::never_sent:
        return {Outcome::never_sent, "client_connect_failed"};
      case Fault::Kind::lost_request:
        return {Outcome::unknown, "client_timed_out"};
      default:
        break;
    }
    if (!operations_.contains(key)) {
      Operation operation;
      operation.order_id = order_id_of(request);
      operation.answer = std::visit([&](const auto& r) { return apply(r, operation); }, request);
      if (operation.answer.outcome != Outcome::refused) ++done_[call];
      operations_[key] = operation;
    }
    if (fault.kind == Fault::Kind::lost_answer) return {Outcome::unknown, "client_timed_out"};
    return operations_[key].answer;
  }

  EffectAnswer apply(const LockRequest& r, Operation&) {
    Escrow& escrow = escrows_[r.order_id];
    if (escrow.state == "locked" || escrow.state == "released") {
      return {Outcome::refused, "order_has_escrow"};
    }
    MicroUnits& balance = balances_[r.holder.text()];
    if (balance < r.amount_micro) return {Outcome::refused, "insufficient_balance"};
    balance -= r.amount_micro;
    escrow = {"locked", r.holder.text(), r.amount_micro, 0};
    return {Outcome::confirmed, "", "escrow_" + std::to_string(escrows_.size())};
  }
  EffectAnswer apply(const ReleaseRequest& r, Operation&) {
    Escrow& escrow = escrows_[r.order_id];
    if (escrow.state != "locked") return {Outcome::refused, "escrow_" + escrow.state};
    escrow.state = "released";
    escrow.owed = escrow.amount;
    return {Outcome::confirmed};
  }
  EffectAnswer apply(const RefundRequest& r, Operation&) {
    Escrow& escrow = escrows_[r.order_id];
    if (escrow.state == "refunded") return {Outcome::confirmed};
    if (escrow.state != "locked") return {Outcome::refused, "escrow_" + escrow.state};
    escrow.state = "refunded";
    balances_[escrow.holder] += escrow.amount;
    return {Outcome::confirmed};
  }
  EffectAnswer apply(const PayoutRequest& r, Operation& operation) {
    Escrow& escrow = escrows_[r.order_id];
    if (escrow.owed < r.amount_micro) return {Outcome::refused, "payout_exceeds_balance"};
    escrow.owed -= r.amount_micro;
    pending_ += r.amount_micro;
    operation.wallet = r.recipient.text();
    operation.amount = r.amount_micro;
    return {Outcome::accepted, "", "payout_1"};
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  bool held_ = false;
  std::deque<Job> jobs_;
  std::map<Call, std::deque<Fault>> faults_;
  std::map<std::string, MicroUnits> balances_;
  std::map<std::string, Escrow> escrows_;
  std::map<std::string, Operation> operations_;
  std::map<Call, int> done_;
  int asked_ = 0;
  MicroUnits issued_ = 0;
  MicroUnits pending_ = 0;
  std::thread thread_;
};

}  // namespace pawl::otc::test
