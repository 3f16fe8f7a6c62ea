// SPDX-License-Identifier: Apache-2.0
//
// The values that travel between typed C++ structs and a store's columns, and the codecs that map a
// field's C++ type to one of them. A codec never throws: a stored value that the type does not know
// (an enumerator of a newer binary) makes from_value() answer false.
#pragma once

#include <pawl/time.h>

#include <array>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace pawl {

// One stored value: NULL, a signed 64-bit integer, or UTF-8 text.
using Value = std::variant<std::monostate, std::int64_t, std::string>;
using Row = std::vector<Value>;

enum class ColumnType { integer, text };

// An enum stored by name: declare, in the enum's namespace,
//   constexpr auto pawl_names(State) { return std::array<std::string_view, 2>{"open", "shut"}; }
// with one name per enumerator, enumerators counting from 0.
template <class E>
concept NamedEnum = std::is_enum_v<E> && requires(E e) { pawl_names(e)[0]; };

template <NamedEnum E>
constexpr std::string_view name_of(E value) {
  constexpr auto names = pawl_names(E{});
  const auto index = static_cast<std::size_t>(value);
  return index < names.size() ? names[index] : std::string_view("?");
}

template <NamedEnum E>
constexpr std::optional<E> enum_from_name(std::string_view name) {
  constexpr auto names = pawl_names(E{});
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return static_cast<E>(i);
  }
  return std::nullopt;
}

// How a C++ type is stored. Specialise it for types of your own:
//   type, to_value(const T&), from_value(const Value&, T&) -> bool.
template <class T>
struct Codec;

template <std::integral T>
  requires(!std::same_as<T, bool> && (std::signed_integral<T> || sizeof(T) < 8))
struct Codec<T> {
  static constexpr ColumnType type = ColumnType::integer;
  static Value to_value(const T& v) { return static_cast<std::int64_t>(v); }
  static bool from_value(const Value& v, T& out) {
    const auto* number = std::get_if<std::int64_t>(&v);
    if (number == nullptr || !std::in_range<T>(*number)) return false;
    out = static_cast<T>(*number);
    return true;
  }
};

template <>
struct Codec<bool> {
  static constexpr ColumnType type = ColumnType::integer;
  static Value to_value(bool v) { return std::int64_t{v ? 1 : 0}; }
  static bool from_value(const Value& v, bool& out) {
    const auto* number = std::get_if<std::int64_t>(&v);
    if (number == nullptr || (*number != 0 && *number != 1)) return false;
    out = *number == 1;
    return true;
  }
};

template <>
struct Codec<std::string> {
  static constexpr ColumnType type = ColumnType::text;
  static Value to_value(const std::string& v) { return v; }
  static bool from_value(const Value& v, std::string& out) {
    const auto* text = std::get_if<std::string>(&v);
    if (text == nullptr) return false;
    out = *text;
    return true;
  }
};

template <>
struct Codec<Time> {
  static constexpr ColumnType type = ColumnType::integer;
  static Value to_value(Time v) { return v.us; }
  static bool from_value(const Value& v, Time& out) {
    return Codec<std::int64_t>::from_value(v, out.us);
  }
};

template <NamedEnum E>
struct Codec<E> {
  static constexpr ColumnType type = ColumnType::text;
  static Value to_value(E v) { return std::string(name_of(v)); }
  static bool from_value(const Value& v, E& out) {
    const auto* text = std::get_if<std::string>(&v);
    if (text == nullptr) return false;
    const auto found = enum_from_name<E>(*text);
    if (!found) return false;
    out = *found;
    return true;
  }
};

// NULL and nothing are the same.
template <class T>
struct Codec<std::optional<T>> {
  static constexpr ColumnType type = Codec<T>::type;
  static Value to_value(const std::optional<T>& v) { return v ? Codec<T>::to_value(*v) : Value{}; }
  static bool from_value(const Value& v, std::optional<T>& out) {
    if (std::holds_alternative<std::monostate>(v)) {
      out.reset();
      return true;
    }
    T inner{};
    if (!Codec<T>::from_value(v, inner)) return false;
    out = std::move(inner);
    return true;
  }
};

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

}  // namespace pawl
