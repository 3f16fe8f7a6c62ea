// SPDX-License-Identifier: Apache-2.0
//
// One entry of a journal row, read back for a timeline: where it ends among the row's bytes, what
// it says, and where the entry before it stands. Pure. The walk itself is left to SqliteReads,
// writing to the protocol.
#pragma once

#include <pawl/engine.h>

#include <cstddef>
#include <string_view>

#include "core/json.h"

namespace pawl::sqlite {

// The bytes of the entry that begins at `offset` of a journal row: one JSON object. Empty if none
// begins there or it does not end.
std::string_view entry_at(std::string_view entries, std::size_t offset);

// What a parsed entry says.
TimelineEntry read_step(const json::Value& entry, Time commit_time, std::int32_t lane,
                        std::int64_t sequence);

// `at` is where the entry stands; `previous` becomes where the one before it does (sequence 0:
// there is none). Errors: payload_unreadable, also for a `previous` that is not older, since a walk
// along it would not end.
Result<TimelineEntry> read_entry(std::string_view text, Time commit_time, const JournalPosition& at,
                                 JournalPosition& previous);

}  // namespace pawl::sqlite
