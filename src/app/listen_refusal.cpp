// SPDX-License-Identifier: Apache-2.0
#include "app/listen_refusal.h"

#include "app/listen_address.h"

namespace pawl::app {
namespace {

bool has_tokens(const Settings& settings) {
  return settings.tokens == "required";
}

}  // namespace

std::optional<Error> listen_refusal(const Settings& settings) {
  const Result<ListenAddress> address = parse_listen_address(settings.listen);
  if (!address) return address.error();
  if (address->is_loopback()) return std::nullopt;
  std::string missing;
  if (!settings.has_tls()) missing = "TLS (http.tls_certificate_file and http.tls_key_file)";
  if (!has_tokens(settings))
    missing += std::string(missing.empty() ? "" : " and ") + "tokens = \"required\"";
  if (missing.empty()) return std::nullopt;
  return Error(listen_address_public, settings.listen + " lacks " + missing);
}

}  // namespace pawl::app
