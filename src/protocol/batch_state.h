// SPDX-License-Identifier: Apache-2.0
//
// The inside of one batch while it is decided: the locked rows as they stand after the commands
// before, and everything that is to be written. Applies a decision as a whole or not at all; the
// committer says which decision, in which order.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/json.h"
#include "protocol/deciding_note.h"
#include "protocol/storage.h"
#include "protocol/work.h"

namespace pawl::protocol {

inline constexpr std::size_t max_effects_per_decision = 64;
inline constexpr std::size_t max_messages_per_decision = 64;
inline constexpr int max_message_hops = 16;

// An id for rows made in a commit: its journal position and an ordinal, so that it is known before
// the write and rises with the commits of its lane.
std::int64_t row_id(std::int32_t lane, std::int64_t sequence, std::int64_t ordinal);

// Who and what brought a command, for the journal. Views: it lives as long as the call.
struct CommandOrigin {
  std::string_view source;  // "request", "message", "deadline", "outcome", "operator"
  std::string_view principal;
  std::string_view id;
  std::string_view why;   // an operator's reason
  int hops = 0;           // of the message that brought it
  std::string_view note;  // names an inner command across restarts; empty for requests
  std::string_view trace_id;
};

class BatchState {
 public:
  BatchState(const Registry& registry, const ConfigSnapshot& config, LockedBatch locked,
             DecidingNote* note);

  LockedBatch& locked() { return locked_; }
  WriteBatch& writes() { return writes_; }
  Time time() const { return locked_.time; }

  // Runs decide() on the entities (indices into the locked ones) and, if it changes something and
  // all of it is legal, applies it. Exceptions of the machine's code end here, as machine_defect.
  // `batch_full` is answered, with nothing applied, when the batch cannot take more rows.
  struct Decided {
    Receipt receipt;
    bool ignored = false;
  };
  Result<Decided> run(const Command& command, std::span<const std::size_t> entities,
                      const CommandOrigin& origin);

  std::int64_t next_id();
  // An operator's verb on an effect or a parked command: named and with its reason.
  void journal_operator(const EntityRef& owner, std::int64_t effect_id, std::string_view kind,
                        std::string_view verb, const CommandOrigin& origin);
  void alert(std::string code, const EntityRef& entity, std::int64_t effect_id, int attempt,
             std::string detail, std::string_view trace_id);
  void park(ParkedRow row);
  void effect_changed(std::size_t index) { changed_effects_.insert(index); }

  // The arming that stands for a deadline, seen through what this batch has changed.
  std::int64_t standing_arming(const DeadlineRef& ref, std::int64_t locked_arming) const;
  void consume_deadline(const DeadlineRef& ref);

  void hold_pair(const EntityRef& from, const EntityRef& to) { held_pairs_.emplace(from, to); }
  bool is_held(const EntityRef& from, const EntityRef& to) const {
    return held_pairs_.contains({from, to});
  }

  // All decided: gathers the writes.
  void finish();

 private:
  Result<Decision> decide(const Command& command, std::span<const SlotView> views,
                          const Context& context, const CommandOrigin& origin);
  Result<void> validate(const Change& change, std::span<const std::size_t> entities,
                        const CommandOrigin& origin) const;
  Result<void> validate_row(const RowChange& row, const EntitySlot& slot) const;
  void ask_first_if_restored(EffectRow& row) const;
  void apply(Change change, std::span<const std::size_t> entities, std::string_view kind,
             const CommandOrigin& origin, Time time);
  void add_untouched_rows(Change& change, std::span<const std::size_t> entities) const;
  void apply_row(RowChange change, std::size_t entity, std::string_view kind,
                 const CommandOrigin& origin, Time time,
                 const std::vector<std::int64_t>& effect_ids);

  const Registry& registry_;
  const ConfigSnapshot& config_;
  DecidingNote* note_;  // may be null
  LockedBatch locked_;
  WriteBatch writes_;
  json::Writer journal_;
  int journal_entries_ = 0;
  std::int64_t ordinals_ = 0;
  std::vector<std::optional<EntityWrite>> entity_writes_;  // by index; empty: unchanged
  std::vector<SlotView> views_;  // of the command under way; kept for its capacity
  std::set<std::size_t> changed_effects_;
  using DeadlineName = std::pair<EntityRef, std::string>;
  std::map<DeadlineName, std::optional<DeadlineRow>> deadlines_;
  std::set<std::pair<EntityRef, EntityRef>> held_pairs_;
};

inline constexpr ErrorCode batch_full{"batch_full", ErrorClass::unavailable,
                                      "the batch has no room for what the command asks"};

}  // namespace pawl::protocol
