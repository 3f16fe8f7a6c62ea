// SPDX-License-Identifier: Apache-2.0
//
// The journal as a log to be followed: what was committed, in its order, from any place on. A live
// tail reads by the same cursor as one that catches up, and is only woken by a commit, so that it
// can neither skip nor repeat an entry. One entity's own steps: Engine::timeline().
#pragma once

#include <pawl/error.h>
#include <pawl/time.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace pawl {

inline constexpr ErrorCode journal_place_gone{
    "journal_place_gone", ErrorClass::gone,
    "the journal has nothing at this place: it was removed, or is of another copy of the store"};

// One step of an entity's life, from the journal.
struct TimelineEntry {
  Time time;
  std::int32_t lane = 0;
  std::int64_t sequence = 0;
  std::int64_t version = 0;
  std::string command;
  std::string source;
  std::string who;
  std::string id;
  std::string from;
  std::string to;
  std::string why;
  std::string reason;
  std::string trace_id;
  std::vector<std::int64_t> effects;
};

// A place between two entries of the journal. Default-constructed: before the first.
struct JournalCursor {
  static constexpr std::int32_t whole_commit = std::numeric_limits<std::int32_t>::max();

  std::int32_t lane = 0;
  std::int64_t epoch = 0;  // of the process that made the commit: tells a restored copy
  std::int64_t sequence = 0;
  std::int32_t entries = whole_commit;  // so many of that commit's entries lie before it

  friend bool operator==(const JournalCursor&, const JournalCursor&) = default;
};

struct JournalEntry {
  JournalCursor after;  // the place behind this entry
  std::string machine;
  std::string key;
  TimelineEntry step;  // an operator's verb on an effect has no version and no states
};

struct JournalPage {
  std::vector<JournalEntry> entries;
  JournalCursor end;  // where the next page begins, also if it had no entries
  bool more = false;  // there are commits behind `end`
};

inline constexpr std::int64_t max_journal_sequence = (std::int64_t{1} << 36) - 1;
inline constexpr int max_journal_commits = 1'000;  // of one page

// Calls its function until it is destroyed; from then on the function is not running either.
class CommitWatch {
 public:
  class State;
  CommitWatch() = default;  // watches nothing
  explicit CommitWatch(std::shared_ptr<State> state) : state_(std::move(state)) {}
  CommitWatch(CommitWatch&&) noexcept = default;
  CommitWatch& operator=(CommitWatch&& other) noexcept;
  CommitWatch(const CommitWatch&) = delete;
  CommitWatch& operator=(const CommitWatch&) = delete;
  ~CommitWatch();

 private:
  std::shared_ptr<State> state_;
};

}  // namespace pawl
