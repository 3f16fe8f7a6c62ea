// SPDX-License-Identifier: Apache-2.0
//
// The search: breadth first over every state that a world can reach, so that the first violation
// has a shortest schedule; then backwards from the ends over every step that was found, so that a
// state from which no end can be reached is known. What is kept of a state is its encoding.
#pragma once

#include <pawl/check.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "check/byte_table.h"
#include "check/moves.h"
#include "check/runner.h"
#include "check/world.h"

namespace pawl::check {

class Search {
 public:
  Search(const Scenario& scenario, const Options& options);

  Result run();
  // Follows the steps of a schedule.
  Result follow(const std::string& schedule);

 private:
  // A state after a step, in order, and as it is kept.
  struct Reached {
    State state;
    std::string bytes;
    std::uint64_t hash = 0;
  };
  bool expand(std::uint32_t index);
  // False: an invariant is broken there.
  bool arrive(std::uint32_t from, const Reached& next);
  // "" where every invariant holds.
  std::string first_broken(const State& state) const;
  void find_wedges();
  void report(std::uint32_t index, const std::string& what, const Move* last);
  std::vector<std::string> path_to(std::uint32_t index, const Move* last, std::string& chart);
  void begin_chart(std::string& chart) const;
  void add_step(std::string& chart, int number, const std::string& text, const State& before,
                const State& after);
  bool too_large();
  void show_progress(std::uint32_t expanded);
  double elapsed() const;

  const Scenario& scenario_;
  const Options& options_;
  World world_;
  Runner runner_;
  Mover mover_;
  ByteTable states_;
  std::vector<std::uint32_t> parents_;
  std::vector<bool> ends_;
  std::vector<std::uint32_t> steps_;       // successors, one state's after another's
  std::vector<std::uint64_t> first_step_;  // where a state's successors begin
  std::vector<Move> moves_;
  std::vector<Reached> reached_;
  std::string scratch_;
  Result result_;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  double shown_at_ = 0;
};

}  // namespace pawl::check
