// SPDX-License-Identifier: Apache-2.0
//
// A journal row's entries: what is found at an offset lies within the row, and a walk along what
// the entries name as previous gets older with each step. The input is two bytes of offset, eight
// of sequence, then the row.
#include "store/journal_entry.h"

#include <tuple>

#include "core/json.h"
#include "fuzz/target.h"

PAWL_FUZZ(journal_entry) {
  using namespace pawl;
  using fuzz::check;
  fuzz::Input parts(input);
  const int high = parts.byte();
  const auto offset = static_cast<std::int32_t>(high * 256 + parts.byte());
  const JournalPosition at{0, parts.integer(), offset};
  const std::string_view row = parts.rest();
  const std::string_view entry = store::entry_at(row, static_cast<std::size_t>(offset));
  if (!entry.empty()) {
    check(entry.data() == row.data() + offset && entry.size() <= row.size() - offset,
          "an entry lies within its row");
    check(entry.front() == '{' && entry.back() == '}', "and is an object");
  }
  JournalPosition previous;
  const auto read = store::read_entry(entry, Time{1}, at, previous);
  if (!read) {
    check(read.error().code == payload_unreadable, "a refusal says that it cannot be read");
    return;
  }
  const auto object = json::parse(entry);
  check(object && object->is_object(), "what was read is an object");
  check(read->sequence == at.sequence && read->lane == at.lane, "it stands where it was found");
  check(previous.sequence >= 0 && previous.offset >= 0 && previous.lane >= 0, "so does the next");
  check(previous.sequence == 0 || previous.lane != at.lane ||
            std::tie(previous.sequence, previous.offset) < std::tie(at.sequence, at.offset),
        "the walk gets older");
}
