// SPDX-License-Identifier: Apache-2.0
//
// Log lines: one JSON object a line on stderr, one write(2) a line, with the time, the level, the
// event's name and typed fields. Events have stable snake_case names, particulars go into fields:
//   pawl::log::warn("lease_lost", {{"lease", name}, {"token", 7}});
// Thread-safe. Not for secrets: nothing is masked here. Where lines go after stderr, and rotation,
// are left to whoever runs the program.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace pawl::log {

enum class Level : std::uint8_t { trace, debug, info, warn, error };

// Longer text in a field is cut there, with "..." after it: a line stays bounded.
inline constexpr std::size_t max_text_bytes = 8192;

// A name and a string, an integer or a boolean. Views: made in the call, never stored.
class Field {
 public:
  enum class Kind : std::uint8_t { text, signed_integer, unsigned_integer, boolean };

  Field(std::string_view name, std::string_view text) : name_(name), text_(text) {}
  Field(std::string_view name, const char* text) : Field(name, std::string_view(text)) {}
  Field(std::string_view name, const std::string& text) : Field(name, std::string_view(text)) {}
  template <std::integral T>
  Field(std::string_view name, T value) : name_(name) {
    if constexpr (std::same_as<T, bool>) {
      kind_ = Kind::boolean;
      bits_ = value ? 1 : 0;
    } else if constexpr (std::signed_integral<T>) {
      kind_ = Kind::signed_integer;
      bits_ = static_cast<std::uint64_t>(static_cast<std::int64_t>(value));
    } else {
      kind_ = Kind::unsigned_integer;
      bits_ = value;
    }
  }

  Kind kind() const { return kind_; }
  std::string_view name() const { return name_; }
  std::string_view text() const { return text_; }
  std::int64_t signed_integer() const { return static_cast<std::int64_t>(bits_); }
  std::uint64_t unsigned_integer() const { return bits_; }
  bool boolean() const { return bits_ != 0; }

 private:
  std::string_view name_;
  std::string_view text_;
  std::uint64_t bits_ = 0;
  Kind kind_ = Kind::text;
};

// Lines below the level are dropped; `info` at the start of the program.
void set_level(Level level);
Level level();
// True when a line of this level is written: for callers whose fields are costly to make.
bool enabled(Level level);

// Where lines go: called with one whole line including its '\n', one call at a time. An empty
// function restores stderr. For tests; the sink must not log.
void set_sink(std::function<void(std::string_view line)> sink);

void write(Level level, std::string_view event, std::span<const Field> fields);

inline void trace(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::trace, event, {fields.begin(), fields.size()});
}
inline void debug(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::debug, event, {fields.begin(), fields.size()});
}
inline void info(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::info, event, {fields.begin(), fields.size()});
}
inline void warn(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::warn, event, {fields.begin(), fields.size()});
}
inline void error(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::error, event, {fields.begin(), fields.size()});
}

}  // namespace pawl::log
