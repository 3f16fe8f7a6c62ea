// SPDX-License-Identifier: Apache-2.0
//
// The desk's rows for the audit, read from the store's file in one read transaction: one moment,
// also while a server writes. Takes no lock and writes nothing.
#pragma once

#include <string>

#include "systems/otc/audit.h"

namespace pawl::app {

inline constexpr ErrorCode store_missing{"store_missing", ErrorClass::not_found,
                                         "There is no store in the data folder"};

// All of the input but the custodian's books. Errors: store_missing, store_open_failed,
// entity_unreadable.
Result<otc::AuditInput> read_desk_rows(const std::string& database_path);

}  // namespace pawl::app
