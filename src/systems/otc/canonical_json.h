// SPDX-License-Identifier: Apache-2.0
//
// The bytes that are signed: one flat JSON object, keys sorted, no blanks, ASCII only (everything
// outside space to `~` escaped, above U+FFFF as a surrogate pair), integers unquoted. Byte for byte
// what Python's json.dumps(sort_keys=True, separators=(",", ":")) writes, which the reference's
// clients sign. Writes only; reading JSON is left to core/json.h.
#pragma once

#include <pawl/error.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace pawl::otc {

inline constexpr ErrorCode text_not_utf8{"text_not_utf8", ErrorClass::invalid,
                                         "The text is not valid UTF-8."};

class CanonicalObject {
 public:
  // A key is set once; ASCII without quotes, the caller's constant. The value is UTF-8.
  CanonicalObject& set(std::string_view key, std::string_view value);
  CanonicalObject& set(std::string_view key, std::int64_t value);

  // Errors: text_not_utf8 (also for an encoded surrogate, which no JSON text can carry).
  Result<std::string> text() const;

 private:
  std::map<std::string, std::string> members_;  // key to encoded value, sorted as bytes
  bool valid_ = true;
};

}  // namespace pawl::otc
