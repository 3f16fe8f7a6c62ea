// SPDX-License-Identifier: Apache-2.0
//
// The desk in memory: runs commands by calling decide() and applies what they ask for, with the
// engine's checks of keys and moves, so that decisions can be tested in any order without a store.
// Effects, deadlines and messages wait until the test hands their ends back.
#pragma once

#include <pawl/testing.h>

#include <deque>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "systems/otc/commands.h"
#include "systems/otc/effects.h"
#include "systems/otc/machine.h"

namespace pawl::otc::test {

inline Wallet wallet_of(unsigned number) {
  PublicKeyBytes key{};
  key[0] = static_cast<unsigned char>(number);
  key[1] = static_cast<unsigned char>(number >> 8);
  return Wallet::of(key);
}

inline Secret secret_of(unsigned number) {
  Secret secret;
  secret.bytes.fill(static_cast<unsigned char>(number));
  return secret;
}

struct OpenEffect {
  std::string kind;
  std::string payload;
  std::string key;
  EntityRef owner;

  template <class Request>
  Request as() const {
    auto request = from_payload<Request>(payload);
    if (!request) throw std::runtime_error("not a request of this kind: " + kind);
    return *request;
  }
};

class World {
 public:
  World() {
    declare(*registry_, config());
    now = Time::from_seconds(1'760'000'000);
  }

  Config& settings() { return settings_; }
  Config config() const { return settings_; }

  // What the decision was; a changed one is applied.
  template <class C>
  Decision run(const C& command) {
    return run(*make_command(command));
  }
  Decision run(const Command& command) {
    const auto refs = command.keys();
    std::vector<SlotView> views;
    for (std::size_t i = 0; i < refs.size(); ++i) {
      EntitySlot& slot = entities_[refs[i]];
      slot.ref = refs[i];
      views.push_back(pawl::testing::view_of(slot, i));
    }
    snapshot_.set(settings_);
    const Context context = pawl::testing::context_at(now, snapshot_);
    auto decided = command.decide(views, context);
    if (!decided) throw std::runtime_error(decided.error().text());
    if (decided->kind() == Decision::Kind::changed) apply(decided->change(), refs);
    return *decided;
  }

  // Ends the oldest open effect of that kind. False if there is none.
  template <class Request>
  Decision answer(Outcome outcome, std::string code = {}, std::string reference = {}) {
    for (std::size_t i = 0; i < effects.size(); ++i) {
      if (effects[i].kind == Request::kind) return answer_at(i, outcome, code, reference);
    }
    throw std::runtime_error("no open effect of kind " + std::string(Request::kind));
  }
  // `accepted` leaves the effect open.
  Decision answer_at(std::size_t index, Outcome outcome, std::string code,
                     std::string reference = {}) {
    const OpenEffect effect = effects[index];
    if (outcome != Outcome::accepted) {
      effects.erase(effects.begin() + static_cast<std::ptrdiff_t>(index));
    }
    EffectReport report;
    report.outcome = outcome;
    report.code = std::move(code);
    report.reference = std::move(reference);
    auto command = registry_->find_effect(effect.kind)->outcome(effect.payload, report);
    if (!command) throw std::runtime_error(command.error().text());
    return run(**command);
  }

  // Delivers every message; a refused one bounces.
  void deliver() {
    while (!messages.empty()) {
      const auto [from, command] = messages.front();
      messages.pop_front();
      const Decision decision = run(*command);
      if (decision.kind() != Decision::Kind::refused) continue;
      ++bounces;
      auto back = registry_->find_command(command->kind())
                      ->decode_bounced(command->payload(), from.key,
                                       std::string(decision.refusal().error().code.code), "");
      run(**back);
    }
  }

  // Runs every deadline that is due.
  void run_deadlines() {
    for (bool found = true; found;) {
      found = false;
      for (const auto& [name, deadline] : deadlines) {
        if (deadline.due > now) continue;
        const auto command =
            registry_->find_command(deadline.command->kind())->decode(deadline.command->payload());
        deadlines.erase(name);
        const Decision decision = run(**command);
        if (decision.kind() == Decision::Kind::refused) {
          throw std::runtime_error("a deadline was refused: it would be parked");
        }
        found = true;
        break;
      }
    }
  }

  template <class T>
  T row(const std::string& key) const {
    T out{};
    const auto& slot = entities_.at({T::machine, key});
    if (!slot.present || !from_row(std::span<const Value>(slot.row), out)) {
      throw std::runtime_error("no readable row " + key);
    }
    return out;
  }
  Order order(const std::string& id) const { return row<Order>(id); }
  template <class T>
  bool has(const std::string& key) const {
    const auto found = entities_.find({T::machine, key});
    return found != entities_.end() && found->second.present;
  }
  WalletLedger wallet(const Wallet& wallet) const { return row<WalletLedger>(wallet.text()); }
  std::vector<Order> orders() const {
    std::vector<Order> out;
    for (const auto& [ref, slot] : entities_) {
      if (ref.machine == Order::machine && slot.present) out.push_back(order(ref.key));
    }
    return out;
  }
  bool has_deadline(const std::string& id, std::string_view name) const {
    return deadlines.contains({{Order::machine, id}, std::string(name)});
  }
  int alerts_of(std::string_view code) const {
    int count = 0;
    for (const auto& alert : alerts) count += alert.code == code;
    return count;
  }

  Time now;
  std::vector<OpenEffect> effects;
  std::map<std::pair<EntityRef, std::string>, DeadlineChange> deadlines;
  std::deque<std::pair<EntityRef, std::shared_ptr<const Command>>> messages;
  std::vector<AlertChange> alerts;
  std::vector<TradeRecord> trades;
  int bounces = 0;

 private:
  void apply(const Change& change, const std::vector<EntityRef>& refs) {
    for (const RowChange& row : change.rows) {
      EntitySlot& slot = entities_[refs[row.entity]];
      check_move(slot, row);
      slot.row = row.row;
      slot.present = true;
      ++slot.version;
    }
    for (const RecordChange& record : change.records) {
      TradeRecord trade;
      if (!from_row(std::span<const Value>(record.row), trade)) throw std::runtime_error("trade");
      trades.push_back(trade);
    }
    for (const EffectChange& effect : change.effects) {
      effects.push_back(
          {std::string(effect.kind), effect.payload, effect.idempotency_key, refs[effect.entity]});
    }
    for (const DeadlineChange& deadline : change.deadlines) {
      const std::pair name{refs[deadline.entity], deadline.name};
      if (deadline.command) {
        deadlines[name] = deadline;
      } else {
        deadlines.erase(name);
      }
    }
    for (const MessageChange& message : change.messages) {
      messages.emplace_back(refs[message.from_entity], message.command);
    }
    alerts.insert(alerts.end(), change.alerts.begin(), change.alerts.end());
  }

  void check_move(const EntitySlot& slot, const RowChange& change) const {
    const MachineSpec& machine = *registry_->find_machine(slot.ref.machine);
    const auto state = [&](const Row& row) {
      return std::get<std::string>(row[machine.state_column]);
    };
    if (std::get<std::string>(change.row[0]) != slot.ref.key) throw std::runtime_error("key");
    if (change.created != !slot.present) throw std::runtime_error("create of what exists");
    const std::string to = state(change.row);
    if (change.created) {
      if (!machine.initial_states.contains(to)) throw std::runtime_error("created as " + to);
      return;
    }
    const std::string from = state(slot.row);
    if (from != to && !machine.moves.contains({from, to})) {
      throw std::runtime_error("illegal move from " + from + " to " + to);
    }
  }

  std::shared_ptr<Registry> registry_ = std::make_shared<Registry>();
  Config settings_;
  ConfigSnapshot snapshot_;
  std::map<EntityRef, EntitySlot> entities_;
};

inline Create create_of(Side side, unsigned maker, unsigned nonce) {
  Create create;
  create.maker = wallet_of(maker);
  std::string text = std::to_string(nonce);
  text.insert(0, 32 - text.size(), '0');
  create.order_id = make_order_id(create.maker, text);
  create.side = side;
  create.amount_micro = 10'000'000;
  create.price_nano = 100'000'000;
  create.ttl_seconds = 86'400;
  create.address = "0xmaker";
  if (side == Side::sell) create.htlc_hash = htlc_hash_of(secret_of(nonce));
  create.signed_text = "signed create";
  return create;
}

inline Match match_of(const Create& create, unsigned taker, unsigned secret = 77) {
  Match match;
  match.order_id = create.order_id;
  match.taker = wallet_of(taker);
  match.address = "0xtaker";
  if (create.side == Side::buy) match.htlc_hash = htlc_hash_of(secret_of(secret));
  match.signed_text = "signed match";
  return match;
}

inline Confirm confirm_of(const std::string& order_id, unsigned secret) {
  Confirm confirm;
  confirm.order_id = order_id;
  confirm.secret = format_secret(secret_of(secret));
  confirm.quote_tx = "0xquote";
  return confirm;
}

inline Cancel cancel_of(const Create& create) {
  Cancel cancel;
  cancel.order_id = create.order_id;
  cancel.maker = create.maker;
  return cancel;
}

}  // namespace pawl::otc::test
