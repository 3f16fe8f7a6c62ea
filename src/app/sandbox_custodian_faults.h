// SPDX-License-Identifier: Apache-2.0
//
// The sandbox's fault switches: which request meets which misfortune. Rules are kept in the order
// they were set; the first that fires decides. Chance comes from a seeded generator, so that a run
// can be repeated. How a fault looks on the wire is left to the front.
#pragma once

#include <pawl/error.h>
#include <pawl/value.h>

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace pawl::app {

inline constexpr ErrorCode fault_rule_invalid{"fault_rule_invalid", ErrorClass::invalid,
                                              "The fault rule is malformed."};
inline constexpr ErrorCode too_many_fault_rules{"too_many_fault_rules", ErrorClass::too_many,
                                                "There are too many fault rules; delete them."};

inline constexpr std::size_t max_fault_rules = 100;
inline constexpr std::uint32_t max_fault_delay_ms = 120'000;
inline constexpr std::uint32_t default_fault_delay_ms = 1'000;

// What can be struck: the four calls and the inquiry.
enum class FaultTarget { lock, release, refund, payout, inquiry };
constexpr auto pawl_names(FaultTarget) {
  return std::array<std::string_view, 5>{"lock", "release", "refund", "payout", "inquiry"};
}

// Without commit_then_, nothing is executed (but for late, which executes at once and answers after
// delay_ms, and arrive_late, which executes and answers after it).
enum class FaultMode {
  answer,               // as if there were no rule; for "the next N are fine, then ..."
  refuse,               // a definite, stored no with the code fault_refused
  error_5xx,            // 503 with a gateway's page
  close_after_reading,  // the connection ends without an answer
  reset,                // likewise, with a TCP reset
  hang,                 // nothing until delay_ms has passed, then the connection ends
  half,                 // the first half of an answer
  garbage,              // bytes that are no HTTP
  html,                 // 200 with a web page
  slow_drip,            // an answer's first bytes, one in 20 ms, never all
  redirect,             // 307 to another host
  late,
  arrive_late,
  commit_then_error_5xx,
  commit_then_close,
  commit_then_reset,
  commit_then_hang,
  commit_then_half,
  commit_then_garbage,
  commit_then_html
};
constexpr auto pawl_names(FaultMode) {
  return std::array<std::string_view, 20>{"answer",
                                          "refuse",
                                          "error_5xx",
                                          "close_after_reading",
                                          "reset",
                                          "hang",
                                          "half",
                                          "garbage",
                                          "html",
                                          "slow_drip",
                                          "redirect",
                                          "late",
                                          "arrive_late",
                                          "commit_then_error_5xx",
                                          "commit_then_close",
                                          "commit_then_reset",
                                          "commit_then_hang",
                                          "commit_then_half",
                                          "commit_then_garbage",
                                          "commit_then_html"};
}

// When a rule fires: exactly one of probability, next and nth says so.
struct FaultRule {
  std::optional<FaultTarget> target;  // nothing: every target
  FaultMode mode = FaultMode::answer;
  double probability = 0;  // of each request, up to 1
  std::int64_t next = 0;   // the next so many requests, then the rule is spent
  std::int64_t nth = 0;    // only the so-manieth request from now, counting from 1
  std::uint32_t delay_ms = default_fault_delay_ms;  // late, arrive_late, hang, slow_drip
  std::int64_t seen = 0;                            // requests that the rule looked at
  std::int64_t fired = 0;
};

struct Fault {
  FaultMode mode = FaultMode::answer;
  std::uint32_t delay_ms = 0;
};

// Thread-safe.
class FaultSwitches {
 public:
  explicit FaultSwitches(std::uint64_t seed) : generator_(seed), seed_(seed) {}

  // Errors: fault_rule_invalid, too_many_fault_rules.
  Result<void> add(FaultRule rule);
  void clear();
  // Counts the request and says what it meets.
  Fault strike(FaultTarget target);

  std::vector<FaultRule> rules() const;
  // Requests since the start, by target, faults or not.
  std::map<FaultTarget, std::int64_t> requests() const;
  std::uint64_t seed() const { return seed_; }

 private:
  bool fires(FaultRule& rule);

  mutable std::mutex mutex_;
  std::mt19937_64 generator_;
  const std::uint64_t seed_;
  std::vector<FaultRule> rules_;
  std::map<FaultTarget, std::int64_t> requests_;
};

}  // namespace pawl::app
