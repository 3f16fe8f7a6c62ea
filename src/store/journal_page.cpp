// SPDX-License-Identifier: Apache-2.0
#include "store/journal_page.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/json.h"
#include "store/journal_entry.h"

namespace pawl::store {

namespace {

// The rows of one lane that are still to be taken.
struct LaneRows {
  std::int32_t lane = 0;
  const JournalRow* next = nullptr;
  const JournalRow* end = nullptr;
  std::optional<json::Value> entries;  // of the next, once they were looked at
};

class Merge {
 public:
  Merge(const JournalCursor& after, int commits) : commits_(commits) { page_.end = after; }

  // The lane's place is the cursor's, else before its first commit.
  Result<void> add_lane(const JournalRow* row, const JournalRow* end, std::int64_t restores);
  Result<JournalPage> run();

 private:
  Result<void> look_at(LaneRows& lane) const;
  bool must_wait(const LaneRows& lane) const;
  Result<LaneRows*> choose();
  void give(LaneRows& lane, std::size_t skipped);

  JournalPage page_;
  int commits_;
  std::vector<LaneRows> lanes_;
};

Result<void> Merge::add_lane(const JournalRow* row, const JournalRow* end, std::int64_t restores) {
  LaneRows lane{row->lane, row, end, std::nullopt};
  const JournalPlace* place = page_.end.in_lane(row->lane);
  std::int64_t expected = 0;
  if (place != nullptr) {
    // The place's own commit shows that the place is one of this journal.
    if (row->sequence != place->sequence || row->epoch != place->epoch) {
      return fail(journal_place_gone);
    }
    expected = place->sequence;
  } else {
    const std::int64_t before = (row->sequence - 1) / sequences_per_restore;
    if (before > restores || row->sequence != first_sequence(before)) {
      return fail(journal_place_gone);
    }
    expected = row->sequence;
  }
  for (const JournalRow* at = row; at != end; ++at, ++expected) {
    if (at->sequence != expected) return fail(journal_place_gone);
  }
  if (place != nullptr) {
    if (place->entries != JournalPlace::whole_commit) {
      if (auto seen = look_at(lane); !seen) return seen;
      give(lane, static_cast<std::size_t>(place->entries));
    } else {
      ++lane.next;
    }
  }
  if (lane.next != end) lanes_.push_back(std::move(lane));
  return {};
}

Result<void> Merge::look_at(LaneRows& lane) const {
  if (lane.entries) return {};
  auto entries = json::parse(lane.next->entries);
  if (!entries || entries->as_array() == nullptr) {
    return fail(payload_unreadable, "journal row " + std::to_string(lane.lane) + "/" +
                                        std::to_string(lane.next->sequence));
  }
  lane.entries = std::move(*entries);
  return {};
}

// An entry of it follows on one of another lane that was not given yet.
bool Merge::must_wait(const LaneRows& lane) const {
  return std::ranges::any_of(*lane.entries->as_array(), [&](const json::Value& entry) {
    const auto previous = previous_of(entry, {lane.lane, lane.next->sequence, 0});
    return previous && previous->lane != lane.lane &&
           !page_.end.covers({previous->lane, 0, previous->sequence});
  });
}

// Null: what is left follows on rows that were not read, or nothing is left.
Result<LaneRows*> Merge::choose() {
  LaneRows* best = nullptr;
  for (LaneRows& lane : lanes_) {
    if (lane.next == lane.end) continue;
    if (best != nullptr && best->next->time <= lane.next->time) continue;
    if (auto seen = look_at(lane); !seen) return std::unexpected(seen.error());
    if (!must_wait(lane)) best = &lane;
  }
  return best;
}

// The entries of the lane's next commit from the `skipped`th on; then it is behind the cursor.
void Merge::give(LaneRows& lane, std::size_t skipped) {
  const JournalRow& row = *lane.next;
  const auto& list = *lane.entries->as_array();
  for (std::size_t i = skipped; i < list.size(); ++i) {
    JournalEntry& entry = page_.entries.emplace_back();
    const bool last = i + 1 == list.size();
    entry.place = {row.lane, row.epoch, row.sequence,
                   last ? JournalPlace::whole_commit : static_cast<std::int32_t>(i + 1)};
    entry.machine = text_of(list[i], "machine");
    entry.key = text_of(list[i], "key");
    entry.step = read_step(list[i], row.time, row.lane, row.sequence);
  }
  page_.end.reach(JournalPlace{row.lane, row.epoch, row.sequence});
  ++lane.next;
  lane.entries.reset();
}

Result<JournalPage> Merge::run() {
  for (int taken = 0; taken < commits_; ++taken) {
    const auto lane = choose();
    if (!lane) return std::unexpected(lane.error());
    if (*lane == nullptr) break;
    give(**lane, 0);
  }
  page_.more = std::ranges::any_of(lanes_, [](const LaneRows& l) { return l.next != l.end; });
  return std::move(page_);
}

}  // namespace

Result<JournalPage> journal_page(const JournalCursor& after, const std::vector<JournalRow>& rows,
                                 int commits, std::int64_t restores) {
  Merge merge(after, commits);
  std::size_t places_found = 0;
  for (std::size_t begin = 0, end = 0; begin < rows.size(); begin = end) {
    while (end < rows.size() && rows[end].lane == rows[begin].lane) ++end;
    if (after.in_lane(rows[begin].lane) != nullptr) ++places_found;
    auto added = merge.add_lane(rows.data() + begin, rows.data() + end, restores);
    if (!added) return std::unexpected(added.error());
  }
  if (places_found != after.places.size()) return fail(journal_place_gone);
  auto page = merge.run();
  // Each commit follows on older ones only, so one of the lanes' first always can be given.
  if (page && page->more && page->end == after) {
    return fail(payload_unreadable, "journal: commits follow on one another in a circle");
  }
  return page;
}

}  // namespace pawl::store
