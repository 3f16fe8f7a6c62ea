// SPDX-License-Identifier: Apache-2.0
//
// How the walks that remove old rows are named and how far they have come, as the stores remember
// it in pawl_retention: an id, or a receipt's key in hex, since ids are whatever bytes a caller
// chose.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "protocol/retention.h"

namespace pawl::store {

std::string subject_of(const protocol::RetentionPass& pass);

// Principal, command's id, kind, machine, entity's key.
using ReceiptPlace = std::array<std::string, 5>;
// Of an empty place the one before the first.
ReceiptPlace key_of_place(std::string_view place);
std::string place_at(const ReceiptPlace& key);

}  // namespace pawl::store
