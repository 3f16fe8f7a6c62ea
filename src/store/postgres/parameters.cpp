// SPDX-License-Identifier: Apache-2.0
#include "store/postgres/parameters.h"

#include <array>
#include <limits>

namespace pawl::postgres {
namespace {

// An array's head: dimensions, has-NULLs, element type; then, unless it is empty, count and lower
// bound.
constexpr std::size_t has_null_offset = 4;
constexpr std::size_t count_offset = 12;

// As it goes over the wire: the highest byte first.
template <std::size_t Size>
void store(std::uint64_t value, char* at) {
  for (std::size_t i = 0; i < Size; ++i) at[i] = static_cast<char>(value >> (8 * (Size - 1 - i)));
}

bool is_array(Type type) {
  return static_cast<std::uint32_t>(type) >= 1000;
}

}  // namespace

Type element_type(Type array) {
  switch (array) {
    case Type::boolean_array:
      return Type::boolean;
    case Type::bytea_array:
      return Type::bytea;
    case Type::int4_array:
      return Type::int4;
    case Type::text_array:
      return Type::text;
    case Type::tid_array:
      return Type::tid;
    default:
      return Type::bigint;
  }
}

void Parameters::begin(Type type) {
  in_array_ = false;
  types_.push_back(type);
  offsets_.push_back(buffer_.size());
  lengths_.push_back(0);
  formats_.push_back(1);
}

void Parameters::append(const void* data, std::size_t size) {
  if (size > 0) buffer_.append(static_cast<const char*>(data), size);
  // What does not fit is refused by its size before it is sent.
  const std::size_t length = buffer_.size() - offsets_.back();
  lengths_.back() = static_cast<int>(length & std::numeric_limits<int>::max());
}

void Parameters::put(std::uint64_t value, int size) {
  char bytes[8];
  for (int i = 0; i < size; ++i) bytes[i] = static_cast<char>(value >> (8 * (size - 1 - i)));
  append(bytes, static_cast<std::size_t>(size));
}

void Parameters::patch32(std::size_t offset, std::uint32_t value) {
  store<4>(value, buffer_.data() + offsets_.back() + offset);
}

Parameters& Parameters::integer(std::int64_t value) {
  begin(Type::bigint);
  put(static_cast<std::uint64_t>(value), 8);
  return *this;
}

Parameters& Parameters::int4(std::int32_t value) {
  begin(Type::int4);
  put(static_cast<std::uint32_t>(value), 4);
  return *this;
}

Parameters& Parameters::boolean(bool value) {
  begin(Type::boolean);
  put(value ? 1 : 0, 1);
  return *this;
}

Parameters& Parameters::text(std::string_view value) {
  begin(Type::text);
  append(value.data(), value.size());
  return *this;
}

Parameters& Parameters::bytes(std::span<const unsigned char> value) {
  begin(Type::bytea);
  append(value.data(), value.size());
  return *this;
}

Parameters& Parameters::null(Type type) {
  begin(type);
  lengths_.back() = null_length;
  return *this;
}

Parameters& Parameters::array(Type type) {
  begin(type);
  mistyped_ = mistyped_ || !is_array(type);
  in_array_ = true;
  elements_ = 0;
  put(0, 4);
  put(0, 4);
  put(static_cast<std::uint32_t>(element_type(type)), 4);
  return *this;
}

void Parameters::begin_element(Type array_type) {
  if (!in_array_ || types_.back() != array_type) {
    mistyped_ = true;
    if (!in_array_) array(array_type);
  }
  if (++elements_ == 1) {
    patch32(0, 1);
    put(1, 4);
    put(1, 4);
  } else {
    patch32(count_offset, elements_);
  }
}

Parameters& Parameters::element(std::int64_t value) {
  if (in_array_ && types_.back() == Type::int4_array) {
    begin_element(Type::int4_array);
    mistyped_ = mistyped_ || value != static_cast<std::int32_t>(value);
    put(4, 4);
    put(static_cast<std::uint64_t>(value), 4);
    return *this;
  }
  begin_element(Type::bigint_array);
  std::array<char, 12> bytes;
  store<4>(8, bytes.data());
  store<8>(static_cast<std::uint64_t>(value), bytes.data() + 4);
  append(bytes.data(), bytes.size());
  return *this;
}

Parameters& Parameters::element(bool value) {
  begin_element(Type::boolean_array);
  put(1, 4);
  put(value ? 1 : 0, 1);
  return *this;
}

Parameters& Parameters::element(RowPlace value) {
  begin_element(Type::tid_array);
  put(row_place_bytes, 4);
  put(value.block, 4);
  put(value.offset, 2);
  return *this;
}

Parameters& Parameters::element(std::string_view value) {
  begin_element(Type::text_array);
  std::array<char, 4> size;
  store<4>(value.size(), size.data());
  buffer_.append(size.data(), size.size());
  append(value.data(), value.size());
  return *this;
}

Parameters& Parameters::element(std::span<const unsigned char> value) {
  begin_element(Type::bytea_array);
  put(value.size(), 4);
  append(value.data(), value.size());
  return *this;
}

Parameters& Parameters::element_null() {
  begin_element(in_array_ ? types_.back() : Type::text_array);
  patch32(has_null_offset, 1);
  put(0xFFFFFFFF, 4);
  return *this;
}

Parameters& Parameters::integers(std::span<const std::int64_t> values) {
  array(Type::bigint_array);
  for (const auto value : values) element(value);
  return *this;
}

Parameters& Parameters::texts(std::span<const std::string> values) {
  array(Type::text_array);
  for (const auto& value : values) element(std::string_view(value));
  return *this;
}

void Parameters::clear() {
  buffer_.clear();
  types_.clear();
  offsets_.clear();
  lengths_.clear();
  formats_.clear();
  in_array_ = false;
  mistyped_ = false;
}

const char* const* Parameters::values() const {
  pointers_.clear();
  for (std::size_t i = 0; i < types_.size(); ++i) {
    pointers_.push_back(lengths_[i] == null_length ? nullptr : buffer_.data() + offsets_[i]);
  }
  return pointers_.data();
}

}  // namespace pawl::postgres
