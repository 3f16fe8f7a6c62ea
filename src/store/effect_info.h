// SPDX-License-Identifier: Apache-2.0
//
// What is shown of an effect's row to those who ask.
#pragma once

#include <pawl/engine.h>

#include "protocol/effect_row.h"

namespace pawl::store {

EffectInfo effect_info(const protocol::EffectRow& row);

}  // namespace pawl::store
