// SPDX-License-Identifier: Apache-2.0
//
// How to reach a PostgreSQL and what its sessions shall be like. The URL is libpq's, either form,
// so PG* variables, service and password files and TLS settings work as everywhere. A password is
// never shown: whatever speaks of a URL shows it through shown_url().
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pawl::postgres {

struct ConnectionOptions {
  std::string url;  // "postgresql://user@host/db?sslmode=verify-full" or "host=... dbname=..."
  std::string application_name = "pawl";
  // The session's search_path; empty: what the server has for the role.
  std::string schema;

  int connect_timeout_ms = 10'000;  // for all hosts of the URL together
  // Zero: none. Each lies below what the one waiting for the answer allows.
  int statement_timeout_ms = 30'000;
  int lock_timeout_ms = 10'000;
  int idle_in_transaction_timeout_ms = 30'000;
  // The kernel's: how long sent bytes may stay unacknowledged, and how soon an idle peer is asked.
  int tcp_user_timeout_ms = 15'000;
  int keepalive_idle_s = 30;
  int keepalive_interval_s = 5;
  int keepalive_count = 3;

  // More of the session's settings, as SET would take them; what is above wins.
  std::vector<std::pair<std::string, std::string>> settings;
};

// All that is set for a session on a server of this version (as libpq numbers it).
std::vector<std::pair<std::string, std::string>> session_settings(const ConnectionOptions& options,
                                                                  int server_version);

// Whether libpq can make sense of it, in either form.
bool readable_url(std::string_view url);

// The URL with "***" in place of every password in it; one that cannot be read is not shown at all.
std::string shown_url(std::string_view url);

}  // namespace pawl::postgres
