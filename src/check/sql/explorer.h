// SPDX-License-Identifier: Apache-2.0
//
// The search over a scenario's states, breadth first: the first violation has a shortest schedule.
// Tries are bounded, so that no schedule goes on for ever: a state in which nothing can happen and
// that is no end is stuck, and an end is reached from every other.
#pragma once

#include <pawl/check.h>

#include <string>
#include <vector>

#include "check/byte_table.h"
#include "check/sql/steps.h"

namespace pawl::check::sql {

class Explorer {
 public:
  Explorer(const SqlScenario& scenario, const Options& options);

  Result run();
  Result follow(const std::string& schedule);
  // The moves of a schedule; throws std::invalid_argument where one cannot happen.
  std::vector<Move> moves_of(const std::string& schedule);

 private:
  void report(std::uint32_t index, const Move* last, const std::string& what);
  std::vector<Move> path_to(std::uint32_t index);
  bool expand(std::uint32_t index);
  bool too_large();
  void show_progress(std::size_t expanded);
  double elapsed() const;
  Violation chart_of(const std::vector<Move>& moves, std::string what);
  void add_step(std::string& chart, int number, const std::string& text, const State& before,
                const State& after) const;

  const SqlScenario& scenario_;
  const Options& options_;
  Steps steps_;
  ByteTable states_;
  std::vector<std::uint32_t> parents_;
  std::vector<Move> by_;
  std::vector<Move> moves_;
  std::string scratch_;
  Result result_;
  double shown_at_ = 0;
  std::int64_t began_ns_ = 0;
};

}  // namespace pawl::check::sql
