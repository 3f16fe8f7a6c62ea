// SPDX-License-Identifier: Apache-2.0
//
// Who may show a row to decide(): the committer, for what a store locked, and pawl/testing.h.
#pragma once

#include <pawl/locked.h>

namespace pawl {

class LockHolder {
 public:
  static SlotView view(const EntitySlot& slot, std::size_t index) { return {slot, index}; }
};

}  // namespace pawl
