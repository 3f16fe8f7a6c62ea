// SPDX-License-Identifier: Apache-2.0
//
// Opening, the transaction, and the scans. What is locked and read: sqlite_lock.cpp; what is
// written: sqlite_write.cpp.
#include "store/sqlite/sqlite_store.h"

#include <pawl/log.h>

#include <filesystem>

#include "core/crash_point.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/sqlite_reads.h"
#include "store/sqlite/wal_buffer.h"

namespace pawl::sqlite {

namespace {

constexpr int busy_timeout_ms = 5'000;
// After a checkpoint the WAL file is cut back to this, so that one large batch does not stay.
constexpr int wal_size_limit_bytes = 64 * 1024 * 1024;

// SQLite counts its memory under one lock for the whole process, at every allocation. Nobody here
// reads those counts. Takes effect only where SQLite was not used before; harmless elsewhere.
void stop_counting_memory() {
  static const int once = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  static_cast<void>(once);
}

Result<Connection> open_writer(const SqliteOptions& options) {
  stop_counting_memory();
  const int flags =
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (options.create ? SQLITE_OPEN_CREATE : 0);
  const auto vfs = wal_buffer_vfs();
  if (!vfs) return std::unexpected(vfs.error());
  auto connection = Connection::open(options.path, flags, *vfs);
  if (!connection) return connection;
  sqlite3_busy_timeout(connection->handle(), busy_timeout_ms);
  const std::string pragmas =
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA "
      "secure_delete = FAST;"
      "PRAGMA journal_size_limit = " +
      std::to_string(wal_size_limit_bytes) +
      "; PRAGMA wal_autocheckpoint = " + std::to_string(options.wal_checkpoint_pages) +
      "; PRAGMA cache_size = " + std::to_string(-1024 * options.cache_mib) + ";";
  if (auto done = connection->execute(pragmas); !done) return std::unexpected(done.error());
  return connection;
}

bool is_disk_failure(const Error& error, sqlite3* connection) {
  return error.code == protocol::store_failed &&
         (sqlite3_extended_errcode(connection) & 0xFF) == SQLITE_IOERR;
}

}  // namespace

SqliteLane::SqliteLane(std::shared_ptr<Connection> writer, const Registry& registry, Clock& clock)
    : writer_(std::move(writer)), connection_(*writer_), registry_(registry), clock_(clock) {
  for (const auto& machine : registry.machines()) {
    known_machines_ += (known_machines_.empty() ? "'" : ", '") + std::string(machine->name) + "'";
  }
}

SqliteLane::~SqliteLane() {
  abandon();
}

Result<std::unique_ptr<SqliteLane>> SqliteLane::open(std::shared_ptr<Connection> writer,
                                                     const Registry& registry, Clock& clock) {
  std::unique_ptr<SqliteLane> lane(new SqliteLane(std::move(writer), registry, clock));
  if (auto done = lane->take_lane(); !done) return std::unexpected(done.error());
  if (auto done = lane->read_identity(); !done) return std::unexpected(done.error());
  return lane;
}

SqliteStore::SqliteStore(std::string path, FileLock lock, Clock& clock)
    : path_(std::move(path)), file_lock_(std::move(lock)), clock_(clock) {}

SqliteStore::~SqliteStore() = default;

Result<StoreHandle> SqliteStore::open(const SqliteOptions& options, const Registry& registry) {
  // By the real name: a second one through a link must find the same lock.
  std::error_code ignored;
  const std::string real = std::filesystem::weakly_canonical(options.path, ignored).string();
  auto file_lock = FileLock::acquire((real.empty() ? options.path : real) + ".lock");
  if (!file_lock) return std::unexpected(file_lock.error());
  auto connection = open_writer(options);
  if (!connection) return std::unexpected(connection.error());
  static SteadyClock steady(system_clock());
  Clock& clock = options.clock != nullptr ? *options.clock : steady;
  if (auto done = prepare_schema(*connection, registry, options.migrate, clock); !done) {
    return std::unexpected(done.error());
  }
  std::unique_ptr<SqliteStore> store(new SqliteStore(options.path, std::move(*file_lock), clock));
  store->writer_ = std::make_shared<Connection>(std::move(*connection));
  auto lane = SqliteLane::open(store->writer_, registry, clock);
  if (!lane) return std::unexpected(lane.error());
  store->lane_ = std::move(*lane);
  store->identity_ = store->lane_->identity();
  auto reads = SqliteReads::open(options, registry);
  if (!reads) return std::unexpected(reads.error());
  store->reads_ = std::move(*reads);
  return StoreHandle(store.release());
}

Result<std::unique_ptr<StoreLane>> SqliteStore::take_lane(LaneWish wish) {
  if (wish == LaneWish::orphaned) return std::unique_ptr<StoreLane>();
  const std::lock_guard lock(mutex_);
  if (!lane_) return fail(protocol::lane_fenced, "the lane of this file was given out before");
  return std::unique_ptr<StoreLane>(std::move(lane_));
}

Reads& SqliteStore::reads() {
  return *reads_;
}

Result<void> SqliteLane::take_lane() {
  auto raise = cached("UPDATE pawl_lanes SET epoch = epoch + 1 WHERE id = 0 RETURNING epoch");
  if (!raise) return std::unexpected(raise.error());
  auto row = (*raise)->step();
  if (!row) return std::unexpected(row.error());
  epoch_ = (*raise)->integer(0);
  auto end = (*raise)->step();
  if (!end) return std::unexpected(end.error());
  auto newest = cached(
      "SELECT max(next_sequence, (SELECT coalesce(max(position), 0) + 1 FROM pawl_journal)) "
      "FROM pawl_lanes WHERE id = 0");
  if (!newest) return std::unexpected(newest.error());
  row = (*newest)->step();
  if (!row) return std::unexpected(row.error());
  next_sequence_ = (*newest)->integer(0);
  (*newest)->reset();
  return {};
}

Result<void> SqliteLane::read_identity() {
  auto select = cached("SELECT store_id, epoch, restores, restored_us FROM pawl_store");
  if (!select) return std::unexpected(select.error());
  auto row = (*select)->step();
  if (!row) return std::unexpected(row.error());
  if (!*row) return fail(schema_differs, "pawl_store is empty");
  identity_ = {(*select)->text(0), (*select)->text(1), (*select)->integer(2),
               Time{(*select)->integer(3)}};
  (*select)->reset();
  return {};
}

const SqliteLane::MachineStatements& SqliteLane::texts_of(const MachineSpec& machine) {
  const auto found = machine_texts_.find(machine.name);
  if (found != machine_texts_.end()) return found->second;
  MachineStatements texts{
      entity_select(machine) + " WHERE \"" + std::string(machine.columns[0].name) + "\" = ?1",
      entity_insert(machine), entity_update(machine)};
  return machine_texts_.emplace(machine.name, std::move(texts)).first->second;
}

Result<Statement*> SqliteLane::cached(std::string_view sql) {
  const auto found = statements_.find(sql);
  if (found != statements_.end()) return &found->second;
  auto prepared = connection_.prepare(sql);
  if (!prepared) return std::unexpected(prepared.error());
  return &statements_.emplace(sql, std::move(*prepared)).first->second;
}

Result<protocol::LockedBatch> SqliteLane::lock(const protocol::LockRequest& request) {
  if (refuses_writes_) return fail(protocol::store_refuses_writes);
  auto begin = cached("BEGIN IMMEDIATE");
  if (!begin) return std::unexpected(begin.error());
  if (auto begun = (*begin)->run(); !begun) return std::unexpected(begun.error());
  in_transaction_ = true;
  auto locked = lock_rows(request);
  if (!locked) abandon();
  return locked;
}

Result<void> SqliteLane::commit(const protocol::WriteBatch& writes) {
  PAWL_CRASH_POINT("store.before_write");
  auto written = write(writes);
  if (!written) {
    const bool disk = is_disk_failure(written.error(), connection_.handle());
    abandon();
    if (disk) refuses_writes_ = true;
    return written;
  }
  PAWL_CRASH_POINT("store.before_commit");
  if (auto ended = end_transaction(); !ended) return ended;
  ++next_sequence_;
  PAWL_CRASH_POINT("store.after_commit");
  return {};
}

Result<void> SqliteLane::end_transaction() {
  auto commit = cached("COMMIT");
  if (!commit) {
    abandon();
    return std::unexpected(commit.error());
  }
  auto committed = (*commit)->run();
  if (committed) {
    in_transaction_ = false;
    return {};
  }
  // A commit whose sync failed may or may not be on the disk. Nothing can be learnt by trying
  // again on the same pages: refuse everything until the store is opened anew.
  const bool disk = is_disk_failure(committed.error(), connection_.handle());
  abandon();
  if (!disk) return std::unexpected(committed.error());
  refuses_writes_ = true;
  log::error("store_sync_failed", {{"detail", committed.error().detail}});
  return fail(outcome_in_doubt, committed.error().detail);
}

void SqliteLane::abandon() {
  if (!in_transaction_) return;
  in_transaction_ = false;
  // A failure that ended the transaction by itself leaves nothing to roll back.
  if (sqlite3_get_autocommit(connection_.handle()) == 0) {
    if (auto done = connection_.execute("ROLLBACK"); !done) refuses_writes_ = true;
  }
}

namespace {

// Runs a SELECT to its end, at most `limit` rows by its own LIMIT.
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

}  // namespace

Result<std::vector<EntitySlot>> SqliteLane::entities(const std::vector<EntityRef>& refs) {
  std::vector<EntitySlot> out;
  out.reserve(refs.size());
  for (const EntityRef& ref : refs) {
    const MachineSpec* machine = registry_.find_machine(ref.machine);
    if (machine == nullptr) return fail(command_invalid, "unknown machine");
    auto select = cached(texts_of(*machine).select);
    if (!select) return std::unexpected(select.error());
    EntitySlot& slot = out.emplace_back();
    slot.ref = {machine->name, ref.key};
    (*select)->bind(1, std::string_view(slot.ref.key));
    auto row = (*select)->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) continue;
    auto read = read_entity_row(*machine, **select, slot);
    (*select)->reset();
    if (!read) return std::unexpected(read.error());
  }
  return out;
}

Result<std::vector<EffectSummary>> SqliteLane::open_effects(std::int64_t after_id, int limit) {
  auto select = cached(
      "SELECT id, kind, state, token, next_at_us, lease_until_us FROM pawl_effects "
      "WHERE id > ?1 ORDER BY id LIMIT ?2");
  if (!select) return std::unexpected(select.error());
  (*select)->bind(1, after_id).bind(2, std::int64_t{limit});
  return collect<EffectSummary>(**select, [](const Statement& row) {
    EffectSummary out;
    out.id = row.integer(0);
    out.kind = row.text(1);
    out.state = enum_from_name<protocol::EffectState>(row.text_view(2))
                    .value_or(protocol::EffectState::waiting);
    out.token = row.integer(3);
    out.next_at = Time{row.integer(4)};
    out.lease_until = Time{row.integer(5)};
    return out;
  });
}

Result<std::vector<protocol::MessageRow>> SqliteLane::waiting_messages(std::int64_t after_id,
                                                                       int limit) {
  auto select = cached(
      "SELECT id, from_machine, from_key, to_machine, to_key, kind, payload, hops, bounced, code, "
      "detail, trace_id FROM pawl_messages WHERE id > ?1 AND from_machine IN (" +
      known_machines_ + ") AND to_machine IN (" + known_machines_ + ") ORDER BY id LIMIT ?2");
  if (!select) return std::unexpected(select.error());
  (*select)->bind(1, after_id).bind(2, std::int64_t{limit});
  return collect<protocol::MessageRow>(**select, [this](const Statement& row) {
    protocol::MessageRow out;
    out.id = row.integer(0);
    out.from = {machine_name(registry_, row.text_view(1)), row.text(2)};
    out.to = {machine_name(registry_, row.text_view(3)), row.text(4)};
    out.kind = row.text(5);
    out.payload = row.text(6);
    out.hops = static_cast<int>(row.integer(7));
    out.bounced = row.integer(8) != 0;
    out.code = row.text(9);
    out.detail = row.text(10);
    out.trace_id = row.text(11);
    return out;
  });
}

Result<std::vector<protocol::DeadlineRow>> SqliteLane::due_deadlines(Time until, int limit) {
  auto select = cached(
      "SELECT machine, entity_key, name, arming, due_us, kind, payload, trace_id FROM "
      "pawl_deadlines WHERE due_us <= ?1 AND machine IN (" +
      known_machines_ + ") ORDER BY due_us LIMIT ?2");
  if (!select) return std::unexpected(select.error());
  (*select)->bind(1, until.us).bind(2, std::int64_t{limit});
  return collect<protocol::DeadlineRow>(**select, [this](const Statement& row) {
    protocol::DeadlineRow out;
    out.entity = {machine_name(registry_, row.text_view(0)), row.text(1)};
    out.name = row.text(2);
    out.arming = row.integer(3);
    out.due = Time{row.integer(4)};
    out.kind = row.text(5);
    out.payload = row.text(6);
    out.trace_id = row.text(7);
    return out;
  });
}

// There is no other lane to share with.
Result<std::vector<int>> SqliteLane::share_permits(
    const std::vector<protocol::PermitWish>& wishes) {
  std::vector<int> out;
  out.reserve(wishes.size());
  for (const auto& wish : wishes) out.push_back(wish.limit);
  return out;
}

Result<Time> SqliteLane::next_deadline() {
  auto select = cached("SELECT due_us FROM pawl_deadlines WHERE machine IN (" + known_machines_ +
                       ") ORDER BY due_us LIMIT 1");
  if (!select) return std::unexpected(select.error());
  auto times = collect<Time>(**select, [](const Statement& row) {
    return row.is_null(0) ? Time::never() : Time{row.integer(0)};
  });
  if (!times) return std::unexpected(times.error());
  return times->empty() ? Time::never() : times->front();
}

Result<std::vector<std::pair<EntityRef, EntityRef>>> SqliteLane::parked_pairs() {
  auto select = cached(
      "SELECT from_machine, from_key, machine, entity_key FROM pawl_parked "
      "WHERE source IN ('message', 'bounce')");
  if (!select) return std::unexpected(select.error());
  using Pair = std::pair<EntityRef, EntityRef>;
  return collect<Pair>(**select, [this](const Statement& row) {
    return Pair{{machine_name(registry_, row.text_view(0)), row.text(1)},
                {machine_name(registry_, row.text_view(2)), row.text(3)}};
  });
}

}  // namespace pawl::sqlite

namespace pawl {

void CloseStore::operator()(Store* store) const {
  delete store;
}

Result<StoreHandle> open_sqlite(const SqliteOptions& options, const Registry& registry) {
  if (auto sound = registry.check(); !sound) return std::unexpected(sound.error());
  return sqlite::SqliteStore::open(options, registry);
}

Result<std::vector<std::string>> pending_migrations(const SqliteOptions& options,
                                                    const Registry& registry) {
  if (auto sound = registry.check(); !sound) return std::unexpected(sound.error());
  auto connection =
      sqlite::Connection::open(options.path, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX);
  if (!connection) return std::unexpected(connection.error());
  sqlite3_busy_timeout(connection->handle(), sqlite::busy_timeout_ms);
  return sqlite::pending_schema(*connection, registry);
}

}  // namespace pawl
