// SPDX-License-Identifier: Apache-2.0
#include <pawl/testing.h>

#include "core/lock_holder.h"

namespace pawl::testing {

SlotView view_of(const EntitySlot& slot, std::size_t index) {
  return LockHolder::view(slot, index);
}

}  // namespace pawl::testing
