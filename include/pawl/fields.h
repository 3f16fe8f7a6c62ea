// SPDX-License-Identifier: Apache-2.0
//
// Describes a struct's fields once, for everything that needs them: the columns of its table, the
// stored payload of a command or effect, the fingerprint of a request.
//
//   struct Turnstile {
//     std::string id;
//     TurnstileState state = TurnstileState::locked;
//     pawl::Time state_since;
//     static constexpr auto fields() {
//       return std::tuple{pawl::field("id", &Turnstile::id),
//                         pawl::field("state", &Turnstile::state),
//                         pawl::field("state_since_us", &Turnstile::state_since)};
//     }
//   };
#pragma once

#include <pawl/error.h>
#include <pawl/value.h>

#include <span>
#include <tuple>
#include <utility>

namespace pawl {

template <class Struct, class T>
struct Field {
  std::string_view name;
  T Struct::* member;
  using type = T;
};

template <class Struct, class T>
constexpr Field<Struct, T> field(std::string_view name, T Struct::* member) {
  return {name, member};
}

template <class T>
concept HasFields = requires { T::fields(); };

// What a store knows of one column.
struct ColumnSpec {
  std::string_view name;
  ColumnType type = ColumnType::text;
  bool nullable = false;
};

template <HasFields T>
std::vector<ColumnSpec> column_specs() {
  std::vector<ColumnSpec> out;
  std::apply(
      [&out](const auto&... f) {
        (out.push_back({f.name, Codec<typename std::decay_t<decltype(f)>::type>::type,
                        is_optional<typename std::decay_t<decltype(f)>::type>}),
         ...);
      },
      T::fields());
  return out;
}

template <HasFields T>
Row to_row(const T& object) {
  Row row;
  row.reserve(std::tuple_size_v<decltype(T::fields())>);
  std::apply(
      [&](const auto&... f) {
        (row.push_back(
             Codec<typename std::decay_t<decltype(f)>::type>::to_value(object.*(f.member))),
         ...);
      },
      T::fields());
  return row;
}

// False if the row has another number of columns, or a value that the field's type does not know.
template <HasFields T>
bool from_row(std::span<const Value> row, T& object) {
  if (row.size() != std::tuple_size_v<decltype(T::fields())>) return false;
  std::size_t i = 0;
  return std::apply(
      [&](const auto&... f) {
        return (Codec<typename std::decay_t<decltype(f)>::type>::from_value(row[i++],
                                                                            object.*(f.member)) &&
                ...);
      },
      T::fields());
}

inline constexpr ErrorCode payload_unreadable{
    "payload_unreadable", ErrorClass::corrupt,
    "the stored payload is not one that this version can read"};

// A payload is a flat JSON object of the fields, and the number of its schema under
// "schema_number".
std::string encode_payload(std::span<const ColumnSpec> columns, std::span<const Value> values,
                           int schema_number);
// Refuses another schema number, a missing or an unknown field and a value of another type.
Result<Row> decode_payload(std::span<const ColumnSpec> columns, std::string_view payload,
                           int schema_number);

// The schema number of T's payload: T::schema_number where declared, else 1.
template <class T>
constexpr int schema_number_of() {
  if constexpr (requires { T::schema_number; }) {
    return T::schema_number;
  } else {
    return 1;
  }
}

template <HasFields T>
std::string to_payload(const T& object) {
  return encode_payload(column_specs<T>(), to_row(object), schema_number_of<T>());
}

template <HasFields T>
Result<T> from_payload(std::string_view payload) {
  auto row = decode_payload(column_specs<T>(), payload, schema_number_of<T>());
  if (!row) return std::unexpected(row.error());
  T object{};
  if (!from_row(std::span<const Value>(*row), object)) {
    return fail(payload_unreadable, "a value is outside what its field can hold");
  }
  return object;
}

}  // namespace pawl
