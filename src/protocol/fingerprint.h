// SPDX-License-Identifier: Apache-2.0
//
// What tells two commands under one id apart: the first 16 bytes of SHA-256 over kind and content.
#pragma once

#include <pawl/command.h>

#include "protocol/storage.h"

namespace pawl::protocol {

Fingerprint fingerprint_of(const Command& command);

}  // namespace pawl::protocol
