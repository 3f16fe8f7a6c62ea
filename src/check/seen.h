// SPDX-License-Identifier: Apache-2.0
//
// What a View looks into: one state of one world.
#pragma once

#include <pawl/check.h>

#include "check/state.h"
#include "check/world.h"

namespace pawl::check {

class Explored {
 public:
  Explored(World& in, const State& at) : world(in), state(at) {}
  World& world;
  const State& state;
};

// Nothing more has to happen, or an operator has been called.
bool is_end(World& world, const State& state);

}  // namespace pawl::check
