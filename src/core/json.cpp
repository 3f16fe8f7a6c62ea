// SPDX-License-Identifier: Apache-2.0
//
// The value type and the writer. The reader is in json_parse.cpp, which alone knows Boost.JSON.
#include "core/json.h"

#include <array>
#include <charconv>

#include "core/utf8.h"

namespace pawl::json {

Value::Value() noexcept = default;
Value::Value(const Value& other) = default;
Value::Value(Value&& other) noexcept = default;
Value& Value::operator=(const Value& other) = default;
Value& Value::operator=(Value&& other) noexcept = default;
Value::~Value() = default;

bool operator==(const Value& a, const Value& b) {
  return a.data_ == b.data_;
}

Value Value::boolean(bool value) {
  Value out;
  out.data_ = value;
  return out;
}

Value Value::integer(std::int64_t value) {
  Value out;
  out.data_ = Number{std::to_string(value)};
  return out;
}

Value Value::integer(std::uint64_t value) {
  Value out;
  out.data_ = Number{std::to_string(value)};
  return out;
}

Value Value::string(std::string value) {
  Value out;
  out.data_ = std::move(value);
  return out;
}

Value Value::array(Array items) {
  Value out;
  out.data_ = std::move(items);
  return out;
}

Value Value::object() {
  Value out;
  out.data_ = Object{};
  return out;
}

Result<Value> Value::number(std::string_view text) {
  Result<Value> parsed = parse(text);
  if (!parsed) return parsed;
  // parse() takes white space around the value, which is no part of a number.
  if (parsed->number_text() != text) return fail(json_invalid, "expected a number");
  return parsed;
}

Value::Kind Value::kind() const noexcept {
  return static_cast<Kind>(data_.index());
}

std::optional<bool> Value::as_bool() const noexcept {
  if (const bool* value = std::get_if<bool>(&data_)) return *value;
  return std::nullopt;
}

std::optional<std::string_view> Value::as_string() const noexcept {
  if (const std::string* text = std::get_if<std::string>(&data_)) return *text;
  return std::nullopt;
}

std::optional<std::string_view> Value::number_text() const noexcept {
  if (const Number* number = std::get_if<Number>(&data_)) return number->text;
  return std::nullopt;
}

namespace {

template <class Integer>
std::optional<Integer> integer_of(std::optional<std::string_view> text) {
  if (!text) return std::nullopt;
  Integer value = 0;
  const char* end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

}  // namespace

std::optional<std::int64_t> Value::as_int64() const noexcept {
  return integer_of<std::int64_t>(number_text());
}

std::optional<std::uint64_t> Value::as_uint64() const noexcept {
  return integer_of<std::uint64_t>(number_text());
}

const Value::Array* Value::as_array() const noexcept {
  return std::get_if<Array>(&data_);
}

const Value::Object* Value::as_object() const noexcept {
  return std::get_if<Object>(&data_);
}

const Value* Value::find(std::string_view key) const noexcept {
  const Object* members = as_object();
  if (members == nullptr) return nullptr;
  for (const Member& member : *members) {
    if (member.key == key) return &member.value;
  }
  return nullptr;
}

bool Value::add(std::string key, Value value) {
  if (is_null()) data_ = Object{};
  Object* members = std::get_if<Object>(&data_);
  if (members == nullptr || find(key) != nullptr) return false;
  members->push_back(Member{std::move(key), std::move(value)});
  return true;
}

bool Value::push(Value item) {
  if (is_null()) data_ = Array{};
  Array* items = std::get_if<Array>(&data_);
  if (items == nullptr) return false;
  items->push_back(std::move(item));
  return true;
}

std::string Value::text() const {
  Writer writer;
  writer.value(*this);
  return std::move(writer).take();
}

namespace {

constexpr std::string_view replacement_character = "\xEF\xBF\xBD";  // U+FFFD

// Printable ASCII but for the quote and the backslash: what goes out as it is.
constexpr std::array<bool, 256> plain = [] {
  std::array<bool, 256> table{};
  for (std::size_t c = 0x20; c < 0x80; ++c) table[c] = c != '"' && c != '\\';
  return table;
}();

void append_control(std::string& out, unsigned char c) {
  constexpr std::string_view digits = "0123456789abcdef";
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
    default:
      out += "\\u00";
      out += digits[c >> 4];
      out += digits[c & 15];
  }
}

}  // namespace

void Writer::quote(std::string_view text) {
  out_ += '"';
  while (!text.empty()) {
    std::size_t run = 0;
    while (run < text.size() && plain[static_cast<unsigned char>(text[run])]) ++run;
    out_.append(text.data(), run);
    text.remove_prefix(run);
    if (text.empty()) break;
    const auto c = static_cast<unsigned char>(text.front());
    if (c < 0x80) {
      append_control(out_, c);
      text.remove_prefix(1);
      continue;
    }
    const utf8::Step next = utf8::step(text);
    out_ += next.valid ? text.substr(0, next.length) : replacement_character;
    text.remove_prefix(next.length);
  }
  out_ += '"';
}

Writer& Writer::open(char bracket) {
  separate();
  out_ += bracket;
  comma_ = false;
  return *this;
}

Writer& Writer::close(char bracket) {
  out_ += bracket;
  comma_ = true;
  return *this;
}

Writer& Writer::key(std::string_view name) {
  separate();
  quote(name);
  out_ += ':';
  comma_ = false;
  return *this;
}

Writer& Writer::string(std::string_view text) {
  separate();
  quote(text);
  return *this;
}

namespace {

template <class Integer>
void append_integer(std::string& out, Integer value) {
  std::array<char, 24> digits;  // 20 suffice
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), end);
}

}  // namespace

Writer& Writer::integer(std::int64_t value) {
  separate();
  append_integer(out_, value);
  return *this;
}

Writer& Writer::integer(std::uint64_t value) {
  separate();
  append_integer(out_, value);
  return *this;
}

Writer& Writer::boolean(bool value) {
  return raw(value ? "true" : "false");
}

Writer& Writer::null() {
  return raw("null");
}

Writer& Writer::raw(std::string_view json) {
  separate();
  out_ += json;
  return *this;
}

Writer& Writer::value(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::null:
      return null();
    case Value::Kind::boolean:
      return boolean(*value.as_bool());
    case Value::Kind::number:
      return raw(*value.number_text());
    case Value::Kind::string:
      return string(*value.as_string());
    case Value::Kind::array:
      begin_array();
      for (const Value& item : *value.as_array()) this->value(item);
      return end_array();
    case Value::Kind::object:
      begin_object();
      for (const Member& member : *value.as_object()) key(member.key).value(member.value);
      return end_object();
  }
  return null();
}

}  // namespace pawl::json
