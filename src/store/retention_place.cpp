// SPDX-License-Identifier: Apache-2.0
#include "store/retention_place.h"

namespace pawl::store {

std::string subject_of(const protocol::RetentionPass& pass) {
  using protocol::RetentionSubject;
  switch (pass.subject) {
    case RetentionSubject::receipts:
      return "receipts";
    case RetentionSubject::ended_effects:
      return "ended_effects";
    case RetentionSubject::alerts:
      return "alerts";
    case RetentionSubject::journal:
      return "journal";
    case RetentionSubject::records:
      return "records:" + std::string(pass.table);
  }
  return {};
}

ReceiptPlace key_of_place(std::string_view place) {
  const auto nibble = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  ReceiptPlace out;
  std::size_t part = 0;
  for (std::size_t i = 0; i < place.size() && part < out.size(); ++i) {
    if (place[i] == ',') {
      ++part;
    } else if (i + 1 < place.size()) {
      out[part] += static_cast<char>(nibble(place[i]) * 16 + nibble(place[i + 1]));
      ++i;
    }
  }
  return out;
}

std::string place_at(const ReceiptPlace& key) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const auto& part : key) {
    for (const char c : part) {
      const auto byte = static_cast<unsigned char>(c);
      out += digits[byte / 16];
      out += digits[byte % 16];
    }
    out += ',';
  }
  out.pop_back();
  return out;
}

}  // namespace pawl::store
