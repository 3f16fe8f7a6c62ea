// SPDX-License-Identifier: Apache-2.0
//
// One fuzz target: a function over bytes, in a file of its own, that throws a Finding when what
// must hold does not. The same file becomes a libFuzzer program (PAWL_FUZZER, see ./dev fuzz) and a
// part of the test that replays the corpora; how inputs are made is libFuzzer's business.
//
//   PAWL_FUZZ(json) { pawl::fuzz::check(..., "what must hold"); }   // `input` is a
//   std::string_view
#pragma once

#include <cstddef>
#include <cstdint>
#include <source_location>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace pawl::fuzz {

// Nothing catches it in a fuzzer, which takes it for a crash; in the replay it fails the test.
class Finding : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

inline void check(bool holds, std::string_view what,
                  std::source_location at = std::source_location::current()) {
  if (holds) return;
  throw Finding(std::string(at.file_name()) + ":" + std::to_string(at.line()) +
                ": not so: " + std::string(what));
}

using Entry = void (*)(std::string_view input);
struct Target {
  std::string_view name;
  Entry entry;
};

// Those linked into this program; filled before main().
inline std::vector<Target>& targets() {
  static std::vector<Target> all;
  return all;
}

struct Registration {
  Registration(std::string_view name, Entry entry) { targets().push_back({name, entry}); }
};

// Takes an input apart from its front: small numbers that choose, then text. An input that is too
// short gives zeros and empty texts.
class Input {
 public:
  explicit Input(std::string_view bytes) : rest_(bytes) {}

  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const auto out = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return out;
  }
  std::int64_t integer() {
    std::uint64_t out = 0;
    for (int i = 0; i < 8; ++i) out = (out << 8) | byte();
    return static_cast<std::int64_t>(out);
  }
  // Up to the next '\n', which is dropped.
  std::string_view line() {
    const std::size_t end = rest_.find('\n');
    const std::string_view out = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    return out;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

}  // namespace pawl::fuzz

#ifdef PAWL_FUZZER
#define PAWL_FUZZ(name)                                                               \
  static void name##_entry(std::string_view input);                                   \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { \
    name##_entry({reinterpret_cast<const char*>(data), size});                        \
    return 0;                                                                         \
  }                                                                                   \
  static void name##_entry(std::string_view input)
#else
#define PAWL_FUZZ(name)                                                            \
  static void name##_entry(std::string_view input);                                \
  static const pawl::fuzz::Registration name##_registration(#name, &name##_entry); \
  static void name##_entry(std::string_view input)
#endif
