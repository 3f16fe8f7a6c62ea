// SPDX-License-Identifier: Apache-2.0
//
// Every setting of the server: its name in the file, its meaning, its default and its bounds, in
// one table from which the file is read, `pawl config` prints and the documentation is checked.
// Keys are no settings: they live in files of mode 0600 (service_key.h).
#pragma once

#include <pawl/engine.h>
#include <pawl/error.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "net/server.h"
#include "systems/otc/config.h"

namespace pawl::app {

inline constexpr ErrorCode configuration_invalid{
    "configuration_invalid", ErrorClass::invalid,
    "The configuration holds something that is not a setting or not a value of it"};
inline constexpr ErrorCode configuration_unreadable{"configuration_unreadable", ErrorClass::invalid,
                                                    "The configuration file cannot be read"};

struct Settings {
  std::string listen = "127.0.0.1:7333";
  std::string data_dir = "./.pawl";
  std::string log_level = "info";
  std::int64_t stop_deadline_ms = 20'000;

  // Who may ask.
  std::string tokens = "off";
  std::vector<std::string> trusted_proxies;
  std::string forwarded_header = "x-forwarded-for";
  std::vector<std::string> cors_origins;

  // How often: requests in 60 s, 0 for no limit.
  std::int64_t peer_writes_per_minute = 10;
  std::int64_t peer_reads_per_minute = 600;
  std::int64_t token_writes_per_minute = 600;
  std::int64_t token_reads_per_minute = 6'000;
  std::string loopback_limits = "exempt";
  std::int64_t max_buckets = 100'000;

  net::ServerOptions http = [] {
    net::ServerOptions options;
    options.threads = 2;
    return options;
  }();
  SqliteOptions store;
  PostgresOptions postgres;  // its url empty: SQLite in the data folder
  int lanes = 2;
  std::int64_t max_waiting = 10'000;
  std::int64_t max_batch = 1'024;
  int stop_grace_ms = 5'000;
  RetentionOptions retention;
  std::string webhook_url;
  std::string webhook_secret_file;
  std::int64_t webhook_timeout_ms = 5'000;

  std::string custodian = "own";
  std::string custodian_url = "http://127.0.0.1:7334";
  std::string node_admin_key_file;
  std::string node_worker_wallet = "otc_bridge_worker";
  otc::Config otc;

  std::string database_path() const { return data_dir + "/pawl.db"; }
  bool on_postgres() const { return !postgres.url.empty(); }
  bool has_tls() const { return !http.tls_certificate_file.empty() && !http.tls_key_file.empty(); }
};

inline constexpr std::size_t max_list_items = 100;

// One row of the table, bound to a Settings. `section` is "" for what stands at the file's top.
struct Setting {
  // unsigned and size_t share a type on no platform of ours; each is written back in its own.
  using Target = std::variant<std::string*, std::int64_t*, std::int32_t*, std::uint32_t*,
                              std::uint64_t*, std::vector<std::string>*>;

  std::string_view section;
  std::string_view name;
  std::string_view meaning;
  Target target;
  std::int64_t min = 0;  // of numbers
  std::int64_t max = 0;
  std::vector<std::string_view> choices;  // of texts; empty: any
  bool hides_password = false;            // a database's URL: shown without it

  std::string full_name() const;  // "otc.margin_seconds"
  bool is_text() const { return std::holds_alternative<std::string*>(target); }
  bool is_list() const { return std::holds_alternative<std::vector<std::string>*>(target); }
  bool is_number() const { return !is_text() && !is_list(); }
  std::string value_text() const;  // a list's items with ", " between
  std::int64_t value_number() const;
};

std::vector<Setting> settings_table(Settings& settings);

// Sets it, or says what is wrong: configuration_invalid.
Result<void> set_text(const Setting& setting, std::string_view value);
Result<void> set_number(const Setting& setting, std::int64_t value);
Result<void> set_list(const Setting& setting, std::vector<std::string> values);

// What no single bound can say: listen_refusal, errors of the custodian's address, and settings
// that contradict each other.
Result<void> check_settings(const Settings& settings);

// Reads a TOML file into `settings`; what it does not name keeps its value. Errors begin with
// "FILE:LINE: ": unknown key or section, wrong type, out of bounds, not TOML.
Result<void> read_settings_file(const std::string& path, Settings& settings);
// The same for what the file holds; `path` stands in the errors.
Result<void> read_settings_text(std::string_view text, const std::string& path, Settings& settings);

}  // namespace pawl::app
