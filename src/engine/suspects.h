// SPDX-License-Identifier: Apache-2.0
//
// Remembers across restarts which inner commands were being decided when the process died. One that
// has done so twice is not decided a third time: it is parked, and everything else goes on.
#pragma once

#include <pawl/error.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/deciding_note.h"

namespace pawl::engine {

inline constexpr int deaths_until_parked = 2;

class Suspects {
 public:
  // Maps the file (created if absent) and counts what it says was being decided. Without a path
  // nothing is remembered.
  static Result<Suspects> open(const std::string& path);
  Suspects() = default;
  Suspects(Suspects&& other) noexcept;
  Suspects& operator=(Suspects&& other) noexcept;
  ~Suspects();

  // Where the committer notes what it decides; null if nothing is remembered.
  protocol::DecidingNote* note();
  // True: this command has taken the process down too often.
  bool condemned(std::string_view command) const;
  bool none() const;
  // It was decided, or parked: it is no suspect any more.
  void acquit(std::string_view command);

 private:
  struct Suspect {
    protocol::DecidingNote command;
    std::int32_t deaths = 0;
  };
  // The file's contents. More suspects than places: the oldest is forgotten.
  struct Memory {
    protocol::DecidingNote deciding;
    std::array<Suspect, 64> suspects;
  };
  void count_death();

  Memory* memory_ = nullptr;
};

}  // namespace pawl::engine
