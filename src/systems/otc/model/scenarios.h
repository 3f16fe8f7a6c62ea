// SPDX-License-Identifier: Apache-2.0
//
// What the checker explores of the desk, scenario by scenario, with the invariants that each holds.
#pragma once

#include <pawl/check.h>

namespace pawl::otc::model {

check::System system();

}  // namespace pawl::otc::model
