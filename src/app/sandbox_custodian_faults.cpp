// SPDX-License-Identifier: Apache-2.0
#include "app/sandbox_custodian_faults.h"

namespace pawl::app {

Result<void> FaultSwitches::add(FaultRule rule) {
  const int conditions =
      (rule.probability != 0 ? 1 : 0) + (rule.next != 0 ? 1 : 0) + (rule.nth != 0 ? 1 : 0);
  if (conditions != 1) {
    return fail(fault_rule_invalid, "exactly one of probability, next and nth must be given");
  }
  // Written so that NaN is refused, too.
  if (!(rule.probability >= 0 && rule.probability <= 1)) {
    return fail(fault_rule_invalid, "probability is above 0 and at most 1");
  }
  if (rule.next < 0 || rule.nth < 0) return fail(fault_rule_invalid, "next and nth are positive");
  if (rule.delay_ms > max_fault_delay_ms) {
    return fail(fault_rule_invalid, "delay_ms is at most " + std::to_string(max_fault_delay_ms));
  }
  const std::lock_guard lock(mutex_);
  if (rules_.size() >= max_fault_rules) return fail(too_many_fault_rules);
  rules_.push_back(rule);
  return {};
}

void FaultSwitches::clear() {
  const std::lock_guard lock(mutex_);
  rules_.clear();
}

Fault FaultSwitches::strike(FaultTarget target) {
  const std::lock_guard lock(mutex_);
  ++requests_[target];
  for (auto& rule : rules_) {
    if (rule.target && *rule.target != target) continue;
    if (!fires(rule)) continue;
    ++rule.fired;
    return {rule.mode, rule.delay_ms};
  }
  return {};
}

bool FaultSwitches::fires(FaultRule& rule) {
  ++rule.seen;
  if (rule.next > 0) return rule.fired < rule.next;
  if (rule.nth > 0) return rule.seen == rule.nth;
  return std::bernoulli_distribution(rule.probability)(generator_);
}

std::vector<FaultRule> FaultSwitches::rules() const {
  const std::lock_guard lock(mutex_);
  return rules_;
}

std::map<FaultTarget, std::int64_t> FaultSwitches::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

}  // namespace pawl::app
