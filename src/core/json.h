// SPDX-License-Identifier: Apache-2.0
//
// JSON as this program needs it: a strict reader (RFC 8259) that keeps numbers as their source
// text, so that exact decimals survive, and a writer that appends to one string. What the text
// means is left to the caller. Nothing here does input or output; values are not shared between
// threads.
#pragma once

#include <pawl/error.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace pawl::json {

inline constexpr ErrorCode json_invalid{"json_invalid", ErrorClass::invalid,
                                        "The text is not valid JSON"};
inline constexpr ErrorCode json_too_deep{"json_too_deep", ErrorClass::invalid,
                                         "The JSON text is nested too deeply"};
inline constexpr ErrorCode json_duplicate_key{"json_duplicate_key", ErrorClass::invalid,
                                              "A JSON object names a key twice"};
inline constexpr ErrorCode json_too_large{"json_too_large", ErrorClass::too_large,
                                          "The JSON text is larger than allowed"};

// The longest number text taken, in characters; a longer one is json_too_large.
inline constexpr std::size_t max_number_length = 64;

struct Member;
class Writer;

// One JSON value. Moving is cheap; copying copies the tree. Equality compares number texts and the
// order of members as they stand: 1.0 and 1 differ, {"a":1,"b":2} and {"b":2,"a":1} differ.
class Value {
 public:
  enum class Kind : std::uint8_t { null, boolean, number, string, array, object };
  using Array = std::vector<Value>;
  using Object = std::vector<Member>;

  Value() noexcept;  // null
  Value(const Value& other);
  Value(Value&& other) noexcept;
  Value& operator=(const Value& other);
  Value& operator=(Value&& other) noexcept;
  ~Value();

  static Value boolean(bool value);
  static Value integer(std::int64_t value);
  static Value integer(std::uint64_t value);
  template <std::integral T>
  static Value integer(T value);
  static Value string(std::string value);
  static Value array(Array items = {});
  static Value object();  // empty; fill it with add()
  // Any JSON number as its text; json_invalid when the text is not one, json_too_large above
  // max_number_length.
  static Result<Value> number(std::string_view text);

  Kind kind() const noexcept;
  bool is_null() const noexcept { return kind() == Kind::null; }
  bool is_object() const noexcept { return kind() == Kind::object; }
  bool is_array() const noexcept { return kind() == Kind::array; }
  bool is_string() const noexcept { return kind() == Kind::string; }
  bool is_number() const noexcept { return kind() == Kind::number; }

  // Each gives nothing when the value is of another kind; views and pointers live as long as it.
  std::optional<bool> as_bool() const noexcept;
  std::optional<std::string_view> as_string() const noexcept;
  std::optional<std::string_view> number_text() const noexcept;
  // Only when the text is an integer in range: no fraction, no exponent ("1.0" and "1e3" give
  // none).
  std::optional<std::int64_t> as_int64() const noexcept;
  std::optional<std::uint64_t> as_uint64() const noexcept;
  const Array* as_array() const noexcept;
  const Object* as_object() const noexcept;  // members in the order of the text

  // The member of that name; nullptr when there is none or this is no object. Linear.
  const Value* find(std::string_view key) const noexcept;

  // Appends a member (the key must be new) or an item; a null value becomes an object or an array
  // first. False, with nothing changed, when this is of another kind or the key is there already.
  bool add(std::string key, Value value);
  bool push(Value item);

  // Compact JSON text; parse() of it gives an equal value (if all strings are UTF-8).
  std::string text() const;

  friend bool operator==(const Value& a, const Value& b);

 private:
  friend class ValueBuilder;
  struct Number {
    std::string text;
    bool operator==(const Number&) const = default;
  };
  std::variant<std::monostate, bool, Number, std::string, Array, Object> data_;
};

struct Member {
  std::string key;
  Value value;
  friend bool operator==(const Member& a, const Member& b) = default;
};

struct ParseLimits {
  std::size_t max_bytes = std::size_t{1} << 20;  // length of the text
  std::size_t max_depth = 32;                    // arrays and objects within each other
  std::size_t max_elements = 10'000;             // values of all kinds in the whole text
};

// Strict RFC 8259. Refused: duplicate keys (also when escaped differently), invalid UTF-8, lone
// surrogates, text after the value, comments, NaN and Infinity, a byte order mark. The detail of
// an error names the byte it was noticed at (within 0.1% of the length in texts above 4 KiB).
Result<Value> parse(std::string_view text, ParseLimits limits = {});

// Appends JSON to one string that it owns; commas are its work, correct nesting is the caller's.
// Allocates nothing but that string's growth. Bytes that are not UTF-8 become U+FFFD, so the output
// is valid JSON whatever the strings hold.
class Writer {
 public:
  Writer() = default;
  // Takes over the buffer for its capacity; its contents are dropped.
  explicit Writer(std::string&& buffer) : out_(std::move(buffer)) { out_.clear(); }

  Writer& begin_object() { return open('{'); }
  Writer& end_object() { return close('}'); }
  Writer& begin_array() { return open('['); }
  Writer& end_array() { return close(']'); }
  Writer& key(std::string_view name);
  Writer& string(std::string_view text);
  Writer& integer(std::int64_t value);
  Writer& integer(std::uint64_t value);
  template <std::integral T>
  Writer& integer(T value);
  Writer& boolean(bool value);
  Writer& null();
  Writer& value(const Value& value);
  // Appends one value that is JSON already; the caller answers for it.
  Writer& raw(std::string_view json);

  Writer& field(std::string_view name, std::string_view text) { return key(name).string(text); }
  Writer& field(std::string_view name, const char* text) { return key(name).string(text); }
  template <std::integral T>
  Writer& field(std::string_view name, T number);
  Writer& field(std::string_view name, std::nullptr_t) { return key(name).null(); }
  Writer& field(std::string_view name, const Value& member) { return key(name).value(member); }

  const std::string& text() const& { return out_; }
  std::string take() && { return std::move(out_); }
  // Starts over and keeps the capacity.
  void clear() {
    out_.clear();
    comma_ = false;
  }

 private:
  Writer& open(char bracket);
  Writer& close(char bracket);
  void separate() {
    if (comma_) out_ += ',';
    comma_ = true;
  }
  void quote(std::string_view text);

  std::string out_;
  bool comma_ = false;  // the next value or key needs a comma before it
};

template <std::integral T>
Value Value::integer(T value) {
  static_assert(!std::same_as<T, bool>);
  if constexpr (std::signed_integral<T>) {
    return integer(static_cast<std::int64_t>(value));
  } else {
    return integer(static_cast<std::uint64_t>(value));
  }
}

template <std::integral T>
Writer& Writer::integer(T value) {
  static_assert(!std::same_as<T, bool>);
  if constexpr (std::signed_integral<T>) {
    return integer(static_cast<std::int64_t>(value));
  } else {
    return integer(static_cast<std::uint64_t>(value));
  }
}

template <std::integral T>
Writer& Writer::field(std::string_view name, T number) {
  if constexpr (std::same_as<T, bool>) {
    return key(name).boolean(number);
  } else {
    return key(name).integer(number);
  }
}

}  // namespace pawl::json
