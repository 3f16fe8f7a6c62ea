// SPDX-License-Identifier: Apache-2.0
//
// What the committer asks of a store, and what it is answered: plain data, no SQL, no waiting. A
// batch is two exchanges: `LockRequest` (lock, read fresh, look up receipts and sources) and
// `WriteBatch` (write everything, commit). The stores implement these; the checker answers them
// from a model.
#pragma once

#include <pawl/error.h>
#include <pawl/fields.h>
#include <pawl/journal.h>
#include <pawl/key.h>
#include <pawl/locked.h>
#include <pawl/machine.h>
#include <pawl/time.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/effect_row.h"

namespace pawl::protocol {

// Identifies a receipt: who asked what of whom.
struct ReceiptKey {
  EntityRef entity;
  std::string principal;
  std::string kind;
  std::string id;

  friend auto operator<=>(const ReceiptKey&, const ReceiptKey&) = default;
};

using Fingerprint = std::array<unsigned char, 16>;

struct StoredReceipt {
  Fingerprint fingerprint{};
  bool done = false;
  std::string code;
  std::string detail;
  ErrorClass error_class = ErrorClass::conflict;
  std::string reply_json;
  std::int64_t version = 0;
};

struct MessageRow {
  std::int64_t id = 0;
  EntityRef from;
  EntityRef to;
  std::string kind;
  std::string payload;
  int hops = 1;
  bool bounced = false;  // on its way back: `to` is the original sender
  std::string code;      // of the refusal that bounced it
  std::string detail;
  std::string trace_id;  // of the command that sent it
};

struct DeadlineRow {
  EntityRef entity;
  std::string name;
  std::int64_t arming = 0;  // another number each time it is armed
  Time due;
  std::string kind;
  std::string payload;
  std::string trace_id;  // of the command that armed it
};

// Why an inner command is set aside until an operator looks at it.
struct ParkedRow {
  std::int64_t id = 0;
  std::string source;  // "message", "bounce", "deadline", "outcome" or "acceptance"
  EntityRef from;      // of a message: its sender; the pair stays held
  EntityRef entity;
  std::string kind;
  std::string payload;
  std::string code;
  std::string detail;
  std::int64_t effect_id = 0;  // of an outcome
  int hops = 0;
  std::string trace_id;  // of the message, deadline or effect that it was
};

struct AlertRow {
  std::int64_t id = 0;
  std::string code;
  EntityRef entity;
  std::int64_t effect_id = 0;  // 0: none
  int attempt = 0;
  std::string detail;
  Time first_seen;
  Time last_seen;
  std::int64_t count = 1;
  std::string acked_by;
  std::string trace_id;  // of what raised it: for the log line, not stored
};

// Somebody outside was told of an alert as it was with this count.
struct AlertDelivery {
  std::int64_t id = 0;
  std::int64_t count = 0;
};

struct RecordQuery {
  std::size_t entity = 0;  // index into LockRequest::entities
  std::string_view table;
  int limit = 0;
};

struct DeadlineRef {
  EntityRef entity;
  std::string name;
};

// Everything is locked in the order given; entities are sorted and unique.
struct LockRequest {
  std::vector<EntityRef> entities;
  std::vector<RecordQuery> records;
  std::vector<ReceiptKey> receipts;
  std::vector<std::int64_t> effects;
  // Of each effect, by its index there, the row as its claim left it, where only that claim's
  // answer asks for it; else null, as behind the end. Whatever changes a row raises its token:
  // while the token is this one, a store may give this back and leave the locked row unread.
  std::vector<const EffectRow*> claimed;
  std::vector<std::int64_t> messages;
  std::vector<DeadlineRef> deadlines;
  std::vector<std::int64_t> parked;
  // What another session holds is left out and marked as skipped; or, if set, waited for, up to the
  // store's time-out.
  bool wait_for_rows = false;
  // If not set, receipts are taken to be absent: the store's unique key decides at the commit,
  // which then fails with `receipt_exists`.
  bool look_up_receipts = true;

  const EffectRow* claimed_effect(std::size_t index) const {
    return index < claimed.size() ? claimed[index] : nullptr;
  }
};

// The answers in the order of the request.
struct LockedBatch {
  Time time;  // the store's clock, read after the locks were held
  std::int32_t lane = 0;
  std::int64_t sequence = 0;  // of the journal row that this batch will write
  // When this store was made from a backup; Time{}: never. What was sent between the backup and
  // then is not known here: an effect that must not be sent twice is inquired before its first
  // send.
  Time restored_at;
  std::vector<EntitySlot> entities;
  std::vector<std::optional<StoredReceipt>> receipts;
  std::vector<std::optional<EffectRow>> effects;
  std::vector<bool> messages;           // still there
  std::vector<std::int64_t> deadlines;  // the arming that stands; 0: none
  std::vector<std::optional<ParkedRow>> parked;
  // Held by another session and therefore not read, by index; empty: none.
  std::vector<bool> entities_skipped;
  std::vector<bool> effects_skipped;
  // Another lane has an earlier message of the pair, or one of the pair is parked; empty: none.
  std::vector<bool> messages_behind;
};

struct EntityWrite {
  std::size_t entity = 0;  // index into LockRequest::entities
  bool created = false;
  // As it was locked, however many of the batch's commands changed it since: a store overwrites
  // this version of the row and no other. 0: created.
  std::int64_t locked_version = 0;
};

struct RecordWrite {
  std::size_t entity = 0;
  std::string_view table;
  std::int64_t id = 0;
  Row row;
};

struct ReceiptWrite {
  ReceiptKey key;
  StoredReceipt receipt;
};

struct WriteBatch {
  std::vector<EntitySlot> entities;  // the slots of the request, as they shall be
  std::vector<EntityWrite> entity_writes;
  std::vector<RecordWrite> records;
  std::vector<ReceiptWrite> receipts;
  std::vector<EffectRow> effects_inserted;
  std::vector<EffectRow> effects_updated;  // each was locked: its row is replaced
  std::vector<MessageRow> messages_inserted;
  std::vector<std::int64_t> messages_deleted;
  std::vector<DeadlineRow> deadlines_armed;  // replaces the one of that name
  std::vector<DeadlineRef> deadlines_deleted;
  std::vector<ParkedRow> parked_inserted;
  std::vector<std::int64_t> parked_deleted;
  std::vector<AlertRow> alerts;  // merged by (code, entity, effect)
  std::vector<AlertRow> alerts_acked;
  std::vector<AlertDelivery> alerts_delivered;
  std::string journal_entries;  // a JSON array: this commit's journal row
  std::int64_t config_version = 0;
  Time time;

  bool empty() const;
};

// A commit's place in the journal as one integer: rises within its lane. Ids of the rows made in a
// commit begin with it.
inline constexpr int ordinal_bits = 15;
inline constexpr int sequence_bits = 36;
static_assert((std::int64_t{1} << sequence_bits) - 1 == max_journal_sequence);
constexpr std::int64_t journal_position(std::int32_t lane, std::int64_t sequence) {
  return (std::int64_t{lane} << sequence_bits) | sequence;
}
// The lane whose commit made the row with this id.
constexpr std::int32_t lane_of(std::int64_t row_id) {
  return static_cast<std::int32_t>(row_id >> (ordinal_bits + sequence_bits));
}
inline constexpr std::int32_t max_lane =
    (std::int32_t{1} << (63 - ordinal_bits - sequence_bits)) - 1;

inline constexpr ErrorCode create_conflict{"already_exists", ErrorClass::conflict,
                                           "an entity with this key or this unique value exists"};
inline constexpr ErrorCode store_constraint{"store_constraint", ErrorClass::defect,
                                            "the database refused a row that the machine decided"};
inline constexpr ErrorCode store_failed{"store_failed", ErrorClass::unavailable,
                                        "the database could not carry it out; nothing was changed"};
inline constexpr ErrorCode lane_fenced{
    "lane_fenced", ErrorClass::unavailable,
    "another process has taken this lane over; this one writes nothing any more"};
inline constexpr ErrorCode rows_locked{
    "rows_locked", ErrorClass::unavailable,
    "another session holds the entity and did not let go of it in time; nothing was changed"};
inline constexpr ErrorCode transaction_aborted{
    "transaction_aborted", ErrorClass::unavailable,
    "the database gave the transaction up; nothing was changed, and it may be run again"};
inline constexpr ErrorCode receipt_exists{
    "receipt_exists", ErrorClass::unavailable,
    "one of the commands was decided before; nothing was changed, and its receipt is to be read"};
inline constexpr ErrorCode store_refuses_writes{
    "store_refuses_writes", ErrorClass::unavailable,
    "a write to the disk failed earlier; the store takes no writes until it is opened again"};

}  // namespace pawl::protocol
