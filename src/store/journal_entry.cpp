// SPDX-License-Identifier: Apache-2.0
#include "store/journal_entry.h"

#include <tuple>
#include <utility>

#include "core/json.h"

namespace pawl::store {

namespace {

std::int64_t integer_of(const json::Value& object, std::string_view name) {
  const auto* member = object.find(name);
  return member == nullptr ? 0 : member->as_int64().value_or(0);
}

}  // namespace

std::string text_of(const json::Value& object, std::string_view name) {
  const auto* member = object.find(name);
  return member == nullptr ? std::string() : std::string(member->as_string().value_or(""));
}

// Lanes number their commits each for itself.
std::optional<JournalPosition> previous_of(const json::Value& entry, const JournalPosition& at) {
  const auto* link = entry.find("previous");
  const auto* parts = link == nullptr ? nullptr : link->as_array();
  if (parts == nullptr || parts->size() != 3) return std::nullopt;
  const auto lane = (*parts)[0].as_int64();
  const auto sequence = (*parts)[1].as_int64();
  const auto offset = (*parts)[2].as_int64();
  if (!lane || !sequence || !offset || !std::in_range<std::int32_t>(*lane) ||
      !std::in_range<std::int32_t>(*offset) || *lane < 0 || *sequence < 0 || *offset < 0) {
    return std::nullopt;
  }
  const JournalPosition out{static_cast<std::int32_t>(*lane), *sequence,
                            static_cast<std::int32_t>(*offset)};
  const bool older = std::tie(out.sequence, out.offset) < std::tie(at.sequence, at.offset);
  if (out.sequence != 0 && out.lane == at.lane && !older) return std::nullopt;
  return out;
}

std::string_view entry_at(std::string_view entries, std::size_t offset) {
  if (offset >= entries.size() || entries[offset] != '{') return {};
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = offset; i < entries.size(); ++i) {
    const char c = entries[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{') {
      ++depth;
    } else if (c == '}' && --depth == 0) {
      return entries.substr(offset, i + 1 - offset);
    }
  }
  return {};
}

TimelineEntry read_step(const json::Value& entry, Time commit_time, std::int32_t lane,
                        std::int64_t sequence) {
  TimelineEntry out;
  const std::int64_t own_time = integer_of(entry, "time_us");
  out.time = own_time != 0 ? Time{own_time} : commit_time;
  out.lane = lane;
  out.sequence = sequence;
  out.version = integer_of(entry, "version");
  out.command = text_of(entry, "command");
  out.source = text_of(entry, "source");
  out.who = text_of(entry, "who");
  out.id = text_of(entry, "id");
  out.from = text_of(entry, "from");
  out.to = text_of(entry, "to");
  out.why = text_of(entry, "why");
  out.reason = text_of(entry, "reason");
  out.trace_id = text_of(entry, "trace");
  if (const auto* list = entry.find("effects"); list != nullptr && list->as_array() != nullptr) {
    for (const auto& id : *list->as_array()) out.effects.push_back(id.as_int64().value_or(0));
  }
  return out;
}

Result<TimelineEntry> read_entry(std::string_view text, Time commit_time, const JournalPosition& at,
                                 JournalPosition& previous) {
  const auto entry = json::parse(text);
  if (!entry) return fail(payload_unreadable, "journal entry: " + entry.error().text());
  const auto link = previous_of(*entry, at);
  if (!link) return fail(payload_unreadable, "journal entry: it names no older entry");
  previous = *link;
  return read_step(*entry, commit_time, at.lane, at.sequence);
}

}  // namespace pawl::store
