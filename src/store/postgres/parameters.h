// SPDX-License-Identifier: Apache-2.0
//
// The parameters of one statement, in PostgreSQL's binary form, in one buffer: nothing is allocated
// for a parameter or an array's element once the buffer has grown. Clear it and fill it again. An
// array is opened and filled element by element until the next parameter begins:
//   parameters.integer(7).array(Type::text_array);
//   for (const auto& name : names) parameters.element(name);
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pawl::postgres {

// With the numbers that PostgreSQL's catalog has for them.
enum class Type : std::uint32_t {
  boolean = 16,
  bytea = 17,
  bigint = 20,
  int4 = 23,
  text = 25,
  tid = 27,
  boolean_array = 1000,
  bytea_array = 1001,
  int4_array = 1007,
  text_array = 1009,
  tid_array = 1010,
  bigint_array = 1016
};

// Of what an array consists.
Type element_type(Type array);

// A row's place in its table as long as it is locked: ctid.
struct RowPlace {
  std::uint32_t block = 0;
  std::uint16_t offset = 0;

  friend auto operator<=>(const RowPlace&, const RowPlace&) = default;
};

inline constexpr int row_place_bytes = 6;

// More in one statement is refused before it is sent: the server takes no message of a gigabyte.
inline constexpr std::size_t max_parameter_bytes = std::size_t{512} << 20;

class Parameters {
 public:
  Parameters& integer(std::int64_t value);
  Parameters& int4(std::int32_t value);
  Parameters& boolean(bool value);
  Parameters& text(std::string_view value);
  Parameters& bytes(std::span<const unsigned char> value);
  Parameters& null(Type type);

  // Opens an array of one dimension. Its elements must be of the array's type.
  Parameters& array(Type type);
  Parameters& element(std::int64_t value);  // bigint_array, and int4_array (what fits into it)
  Parameters& element(bool value);
  Parameters& element(RowPlace value);
  Parameters& element(std::string_view value);
  Parameters& element(const char* value) { return element(std::string_view(value)); }
  Parameters& element(std::span<const unsigned char> value);
  Parameters& element_null();
  // Whole arrays without NULLs.
  Parameters& integers(std::span<const std::int64_t> values);
  Parameters& texts(std::span<const std::string> values);

  void clear();

  std::size_t size() const { return types_.size(); }
  std::size_t byte_size() const { return buffer_.size(); }
  std::span<const Type> types() const { return types_; }
  // An element of another type than its array's was given: such parameters must not be sent.
  bool mistyped() const { return mistyped_; }

  // As libpq takes them; valid until the next change.
  const char* const* values() const;
  const int* lengths() const { return lengths_.data(); }
  const int* formats() const { return formats_.data(); }

 private:
  void begin(Type type);
  void append(const void* data, std::size_t size);
  void put(std::uint64_t value, int size);
  void patch32(std::size_t offset, std::uint32_t value);
  void begin_element(Type array_type);

  std::string buffer_;
  std::vector<Type> types_;
  std::vector<std::size_t> offsets_;
  std::vector<int> lengths_;  // of a NULL: null_length
  std::vector<int> formats_;
  bool in_array_ = false;
  std::uint32_t elements_ = 0;
  bool mistyped_ = false;
  mutable std::vector<const char*> pointers_;

  static constexpr int null_length = -1;
};

}  // namespace pawl::postgres
