// SPDX-License-Identifier: Apache-2.0
#include "store/postgres/postgres_store.h"

#include <pawl/log.h>

#include <algorithm>

#include "store/postgres/duties.h"
#include "store/postgres/lane_taking.h"
#include "store/postgres/pooling.h"
#include "store/postgres/postgres_lane.h"
#include "store/postgres/postgres_reads.h"
#include "store/postgres/rows.h"
#include "store/postgres/schema.h"
#include "store/postgres/store_error.h"

namespace pawl::postgres {

namespace {

// Of a whole column's text in pg_namespace.
constexpr std::size_t max_schema_bytes = 63;

Result<void> check_options(const PostgresOptions& options) {
  const bool name_is_sound = !options.schema.empty() && options.schema.size() <= max_schema_bytes &&
                             options.schema.find('\0') == std::string::npos;
  if (!name_is_sound) {
    return fail(registry_invalid, "the schema's name must be 1 to 63 bytes");
  }
  for (const int ms : {options.lane_lease_ms, options.statement_timeout_ms, options.lock_timeout_ms,
                       options.idle_in_transaction_timeout_ms, options.connect_timeout_ms,
                       options.tcp_timeout_ms, options.in_doubt_wait_ms}) {
    if (ms <= 0) return fail(registry_invalid, "a time-out of the database must be above 0");
  }
  return {};
}

Result<Connection> connect_for_schema(const PostgresOptions& options) {
  if (auto sound = check_options(options); !sound) return std::unexpected(sound.error());
  ConnectionOptions session = session_options(options, "schema");
  session.statement_timeout_ms = max_migration_ms;
  session.lock_timeout_ms = max_migration_ms;
  session.idle_in_transaction_timeout_ms = max_migration_ms;
  return Connection::open(session);
}

// What the store is, and the time.
Result<std::pair<StoreIdentity, Time>> read_identity(Connection& connection) {
  const auto rows = run_one(connection,
                            "SELECT store_id, epoch, restores, restored_us, " +
                                std::string(now_us_sql) + " FROM pawl_store",
                            deadline_in(max_migration_ms));
  if (!rows) return std::unexpected(store_error(rows.error()));
  if (rows->rows() == 0) return fail(schema_differs, "pawl_store is empty");
  const StoreIdentity identity{text_of(*rows, 0, 0), text_of(*rows, 0, 1), rows->integer(0, 2),
                               Time{rows->integer(0, 3)}};
  return std::pair{identity, Time{rows->integer(0, 4)}};
}

void say_what_was_found(const SessionFacts& facts) {
  if (!facts.fsync) {
    log::error("database_fsync_off",
               {{"detail", "a crash of the server's machine can destroy the store"}});
  }
  if (facts.synchronous_commit_raised) log::warn("synchronous_commit_raised", {});
}

}  // namespace

ConnectionOptions session_options(const PostgresOptions& options, std::string_view what_for) {
  ConnectionOptions session;
  session.url = options.url;
  session.application_name = "pawl " + std::string(what_for);
  session.schema = options.schema;
  session.connect_timeout_ms = options.connect_timeout_ms;
  session.statement_timeout_ms = options.statement_timeout_ms;
  session.lock_timeout_ms = options.lock_timeout_ms;
  session.idle_in_transaction_timeout_ms = options.idle_in_transaction_timeout_ms;
  session.tcp_user_timeout_ms = options.tcp_timeout_ms;
  // The server's side of it: a session whose client is gone in the middle of a round, where it is
  // not idle, is noticed only so, and holds its rows until then.
  const int half_s = std::max(1, options.tcp_timeout_ms / 2'000);
  session.settings = {{"tcp_keepalives_idle", std::to_string(half_s)},
                      {"tcp_keepalives_interval", "1"},
                      {"tcp_keepalives_count", std::to_string(half_s)},
                      {"tcp_user_timeout", std::to_string(options.tcp_timeout_ms)}};
  return session;
}

ConnectionOptions lane_session_options(const PostgresOptions& options) {
  ConnectionOptions session = session_options(options, "lane");
  // Planned once for each statement, and always by its index: what is joined to a batch's arrays is
  // found by key, however few rows a table had when it was last counted.
  session.settings.insert(session.settings.end(),
                          {{"plan_cache_mode", "force_generic_plan"},
                           {"enable_seqscan", "off"},
                           // A look-up is cheap; dear ones would make a walk over a small table
                           // look cheaper, and the plan outlives the table's being small.
                           {"random_page_cost", "0.1"},
                           {"seq_page_cost", "0.1"},
                           {"enable_tidscan", "on"},
                           {"enable_hashjoin", "off"},
                           {"enable_mergejoin", "off"},
                           {"jit", "off"}});
  return session;
}

PostgresStore::PostgresStore(std::shared_ptr<LaneShared> shared)
    : shared_(std::move(shared)), duties_(std::make_unique<Duties>(*shared_)) {}

PostgresStore::~PostgresStore() {
  shared_->announcer->listen(nullptr);
}

Result<StoreHandle> PostgresStore::open(const PostgresOptions& options, const Registry& registry) {
  if (auto sound = check_options(options); !sound) return std::unexpected(sound.error());
  // Before anything is set for a session: with such a pooler it would be set for others.
  if (auto done = refuse_transaction_pooling(session_options(options, "schema")); !done) {
    return std::unexpected(done.error());
  }
  auto connection = connect_for_schema(options);
  if (!connection) return std::unexpected(connection.error());
  say_what_was_found(connection->facts());
  if (auto done = prepare_schema(*connection, options.schema, registry, options.migrate); !done) {
    return std::unexpected(done.error());
  }
  const auto found = read_identity(*connection);
  if (!found) return std::unexpected(found.error());
  auto shared = std::make_shared<LaneShared>(options, registry, Statements(registry));
  for (const auto& machine : registry.machines()) {
    shared->known_machines.emplace_back(machine->name);
  }
  shared->identity = found->first;
  shared->given_clock = options.clock;
  shared->clock = std::make_unique<PostgresClock>(found->second, system_clock());
  shared->announcer =
      std::make_unique<Announcer>(session_options(options, "tidings"), options.schema);
  std::unique_ptr<PostgresStore> store(new PostgresStore(std::move(shared)));
  auto reads = PostgresReads::open(options, registry);
  if (!reads) return std::unexpected(reads.error());
  store->reads_ = std::move(*reads);
  return StoreHandle(store.release());
}

Result<std::unique_ptr<StoreLane>> PostgresStore::take_lane(LaneWish wish) {
  auto connection = Connection::open(lane_session_options(shared_->options));
  if (!connection) return std::unexpected(connection.error());
  auto taken = take_lane_row(*connection, *shared_, wish);
  if (!taken) return std::unexpected(taken.error());
  if (!*taken) return std::unique_ptr<StoreLane>();
  return std::make_unique<PostgresLane>(shared_, std::move(*connection), **taken);
}

Result<bool> PostgresStore::take_duty(std::string_view duty, int lease_ms) {
  return duties_->take(duty, lease_ms);
}

void PostgresStore::leave_duty(std::string_view duty) {
  duties_->leave(duty);
}

void PostgresStore::listen(std::function<void(const Tidings&)> told) {
  shared_->announcer->listen(std::move(told));
}

std::string PostgresStore::notes_path(std::int32_t lane) const {
  const std::string& directory = shared_->options.notes_directory;
  if (directory.empty()) return {};
  // By the store's own id: a schema's name may be used again for another store.
  return directory + "/" + shared_->identity.id + "-" + std::to_string(lane) + ".deciding";
}

Clock& PostgresStore::clock() {
  if (shared_->given_clock != nullptr) return *shared_->given_clock;
  return *shared_->clock;
}

Reads& PostgresStore::reads() {
  return *reads_;
}

}  // namespace pawl::postgres

namespace pawl {

Result<StoreHandle> open_postgres(const PostgresOptions& options, const Registry& registry) {
  if (auto sound = registry.check(); !sound) return std::unexpected(sound.error());
  return postgres::PostgresStore::open(options, registry);
}

Result<std::vector<std::string>> pending_migrations(const PostgresOptions& options,
                                                    const Registry& registry) {
  if (auto sound = registry.check(); !sound) return std::unexpected(sound.error());
  auto connection = postgres::connect_for_schema(options);
  if (!connection) return std::unexpected(connection.error());
  return postgres::pending_schema(*connection, options.schema, registry);
}

}  // namespace pawl
