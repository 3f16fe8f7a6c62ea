// SPDX-License-Identifier: Apache-2.0
//
// The engine's SQL protocol as a system of the checker: docs/checker.md says what is modelled.
#pragma once

#include <pawl/check.h>

namespace pawl::check::sql {

System system();

}  // namespace pawl::check::sql
