// SPDX-License-Identifier: Apache-2.0
//
// Settling a session: everything that a server, a database, a role or a pooler may have set
// otherwise is set and, in a transaction after that, read back, in one round trip.
#include "store/postgres/pipeline.h"

namespace pawl::postgres {
namespace {

constexpr std::string_view read_committed = "read committed";
constexpr int transaction_timeout_version = 170'000;

std::string quoted(std::string_view identifier) {
  std::string out = "\"";
  for (const char c : identifier) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

Error settling_error(const SqlError& error) {
  if (error.kind == SqlErrorKind::connection_lost) {
    return Error(connect_failed, error.error().detail);
  }
  return Error(session_unsettled, error.error().detail);
}

}  // namespace

std::vector<std::pair<std::string, std::string>> session_settings(const ConnectionOptions& options,
                                                                  int server_version) {
  auto settings = options.settings;
  settings.insert(settings.end(),
                  {{"default_transaction_isolation", std::string(read_committed)},
                   {"client_encoding", "UTF8"},
                   {"standard_conforming_strings", "on"},
                   {"DateStyle", "ISO, MDY"},
                   {"TimeZone", "UTC"},
                   // The warning of a COMMIT whose wait for a standby was cancelled must reach us.
                   {"client_min_messages", "warning"},
                   {"statement_timeout", std::to_string(options.statement_timeout_ms)},
                   {"lock_timeout", std::to_string(options.lock_timeout_ms)},
                   {"idle_in_transaction_session_timeout",
                    std::to_string(options.idle_in_transaction_timeout_ms)},
                   {"idle_session_timeout", "0"}});
  // A server that does not know it refuses it. It would end a whole transaction, and a session with
  // it, however short its statements are.
  if (server_version >= transaction_timeout_version) {
    settings.emplace_back("transaction_timeout", "0");
  }
  // Without pg_temp: named, it would take what is created before the schema is there.
  if (!options.schema.empty()) settings.emplace_back("search_path", quoted(options.schema));
  return settings;
}

Result<void> Connection::settle(const ConnectionOptions& options, Deadline deadline) {
  const auto settings = session_settings(options, PQserverVersion(core_->handle));
  Parameters wanted;
  wanted.array(Type::text_array);
  for (const auto& [name, value] : settings) wanted.element(std::string_view(name));
  Parameters names = wanted;
  wanted.array(Type::text_array);
  for (const auto& [name, value] : settings) wanted.element(std::string_view(value));

  Pipeline round(*this);
  const auto set = round.add(
      "SELECT set_config(name, value, false) FROM unnest($1, $2) AS wanted(name, value)", wanted);
  const auto raised = round.add(
      "SELECT set_config('synchronous_commit', 'on', false)"
      " WHERE current_setting('synchronous_commit') = 'off'");
  round.sync();
  const auto kept =
      round.add("SELECT current_setting(name) FROM unnest($1) AS wanted(name)", names);
  const auto state = round.add(
      "SELECT current_setting('server_version_num')::int4, pg_backend_pid(), pg_is_in_recovery(),"
      " current_setting('transaction_read_only')::bool, current_setting('transaction_isolation'),"
      " current_setting('synchronous_commit') <> 'off', current_setting('fsync')::bool,"
      " current_schema() IS NOT NULL");
  const auto outcome = round.run(deadline);
  if (!outcome) return std::unexpected(settling_error(outcome.error()));

  const auto& found = outcome[state];
  if (found.boolean(0, 2)) return fail(not_primary, peer());
  if (found.boolean(0, 3)) return fail(session_read_only, peer());
  if (found.text_view(0, 4) != read_committed || !found.boolean(0, 5)) {
    return fail(session_unsettled, "the isolation level, or synchronous_commit");
  }
  for (int i = 0; i < static_cast<int>(settings.size()); ++i) {
    // As the server writes them: it has units of its own. One named twice is as the last says.
    if (outcome[set].text_view(i, 0) == outcome[kept].text_view(i, 0)) continue;
    const auto& name = settings[static_cast<std::size_t>(i)].first;
    const bool again = std::any_of(settings.begin() + i + 1, settings.end(),
                                   [&name](const auto& later) { return later.first == name; });
    if (!again) return fail(session_unsettled, name);
  }
  core_->facts = {.server_version = static_cast<int>(found.integer(0, 0)),
                  .backend_pid = found.integer(0, 1),
                  .schema_exists = found.boolean(0, 7),
                  .synchronous_commit_raised = outcome[raised].rows() > 0,
                  .fsync = found.boolean(0, 6)};
  return {};
}

}  // namespace pawl::postgres
