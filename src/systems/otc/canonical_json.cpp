// SPDX-License-Identifier: Apache-2.0
#include "systems/otc/canonical_json.h"

#include <optional>

namespace pawl::otc {
namespace {

struct CodePoint {
  char32_t value = 0;
  std::size_t bytes = 1;
};

unsigned char byte_at(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

// Strict: no overlong form, no surrogate, nothing above U+10FFFF (RFC 3629, section 3).
std::optional<CodePoint> decode(std::string_view text) {
  const auto lead = byte_at(text, 0);
  if (lead < 0x80) return CodePoint{lead, 1};
  std::size_t bytes = 0;
  if (lead >= 0xc2 && lead <= 0xdf) bytes = 2;
  if (lead >= 0xe0 && lead <= 0xef) bytes = 3;
  if (lead >= 0xf0 && lead <= 0xf4) bytes = 4;
  if (bytes == 0 || text.size() < bytes) return std::nullopt;
  char32_t value = lead & (0x7fU >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    const auto next = byte_at(text, i);
    if ((next & 0xc0) != 0x80) return std::nullopt;
    value = (value << 6) | (next & 0x3fU);
  }
  const bool overlong = (bytes == 3 && value < 0x800) || (bytes == 4 && value < 0x10000);
  const bool surrogate = value >= 0xd800 && value <= 0xdfff;
  if (overlong || surrogate || value > 0x10ffff) return std::nullopt;
  return CodePoint{value, bytes};
}

void append_unit(std::string& out, char32_t unit) {
  constexpr std::string_view digits = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += digits[(unit >> shift) & 15];
}

void append_escaped(std::string& out, char32_t c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    default:
      break;
  }
  if (c >= ' ' && c <= '~') {
    out += static_cast<char>(c);
  } else if (c < 0x10000) {
    append_unit(out, c);
  } else {
    append_unit(out, 0xd800 + ((c - 0x10000) >> 10));
    append_unit(out, 0xdc00 + ((c - 0x10000) & 0x3ff));
  }
}

std::optional<std::string> quoted(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const auto point = decode(text);
    if (!point) return std::nullopt;
    append_escaped(out, point->value);
    text.remove_prefix(point->bytes);
  }
  return out + "\"";
}

}  // namespace

CanonicalObject& CanonicalObject::set(std::string_view key, std::string_view value) {
  auto encoded = quoted(value);
  valid_ = valid_ && encoded.has_value();
  members_[std::string(key)] = std::move(encoded).value_or("");
  return *this;
}

CanonicalObject& CanonicalObject::set(std::string_view key, std::int64_t value) {
  members_[std::string(key)] = std::to_string(value);
  return *this;
}

Result<std::string> CanonicalObject::text() const {
  if (!valid_) return fail(text_not_utf8);
  std::string out = "{";
  for (const auto& [key, value] : members_) {
    if (out.size() > 1) out += ",";
    out.append("\"").append(key).append("\":").append(value);
  }
  return out + "}";
}

}  // namespace pawl::otc
