// SPDX-License-Identifier: Apache-2.0
//
// A destination's limit holds for all processes together: each lane may have so many exchanges
// under way as it has permits, and all lanes together have no more than the limit. A lane asks for
// as many as it has use for; who has more than its share gives back as its exchanges end. Pure: the
// stores keep the counts and run this under a lock of the destination.
#pragma once

#include <pawl/time.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pawl::protocol {

// What a lane has use for at one destination.
struct PermitWish {
  std::string destination;
  int limit = 1;   // of all lanes together
  int wanted = 0;  // exchanges that could be under way now
  int in_use = 0;  // exchanges that are
};

// A lane that lives, and what it asked for and was given last.
struct PermitHolder {
  std::int32_t lane = 0;
  int wanted = 0;
  int granted = 0;
};

// Where there are fewer permits than lanes that want one, they go round with this period.
inline constexpr std::int64_t permit_turn_us = 500'000;

// How many permits `lane` has from now on; `others` are all other lanes that live. Never below
// what is in use, and never so many that all together have more than the limit, as long as they
// did not before.
int granted_permits(const PermitWish& wish, std::int32_t lane, std::span<const PermitHolder> others,
                    Time now);

}  // namespace pawl::protocol
