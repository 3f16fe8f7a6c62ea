// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/sqlite_reads.h"

#include <algorithm>

#include "store/effect_info.h"
#include "store/query_text.h"

namespace pawl::sqlite {

SqliteReads::Lease::Lease(SqliteReads& reads) : reads_(reads) {
  std::unique_lock lock(reads_.mutex_);
  reads_.freed_.wait(lock, [&] { return !reads_.free_.empty(); });
  reader_ = reads_.free_.back();
  reads_.free_.pop_back();
}

SqliteReads::Lease::~Lease() {
  {
    const std::lock_guard lock(reads_.mutex_);
    reads_.free_.push_back(reader_);
  }
  reads_.freed_.notify_one();
}

Result<Statement*> SqliteReads::Reader::cached(const std::string& sql) {
  // Queries differ in their columns, not in their values: the number of texts is small, but bounded
  // all the same.
  constexpr std::size_t max_statements = 256;
  const auto found = statements.find(sql);
  if (found != statements.end()) return &found->second;
  if (statements.size() >= max_statements) statements.clear();
  auto prepared = connection.prepare(sql);
  if (!prepared) return std::unexpected(prepared.error());
  return &statements.emplace(sql, std::move(*prepared)).first->second;
}

Result<std::unique_ptr<SqliteReads>> SqliteReads::open(const SqliteOptions& options,
                                                       const Registry& registry) {
  std::unique_ptr<SqliteReads> reads(new SqliteReads(registry));
  for (int i = 0; i < std::max(1, options.readers); ++i) {
    auto connection = Connection::open(options.path, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX);
    if (!connection) return std::unexpected(connection.error());
    sqlite3_busy_timeout(connection->handle(), 5'000);
    auto reader = std::make_unique<Reader>();
    reader->connection = std::move(*connection);
    reads->free_.push_back(reader.get());
    reads->readers_.push_back(std::move(reader));
  }
  return reads;
}

namespace {

// Runs a bound SELECT to its end.
template <class T, class Read>
Result<std::vector<T>> collect(Statement& statement, Read read) {
  std::vector<T> out;
  auto row = statement.step();
  while (row && *row) {
    out.push_back(read(statement));
    row = statement.step();
  }
  if (!row) return std::unexpected(row.error());
  return out;
}

void bind_where(const Query& query, Statement& statement) {
  for (std::size_t i = 0; i < query.where.size(); ++i) {
    statement.bind(static_cast<int>(i + 1), query.where[i].value);
  }
}

}  // namespace

Result<EntitySlot> SqliteReads::entity(const EntityRef& ref) {
  const MachineSpec* machine = registry_.find_machine(ref.machine);
  if (machine == nullptr) return fail(command_invalid, "unknown machine");
  const Lease reader(*this);
  auto select = reader->cached(entity_select(*machine) + " WHERE " +
                               store::quoted(machine->columns[0].name) + " = ?1");
  if (!select) return std::unexpected(select.error());
  (*select)->bind(1, std::string_view(ref.key));
  EntitySlot slot;
  slot.ref = {machine->name, ref.key};
  auto row = (*select)->step();
  if (!row) return std::unexpected(row.error());
  if (*row) {
    auto read = read_entity_row(*machine, **select, slot);
    (*select)->reset();
    if (!read) return std::unexpected(read.error());
  }
  return slot;
}

Result<std::vector<Row>> SqliteReads::query(const Query& query) {
  const auto sql = store::select_text(registry_, query, '?');
  if (!sql) return std::unexpected(sql.error());
  const Lease reader(*this);
  auto select = reader->cached(*sql);
  if (!select) return std::unexpected(select.error());
  const auto places = static_cast<int>(query.where.size());
  bind_where(query, **select);
  (*select)->bind(places + 1, std::int64_t{query.limit});
  (*select)->bind(places + 2, std::int64_t{query.offset});
  return collect<Row>(**select, [&](const Statement& row) {
    Row out;
    out.reserve(query.columns.size());
    for (std::size_t i = 0; i < query.columns.size(); ++i) {
      out.push_back(row.value(static_cast<int>(i)));
    }
    return out;
  });
}

Result<Aggregate> SqliteReads::aggregate(const Query& query, std::string_view sum_column) {
  const auto sql = store::aggregate_text(registry_, query, sum_column, '?');
  if (!sql) return std::unexpected(sql.error());
  const Lease reader(*this);
  auto select = reader->cached(*sql);
  if (!select) return std::unexpected(select.error());
  bind_where(query, **select);
  auto rows = collect<Aggregate>(
      **select, [](const Statement& row) { return Aggregate{row.integer(0), row.integer(1)}; });
  if (!rows) return std::unexpected(rows.error());
  return rows->empty() ? Aggregate{} : rows->front();
}

Result<std::vector<EffectInfo>> SqliteReads::effects(bool with_ended, std::int64_t after_id,
                                                     int limit) {
  const Lease reader(*this);
  auto select = reader->cached("SELECT " + std::string(effect_columns) + " FROM " +
                               (with_ended ? "pawl_effects_all" : "pawl_effects") +
                               " WHERE id > ?1 ORDER BY id LIMIT ?2");
  if (!select) return std::unexpected(select.error());
  (*select)->bind(1, after_id).bind(2, std::int64_t{limit});
  return collect<EffectInfo>(**select, [this](const Statement& row) {
    auto effect = read_effect_row(registry_, row);
    return effect ? store::effect_info(*effect) : EffectInfo{};
  });
}

Result<std::optional<protocol::EffectRow>> SqliteReads::effect(std::int64_t id) {
  const Lease reader(*this);
  auto select = reader->cached("SELECT " + std::string(effect_columns) +
                               " FROM pawl_effects_all WHERE id = ?1");
  if (!select) return std::unexpected(select.error());
  (*select)->bind(1, id);
  auto row = (*select)->step();
  if (!row) return std::unexpected(row.error());
  if (!*row) return std::optional<protocol::EffectRow>();
  auto effect = read_effect_row(registry_, **select);
  (*select)->reset();
  if (!effect) return std::unexpected(effect.error());
  return std::optional<protocol::EffectRow>(std::move(*effect));
}

Result<std::optional<Time>> SqliteReads::history_starts_at() {
  const Lease reader(*this);
  auto select = reader->cached(
      "SELECT time_us FROM pawl_journal WHERE EXISTS (SELECT 1 FROM pawl_retention WHERE subject = "
      "'journal' AND removed > 0) ORDER BY position LIMIT 1");
  if (!select) return std::unexpected(select.error());
  auto times = collect<Time>(**select, [](const Statement& row) { return Time{row.integer(0)}; });
  if (!times) return std::unexpected(times.error());
  return times->empty() ? std::optional<Time>() : times->front();
}

Result<std::vector<AlertInfo>> SqliteReads::alerts(bool with_acked, int limit) {
  return select_alerts(with_acked ? "ORDER BY id DESC" : "WHERE acked_by = '' ORDER BY id DESC",
                       limit);
}

Result<std::vector<AlertInfo>> SqliteReads::undelivered_alerts(int limit) {
  return select_alerts("WHERE delivered_count < count AND acked_by = '' ORDER BY id", limit);
}

Result<std::vector<AlertInfo>> SqliteReads::select_alerts(const std::string& rest, int limit) {
  const Lease reader(*this);
  auto select = reader->cached(
      "SELECT id, code, machine, entity_key, effect_id, attempt, detail, first_seen_us, "
      "last_seen_us, count, acked_by FROM pawl_alerts " +
      rest + " LIMIT ?1");
  if (!select) return std::unexpected(select.error());
  (*select)->bind(1, std::int64_t{limit});
  return collect<AlertInfo>(**select, [](const Statement& row) {
    AlertInfo out;
    out.id = row.integer(0);
    out.code = row.text(1);
    out.machine = row.text(2);
    out.key = row.text(3);
    out.effect_id = row.integer(4);
    out.attempt = static_cast<int>(row.integer(5));
    out.detail = row.text(6);
    out.first_seen = Time{row.integer(7)};
    out.last_seen = Time{row.integer(8)};
    out.count = row.integer(9);
    out.acked_by = row.text(10);
    return out;
  });
}

Result<std::vector<ParkedInfo>> SqliteReads::parked(int limit) {
  const Lease reader(*this);
  auto select = reader->cached(
      "SELECT id, source, machine, entity_key, kind, code, detail FROM pawl_parked "
      "ORDER BY id LIMIT ?1");
  if (!select) return std::unexpected(select.error());
  (*select)->bind(1, std::int64_t{limit});
  return collect<ParkedInfo>(**select, [](const Statement& row) {
    ParkedInfo out;
    out.id = row.integer(0);
    out.source = row.text(1);
    out.machine = row.text(2);
    out.key = row.text(3);
    out.kind = row.text(4);
    out.code = row.text(5);
    out.detail = row.text(6);
    return out;
  });
}

Result<StoreProgress> SqliteReads::progress() {
  constexpr std::int64_t most = StoreProgress::max_counted;
  StoreProgress out;
  const Lease reader(*this);
  // In the order of the ids, which rise with time: what the limit cuts off is younger.
  auto effects = reader->cached(
      "SELECT kind, state, count(*), min(created_us) FROM (SELECT kind, state, created_us FROM "
      "pawl_effects ORDER BY id LIMIT ?1) GROUP BY kind, state");
  if (!effects) return std::unexpected(effects.error());
  (*effects)->bind(1, most);
  auto groups = collect<EffectGroup>(**effects, [](const Statement& row) {
    return EffectGroup{row.text(0), row.text(1), row.integer(2), Time{row.integer(3)}};
  });
  if (!groups) return std::unexpected(groups.error());
  out.open_effects = std::move(*groups);
  auto rest = reader->cached(
      "SELECT (SELECT min(due_us) FROM pawl_deadlines), "
      "(SELECT count(*) FROM (SELECT 1 FROM pawl_parked LIMIT ?1)), "
      "(SELECT count(*) FROM (SELECT 1 FROM pawl_alerts WHERE acked_by = '' LIMIT ?1))");
  if (!rest) return std::unexpected(rest.error());
  (*rest)->bind(1, most);
  auto row = (*rest)->step();
  if (!row) return std::unexpected(row.error());
  if (*row) {
    const std::int64_t due_us = (*rest)->integer(0);
    if (due_us != 0) out.next_deadline = Time{due_us};
    out.parked = (*rest)->integer(1);
    out.open_alerts = (*rest)->integer(2);
  }
  (*rest)->reset();
  return out;
}

Result<std::optional<protocol::ParkedRow>> SqliteReads::parked_row(std::int64_t id) {
  const Lease reader(*this);
  auto select =
      reader->cached("SELECT " + std::string(parked_columns) + " FROM pawl_parked WHERE id = ?1");
  if (!select) return std::unexpected(select.error());
  (*select)->bind(1, id);
  auto row = (*select)->step();
  if (!row) return std::unexpected(row.error());
  if (!*row) return std::optional<protocol::ParkedRow>();
  auto parked = read_parked_row(registry_, **select);
  (*select)->reset();
  return std::optional<protocol::ParkedRow>(std::move(parked));
}

}  // namespace pawl::sqlite
