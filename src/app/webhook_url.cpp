// SPDX-License-Identifier: Apache-2.0
//
// Which addresses alerts may be told to; see alert_webhook.h, whose threads and signatures are not
// needed to read a configuration.
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include "app/alert_webhook.h"

namespace pawl::app {

namespace {

bool is_this_machine(const boost::urls::url_view& url) {
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

Result<void> check_webhook_url(std::string_view text) {
  const auto parsed = boost::urls::parse_uri(text);
  if (!parsed) return fail(webhook_url_invalid);
  const boost::urls::url_view& url = *parsed;
  const bool https = url.scheme_id() == boost::urls::scheme::https;
  const bool http = url.scheme_id() == boost::urls::scheme::http;
  const bool plain = !url.has_userinfo() && !url.has_fragment() && !url.host().empty();
  if (!plain || (!https && !(http && is_this_machine(url)))) return fail(webhook_url_invalid);
  return {};
}

}  // namespace pawl::app
