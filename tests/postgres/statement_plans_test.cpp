// SPDX-License-Identifier: Apache-2.0
//
// What a lane's statements are planned like when the server's statistics are wrong: a table that
// was counted while it was nearly empty may be long by now, or full of dead rows, and a plan that
// walks it costs as much as all that was ever in it. So each of the store's tables must be reached
// by its key or by a row's place, whatever was counted.
#include <array>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "postgres/lane_fixture.h"
#include "store/postgres/postgres_store.h"
#include "store/postgres/retention_statements.h"
#include "store/postgres/rows.h"

namespace pawl::test {

namespace {

using postgres::MachineStatements;
using postgres::RecordStatements;
using postgres::RowsStatement;
using postgres::Statement;
using postgres::Statements;
using postgres::Type;

// What VACUUM and ANALYZE would have written. Of rows -1: nobody has counted yet.
struct Counted {
  int rows;
  int pages;
};
// No rows on many pages: all that VACUUM found there was dead and could not be removed yet.
constexpr std::array<Counted, 6> lies{{{0, 0}, {0, 1}, {1, 0}, {1, 1}, {0, 1'000}, {-1, 0}}};

constexpr int many_rows = 3'000;
constexpr int answer_ms = 30'000;

std::string sql_name(Type type) {
  switch (type) {
    case Type::boolean:
      return "boolean";
    case Type::bytea:
      return "bytea";
    case Type::bigint:
      return "bigint";
    case Type::int4:
      return "int";
    case Type::text:
      return "text";
    case Type::tid:
      return "tid";
    default:
      return sql_name(postgres::element_type(type)) + "[]";
  }
}

// By index, the column by which it leads to few rows: one that tells entities, commits or lanes
// apart. The others that it has may stand in a condition beside it.
const std::map<std::string_view, std::string_view> telling_columns{
    {"pawl_journal_pkey", "lane"},
    {"pawl_receipts_pkey", "command_id"},
    {"pawl_effects_pkey", "id"},
    {"pawl_effects_ended_pkey", "id"},
    {"pawl_deadlines_pkey", "entity_key"},
    {"pawl_deadlines_due", "lane"},
    {"pawl_messages_pkey", "id"},
    {"pawl_messages_pair", "from_key"},
    {"pawl_parked_pkey", "id"},
    {"pawl_parked_pair", "from_key"},
    {"pawl_alerts_pkey", "id"},
    {"accounts_pkey", "id"},
    {"account_notes_pkey", "record_id"},
    {"account_notes_by_key", "entity_key"}};
// As short as there are lanes, destinations and tables.
const std::set<std::string_view> short_tables{"pawl_lanes", "pawl_permits", "pawl_retention"};
const std::set<std::string_view> short_indexes{"pawl_lanes_pkey", "pawl_permits_pkey",
                                               "pawl_retention_pkey"};
// What waits for an operator: retention asks all of it whether it still speaks of an effect.
const std::set<std::string_view> operators_tables{"pawl_parked", "pawl_alerts"};

std::string_view text_in(const json::Value& node, std::string_view name) {
  const json::Value* value = node.find(name);
  return value == nullptr ? std::string_view() : value->as_string().value_or("");
}

// The column stands on the left of a comparison, where the planner puts an index's own.
bool compares(std::string_view condition, std::string_view column) {
  for (std::size_t at = condition.find(column); at != std::string_view::npos;
       at = condition.find(column, at + 1)) {
    const std::string_view before = condition.substr(0, at);
    const std::string_view after = condition.substr(at + column.size());
    const std::string_view word = before.substr(before.find_last_of("( ") + 1);
    const bool whole = word.empty() || word.ends_with('.');
    const std::string_view opened = before.substr(0, before.size() - word.size());
    const bool compared =
        after.starts_with(" =") || after.starts_with(" <") || after.starts_with(" >");
    // As the first column of several, it is compared with the first of a place.
    const bool leads = opened.ends_with("ROW(") && after.starts_with(", ");
    if (whole && ((opened.ends_with('(') && compared) || leads)) return true;
  }
  return false;
}

// What is wrong with this node of a plan alone; empty: nothing.
std::string fault_of(const json::Value& node, const std::set<std::string_view>& read_whole) {
  const std::string_view kind = text_in(node, "Node Type");
  const std::string_view table = text_in(node, "Relation Name");
  const std::string_view index = text_in(node, "Index Name");
  if (short_tables.contains(table) || short_indexes.contains(index)) return {};
  if (read_whole.contains(table)) return {};
  if (!kind.ends_with(" Scan") || kind == "Bitmap Heap Scan") return {};
  if (kind.starts_with("Tid ")) {
    return text_in(node, "TID Cond").empty() ? "places are not asked for" : "";
  }
  if (index.empty()) return table.empty() ? "" : "the whole of " + std::string(table);
  const auto known = telling_columns.find(index);
  if (known == telling_columns.end()) return "by " + std::string(index);
  if (compares(text_in(node, "Index Cond"), known->second)) return {};
  return "the whole of " + std::string(index);
}

void find_faults(const json::Value& node, const std::set<std::string_view>& read_whole,
                 std::vector<std::string>& out) {
  if (std::string fault = fault_of(node, read_whole); !fault.empty()) {
    out.push_back(std::move(fault));
  }
  const json::Value* below = node.find("Plans");
  if (below == nullptr) return;
  for (const json::Value& child : *below->as_array()) find_faults(child, read_whole, out);
}

// With each column given as an array; then with but one so, and the others once. A row's place
// always is one of many.
std::vector<Statement> ways_of(const RowsStatement& statement) {
  std::vector<Statement> out{statement.with(0)};
  for (std::size_t array = 0; array < statement.columns.size(); ++array) {
    postgres::GivenOnce once = 0;
    for (std::size_t i = 0; i < statement.columns.size(); ++i) {
      const bool is_place = statement.columns[i] == Type::tid_array;
      if (i != array && !is_place) once |= postgres::GivenOnce{1} << i;
    }
    out.push_back(statement.with(once));
  }
  return out;
}

// Whatever has a name, for that is planned once and the plan is kept.
std::vector<Statement> all_of(const Registry& registry) {
  const Statements s(registry);
  const std::vector<const Statement*> engines{&s.lock_effects,
                                              &s.lock_effects_waiting,
                                              &s.lock_claimed_effects,
                                              &s.effects,
                                              &s.existing_effects,
                                              &s.ended_effects,
                                              &s.messages,
                                              &s.lock_deadlines,
                                              &s.lock_parked,
                                              &s.lane,
                                              &s.lane_and_receipts,
                                              &s.write_journal,
                                              &s.write_journal_renewing,
                                              &s.delete_messages,
                                              &s.delete_parked,
                                              &s.keep_ended_effects,
                                              &s.raise_alert,
                                              &s.acknowledge_alert,
                                              &s.deliver_alert,
                                              &s.make_permit_locks,
                                              &s.lock_permits,
                                              &s.others_permits,
                                              &s.set_permits,
                                              &s.open_effects,
                                              &s.waiting_messages,
                                              &s.due_deadlines,
                                              &s.next_deadline,
                                              &s.has_work};
  std::vector<Statement> out;
  out.reserve(engines.size());
  for (const Statement* each : engines) out.push_back(*each);
  std::vector<const RowsStatement*> of_rows{
      &s.insert_receipts, &s.insert_effects,   &s.update_effects, &s.end_effects,
      &s.insert_messages, &s.delete_deadlines, &s.arm_deadlines,  &s.insert_parked};
  // begin and commit read nothing, and parked_pairs reads all that there are.
  const std::size_t others = 3;
  EXPECT_EQ(sizeof(Statements), (engines.size() + others) * sizeof(Statement) +
                                    of_rows.size() * sizeof(RowsStatement) +
                                    sizeof(std::map<std::string_view, MachineStatements>))
      << "a statement of the engine's is not on this list";
  for (const auto& spec : registry.machines()) {
    const auto& m = *s.of(spec->name);
    const std::vector<const Statement*> of_machine{&m.lock, &m.lock_at_places, &m.lock_waiting,
                                                   &m.select, &m.existing};
    EXPECT_EQ(sizeof(MachineStatements),
              sizeof(MachineSpec*) + of_machine.size() * sizeof(Statement) +
                  2 * sizeof(RowsStatement) + sizeof(std::map<std::string_view, RecordStatements>))
        << "a statement of a machine's is not on this list";
    for (const Statement* each : of_machine) out.push_back(*each);
    of_rows.insert(of_rows.end(), {&m.insert, &m.update});
    for (const auto& [table, record] : m.records) {
      out.push_back(record.newest);
      of_rows.push_back(&record.insert);
    }
  }
  for (const RowsStatement* each : of_rows) {
    for (auto& way : ways_of(*each)) out.push_back(std::move(way));
  }
  return out;
}

std::vector<Statement> all_of_retention(const Registry& registry) {
  using protocol::RetentionPass;
  using protocol::RetentionSubject;
  std::vector<RetentionPass> passes;
  for (const auto subject : {RetentionSubject::receipts, RetentionSubject::ended_effects,
                             RetentionSubject::alerts, RetentionSubject::journal}) {
    passes.push_back({.subject = subject});
  }
  for (const auto& spec : registry.machines()) {
    for (const auto& record : spec->records) {
      passes.push_back({.subject = RetentionSubject::records, .table = record.table});
    }
  }
  std::vector<Statement> out;
  for (const RetentionPass& pass : passes) {
    auto statements = postgres::retention_statements(pass);
    for (Statement* each : {&statements.walk, &statements.hold, &statements.remove}) {
      if (!each->name.empty()) out.push_back(std::move(*each));
    }
  }
  return out;
}

class StatementPlans : public LaneTest {
 protected:
  StatementPlans() {
    EXPECT_TRUE(world.open(registry, true));
    // Nobody else shall count.
    for_each_table("EXECUTE format('ALTER TABLE %I SET (autovacuum_enabled = false)', name);");
  }

  // Whatever a plan may be made by: pages are counted by the planner itself, so there must be some.
  void make_the_tables_long() {
    for_each_table(R"sql(
      EXECUTE (SELECT format('ALTER TABLE %I ', name) ||
                      string_agg(format('DROP CONSTRAINT %I', conname), ', ')
               FROM pg_constraint WHERE conrelid = name::regclass AND contype = 'c'
               HAVING count(*) > 0 UNION ALL SELECT 'SELECT' LIMIT 1);
      EXECUTE (SELECT format('INSERT INTO %I (%s) SELECT %s FROM generate_series(1, )sql" +
                   std::to_string(many_rows) + R"sql() AS g ON CONFLICT DO NOTHING', name,
                             string_agg(quote_ident(attname), ', '),
                             string_agg(CASE WHEN atttypid = 'bytea'::regtype
                                             THEN 'decode(md5(g::text), ''hex'')'
                                             ELSE 'g::text::' || format_type(atttypid, NULL) END,
                                        ', '))
               FROM pg_attribute WHERE attrelid = name::regclass AND attnum > 0 AND
                    NOT attisdropped AND attgenerated = '');)sql");
    ASSERT_EQ(world.sql("SELECT count(*) FROM pawl_effects_ended"), std::to_string(many_rows));
    ASSERT_EQ(world.sql("SELECT count(*) FROM account_notes"), std::to_string(many_rows));
  }
  void count(Counted counted) {
    world.sql("UPDATE pg_class SET reltuples = " + std::to_string(counted.rows) +
              ", relpages = " + std::to_string(counted.pages) +
              " WHERE relkind IN ('r', 'i') AND relnamespace = '\"" + world.schema() +
              "\"'::regnamespace");
  }

  void check_plans() {
    auto lane = postgres::Connection::open(postgres::lane_session_options(world.options()));
    ASSERT_TRUE(lane) << lane.error().text();
    for (const Statement& statement : all_of(registry)) check_plan(*lane, statement, {});
    for (const Statement& statement : all_of_retention(registry)) {
      check_plan(*lane, statement, operators_tables);
    }
  }

 private:
  void for_each_table(const std::string& then) {
    world.sql(
        "DO $each$ DECLARE name text; BEGIN FOR name IN SELECT relname FROM pg_class WHERE "
        "relkind = 'r' AND relnamespace = current_schema()::regnamespace AND relname NOT IN "
        "('pawl_store', 'pawl_migrations', 'pawl_lanes', 'pawl_permits') LOOP " +
        then + " END LOOP; END $each$");
  }
  static std::string run(postgres::Connection& lane, const std::string& sql) {
    const auto rows = run_one(lane, sql, postgres::deadline_in(answer_ms));
    EXPECT_TRUE(rows) << (rows ? "" : rows.error().message) << "\n" << sql;
    std::string out;
    for (int row = 0; rows && row < rows->rows(); ++row) {
      out.append(rows->text_view(row, 0)).append("\n");
    }
    return out;
  }
  static void check_plan(postgres::Connection& lane, const Statement& statement,
                         const std::set<std::string_view>& read_whole) {
    std::string types;
    std::string nulls;
    for (const Type type : statement.types) {
      types.append(types.empty() ? "(" : ", ").append(sql_name(type));
      nulls.append(nulls.empty() ? "(" : ", ").append("NULL");
    }
    if (!types.empty()) types += ")", nulls += ")";
    const std::string name = postgres::quoted_name(statement.name);
    run(lane, "PREPARE " + name + types + " AS " + statement.sql);
    const std::string text = run(lane, "EXPLAIN (FORMAT JSON) EXECUTE " + name + nulls);
    const auto plan = json::parse(text);
    ASSERT_TRUE(plan && plan->as_array() != nullptr) << statement.name << "\n" << text;
    const json::Value* top = plan->as_array()->front().find("Plan");
    ASSERT_NE(top, nullptr) << statement.name << "\n" << text;
    std::vector<std::string> faults;
    find_faults(*top, read_whole, faults);
    for (const auto& fault : faults) {
      ADD_FAILURE() << "\"" << statement.name << "\" reads " << fault << ":\n"
                    << run(lane, std::string("EXPLAIN EXECUTE ").append(name).append(nulls))
                    << statement.sql;
    }
  }
};

TEST_F(StatementPlans, GoByKeyWhateverWasCountedOfShortTables) {
  for (const Counted& lie : lies) {
    SCOPED_TRACE(std::to_string(lie.rows) + " rows on " + std::to_string(lie.pages) + " pages");
    count(lie);
    check_plans();
  }
}

TEST_F(StatementPlans, GoByKeyWhateverWasCountedOfLongTables) {
  ASSERT_NO_FATAL_FAILURE(make_the_tables_long());
  for (const Counted& lie : lies) {
    SCOPED_TRACE(std::to_string(lie.rows) + " rows on " + std::to_string(lie.pages) + " pages");
    count(lie);
    check_plans();
  }
}

TEST_F(StatementPlans, GoByKeyWhereItWasCountedWell) {
  ASSERT_NO_FATAL_FAILURE(make_the_tables_long());
  world.sql("ANALYZE");
  check_plans();
}

}  // namespace

}  // namespace pawl::test
