// SPDX-License-Identifier: Apache-2.0
#include "app/settings.h"

#include <algorithm>
#include <limits>

#include "app/alert_webhook.h"
#include "app/edge/cors.h"
#include "app/http_call.h"
#include "app/listen_refusal.h"
#include "net/ip_address.h"
#include "store/postgres/connection_options.h"
#include "systems/otc/custodian_http.h"

namespace pawl::app {

namespace {

constexpr std::int64_t day_seconds = 86'400;
constexpr std::int64_t ten_minutes_ms = 600'000;

void add_program(std::vector<Setting>& out, Settings& s) {
  out.push_back(
      {"", "listen",
       "where the HTTP API listens; beyond loopback with TLS and tokens only; port 0: any "
       "free one",
       &s.listen});
  out.push_back({"", "data_dir", "folder of the store, its lock and the service key", &s.data_dir});
  out.push_back({"",
                 "log_level",
                 "lines below it are dropped",
                 &s.log_level,
                 0,
                 0,
                 {"trace", "debug", "info", "warn", "error"}});
  out.push_back({"", "stop_deadline_ms", "a stop that takes longer ends the process at once",
                 &s.stop_deadline_ms, 100, ten_minutes_ms});
}

void add_access(std::vector<Setting>& out, Settings& s) {
  out.push_back({"",
                 "tokens",
                 "whether requests need a bearer token; off on loopback addresses only",
                 &s.tokens,
                 0,
                 0,
                 {"off", "required"}});
  out.push_back({"", "trusted_proxies",
                 "addresses and networks of proxies whose forwarding header is believed",
                 &s.trusted_proxies});
  out.push_back({"",
                 "forwarded_header",
                 "the one header in which they say who the client is",
                 &s.forwarded_header,
                 0,
                 0,
                 {"x-forwarded-for", "forwarded"}});
  out.push_back(
      {"", "cors_origins", "origins whose pages may read answers in a browser", &s.cors_origins});
}

void add_limits(std::vector<Setting>& out, Settings& s) {
  constexpr std::int64_t most = 1'000'000'000;
  out.push_back({"limits", "peer_writes_per_minute",
                 "writes of one address (IPv6: one /64) without a token in 60 s; 0: no limit",
                 &s.peer_writes_per_minute, 0, most});
  out.push_back(
      {"limits", "peer_reads_per_minute", "its reads", &s.peer_reads_per_minute, 0, most});
  out.push_back({"limits", "token_writes_per_minute",
                 "writes under one token in 60 s, from wherever; 0: no limit",
                 &s.token_writes_per_minute, 0, most});
  out.push_back(
      {"limits", "token_reads_per_minute", "its reads", &s.token_reads_per_minute, 0, most});
  out.push_back({"limits",
                 "loopback",
                 "whether clients on this machine are limited, too",
                 &s.loopback_limits,
                 0,
                 0,
                 {"exempt", "limited"}});
  out.push_back({"limits", "max_buckets",
                 "addresses and tokens remembered; above it the least recent is forgotten",
                 &s.max_buckets, 100, 10'000'000});
}

void add_http(std::vector<Setting>& out, Settings& s) {
  auto& http = s.http;
  out.push_back(
      {"http", "threads", "event loops; each has its own connections", &http.threads, 1, 64});
  out.push_back({"http", "tls_certificate_file",
                 "PEM, the server's own first, then its chain; with it TLS 1.3 and nothing else is "
                 "spoken",
                 &http.tls_certificate_file});
  out.push_back(
      {"http", "tls_key_file", "its key: PEM without a passphrase, mode 0600", &http.tls_key_file});
  out.push_back({"http", "max_connections", "above it a connection is answered 503 and closed",
                 &http.max_connections, 1, 100'000});
  out.push_back({"http", "max_connections_per_peer",
                 "the same for those from one address, loopback too; 0: any number",
                 &http.max_connections_per_peer, 0, 100'000});
  out.push_back({"http", "handshake_timeout_ms", "for the opening of a TLS connection",
                 &http.handshake_timeout_ms, 10, ten_minutes_ms});
  out.push_back({"http", "header_timeout_ms", "from a request's first byte to its last header",
                 &http.header_timeout_ms, 10, ten_minutes_ms});
  out.push_back({"http", "body_timeout_ms", "for a whole request body", &http.body_timeout_ms, 10,
                 ten_minutes_ms});
  out.push_back({"http", "idle_timeout_ms", "between two requests of a connection",
                 &http.idle_timeout_ms, 10, ten_minutes_ms});
  out.push_back({"http", "write_timeout_ms", "for one whole answer", &http.write_timeout_ms, 10,
                 ten_minutes_ms});
  out.push_back({"http", "answer_timeout_ms", "for the handler; then 503 answer_timed_out",
                 &http.answer_timeout_ms, 1'000, ten_minutes_ms});
  out.push_back({"http", "max_header_bytes", "of a request's headers, request line not counted",
                 &http.max_header_bytes, 1'024, 1 << 20});
  out.push_back({"http", "max_target_bytes", "of a request's path and query",
                 &http.max_target_bytes, 256, 1 << 16});
  out.push_back({"http", "shutdown_grace_ms", "for requests under way when the server stops",
                 &http.shutdown_grace_ms, 0, ten_minutes_ms});
  out.push_back({"http", "max_streams", "event streams at once; above it 503 too_many_streams",
                 &http.max_streams, 1, 100'000});
  out.push_back({"http", "heartbeat_ms", "a quiet event stream says so often that it is alive",
                 &http.heartbeat_ms, 100, ten_minutes_ms});
  out.push_back({"http", "stream_retry_ms",
                 "clients of a stream that the server ended come again after it",
                 &http.stream_retry_ms, 100, ten_minutes_ms});
}

void add_engine(std::vector<Setting>& out, Settings& s) {
  out.push_back(
      {"store", "cache_mib", "SQLite's page cache of the writer", &s.store.cache_mib, 1, 65'536});
  out.push_back({"store", "wal_checkpoint_pages", "the WAL is checkpointed past so many pages",
                 &s.store.wal_checkpoint_pages, 100, 1'000'000});
  out.push_back({"store", "readers", "connections for reads", &s.store.readers, 1, 64});
  Setting url{"store", "url",
              "a PostgreSQL, \"postgresql://ROLE@HOST/DATABASE\"; empty: SQLite in the data folder",
              &s.postgres.url};
  url.hides_password = true;
  out.push_back(std::move(url));
  out.push_back(
      {"store", "schema", "PostgreSQL: the schema of the store's tables", &s.postgres.schema});
  out.push_back({"store", "lane_lease_ms",
                 "PostgreSQL: who is silent so long has its lanes taken over",
                 &s.postgres.lane_lease_ms, 1'000, ten_minutes_ms});
  out.push_back({"store", "statement_timeout_ms", "PostgreSQL: for one statement",
                 &s.postgres.statement_timeout_ms, 100, ten_minutes_ms});
  out.push_back({"store", "lock_timeout_ms",
                 "PostgreSQL: for a row that another process has locked",
                 &s.postgres.lock_timeout_ms, 1, 60'000});
  out.push_back({"store", "idle_in_transaction_timeout_ms",
                 "PostgreSQL: the server ends a transaction whose process is silent so long",
                 &s.postgres.idle_in_transaction_timeout_ms, 1'000, ten_minutes_ms});
  out.push_back({"store", "connect_timeout_ms", "PostgreSQL: for a connection, all hosts together",
                 &s.postgres.connect_timeout_ms, 100, ten_minutes_ms});
  out.push_back({"store", "tcp_timeout_ms",
                 "PostgreSQL: sent bytes may stay unacknowledged so long",
                 &s.postgres.tcp_timeout_ms, 1'000, ten_minutes_ms});
  out.push_back({"store", "in_doubt_wait_ms",
                 "PostgreSQL: a commit whose answer was lost is inquired about so long",
                 &s.postgres.in_doubt_wait_ms, 100, ten_minutes_ms});
  out.push_back({"engine", "lanes", "PostgreSQL: sessions that write at once; SQLite has one",
                 &s.lanes, 1, 16});
  out.push_back({"engine", "max_waiting", "commands that wait; one more is refused `overloaded`",
                 &s.max_waiting, 1, 1'000'000});
  out.push_back({"engine", "max_batch", "commands in one commit", &s.max_batch, 1, 1'024});
  out.push_back({"engine", "stop_grace_ms", "a stop waits so long for exchanges under way",
                 &s.stop_grace_ms, 0, static_cast<std::int64_t>(ten_minutes_ms)});
}

void add_retention(std::vector<Setting>& out, Settings& s) {
  auto& keep = s.retention;
  constexpr std::int64_t ten_years = 3'650 * day_seconds;
  out.push_back({"retention", "receipts_seconds",
                 "a repeat is answered from its receipt so long; 0: for ever",
                 &keep.receipts_seconds, 0, ten_years});
  out.push_back({"retention", "ended_effects_seconds",
                 "after their end, unless something open speaks of them; 0: for ever",
                 &keep.ended_effects_seconds, 0, ten_years});
  out.push_back({"retention", "acknowledged_alerts_seconds",
                 "after they were last seen or acknowledged; 0: for ever",
                 &keep.acknowledged_alerts_seconds, 0, ten_years});
  out.push_back({"retention", "journal_seconds",
                 "timelines begin where the journal does; 0: for ever", &keep.journal_seconds, 0,
                 ten_years});
  out.push_back({"retention", "batch_rows",
                 "rows looked at in one step; a request waits for one step at most",
                 &keep.batch_rows, 1, 10'000});
}

void add_alerts(std::vector<Setting>& out, Settings& s) {
  out.push_back({"alerts", "webhook_url",
                 "alerts are posted there: https, or plain http on this machine; empty: nowhere",
                 &s.webhook_url});
  out.push_back({"alerts", "webhook_secret_file",
                 "file of mode 0600 with the key that signs them; empty: unsigned",
                 &s.webhook_secret_file});
  out.push_back({"alerts", "webhook_timeout_ms", "for one delivery; then it is tried again later",
                 &s.webhook_timeout_ms, 100, 60'000});
}

void add_otc(std::vector<Setting>& out, Settings& s) {
  auto& otc = s.otc;
  out.push_back({"otc",
                 "custodian",
                 "which contract the custodian speaks",
                 &s.custodian,
                 0,
                 0,
                 {"own", "node"}});
  out.push_back({"otc", "custodian_url", "https, or plain http on this machine", &s.custodian_url});
  out.push_back({"otc", "node_admin_key_file",
                 "custodian node: file of mode 0600 with its admin key (or PAWL_NODE_ADMIN_KEY)",
                 &s.node_admin_key_file});
  out.push_back({"otc", "node_worker_wallet", "custodian node: takes the jobs and pays out",
                 &s.node_worker_wallet});
  out.push_back({"otc", "settlement_window_seconds",
                 "from the match to the last moment at which the seller may confirm",
                 &otc.settlement_window_seconds, 1, 30 * day_seconds});
  out.push_back({"otc", "payout_delay_seconds",
                 "how long the custodian holds an accepted payout before it is final",
                 &otc.payout_delay_seconds, 0, 30 * day_seconds});
  out.push_back({"otc", "margin_seconds",
                 "kept between the last possible payout and the end of the escrow",
                 &otc.margin_seconds, 0, 30 * day_seconds});
  out.push_back({"otc", "held_per_taker", "unsettled orders that one wallet may hold as a taker",
                 &otc.held_per_taker, 1, 1'000'000});
  out.push_back({"otc", "open_per_maker", "open orders that one wallet may have",
                 &otc.open_per_maker, 1, 1'000'000});
  out.push_back({"otc", "wait_ms_default", "how long a writing request waits for its end",
                 &otc.wait_ms_default, 0, 100'000});
  out.push_back({"otc", "wait_ms_max", "the most that a request may ask for with wait_ms",
                 &otc.wait_ms_max, 0, 100'000});
  out.push_back({"otc", "redrive_base_seconds",
                 "a payout or refund that was never sent is asked for again after it, then doubled",
                 &otc.redrive_base_seconds, 1, day_seconds});
  out.push_back({"otc", "redrive_cap_seconds", "and at least so often", &otc.redrive_cap_seconds, 1,
                 30 * day_seconds});
  out.push_back({"otc", "custodian_timeout_ms", "one exchange; longer is an unknown outcome",
                 &otc.custodian_timeout_ms, 10, 120'000});
  out.push_back({"otc", "custodian_concurrency", "exchanges under way at once",
                 &otc.custodian_concurrency, 1, 10'000});
  out.push_back({"otc", "custodian_max_attempts",
                 "sends of an effect of which no byte ever left, then `never_sent`",
                 &otc.custodian_max_attempts, 1, 1'000});
  out.push_back({"otc", "payout_poll_interval_ms", "an accepted payout is asked for so often",
                 &otc.payout_poll_interval_ms, 10, 3'600'000});
}

}  // namespace

std::string Setting::full_name() const {
  return section.empty() ? std::string(name) : std::string(section) + "." + std::string(name);
}

std::int64_t Setting::value_number() const {
  return std::visit(
      [](auto* value) -> std::int64_t {
        if constexpr (!std::is_integral_v<std::remove_pointer_t<decltype(value)>>) {
          return 0;
        } else {
          return static_cast<std::int64_t>(*value);
        }
      },
      target);
}

std::string Setting::value_text() const {
  if (is_text()) {
    const std::string& text = *std::get<std::string*>(target);
    return hides_password && !text.empty() ? postgres::shown_url(text) : text;
  }
  if (is_list()) {
    std::string out;
    for (const auto& item : *std::get<std::vector<std::string>*>(target)) {
      out += (out.empty() ? "" : ", ") + item;
    }
    return out;
  }
  return std::to_string(value_number());
}

std::vector<Setting> settings_table(Settings& settings) {
  std::vector<Setting> out;
  add_program(out, settings);
  add_access(out, settings);
  add_limits(out, settings);
  add_http(out, settings);
  add_engine(out, settings);
  add_retention(out, settings);
  add_alerts(out, settings);
  add_otc(out, settings);
  return out;
}

Result<void> set_text(const Setting& setting, std::string_view value) {
  if (setting.is_list()) {
    return fail(configuration_invalid, setting.full_name() + " is a list of texts");
  }
  if (!setting.is_text()) {
    return fail(configuration_invalid, setting.full_name() + " is an integer from " +
                                           std::to_string(setting.min) + " to " +
                                           std::to_string(setting.max) + ", not text");
  }
  if (!setting.choices.empty() &&
      std::find(setting.choices.begin(), setting.choices.end(), value) == setting.choices.end()) {
    std::string known;
    for (const auto choice : setting.choices) known += " " + std::string(choice);
    return fail(configuration_invalid, setting.full_name() + " is one of" + known);
  }
  *std::get<std::string*>(setting.target) = value;
  return {};
}

Result<void> set_number(const Setting& setting, std::int64_t value) {
  if (!setting.is_number()) {
    return fail(configuration_invalid, setting.full_name() + " is text, not a number");
  }
  if (value < setting.min || value > setting.max) {
    return fail(configuration_invalid, setting.full_name() + " is " + std::to_string(value) +
                                           "; it must be from " + std::to_string(setting.min) +
                                           " to " + std::to_string(setting.max));
  }
  std::visit(
      [value](auto* place) {
        using T = std::remove_pointer_t<decltype(place)>;
        if constexpr (std::is_integral_v<T>) *place = static_cast<T>(value);
      },
      setting.target);
  return {};
}

Result<void> set_list(const Setting& setting, std::vector<std::string> values) {
  if (!setting.is_list()) {
    return fail(configuration_invalid, setting.full_name() + " is no list");
  }
  if (values.size() > max_list_items) {
    return fail(configuration_invalid, setting.full_name() + " has more than " +
                                           std::to_string(max_list_items) + " items");
  }
  *std::get<std::vector<std::string>*>(setting.target) = std::move(values);
  return {};
}

namespace {

Result<void> check_access(const Settings& settings) {
  for (const auto& text : settings.trusted_proxies) {
    if (net::parse_network(text)) continue;
    return fail(configuration_invalid, "trusted_proxies: " + text +
                                           " is no address and no network (bits behind the "
                                           "prefix must be 0)");
  }
  for (const auto& text : settings.cors_origins) {
    if (is_origin(text)) continue;
    return fail(configuration_invalid,
                "cors_origins: " + text + " is no origin such as https://desk.example");
  }
  return {};
}

}  // namespace

Result<void> check_settings(const Settings& settings) {
  if (auto sound = check_access(settings); !sound) return sound;
  if (settings.http.tls_certificate_file.empty() != settings.http.tls_key_file.empty()) {
    return fail(configuration_invalid,
                "http.tls_certificate_file and http.tls_key_file stand together or not at all");
  }
  if (auto refusal = listen_refusal(settings)) return std::unexpected(std::move(*refusal));
  if (settings.data_dir.empty()) return fail(configuration_invalid, "data_dir is empty");
  if (settings.on_postgres() && !postgres::readable_url(settings.postgres.url)) {
    return fail(configuration_invalid,
                "store.url is no PostgreSQL URL such as postgresql://pawl@db.example/pawl");
  }
  if (settings.postgres.schema.empty()) return fail(configuration_invalid, "store.schema is empty");
  if (auto url = otc::trusted_base_url(settings.custodian_url); !url) {
    return fail(url.error().code, "otc.custodian_url is " + redacted_url(settings.custodian_url));
  }
  if (!settings.webhook_url.empty()) {
    if (auto sound = check_webhook_url(settings.webhook_url); !sound) {
      return fail(sound.error().code,
                  "alerts.webhook_url is " + redacted_url(settings.webhook_url));
    }
  }
  if (settings.otc.wait_ms_default > settings.otc.wait_ms_max) {
    return fail(configuration_invalid, "otc.wait_ms_default is above otc.wait_ms_max");
  }
  if (settings.otc.wait_ms_max >= static_cast<std::int64_t>(settings.http.answer_timeout_ms)) {
    return fail(configuration_invalid,
                "otc.wait_ms_max must be below http.answer_timeout_ms, or waiting requests are "
                "answered 503");
  }
  if (settings.otc.redrive_base_seconds > settings.otc.redrive_cap_seconds) {
    return fail(configuration_invalid, "otc.redrive_base_seconds is above otc.redrive_cap_seconds");
  }
  return {};
}

}  // namespace pawl::app
