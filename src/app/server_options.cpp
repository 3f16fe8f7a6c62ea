// SPDX-License-Identifier: Apache-2.0
#include "app/server_options.h"

#include <CLI/CLI.hpp>
#include <cstdlib>

namespace pawl::app {

namespace {

// An empty value is mostly an unset variable of a script: it must not mean the default.
std::string not_empty(const std::string& value) {
  return value.empty() ? "must not be empty" : "";
}

}  // namespace

void ServerOptions::add_config_and_data(CLI::App& verb) {
  verb.add_option("--config", config_file, "TOML file; `pawl config` lists what may stand in it")
      ->check(not_empty);
  verb.add_option("--data", data_dir, "folder of the store and the keys (default ./.pawl)")
      ->check(not_empty);
  verb.add_option("--store", store_url,
                  "URL of a PostgreSQL (or PAWL_STORE_URL, which no process list shows)")
      ->check(not_empty);
}

void ServerOptions::add_all(CLI::App& verb) {
  add_config_and_data(verb);
  verb.add_option("--listen", listen, "HOST:PORT (default 127.0.0.1:7333)")->check(not_empty);
  auto* certificate =
      verb.add_option("--tls-cert", tls_certificate_file, "PEM file: serve TLS with it")
          ->check(not_empty);
  auto* key = verb.add_option("--tls-key", tls_key_file, "PEM file of mode 0600: its key")
                  ->check(not_empty);
  certificate->needs(key);
  key->needs(certificate);
  verb.add_option("--custodian-url", custodian_url,
                  "the custodian (default http://127.0.0.1:7334, where `pawl sandbox` listens)")
      ->check(not_empty);
}

Result<Settings> ServerOptions::read() const {
  Settings settings;
  if (!config_file.empty()) {
    if (auto done = read_settings_file(config_file, settings); !done) {
      return std::unexpected(done.error());
    }
  }
  if (!listen.empty()) settings.listen = listen;
  if (!data_dir.empty()) settings.data_dir = data_dir;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing in this program sets a variable
  const char* url_from_environment = std::getenv("PAWL_STORE_URL");
  if (url_from_environment != nullptr && *url_from_environment != '\0') {
    settings.postgres.url = url_from_environment;
  }
  if (!store_url.empty()) settings.postgres.url = store_url;
  if (!tls_certificate_file.empty()) settings.http.tls_certificate_file = tls_certificate_file;
  if (!tls_key_file.empty()) settings.http.tls_key_file = tls_key_file;
  if (!custodian_url.empty()) settings.custodian_url = custodian_url;
  if (auto sound = check_settings(settings); !sound) return std::unexpected(sound.error());
  return settings;
}

}  // namespace pawl::app
