// SPDX-License-Identifier: Apache-2.0
//
// What the checker explores of bearer tokens, with the invariants that hold in every state: also in
// each that a list, which reads the rows and changes nothing, may come upon.
#pragma once

#include <pawl/check.h>

namespace pawl::tokens::model {

check::System system();

}  // namespace pawl::tokens::model
