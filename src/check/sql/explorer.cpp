// SPDX-License-Identifier: Apache-2.0
#include "check/sql/explorer.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <stdexcept>

#include "check/guard_switch.h"
#include "check/sql/state_bytes.h"

namespace pawl::check::sql {

namespace {

constexpr std::size_t megabyte = 1'048'576;

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

Explorer::Explorer(const SqlScenario& scenario, const Options& options)
    : scenario_(scenario), options_(options), steps_(scenario), began_ns_(now_ns()) {}

double Explorer::elapsed() const {
  return static_cast<double>(now_ns() - began_ns_) / 1e9;
}

Result Explorer::run() {
  encode(steps_.first(), scenario_, scratch_);
  states_.insert(scratch_);
  parents_.push_back(0);
  by_.emplace_back();
  std::size_t level_end = 1;
  bool clean = true;
  std::uint32_t index = 0;
  for (; clean && index < states_.size(); ++index) {
    if (index == level_end) {
      ++result_.depth;
      level_end = states_.size();
    }
    if ((index & 0xFFFU) == 0 && too_large()) break;
    show_progress(index);
    clean = expand(index);
  }
  result_.states = static_cast<std::int64_t>(states_.size());
  result_.complete = clean && result_.cut.empty();
  result_.state_bytes =
      result_.states == 0 ? 0 : static_cast<std::int64_t>(states_.memory()) / result_.states;
  result_.seconds = elapsed();
  return result_;
}

bool Explorer::expand(std::uint32_t index) {
  const State state = decode(states_[index], scenario_);
  steps_.moves(state, moves_);
  if (moves_.empty() && !steps_.is_end(state)) {
    report(index, nullptr, "stuck: nothing can happen any more, and not all is done");
    return false;
  }
  const std::vector<Move> moves = moves_;
  std::string broken;
  for (const Move& move : moves) {
    State next = state;
    steps_.apply(move, next, broken);
    ++result_.transitions;
    if (!broken.empty()) {
      report(index, &move, broken);
      return false;
    }
    encode(next, scenario_, scratch_);
    const auto [place, fresh] = states_.insert(scratch_);
    if (!fresh) continue;
    parents_.push_back(index);
    by_.push_back(move);
  }
  return true;
}

bool Explorer::too_large() {
  const std::size_t used =
      states_.memory() + parents_.capacity() * sizeof(parents_[0]) + by_.capacity() * sizeof(Move);
  if (used <= options_.memory_mb * megabyte) return false;
  result_.cut = "the memory bound of " + std::to_string(options_.memory_mb) + " MB was met";
  return true;
}

void Explorer::show_progress(std::size_t expanded) {
  if (!options_.progress || elapsed() < shown_at_ + 1) return;
  shown_at_ = elapsed();
  std::fprintf(stderr, "%s: %zu states, %zu to look at, %.0f s\n", scenario_.name.c_str(),
               states_.size(), states_.size() - expanded, shown_at_);
}

std::vector<Move> Explorer::path_to(std::uint32_t index) {
  std::vector<Move> out;
  for (std::uint32_t at = index; at != 0; at = parents_[at]) out.push_back(by_[at]);
  std::reverse(out.begin(), out.end());
  return out;
}

void Explorer::report(std::uint32_t index, const Move* last, const std::string& what) {
  auto moves = path_to(index);
  if (last != nullptr) moves.push_back(*last);
  result_.violation = chart_of(moves, what);
}

std::vector<Move> Explorer::moves_of(const std::string& schedule) {
  const std::string head = scenario_.name + ": ";
  if (!schedule.starts_with(head)) {
    throw std::invalid_argument("the schedule is not one of " + scenario_.name);
  }
  std::vector<Move> out;
  State state = steps_.first();
  std::string_view rest = std::string_view(schedule).substr(head.size());
  std::string broken;
  while (!rest.empty() && broken.empty()) {
    const auto end = rest.find("; ");
    const std::string wanted(rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 2);
    steps_.moves(state, moves_);
    const auto found = std::find_if(moves_.begin(), moves_.end(), [&](const Move& move) {
      return steps_.text(move, state) == wanted;
    });
    if (found == moves_.end()) {
      throw std::invalid_argument("step " + std::to_string(out.size() + 1) +
                                  " cannot happen there: " + wanted);
    }
    out.push_back(*found);
    steps_.apply(out.back(), state, broken);
  }
  return out;
}

Result Explorer::follow(const std::string& schedule) {
  const auto moves = moves_of(schedule);
  State state = steps_.first();
  std::string broken;
  for (const Move& move : moves) steps_.apply(move, state, broken);
  if (broken.empty()) {
    steps_.moves(state, moves_);
    if (moves_.empty() && !steps_.is_end(state)) broken = "stuck: nothing can happen any more";
  }
  result_.transitions = static_cast<std::int64_t>(moves.size());
  result_.states = result_.transitions + 1;
  result_.depth = static_cast<int>(moves.size());
  result_.complete = broken.empty();
  result_.violation = chart_of(moves, broken);
  return result_;
}

Violation Explorer::chart_of(const std::vector<Move>& moves, std::string what) {
  Violation out;
  out.steps = static_cast<int>(moves.size());
  out.schedule = scenario_.name + ": ";
  out.chart = scenario_.name + ": " + scenario_.about + "\n";
  if (!options_.without.empty()) out.chart += "without the guard " + options_.without + "\n";
  State state = steps_.first();
  std::string broken;
  for (std::size_t i = 0; i < moves.size(); ++i) {
    const std::string text = steps_.text(moves[i], state);
    if (i > 0) out.schedule += "; ";
    out.schedule += text;
    State next = state;
    steps_.apply(moves[i], next, broken);
    add_step(out.chart, static_cast<int>(i + 1), text, state, next);
    state = next;
  }
  out.chart += what.empty() ? "every invariant holds\n" : "=> " + what + "\n";
  out.what = std::move(what);
  return out;
}

}  // namespace pawl::check::sql
