// SPDX-License-Identifier: Apache-2.0
#include "systems/otc/custodian_http.h"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include "net/url.h"
#include "systems/otc/custodian.h"

namespace pawl::otc {
namespace {

bool is_loopback(const boost::urls::url_view& url) {
  switch (url.host_type()) {
    case boost::urls::host_type::ipv4:
      return url.host_ipv4_address().is_loopback();
    case boost::urls::host_type::ipv6:
      return url.host_ipv6_address().is_loopback();
    case boost::urls::host_type::name:
      return url.host_name() == "localhost";
    default:
      return false;
  }
}

}  // namespace

Result<std::string> trusted_base_url(std::string_view text) {
  const auto parsed = boost::urls::parse_uri(text);
  if (!parsed) return fail(custodian_url_invalid);
  const boost::urls::url_view& url = *parsed;
  const bool https = url.scheme_id() == boost::urls::scheme::https;
  const bool http = url.scheme_id() == boost::urls::scheme::http;
  const std::string_view path(url.encoded_path().data(), url.encoded_path().size());
  const bool plain = !url.has_userinfo() && !url.has_query() && !url.has_fragment() &&
                     (path.empty() || path == "/") && !url.host().empty();
  if ((!http && !https) || !plain) return fail(custodian_url_invalid);
  // And what the client will make of it: a port, a host that it may ask a resolver for.
  if (!net::parse_url(text)) return fail(custodian_url_invalid);
  if (http && !is_loopback(url)) {
    return fail(custodian_url_untrusted, "use https, or an address of this machine");
  }
  std::string base(text);
  if (base.ends_with('/')) base.pop_back();
  return base;
}

bool is_custodian_key(std::string_view key) {
  if (key.empty() || key.size() > max_custodian_key_bytes) return false;
  for (const char c : key) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool digit = c >= '0' && c <= '9';
    if (!letter && !digit && c != '.' && c != '_' && c != ':' && c != '-') return false;
  }
  return key != "." && key != "..";
}

std::string bounded_text(std::string_view text) {
  std::string out(text.substr(0, max_answer_text_bytes));
  for (char& c : out) {
    if (c < ' ' || c > '~') c = '?';
  }
  return out;
}

EffectAnswer answer_of_failure(const net::ClientFailure& failure) {
  const auto outcome =
      failure.kind == net::ClientFailure::Kind::never_sent ? Outcome::never_sent : Outcome::unknown;
  return {outcome, bounded_text(failure.error.code.code)};
}

EffectAnswer unknown_answer(const net::Response& response, std::string_view what) {
  return {Outcome::unknown,
          bounded_text("http_" + std::to_string(response.status) + ": " + std::string(what))};
}

}  // namespace pawl::otc
