// SPDX-License-Identifier: Apache-2.0
//
// A bearer token as a text, "pawl_ID_SECRET": the id is public, the secret is 32 random bytes in
// hex. What is stored is SHA-256 of the secret's bytes. A slow password hash would buy nothing: it
// makes guessing dear where secrets are few, and of 2^256 none is ever guessed; on every request it
// would be ours to pay.
#pragma once

#include <pawl/error.h>

#include <optional>
#include <string>
#include <string_view>

namespace pawl::app {

struct TokenText {
  std::string id;      // 16 hex digits, lower case
  std::string secret;  // 64

  std::string text() const { return "pawl_" + id + "_" + secret; }
};

// Nothing for what does not look like a token.
std::optional<TokenText> parse_token_text(std::string_view text);

// 64 hex digits from the system's cryptographic generator.
std::string make_token_secret();
// The id that follows from who asks and under which id of a request: a repeat meets the same token.
std::string token_id_of(std::string_view principal, std::string_view command_id);
// Of 64 hex digits; as hex.
std::string token_secret_hash(std::string_view secret);
// In constant time; false if their lengths differ.
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace pawl::app
