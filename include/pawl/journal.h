// SPDX-License-Identifier: Apache-2.0
//
// The journal as a log to be followed, from any place on. Each lane writes one of its own, without
// gaps; reading merges them. A live tail reads by the same cursor as one that catches up, and is
// only woken by a commit, so that it can neither skip nor repeat an entry. One entity's own steps:
// Engine::timeline().
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

// A place in one lane's journal: behind a commit, or behind some of its entries.
struct JournalPlace {
  static constexpr std::int32_t whole_commit = std::numeric_limits<std::int32_t>::max();

  std::int32_t lane = 0;
  std::int64_t epoch = 0;  // of the lane when it made the commit: tells a restored copy
  std::int64_t sequence = 0;
  std::int32_t entries = whole_commit;  // so many of that commit's entries lie before it

  friend bool operator==(const JournalPlace&, const JournalPlace&) = default;
};

// A place in the whole journal: one in each lane, rising by lane. A lane that is not named is read
// from its first commit, so a default-constructed cursor stands before all. Two readers may pass
// commits of different lanes in different orders: their cursors need not be comparable.
struct JournalCursor {
  std::vector<JournalPlace> places;

  // Null: before the first commit of that lane.
  const JournalPlace* in_lane(std::int32_t lane) const;
  // Does what lies before that place lie before this cursor, too?
  bool covers(const JournalPlace& place) const;
  bool covers(const JournalCursor& other) const;
  // Puts it behind that place, too; never back.
  void reach(const JournalPlace& place);
  void reach(const JournalCursor& other);

  friend bool operator==(const JournalCursor&, const JournalCursor&) = default;
};

struct JournalEntry {
  JournalPlace place;  // behind this entry; a reader's cursor has `reach`ed it
  std::string machine;
  std::string key;
  TimelineEntry step;  // an operator's verb on an effect has no version and no states
};

// In the order of the commits' times, but always each lane in its own order, and each entity's
// entries in the order of its versions.
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
