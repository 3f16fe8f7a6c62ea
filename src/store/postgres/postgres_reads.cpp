// SPDX-License-Identifier: Apache-2.0
#include "store/postgres/postgres_reads.h"

#include <algorithm>
#include <chrono>

#include "store/effect_info.h"
#include "store/postgres/postgres_store.h"
#include "store/postgres/rows.h"
#include "store/postgres/store_error.h"
#include "store/query_text.h"

namespace pawl::postgres {

namespace {

constexpr int max_attempts = 2;
// Queries differ in their columns, not in their values: the number of texts is small, but bounded
// all the same.
constexpr std::size_t max_prepared = 256;

Parameters where_values(const Query& query) {
  Parameters out;
  for (const Condition& condition : query.where) {
    if (const auto* number = std::get_if<std::int64_t>(&condition.value)) {
      out.integer(*number);
    } else if (const auto* text = std::get_if<std::string>(&condition.value)) {
      out.text(*text);
    } else {
      out.null(Type::text);  // the text of the query says so itself
    }
  }
  return out;
}

template <class T, class Read>
std::vector<T> collect(const ResultSet& rows, Read read) {
  std::vector<T> out;
  out.reserve(static_cast<std::size_t>(rows.rows()));
  for (int row = 0; row < rows.rows(); ++row) out.push_back(read(row));
  return out;
}

}  // namespace

PostgresReads::PostgresReads(const PostgresOptions& options, const Registry& registry)
    : registry_(registry),
      checkout_ms_(options.statement_timeout_ms),
      answer_ms_(options.statement_timeout_ms + options.tcp_timeout_ms),
      pool_(session_options(options, "reads"), std::max(1, options.readers)) {}

Result<std::unique_ptr<PostgresReads>> PostgresReads::open(const PostgresOptions& options,
                                                           const Registry& registry) {
  return std::unique_ptr<PostgresReads>(new PostgresReads(options, registry));
}

Statement PostgresReads::statement_for(std::string_view sql, const Parameters& parameters) {
  Statement out;
  out.sql = sql;
  out.types.assign(parameters.types().begin(), parameters.types().end());
  // The same text may be asked with other types: nothing where there was a number.
  std::string key = out.sql;
  for (const Type type : out.types) key += " " + std::to_string(static_cast<std::uint32_t>(type));
  const std::lock_guard lock(mutex_);
  auto known = names_.find(key);
  if (known == names_.end() && names_.size() < max_prepared) {
    known = names_.emplace(key, "read " + std::to_string(names_.size())).first;
  }
  if (known != names_.end()) out.name = known->second;
  return out;
}

Result<ResultSet> PostgresReads::ask_once(const Statement& statement, const Parameters& parameters,
                                          bool& lost) {
  auto connection = pool_.checkout(deadline_in(checkout_ms_));
  if (!connection) return std::unexpected(connection.error());
  // Whatever the connection took, the server's own time-out answers first.
  const Deadline deadline = deadline_in(answer_ms_);
  Pipeline round(**connection);
  if (statement.name.empty()) {
    round.add(statement.sql, parameters);
  } else {
    round.add(statement, parameters);
  }
  auto outcome = round.run(deadline);
  if (outcome) return std::move(outcome.results[0]);
  // Without an answer in time the statement may still be running: a second one would be beside it.
  lost = outcome.error().kind == SqlErrorKind::connection_lost &&
         std::chrono::steady_clock::now() < deadline;
  return std::unexpected(store_error(outcome.error()));
}

Result<ResultSet> PostgresReads::ask(std::string_view sql, const Parameters& parameters) {
  const Statement statement = statement_for(sql, parameters);
  for (int attempt = 1;; ++attempt) {
    bool lost = false;
    auto rows = ask_once(statement, parameters, lost);
    if (rows || !lost || attempt == max_attempts) return rows;
  }
}

Result<EntitySlot> PostgresReads::entity(const EntityRef& ref) {
  const MachineSpec* machine = registry_.find_machine(ref.machine);
  if (machine == nullptr) return fail(command_invalid, "unknown machine");
  EntitySlot slot;
  slot.ref = {machine->name, ref.key};
  const auto rows =
      ask(entity_select(*machine) + " WHERE " + quoted_name(machine->columns[0].name) + " = $1",
          Parameters().text(ref.key));
  // What the database takes for no text is no entity's key.
  if (!rows && rows.error().code == text_invalid) return slot;
  if (!rows) return std::unexpected(rows.error());
  if (rows->rows() > 0) read_entity_row(*machine, *rows, 0, slot);
  return slot;
}

Result<std::vector<Row>> PostgresReads::query(const Query& query) {
  const auto sql = store::select_text(registry_, query, '$');
  if (!sql) return std::unexpected(sql.error());
  const auto rows = ask(*sql, where_values(query).integer(query.limit).integer(query.offset));
  if (!rows) return std::unexpected(rows.error());
  std::vector<ColumnType> types;
  types.reserve(query.columns.size());
  for (const auto name : query.columns) {
    types.push_back(store::type_of(registry_, query.table, name));
  }
  return collect<Row>(*rows, [&](int row) {
    Row out;
    out.reserve(types.size());
    for (std::size_t i = 0; i < types.size(); ++i) {
      out.push_back(value_of(types[i], *rows, row, static_cast<int>(i)));
    }
    return out;
  });
}

Result<Aggregate> PostgresReads::aggregate(const Query& query, std::string_view sum_column) {
  const auto sql = store::aggregate_text(registry_, query, sum_column, '$');
  if (!sql) return std::unexpected(sql.error());
  const auto rows = ask(*sql, where_values(query));
  if (!rows) return std::unexpected(rows.error());
  return Aggregate{rows->integer(0, 0), rows->integer(0, 1)};
}

Result<std::vector<EffectInfo>> PostgresReads::effects(bool with_ended, std::int64_t after_id,
                                                       int limit) {
  const auto rows = ask("SELECT " + std::string(effect_columns) + " FROM " +
                            (with_ended ? "pawl_effects_all" : "pawl_effects") +
                            " WHERE id > $1 ORDER BY id LIMIT $2",
                        Parameters().integer(after_id).integer(limit));
  if (!rows) return std::unexpected(rows.error());
  return collect<EffectInfo>(*rows, [&](int row) {
    const auto effect = read_effect_row(registry_, *rows, row);
    return effect ? store::effect_info(*effect) : EffectInfo{};
  });
}

Result<std::optional<protocol::EffectRow>> PostgresReads::effect(std::int64_t id) {
  const auto rows =
      ask("SELECT " + std::string(effect_columns) + " FROM pawl_effects_all WHERE id = $1",
          Parameters().integer(id));
  if (!rows) return std::unexpected(rows.error());
  if (rows->rows() == 0) return std::optional<protocol::EffectRow>();
  auto effect = read_effect_row(registry_, *rows, 0);
  if (!effect) return std::unexpected(effect.error());
  return std::optional<protocol::EffectRow>(std::move(*effect));
}

// Ids rise with time in one lane only: what is listed by age is ordered by its time.
Result<std::vector<AlertInfo>> PostgresReads::alerts(bool with_acked, int limit) {
  const std::string newest_first = "ORDER BY first_seen_us DESC, id DESC";
  return select_alerts(with_acked ? newest_first : "WHERE acked_by = '' " + newest_first, limit);
}

Result<std::vector<AlertInfo>> PostgresReads::undelivered_alerts(int limit) {
  return select_alerts("WHERE delivered_count < count AND acked_by = '' ORDER BY first_seen_us, id",
                       limit);
}

Result<std::vector<AlertInfo>> PostgresReads::select_alerts(const std::string& rest, int limit) {
  const auto rows =
      ask("SELECT id, code, machine, entity_key, effect_id, attempt, detail, first_seen_us, "
          "last_seen_us, count, acked_by FROM pawl_alerts " +
              rest + " LIMIT $1",
          Parameters().integer(limit));
  if (!rows) return std::unexpected(rows.error());
  return collect<AlertInfo>(*rows, [&](int row) {
    AlertInfo out;
    out.id = rows->integer(row, 0);
    out.code = text_of(*rows, row, 1);
    out.machine = text_of(*rows, row, 2);
    out.key = text_of(*rows, row, 3);
    out.effect_id = rows->integer(row, 4);
    out.attempt = static_cast<int>(rows->integer(row, 5));
    out.detail = text_of(*rows, row, 6);
    out.first_seen = Time{rows->integer(row, 7)};
    out.last_seen = Time{rows->integer(row, 8)};
    out.count = rows->integer(row, 9);
    out.acked_by = text_of(*rows, row, 10);
    return out;
  });
}

Result<std::vector<ParkedInfo>> PostgresReads::parked(int limit) {
  const auto rows =
      ask("SELECT id, source, machine, entity_key, kind, code, detail FROM pawl_parked "
          "ORDER BY parked_us, id LIMIT $1",
          Parameters().integer(limit));
  if (!rows) return std::unexpected(rows.error());
  return collect<ParkedInfo>(*rows, [&](int row) {
    ParkedInfo out;
    out.id = rows->integer(row, 0);
    out.source = text_of(*rows, row, 1);
    out.machine = text_of(*rows, row, 2);
    out.key = text_of(*rows, row, 3);
    out.kind = text_of(*rows, row, 4);
    out.code = text_of(*rows, row, 5);
    out.detail = text_of(*rows, row, 6);
    return out;
  });
}

Result<StoreProgress> PostgresReads::progress() {
  constexpr std::int64_t most = StoreProgress::max_counted;
  StoreProgress out;
  const auto effects =
      ask("SELECT kind, state, count(*), min(created_us) FROM (SELECT kind, state, created_us FROM "
          "pawl_effects ORDER BY id LIMIT $1) e GROUP BY kind, state ORDER BY kind, state",
          Parameters().integer(most));
  if (!effects) return std::unexpected(effects.error());
  out.open_effects = collect<EffectGroup>(*effects, [&](int row) {
    return EffectGroup{text_of(*effects, row, 0), text_of(*effects, row, 1),
                       effects->integer(row, 2), Time{effects->integer(row, 3)}};
  });
  // The earliest deadline by the index that there is, each lane's first.
  const auto rest =
      ask("SELECT (SELECT min(d.due_us) FROM pawl_lanes l CROSS JOIN LATERAL (SELECT due_us FROM "
          "pawl_deadlines WHERE lane = l.id ORDER BY due_us LIMIT 1) d), "
          "(SELECT count(*) FROM (SELECT 1 FROM pawl_parked LIMIT $1) p), "
          "(SELECT count(*) FROM (SELECT 1 FROM pawl_alerts WHERE acked_by = '' LIMIT $1) a)",
          Parameters().integer(most));
  if (!rest) return std::unexpected(rest.error());
  if (!rest->is_null(0, 0)) out.next_deadline = Time{rest->integer(0, 0)};
  out.parked = rest->integer(0, 1);
  out.open_alerts = rest->integer(0, 2);
  return out;
}

Result<std::optional<protocol::ParkedRow>> PostgresReads::parked_row(std::int64_t id) {
  const auto rows = ask("SELECT " + std::string(parked_columns) + " FROM pawl_parked WHERE id = $1",
                        Parameters().integer(id));
  if (!rows) return std::unexpected(rows.error());
  if (rows->rows() == 0) return std::optional<protocol::ParkedRow>();
  return std::optional<protocol::ParkedRow>(read_parked_row(registry_, *rows, 0));
}

}  // namespace pawl::postgres
