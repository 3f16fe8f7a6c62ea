// SPDX-License-Identifier: Apache-2.0
//
// The engine as a system of its own: scenarios in which each guard of src/protocol/guards.h is what
// stands between a schedule and a failure.
#pragma once

#include <pawl/check.h>

namespace pawl::check::engine {

System system();

}  // namespace pawl::check::engine
