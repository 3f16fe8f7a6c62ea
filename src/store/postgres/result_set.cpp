// SPDX-License-Identifier: Apache-2.0
#include "store/postgres/result_set.h"

#include <charconv>

namespace pawl::postgres {

namespace {

RowPlace place_from(std::span<const unsigned char> bytes) {
  std::uint64_t both = 0;
  for (const unsigned char byte : bytes) both = (both << 8) | byte;
  return {static_cast<std::uint32_t>(both >> 16), static_cast<std::uint16_t>(both)};
}

}  // namespace

bool ResultSet::is_null(int row, int column) const {
  return result_ == nullptr || PQgetisnull(result_.get(), row, column) != 0;
}

std::int64_t ResultSet::integer(int row, int column) const {
  if (is_null(row, column)) return 0;
  const auto* bytes =
      reinterpret_cast<const unsigned char*>(PQgetvalue(result_.get(), row, column));
  const int length = PQgetlength(result_.get(), row, column);
  std::uint64_t value = 0;
  for (int i = 0; i < length && i < 8; ++i) value = (value << 8) | bytes[i];
  switch (length) {
    case 1:
      return static_cast<std::int64_t>(value);
    case 2:
      return static_cast<std::int16_t>(value);
    case 4:
      // An oid is unsigned, everything else of this width is not.
      if (PQftype(result_.get(), column) == 26) return static_cast<std::int64_t>(value);
      return static_cast<std::int32_t>(value);
    case 8:
      return static_cast<std::int64_t>(value);
    default:
      return 0;
  }
}

std::string_view ResultSet::text_view(int row, int column) const {
  if (is_null(row, column)) return {};
  return {PQgetvalue(result_.get(), row, column),
          static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

std::span<const unsigned char> ResultSet::blob(int row, int column) const {
  const auto text = text_view(row, column);
  return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

RowPlace ResultSet::row_place(int row, int column) const {
  const auto bytes = blob(row, column);
  return bytes.size() == row_place_bytes ? place_from(bytes) : RowPlace{};
}

// In binary form: dimensions, flags, the elements' type, then of the one dimension its length and
// lower bound; each element behind its own length.
std::vector<RowPlace> ResultSet::row_places(int row, int column) const {
  constexpr std::size_t header = 20;
  constexpr std::size_t length = 4;
  constexpr std::size_t element = length + row_place_bytes;
  std::vector<RowPlace> out;
  if (row >= rows()) return out;
  std::span<const unsigned char> bytes = blob(row, column);
  if (bytes.size() < header || (bytes.size() - header) % element != 0) return out;
  bytes = bytes.subspan(header);
  out.reserve(bytes.size() / element);
  for (; !bytes.empty(); bytes = bytes.subspan(element)) {
    out.push_back(place_from(bytes.subspan(length, row_place_bytes)));
  }
  return out;
}

std::string_view ResultSet::tag() const {
  if (result_ == nullptr) return {};
  const char* tag = PQcmdStatus(result_.get());
  return tag == nullptr ? std::string_view() : std::string_view(tag);
}

std::int64_t ResultSet::affected() const {
  if (result_ == nullptr) return 0;
  const std::string_view text = PQcmdTuples(result_.get());
  std::int64_t count = 0;
  std::from_chars(text.data(), text.data() + text.size(), count);
  return count;
}

}  // namespace pawl::postgres
