// SPDX-License-Identifier: Apache-2.0
//
// Hands the desk's effects to a custodian and its answers back. Decides nothing and stores nothing:
// what an answer means is decided on the locked order.
#pragma once

#include <pawl/engine.h>

#include <memory>

#include "systems/otc/custodian.h"

namespace pawl::otc {

// For all four kinds of calls. A poll of an accepted payout is an inquiry.
class CustodianEffects final : public EffectHandler {
 public:
  explicit CustodianEffects(std::shared_ptr<Custodian> custodian)
      : custodian_(std::move(custodian)) {}

  void start(const EffectCall& call, Done done) override;

 private:
  const std::shared_ptr<Custodian> custodian_;
};

// Registers one for every kind. Before Engine::start().
void add_effect_handlers(Engine& engine, std::shared_ptr<Custodian> custodian);

}  // namespace pawl::otc
