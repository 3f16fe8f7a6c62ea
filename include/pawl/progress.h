// SPDX-License-Identifier: Apache-2.0
//
// How the engine gets on, for metrics and alarms: what it counts as it runs, and what waits in its
// store and since when. Rates say little when nothing completes; ages do.
#pragma once

#include <pawl/time.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace pawl {

// Counts by powers of two: at(i) counts the values from 2^(i-1) to 2^i - 1 (times `unit`), at(0)
// those below the unit, and the last all that are larger.
struct PowerHistogram {
  static constexpr std::size_t places = 17;
  std::array<std::int64_t, places> counts{};
  std::int64_t sum = 0;

  void add(std::int64_t value, unsigned unit_bits) {
    const std::uint64_t units = static_cast<std::uint64_t>(value < 0 ? 0 : value) >> unit_bits;
    const auto place = static_cast<std::size_t>(std::bit_width(units));
    ++counts[place < places ? place : places - 1];
    sum += value;
  }
};

struct EngineStatistics {
  // The units of the histograms: works, and 128 microseconds.
  static constexpr unsigned batch_unit_bits = 0;
  static constexpr unsigned commit_unit_bits = 7;

  std::int64_t commits = 0;
  std::int64_t works = 0;
  std::int64_t largest_batch = 0;
  std::int64_t open_effects = 0;
  std::int64_t exchanges_under_way = 0;
  std::int64_t waiting = 0;
  std::int64_t rows_removed = 0;  // by retention, since the start
  bool store_failing = false;     // the last commit failed by the store's fault; being tried again
  PowerHistogram batch_works;     // works of each commit
  PowerHistogram commit_us;       // of each commit in the store
  // While requests wait: since the last commit, or since they began to wait if that was later. 0
  // while none does.
  std::int64_t stalled_us = 0;
};

// Open effects of one kind (its destination) in one state.
struct EffectGroup {
  std::string kind;
  std::string state;
  std::int64_t count = 0;
  Time oldest;  // when it was asked for
};

// Each count stops at max_counted; the ages are those of the oldest all the same.
struct StoreProgress {
  static constexpr int max_counted = 10'000;

  std::vector<EffectGroup> open_effects;
  Time next_deadline = Time::never();  // the earliest; in the past if it is overdue
  std::int64_t parked = 0;
  std::int64_t open_alerts = 0;
};

}  // namespace pawl
