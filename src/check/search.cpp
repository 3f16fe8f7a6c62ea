// SPDX-License-Identifier: Apache-2.0
#include "check/search.h"

#include <algorithm>
#include <cstdio>
#include <stdexcept>

#include "check/guard_switch.h"
#include "check/seen.h"

namespace pawl::check {

namespace {

constexpr std::size_t megabyte = 1'000'000;
constexpr std::uint32_t max_states = 0xFFFFFFF0;

}  // namespace

Search::Search(const Scenario& scenario, const Options& options)
    : scenario_(scenario),
      options_(options),
      world_(scenario),
      runner_(world_),
      mover_(world_, runner_) {}

double Search::elapsed() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
}

std::string Search::first_broken(const State& state) const {
  const Explored inside(const_cast<World&>(world_), state);
  const View view(inside);
  for (const Invariant& invariant : scenario_.invariants) {
    const std::string wrong = invariant.broken(view);
    if (!wrong.empty()) return invariant.name + ": " + world_.shown(wrong);
  }
  return {};
}

Result Search::run() {
  State first = world_.first_state();
  world_.canonical(first, scratch_);
  states_.insert(scratch_);
  parents_.push_back(0);
  ends_.push_back(is_end(world_, first));
  if (const auto broken = first_broken(first); !broken.empty()) report(0, broken, nullptr);
  try {
    for (std::uint32_t i = 0; i < states_.size() && !result_.violation && result_.cut.empty();
         ++i) {
      first_step_.push_back(steps_.size());
      if (!expand(i)) break;
      if ((i & 4095U) == 0 && (too_large() || options_.progress)) show_progress(i);
    }
  } catch (const TooMany& bound) {
    result_.cut = bound.what();
  }
  first_step_.push_back(steps_.size());
  result_.complete = result_.cut.empty() && !result_.violation;
  if (result_.complete && options_.wedges) find_wedges();
  result_.states = static_cast<std::int64_t>(states_.size());
  result_.seconds = elapsed();
  result_.state_bytes = static_cast<std::int64_t>(
      (states_.memory() + parents_.size() * 4 + steps_.size() * 4 + first_step_.size() * 8) /
      std::max<std::size_t>(states_.size(), 1));
  for (auto at = static_cast<std::uint32_t>(states_.size() - 1); at != 0; at = parents_[at]) {
    ++result_.depth;
  }
  return result_;
}

bool Search::expand(std::uint32_t index) {
  const State state = decode(states_[index], world_.sizes());
  mover_.moves(state, moves_);
  std::string broken;
  // Without a guard the steps themselves are to go wrong.
  const int wanted = options_.without.empty() ? scenario_.batches : 1;
  if (const int size = std::max(options_.folds, wanted); size > 1) {
    broken = mover_.batch_differs(moves_, state, size);
    if (!broken.empty()) {
      report(index, broken, nullptr);
      return false;
    }
  }
  // First every step, then the look-ups: where each state stands is on its way to the cache
  // meanwhile.
  std::size_t reached = 0;
  const Move* breaking = nullptr;
  for (const Move& move : moves_) {
    if (reached_.size() == reached) reached_.emplace_back();
    Reached& next = reached_[reached];
    next.state = state;
    const bool changed = mover_.apply(move, next.state, broken);
    if (!broken.empty()) {
      breaking = &move;
      break;
    }
    if (!changed) continue;
    world_.canonical(next.state, next.bytes);
    next.hash = states_.expect(next.bytes);
    ++reached;
  }
  result_.transitions += static_cast<std::int64_t>(reached);
  for (std::size_t i = 0; i < reached; ++i) states_.expect_string(reached_[i].hash);
  for (std::size_t i = 0; i < reached; ++i) {
    if (!arrive(index, reached_[i])) return false;
  }
  if (breaking == nullptr) return true;
  report(index, broken, breaking);
  return false;
}

bool Search::arrive(std::uint32_t from, const Reached& next) {
  const auto [place, fresh] = states_.insert(next.bytes, next.hash);
  if (options_.wedges && place != from) steps_.push_back(place);
  if (!fresh) return true;
  if (states_.size() >= max_states) result_.cut = "more states than can be numbered";
  parents_.push_back(from);
  ends_.push_back(is_end(world_, next.state));
  const std::string broken = first_broken(next.state);
  if (broken.empty()) return true;
  report(place, broken, nullptr);
  return false;
}

// Backwards reachability by sweeps: most steps lead on, so a few sweeps from the last state to the
// first one settle all.
void Search::find_wedges() {
  const double began = elapsed();
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t i = states_.size(); i-- > 0;) {
      if (ends_[i]) continue;
      for (std::uint64_t s = first_step_[i]; s < first_step_[i + 1]; ++s) {
        if (!ends_[steps_[s]]) continue;
        ends_[i] = true;
        changed = true;
        break;
      }
    }
  }
  result_.wedge_seconds = elapsed() - began;
  const auto wedged = std::find(ends_.begin(), ends_.end(), false);
  if (wedged == ends_.end()) return;
  report(static_cast<std::uint32_t>(wedged - ends_.begin()),
         "wedged: no end can be reached from here, and no operator is called", nullptr);
}

bool Search::too_large() {
  const std::size_t used = states_.memory() + parents_.capacity() * 4 + steps_.capacity() * 4 +
                           first_step_.capacity() * 8 + runner_.memory() + world_.parts().memory();
  if (used <= options_.memory_mb * megabyte) return false;
  result_.cut = "the memory bound of " + std::to_string(options_.memory_mb) + " MB was met";
  return true;
}

void Search::show_progress(std::uint32_t expanded) {
  if (!options_.progress || elapsed() < shown_at_ + 1) return;
  shown_at_ = elapsed();
  std::fprintf(stderr, "%s: %zu states, %zu to look at, %.0f s\n", scenario_.name.c_str(),
               states_.size(), states_.size() - expanded, shown_at_);
}

void Search::report(std::uint32_t index, const std::string& what, const Move* last) {
  Violation violation;
  violation.what = what;
  begin_chart(violation.chart);
  const auto steps = path_to(index, last, violation.chart);
  violation.steps = static_cast<int>(steps.size());
  violation.chart += "=> " + what + "\n";
  violation.schedule = scenario_.name + ": ";
  for (const std::string& step : steps) {
    if (&step != &steps.front()) violation.schedule += "; ";
    violation.schedule += step;
  }
  result_.violation = std::move(violation);
}

// Walks the same states again, from the first one: what is kept is each state's smallest image, so
// the step taken is the one whose state has the next image.
std::vector<std::string> Search::path_to(std::uint32_t index, const Move* last,
                                         std::string& chart) {
  std::vector<std::uint32_t> path;
  for (std::uint32_t at = index; at != 0; at = parents_[at]) path.push_back(at);
  std::reverse(path.begin(), path.end());
  std::vector<std::string> texts;
  State state = world_.first_state();
  std::vector<Move> moves;
  std::string broken;
  const auto take = [&](const Move& move, const State& next) {
    texts.push_back(mover_.text(move, state));
    add_step(chart, static_cast<int>(texts.size()), texts.back(), state, next);
    state = next;
  };
  for (const std::uint32_t at : path) {
    mover_.moves(state, moves);
    for (const Move& move : moves) {
      State next = state;
      if (!mover_.apply(move, next, broken)) continue;
      State ordered = next;
      world_.canonical(ordered, scratch_);
      if (scratch_ != states_[at]) continue;
      take(move, next);
      break;
    }
  }
  if (last == nullptr) return texts;
  // The last step broke an invariant of the engine: the first one here that does.
  mover_.moves(state, moves);
  for (const Move& move : moves) {
    State next = state;
    mover_.apply(move, next, broken);
    if (broken.empty()) continue;
    take(move, next);
    break;
  }
  return texts;
}

Result Search::follow(const std::string& schedule) {
  const std::string head = scenario_.name + ": ";
  if (!schedule.starts_with(head)) {
    throw std::invalid_argument("the schedule is not one of " + scenario_.name);
  }
  Violation violation;
  begin_chart(violation.chart);
  State state = world_.first_state();
  std::vector<Move> moves;
  std::string broken;
  std::string_view rest = std::string_view(schedule).substr(head.size());
  while (!rest.empty() && broken.empty()) {
    const auto end = rest.find("; ");
    const std::string wanted(rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 2);
    mover_.moves(state, moves);
    const auto found = std::find_if(moves.begin(), moves.end(), [&](const Move& move) {
      return mover_.text(move, state) == wanted;
    });
    if (found == moves.end()) {
      throw std::invalid_argument("step " + std::to_string(violation.steps + 1) +
                                  " cannot happen there: " + wanted);
    }
    State next = state;
    mover_.apply(*found, next, broken);
    ++violation.steps;
    add_step(violation.chart, violation.steps, wanted, state, next);
    state = next;
    if (broken.empty()) broken = first_broken(state);
  }
  violation.what = broken;
  violation.schedule = schedule;
  violation.chart += broken.empty() ? "every invariant holds\n" : "=> " + broken + "\n";
  result_.states = violation.steps + 1;
  result_.transitions = violation.steps;
  result_.depth = violation.steps;
  result_.complete = broken.empty();
  result_.violation = std::move(violation);
  return result_;
}

Result explore(const Scenario& scenario, const Options& options) {
  const GuardOff off(options.without);
  return Search(scenario, options).run();
}

Result replay(const Scenario& scenario, const std::string& schedule, const Options& options) {
  const GuardOff off(options.without);
  return Search(scenario, options).follow(schedule);
}

}  // namespace pawl::check
