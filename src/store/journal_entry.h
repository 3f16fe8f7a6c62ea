// SPDX-License-Identifier: Apache-2.0
//
// One entry of a journal row, read back: where it ends among the row's bytes, what it says, and
// where the entry before it stands. Pure. The walk along a timeline is left to the stores' reads,
// pages of the journal to journal_page.h, writing to the protocol.
#pragma once

#include <pawl/engine.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "core/json.h"

namespace pawl::store {

// The bytes of the entry that begins at `offset` of a journal row: one JSON object. Empty if none
// begins there or it does not end.
std::string_view entry_at(std::string_view entries, std::size_t offset);

// A member that is a text, else empty.
std::string text_of(const json::Value& object, std::string_view name);

// What a parsed entry says.
TimelineEntry read_step(const json::Value& entry, Time commit_time, std::int32_t lane,
                        std::int64_t sequence);

// Where the entity's entry before this one stands (sequence 0: there is none). Nothing if it is no
// position, or none that a chain from `at` may lead to.
std::optional<JournalPosition> previous_of(const json::Value& entry, const JournalPosition& at);

// `at` is where the entry stands; `previous` becomes where the one before it does (sequence 0:
// there is none). Errors: payload_unreadable, also for a `previous` that is not older, since a walk
// along it would not end.
Result<TimelineEntry> read_entry(std::string_view text, Time commit_time, const JournalPosition& at,
                                 JournalPosition& previous);

}  // namespace pawl::store
