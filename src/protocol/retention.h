// SPDX-License-Identifier: Apache-2.0
//
// What is to be removed next, and how hard to work at it: a step machine without input or output.
// Each pass looks at a few rows, in the order of their keys, from where the last one stopped, so
// that no table is ever scanned at once and no index on a time has to be kept up by every commit.
#pragma once

#include <pawl/machine.h>
#include <pawl/receipt.h>
#include <pawl/retention.h>
#include <pawl/time.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace pawl::protocol {

// The clocks of callers whose ids carry their time may be ahead by so much (but not more than the
// window itself); receipts are kept so much longer than the window.
std::int64_t id_clock_slack_us(std::int64_t window_us);

// True: made before the window of receipts began, by what the id or the origin itself says. Ids
// that say nothing, or a time further ahead than the slack, are never too old.
bool is_too_old(const Origin& origin, Time now, std::int64_t window_us);

enum class RetentionSubject { receipts, ended_effects, alerts, journal, records };

// One small piece of work for the store.
struct RetentionPass {
  RetentionSubject subject = RetentionSubject::receipts;
  std::string_view table;  // of records
  Time before;             // what is older goes
  int rows = 0;            // at most so many are looked at
};

struct RetentionPassed {
  std::int64_t removed = 0;
  bool finished = false;  // nothing is left to look at; the next pass begins anew
};

class RetentionPlan {
 public:
  RetentionPlan(const RetentionOptions& options, const Registry& registry);

  // Times of both kinds: `now` decides what is old, the monotonic one when to work.
  std::optional<RetentionPass> next(Time now, std::int64_t monotonic_us) const;
  // How the pass that next() gave ended, and how long it took. A busy lane gives a tenth of its
  // time, an idle one half of it.
  void passed(const RetentionPass& pass, const RetentionPassed& result, std::int64_t monotonic_us,
              std::int64_t took_us, bool busy);
  void failed(std::int64_t monotonic_us);
  // When next() may give something; the largest number if never.
  std::int64_t next_us() const;

 private:
  struct Walk {
    RetentionSubject subject;
    std::string_view table;
    std::int64_t keep_us;
    int rows;
    std::int64_t began_us = 0;
    std::int64_t next_us = 0;
    bool under_way = false;
  };
  void add(RetentionSubject subject, std::string_view table, std::int64_t seconds, int rows);

  std::vector<Walk> walks_;
  std::int64_t rest_until_us_ = 0;
};

}  // namespace pawl::protocol
