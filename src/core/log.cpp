// SPDX-License-Identifier: Apache-2.0
//
// A line is composed whole and written with one write(2) under a lock, so lines
// never mix. A logging library is not used: what is wanted of it (levels, a lock, stderr) is these
// few lines, while the part that takes care, typed fields as valid JSON, is the project's Writer.
#include <pawl/log.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <mutex>
#include <utility>

#include "core/json.h"
#include "core/obeyed_characters.h"
#include "core/utf8.h"

namespace pawl::log {
namespace {

std::atomic<Level> lowest{Level::info};

struct Output {
  std::mutex mutex;
  std::function<void(std::string_view)> sink;  // empty: stderr
};

// Never destroyed: threads may log while the program's static objects go.
Output& output() {
  static Output* const instance = new Output;
  return *instance;
}

std::string_view name_of(Level level) {
  constexpr std::array<std::string_view, 5> names{"trace", "debug", "info", "warn", "error"};
  return names[static_cast<std::size_t>(level)];
}

// RFC 3339 in UTC with microseconds: 2026-01-31T23:59:59.000001Z.
std::string_view format_now(std::array<char, 48>& buffer) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  tm parts{};
  gmtime_r(&now.tv_sec, &parts);
  const int length =
      std::snprintf(buffer.data(), buffer.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%06ldZ",
                    parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour,
                    parts.tm_min, parts.tm_sec, now.tv_nsec / 1000);
  return {buffer.data(), static_cast<std::size_t>(length)};
}

void add_text(json::Writer& line, std::string_view text) {
  if (text.size() <= max_text_bytes) {
    line.string(text);
    return;
  }
  line.string(std::string(text.substr(0, max_text_bytes)) + "...");
}

void add_field(json::Writer& line, const Field& field) {
  line.key(field.name());
  switch (field.kind()) {
    case Field::Kind::text:
      return add_text(line, field.text());
    case Field::Kind::signed_integer:
      line.integer(field.signed_integer());
      return;
    case Field::Kind::unsigned_integer:
      line.integer(field.unsigned_integer());
      return;
    case Field::Kind::boolean:
      line.boolean(field.boolean());
      return;
  }
}

void append_escape(std::string& out, char32_t unit) {
  constexpr std::string_view digits = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += digits[(unit >> shift) & 15U];
}

// A line is read in terminals, too: JSON lets through DEL, C1 and what turns the direction of
// writing, which stand in its texts only and mean the same as escapes.
std::string without_obeyed(std::string line) {
  const auto suspicious = [](char c) { return static_cast<unsigned char>(c) >= 0x7F; };
  if (std::ranges::none_of(line, suspicious)) return line;
  std::string out;
  for (std::string_view rest = line; !rest.empty();) {
    const std::string_view character = rest.substr(0, utf8::step(rest).length);
    const char32_t c = decode_utf8(character);
    if (!is_obeyed(c)) {
      out += character;
    } else if (c < 0x10000) {
      append_escape(out, c);
    } else {
      append_escape(out, 0xD800 + ((c - 0x10000) >> 10));
      append_escape(out, 0xDC00 + ((c - 0x10000) & 0x3FFU));
    }
    rest.remove_prefix(character.size());
  }
  return out;
}

// A line that cannot be written is lost: there is nobody left to tell.
void write_to_stderr(std::string_view line) {
  while (!line.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    line.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

void set_level(Level level) {
  lowest.store(level, std::memory_order_relaxed);
}

Level level() {
  return lowest.load(std::memory_order_relaxed);
}

bool enabled(Level level) {
  return level >= log::level();
}

void set_sink(std::function<void(std::string_view)> sink) {
  const std::lock_guard lock(output().mutex);
  output().sink = std::move(sink);
}

void write(Level level, std::string_view event, std::span<const Field> fields) {
  if (!enabled(level)) return;
  std::array<char, 48> time{};
  json::Writer line;
  line.begin_object().field("time", format_now(time)).field("level", name_of(level));
  line.field("event", event);
  for (const Field& field : fields) add_field(line, field);
  line.end_object();
  std::string text = without_obeyed(std::move(line).take());
  text += '\n';

  Output& out = output();
  const std::lock_guard lock(out.mutex);
  if (out.sink) {
    out.sink(text);
  } else {
    write_to_stderr(text);
  }
}

}  // namespace pawl::log
