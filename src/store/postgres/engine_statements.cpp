// SPDX-License-Identifier: Apache-2.0
//
// The texts of the statements on the engine's own tables.
#include <array>

#include "store/postgres/engine_schema.h"
#include "store/postgres/rows.h"
#include "store/postgres/rows_statement.h"
#include "store/postgres/statements.h"

namespace pawl::postgres {

namespace {

constexpr Type ids = Type::bigint_array;
constexpr Type numbers = Type::bigint_array;
constexpr Type texts = Type::text_array;

std::string lock_effects_sql(std::string_view columns, std::string_view how) {
  return "SELECT " + std::string(columns) +
         ", ctid FROM pawl_effects WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE" +
         std::string(how);
}

// Rows of a table, in the order of `columns`; the types say which are numbers.
RowsStatement insert_all(std::string_view name, std::string_view table, std::string_view columns,
                         std::initializer_list<Type> types) {
  RowsText u;
  for (const Type type : types) u.add(type);
  return u.plain(std::string(name), "INSERT INTO " + std::string(table) + " (" +
                                        std::string(columns) + ") SELECT * FROM " +
                                        std::string(rows_place));
}

// $1 ids, of which `condition` speaks; $2 how many.
Statement delete_those(std::string_view name, std::string_view table, std::string_view condition) {
  return {std::string(name),
          "WITH done AS (DELETE FROM " + std::string(table) + " WHERE " + std::string(condition) +
              " RETURNING 1) SELECT pawl_expect((SELECT count(*) FROM done), $2, '" +
              std::string(lost_update_state) + "')",
          {ids, Type::bigint}};
}

// What a step changes of an effect, in the order in which lane_write.cpp gives it.
struct Progress {
  std::string_view column;
  Type type;
};
constexpr std::array<Progress, 15> progress_columns{{{"next_at_us", numbers},
                                                     {"state", texts},
                                                     {"attempt", numbers},
                                                     {"inquiry", numbers},
                                                     {"token", numbers},
                                                     {"lease_until_us", numbers},
                                                     {"poll_until_us", numbers},
                                                     {"not_after_us", numbers},
                                                     {"accepted_reported", numbers},
                                                     {"maybe_sent", numbers},
                                                     {"outcome", texts},
                                                     {"code", texts},
                                                     {"reference", texts},
                                                     {"ended_us", numbers},
                                                     {"history", texts}}};

RowsStatement update_effects_statement() {
  RowsText u;
  const std::string id = u.add(ids);
  std::string set;
  for (const auto& [column, type] : progress_columns) {
    if (!set.empty()) set += ", ";
    set.append(column).append(" = ").append(u.add(type));
  }
  const std::string row_place = u.add(Type::tid_array);
  return u.counted("update effects",
                   "UPDATE pawl_effects AS t SET " + set + " FROM " + std::string(rows_place) +
                       " WHERE " + at_place(row_place, "id", id),
                   lost_update_state);
}

// Moves the rows; what never changes is not sent again.
RowsStatement end_effects_statement() {
  RowsText u;
  const std::string id = u.add(ids);
  std::string names;
  std::string values;
  for (const auto& [column, type] : progress_columns) {
    names.append(", ").append(column);
    values.append(", ").append(u.add(type)).append(" AS ").append(column);
  }
  const std::string kept =
      "kind, machine, entity_key, payload, idempotency_key, created_us, trace_id";
  const std::string row_place = u.add(Type::tid_array);
  const std::string count = u.behind();
  return u.plain("end effects",
                 "WITH gone AS (DELETE FROM pawl_effects AS t USING " + std::string(rows_place) +
                     " WHERE " + at_place(row_place, "id", id) +
                     " RETURNING t.id, t.kind, t.machine, t.entity_key, t.payload, "
                     "t.idempotency_key, t.created_us, t.trace_id" +
                     values + "), kept AS (INSERT INTO pawl_effects_ended (id, " + kept + names +
                     ") SELECT id, " + kept + names +
                     " FROM gone RETURNING 1) SELECT "
                     "pawl_expect((SELECT count(*) FROM kept), " +
                     count + ", '" + std::string(lost_update_state) + "')",
                 {Type::bigint});
}

}  // namespace

void Statements::name_locks() {
  lock_effects = {"lock effects", lock_effects_sql(effect_columns, " SKIP LOCKED"), {ids}};
  lock_effects_waiting = {"lock effects waiting", lock_effects_sql(effect_columns, ""), {ids}};
  lock_claimed_effects = {
      "lock claimed effects", lock_effects_sql("id, token, state", " SKIP LOCKED"), {ids}};
  effects = {"effects",
             "SELECT " + std::string(effect_columns) + " FROM pawl_effects WHERE id = ANY($1)",
             {ids}};
  existing_effects = {"existing effects", "SELECT id FROM pawl_effects WHERE id = ANY($1)", {ids}};
  ended_effects = {
      "ended effects",
      "SELECT " + std::string(effect_columns) + " FROM pawl_effects_ended WHERE id = ANY($1)",
      {ids}};
  // Not locked: a lane's messages are consumed by that lane alone, and who has lost the lane cannot
  // commit. Behind is a message of whose pair an earlier one waits that this batch does not have.
  // The index of pairs holds the ids, too, and while the table is believed to be nearly empty, a
  // walk over all of it looks as cheap as the primary key. Asked for the ctid and for the order of
  // ids, it is not. With an OFFSET what is parked is looked up, and not all of it hashed.
  messages = {"messages",
              "WITH mine AS MATERIALIZED (SELECT id, from_machine, from_key, to_machine, to_key, "
              "from_version, ctid FROM pawl_messages WHERE id = ANY($1) ORDER BY id) "
              "SELECT m.id, EXISTS (SELECT FROM pawl_messages AS e WHERE e.from_machine = "
              "m.from_machine AND e.from_key = m.from_key AND e.to_machine = m.to_machine AND "
              "e.to_key = m.to_key AND (e.from_version, e.id) < (m.from_version, m.id) AND e.id "
              "NOT IN (SELECT id FROM mine)) OR EXISTS (SELECT FROM pawl_parked AS p WHERE "
              "p.from_machine = m.from_machine AND p.from_key = m.from_key AND p.machine = "
              "m.to_machine AND p.entity_key = m.to_key AND (p.source = 'message' OR p.source = "
              "'bounce') OFFSET 0) FROM mine AS m",
              {ids}};
  lock_deadlines = {"lock deadlines",
                    "SELECT u.place, d.arming FROM (SELECT * FROM unnest($1, $2, $3) WITH "
                    "ORDINALITY AS n(machine, entity_key, name, place) ORDER BY machine COLLATE "
                    "\"C\", entity_key COLLATE \"C\", name COLLATE \"C\") AS u CROSS JOIN LATERAL "
                    "(SELECT arming FROM pawl_deadlines "
                    "AS s WHERE s.machine = u.machine AND s.entity_key = u.entity_key AND s.name = "
                    "u.name LIMIT 1 FOR NO KEY UPDATE) AS d",
                    {texts, texts, texts}};
  lock_parked = {"lock parked",
                 "SELECT " + std::string(parked_columns) +
                     " FROM pawl_parked WHERE id = ANY($1) ORDER BY id FOR UPDATE",
                 {ids}};
  const std::string lane_columns =
      "l.epoch, greatest(l.next_sequence, (SELECT max(sequence) + 1 FROM pawl_journal WHERE lane = "
      "l.id)), " +
      std::string(now_us_sql) + ", l.held_until_us";
  lane = {
      "lane", "SELECT " + lane_columns + " FROM pawl_lanes AS l WHERE l.id = $1", {Type::bigint}};
  // One row for each receipt that there is; at least one. With a LIMIT the planner cannot join the
  // other way round, over the whole table, because it believes it to be nearly empty.
  lane_and_receipts = {
      "lane and receipts",
      "SELECT " + lane_columns +
          ", r.place, r.fingerprint, r.done, r.code, r.detail, r.error_class, r.reply, r.version "
          "FROM pawl_lanes AS l LEFT JOIN LATERAL (SELECT u.place, f.* FROM (SELECT unnest($2) AS "
          "principal, unnest($3) AS command_id, unnest($4) AS kind, unnest($5) AS machine, "
          "unnest($6) AS entity_key, generate_subscripts($2, 1) AS place) AS u CROSS JOIN LATERAL "
          "(SELECT * FROM pawl_receipts AS s WHERE s.principal = u.principal AND s.command_id = "
          "u.command_id AND s.kind = u.kind AND s.machine = u.machine AND s.entity_key = "
          "u.entity_key LIMIT 1) AS f) AS r ON true WHERE l.id = $1",
      {Type::bigint, texts, Type::bytea_array, texts, texts, texts}};
}

void Statements::name_writes() {
  // $1 lane, $2 epoch, $3 sequence, $4 time, $5 configuration, $6 entries, $7 lease.
  const auto journal = [](std::string_view name, const std::string& held) {
    return Statement{
        std::string(name),
        "WITH held AS (" + held +
            "), done AS (INSERT INTO pawl_journal (lane, sequence, epoch, time_us, config_version, "
            "entries) SELECT id, $3, $2, $4, $5, $6 FROM held RETURNING 1) SELECT "
            "pawl_expect((SELECT count(*) FROM done), 1, '" +
            std::string(lane_fenced_state) + "')",
        {Type::bigint, Type::bigint, Type::bigint, Type::bigint, Type::bigint, Type::text}};
  };
  write_journal = journal(
      "write journal", "SELECT id FROM pawl_lanes WHERE id = $1 AND epoch = $2 FOR NO KEY UPDATE");
  write_journal_renewing = journal(
      "write journal renewing",
      "UPDATE pawl_lanes SET next_sequence = $3 + 1, held_until_us = " + std::string(now_us_sql) +
          " + $7 WHERE id = $1 AND epoch = $2 RETURNING id");
  write_journal_renewing.types.push_back(Type::bigint);
  insert_receipts = insert_all(
      "insert receipts", "pawl_receipts",
      "machine, entity_key, principal, kind, command_id, fingerprint, version, done, code, detail, "
      "error_class, reply, created_us",
      {texts, texts, texts, texts, Type::bytea_array, Type::bytea_array, numbers, numbers, texts,
       texts, numbers, texts, numbers});
  insert_effects = insert_all(
      "insert effects", "pawl_effects",
      "id, kind, machine, entity_key, payload, idempotency_key, created_us, next_at_us, trace_id, "
      "state, maybe_sent, not_after_us",
      {ids, texts, texts, texts, texts, texts, numbers, numbers, texts, texts, numbers, numbers});
  update_effects = update_effects_statement();
  end_effects = end_effects_statement();
  // As in `messages`: in the order of the primary key, and so by it.
  delete_messages = delete_those(
      "delete messages", "pawl_messages",
      "ctid = ANY(ARRAY(SELECT ctid FROM pawl_messages WHERE id = ANY($1) ORDER BY id))");
  insert_messages = insert_all("insert messages", "pawl_messages",
                               std::string(message_columns) + ", from_version",
                               {ids, texts, texts, texts, texts, texts, texts, numbers, numbers,
                                texts, texts, texts, numbers});
  // Locked in the order of the list, as everybody locks them, and only then removed in that of
  // their places.
  const std::vector<Type> deadline_key{texts, texts, texts};
  delete_deadlines = {"delete deadlines",
                      "DELETE FROM pawl_deadlines WHERE ctid = ANY(ARRAY(SELECT d.ctid FROM "
                      "{rows} CROSS JOIN LATERAL (SELECT ctid FROM pawl_deadlines AS s WHERE "
                      "s.machine = u.c1 AND s.entity_key = u.c2 AND s.name = u.c3 LIMIT 1 FOR "
                      "UPDATE) AS d))",
                      deadline_key,
                      {}};
  arm_deadlines = {"arm deadlines",
                   "INSERT INTO pawl_deadlines (" + std::string(deadline_columns) +
                       ") SELECT * FROM {rows} ON CONFLICT (machine, entity_key, name) DO UPDATE "
                       "SET arming = excluded.arming, due_us = excluded.due_us, kind = "
                       "excluded.kind, payload = excluded.payload, trace_id = excluded.trace_id",
                   {texts, texts, texts, numbers, numbers, texts, texts, texts},
                   {}};
  delete_parked = delete_those("delete parked", "pawl_parked", "id = ANY($1)");
  insert_parked =
      insert_all("insert parked", "pawl_parked", std::string(parked_columns) + ", parked_us",
                 {ids, texts, texts, texts, texts, texts, texts, texts, texts, texts, numbers,
                  numbers, texts, numbers});
  // In the order in which retention locks them.
  keep_ended_effects = {
      "keep ended effects",
      "SELECT FROM pawl_effects_ended WHERE id = ANY($1) ORDER BY id FOR KEY SHARE",
      {ids}};
  raise_alert = {
      "raise alert",
      "INSERT INTO pawl_alerts AS a (id, code, machine, entity_key, effect_id, attempt, detail, "
      "first_seen_us, last_seen_us, count) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1) "
      "ON CONFLICT (code, machine, entity_key, effect_id) DO UPDATE SET attempt = "
      "excluded.attempt, detail = excluded.detail, last_seen_us = excluded.last_seen_us, "
      "count = a.count + 1, acked_by = CASE WHEN excluded.effect_id = 0 OR excluded.attempt <> "
      "a.attempt THEN '' ELSE a.acked_by END",
      {Type::bigint, Type::text, Type::text, Type::text, Type::bigint, Type::bigint, Type::text,
       Type::bigint, Type::bigint}};
  acknowledge_alert = {"acknowledge alert",
                       "UPDATE pawl_alerts SET acked_by = $2, acked_us = $3 WHERE id = $1",
                       {Type::bigint, Type::text, Type::bigint}};
  deliver_alert = {
      "deliver alert",
      "UPDATE pawl_alerts SET delivered_count = greatest(delivered_count, $2) WHERE id = $1",
      {Type::bigint, Type::bigint}};
}

void Statements::name_permits() {
  make_permit_locks = {"make permit locks",
                       "INSERT INTO pawl_permits SELECT destination, -1, 0, 0 FROM unnest($1) AS "
                       "destination ON CONFLICT DO NOTHING",
                       {texts}};
  lock_permits = {"lock permits",
                  "SELECT FROM pawl_permits WHERE destination = ANY($1) AND lane = -1 ORDER BY "
                  "destination FOR UPDATE",
                  {texts}};
  others_permits = {"others permits",
                    "SELECT p.destination, p.lane, p.wanted, p.granted FROM pawl_permits AS p JOIN "
                    "pawl_lanes AS l ON l.id = p.lane WHERE p.destination = ANY($1) AND p.lane <> "
                    "$2 AND l.held_until_us >= " +
                        std::string(now_us_sql),
                    {texts, Type::bigint}};
  set_permits = {"set permits",
                 "INSERT INTO pawl_permits SELECT u.destination, $4, u.wanted, u.granted FROM "
                 "unnest($1, $2, $3) AS u(destination, wanted, granted) ON CONFLICT (destination, "
                 "lane) DO UPDATE SET wanted = excluded.wanted, granted = excluded.granted",
                 {texts, numbers, numbers, Type::bigint}};
}

void Statements::name_scans() {
  open_effects = {"open effects",
                  "SELECT id, kind, state, token, next_at_us, lease_until_us FROM pawl_effects "
                  "WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3",
                  {Type::bigint, Type::bigint, Type::bigint}};
  waiting_messages = {"waiting messages",
                      "SELECT " + std::string(message_columns) +
                          " FROM pawl_messages WHERE id > $1 AND id <= $2 AND from_machine = "
                          "ANY($4) AND to_machine = ANY($4) ORDER BY id LIMIT $3",
                      {Type::bigint, Type::bigint, Type::bigint, texts}};
  // The primary key of deadlines begins with the machine, of which a program knows most that there
  // are: with IS TRUE, which no index serves, the lane is what they are found by.
  due_deadlines = {"due deadlines",
                   "SELECT " + std::string(deadline_columns) +
                       " FROM pawl_deadlines WHERE lane = $1 AND due_us <= $2 AND (machine = "
                       "ANY($4)) IS TRUE ORDER BY due_us LIMIT $3",
                   {Type::bigint, Type::bigint, Type::bigint, texts}};
  next_deadline = {"next deadline",
                   "SELECT due_us FROM pawl_deadlines WHERE lane = $1 AND (machine = ANY($2)) IS "
                   "TRUE ORDER BY due_us LIMIT 1",
                   {Type::bigint, texts}};
  parked_pairs = {"parked pairs",
                  "SELECT from_machine, from_key, machine, entity_key FROM pawl_parked WHERE "
                  "source = 'message' OR source = 'bounce'",
                  {}};
  has_work = {"has work",
              "SELECT EXISTS (SELECT FROM pawl_effects WHERE id >= $1 AND id <= $2 AND machine = "
              "ANY($4)) OR EXISTS (SELECT FROM pawl_messages WHERE id >= $1 AND id <= $2 AND "
              "from_machine = ANY($4) AND to_machine = ANY($4)) OR EXISTS (SELECT FROM "
              "pawl_deadlines WHERE lane = $3 AND (machine = ANY($4)) IS TRUE)",
              {Type::bigint, Type::bigint, Type::bigint, texts}};
}

}  // namespace pawl::postgres
