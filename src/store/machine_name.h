// SPDX-License-Identifier: Apache-2.0
//
// A stored machine's name as the registry has it: rows outlive the text they were read from.
#pragma once

#include <pawl/machine.h>

#include <string_view>

namespace pawl {

// With static lifetime; empty if this program does not know the machine.
inline std::string_view machine_name(const Registry& registry, std::string_view name) {
  const MachineSpec* machine = registry.find_machine(name);
  return machine == nullptr ? std::string_view() : machine->name;
}

}  // namespace pawl
