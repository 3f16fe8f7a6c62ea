// SPDX-License-Identifier: Apache-2.0
#include "store/postgres/retention_statements.h"

#include "protocol/storage.h"
#include "store/postgres/rows.h"
#include "store/retention_place.h"

namespace pawl::postgres {

namespace {

using protocol::RetentionPass;
using protocol::RetentionSubject;

// As the texts below have them.
static_assert(protocol::sequence_bits == 36 && protocol::ordinal_bits == 15);
static_assert(max_journal_sequence == 68719476735);

// Each gives: id, the time that counts, whether it may go, and the time before which nothing that
// follows in the same lane can be old (a lane's ids rise with time; alerts are walked to their
// end). $1 the id behind which it goes on, $2 how many.
std::string walk_text(const RetentionPass& pass) {
  switch (pass.subject) {
    case RetentionSubject::ended_effects:
      return "SELECT id, ended_us, NOT EXISTS (SELECT FROM pawl_parked p WHERE p.effect_id = e.id) "
             "AND NOT EXISTS (SELECT FROM pawl_alerts a WHERE a.effect_id = e.id AND a.acked_by = "
             "''), created_us FROM pawl_effects_ended e WHERE id > $1 ORDER BY id LIMIT $2";
    case RetentionSubject::alerts:
      return "SELECT id, greatest(last_seen_us, acked_us), acked_by <> '', 0::bigint FROM "
             "pawl_alerts WHERE id > $1 ORDER BY id LIMIT $2";
    case RetentionSubject::journal:
      // A lane's newest row stays: by it a cursor, and a commit in doubt, finds its place.
      return "SELECT (lane::bigint << 36) | sequence, time_us, sequence < (SELECT max(n.sequence) "
             "FROM pawl_journal n WHERE n.lane = j.lane), time_us FROM pawl_journal j WHERE (lane, "
             "sequence) > (($1::bigint >> 36)::int, $1::bigint & 68719476735) ORDER BY lane, "
             "sequence LIMIT $2";
    case RetentionSubject::records: {
      // A record's time is that of its commit. Where the journal does not reach back so far, it is
      // not after the newest row that was removed there.
      const std::string time =
          "coalesce((SELECT time_us FROM pawl_journal j WHERE j.lane = (r.record_id >> 51)::int "
          "AND j.sequence <= ((r.record_id >> 15) & 68719476735) ORDER BY j.sequence DESC LIMIT "
          "1), (SELECT newest_removed_us FROM pawl_retention WHERE subject = 'journal'), "
          "9223372036854775807)";
      return "SELECT record_id, " + time + ", true, " + time + " FROM " + quoted_name(pass.table) +
             " r WHERE record_id > $1 ORDER BY record_id LIMIT $2";
    }
    case RetentionSubject::receipts:
      break;
  }
  return "SELECT principal, command_id, kind, machine, entity_key, created_us FROM pawl_receipts "
         "WHERE (command_id, principal, kind, machine, entity_key) > ($2, $1, $3, $4, $5) ORDER BY "
         "command_id, principal, kind, machine, entity_key LIMIT $6";
}

// By place, each looked up by its key: whatever the statistics say, nothing is walked as a whole.
// What it removes may have been brought back to use since it was looked at: that is asked again. Of
// an ended effect once it is locked: a commit that raises an alert of it holds it until that alert
// can be seen.
std::string delete_text(const RetentionPass& pass) {
  switch (pass.subject) {
    case RetentionSubject::ended_effects:
      return "DELETE FROM pawl_effects_ended e WHERE id = ANY ($1) AND NOT EXISTS (SELECT FROM "
             "pawl_parked p WHERE p.effect_id = e.id) AND NOT EXISTS (SELECT FROM pawl_alerts a "
             "WHERE a.effect_id = e.id AND a.acked_by = '')";
    case RetentionSubject::alerts:
      return "DELETE FROM pawl_alerts WHERE id = ANY ($1) AND acked_by <> '' AND "
             "greatest(last_seen_us, acked_us) < $5";
    case RetentionSubject::journal:
      return "DELETE FROM pawl_journal WHERE ctid = ANY (ARRAY(SELECT j.ctid FROM unnest($1) AS o "
             "(place) CROSS JOIN LATERAL (SELECT ctid FROM pawl_journal AS s WHERE s.lane = "
             "(o.place >> 36)::int AND s.sequence = (o.place & 68719476735) LIMIT 1) AS j))";
    case RetentionSubject::records:
      // A place is one in each part of a table that somebody has divided: the id is compared, too,
      // in a way that no index serves.
      return "DELETE FROM " + quoted_name(pass.table) +
             " WHERE ctid = ANY (ARRAY(SELECT ctid FROM " + quoted_name(pass.table) +
             " WHERE record_id = ANY ($1) ORDER BY record_id)) AND (record_id = ANY ($1)) IS TRUE";
    case RetentionSubject::receipts:
      break;
  }
  return "DELETE FROM pawl_receipts WHERE ctid = ANY (ARRAY(SELECT r.ctid FROM unnest($6, $7, $8, "
         "$9, $10) AS o (principal, command_id, kind, machine, entity_key) CROSS JOIN LATERAL "
         "(SELECT ctid FROM pawl_receipts AS s WHERE s.command_id = o.command_id AND s.principal = "
         "o.principal AND s.kind = o.kind AND s.machine = o.machine AND s.entity_key = "
         "o.entity_key LIMIT 1) AS r))";
}

}  // namespace

RetentionStatements retention_statements(const RetentionPass& pass) {
  const std::string subject = store::subject_of(pass);
  const auto name = [&](std::string_view step) {
    return "retention " + std::string(step) + " " + subject;
  };
  RetentionStatements out;
  out.walk = {name("walk"), walk_text(pass), {Type::bigint, Type::bigint}};
  out.remove = {name("remove"),
                "WITH gone AS (" + delete_text(pass) +
                    " RETURNING 1) UPDATE pawl_retention SET place = $3, removed = removed + "
                    "(SELECT count(*) FROM gone), newest_removed_us = greatest(newest_removed_us, "
                    "$4) WHERE subject = $2 RETURNING (SELECT count(*) FROM gone)",
                {Type::bigint_array, Type::text, Type::text, Type::bigint, Type::bigint}};
  if (pass.subject == RetentionSubject::receipts) {
    out.walk.types = {Type::text, Type::bytea, Type::text, Type::text, Type::text, Type::bigint};
    out.remove.types.insert(out.remove.types.end(),
                            {Type::text_array, Type::bytea_array, Type::text_array,
                             Type::text_array, Type::text_array});
  }
  if (pass.subject == RetentionSubject::ended_effects) {
    out.hold = {name("hold"),
                "SELECT FROM pawl_effects_ended WHERE id = ANY ($1) ORDER BY id FOR UPDATE",
                {Type::bigint_array}};
  }
  return out;
}

}  // namespace pawl::postgres
