// SPDX-License-Identifier: Apache-2.0
//
// A note of which inner command is being decided, in memory that outlives the process (the driver
// maps a file): a command whose decide() takes the process down is known at the next start, and set
// aside when it has done so twice. Written with plain stores: it costs nothing per command.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace pawl::protocol {

struct DecidingNote {
  static constexpr std::size_t max_name_bytes = 255;
  std::array<char, max_name_bytes + 1> name{};

  void begin(std::string_view command) {
    const std::size_t size = command.size() < max_name_bytes ? command.size() : max_name_bytes;
    std::memcpy(name.data(), command.data(), size);
    name[size] = 0;
  }
  void end() { name[0] = 0; }
  std::string_view text() const { return {name.data(), ::strnlen(name.data(), max_name_bytes)}; }
};

}  // namespace pawl::protocol
