// SPDX-License-Identifier: Apache-2.0
//
// What both custodian adapters need of HTTP: which addresses may be trusted with keys and money,
// and how a failed exchange becomes an outcome. The wire formats are the adapters' own.
#pragma once

#include <pawl/effect.h>
#include <pawl/error.h>

#include <string>
#include <string_view>

#include "net/client.h"

namespace pawl::otc {

inline constexpr ErrorCode custodian_url_invalid{
    "custodian_url_invalid", ErrorClass::invalid,
    "The custodian's address is not an http or https URL of a host and an optional port."};
inline constexpr ErrorCode custodian_url_untrusted{
    "custodian_url_untrusted", ErrorClass::invalid,
    "The custodian's address is neither https nor on this machine."};

// A custodian's answer is short; a longer one is cut off and its outcome unknown.
inline constexpr std::size_t max_custodian_answer_bytes = std::size_t{64} << 10;

// The URL without a final slash. Errors: custodian_url_invalid (also user information, a path, a
// query), custodian_url_untrusted: plain http to anything but 127.0.0.0/8, [::1] or localhost. TLS
// certificates are always verified, net::Client knows no other way.
Result<std::string> trusted_base_url(std::string_view url);

// Whether `key` is one that both contracts take: see max_custodian_key_bytes.
bool is_custodian_key(std::string_view key);

// Printable ASCII of at most max_answer_text_bytes; other bytes become '?'.
std::string bounded_text(std::string_view text);

// never_sent stays never_sent, all else is unknown; the code is the client's.
EffectAnswer answer_of_failure(const net::ClientFailure& failure);

// unknown, with "http_<status>: what" as its code.
EffectAnswer unknown_answer(const net::Response& response, std::string_view what);

}  // namespace pawl::otc
