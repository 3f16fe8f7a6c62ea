// SPDX-License-Identifier: Apache-2.0
//
// The audit over a store and a custodian's books, wherever these are. The two are not read
// at one moment: while a server works, what only one of them has seen yet looks wrong. So a finding
// counts only if it is still there when both are read again.
#pragma once

#include <string>

#include "app/desk_rows.h"
#include "systems/otc/audit.h"

namespace pawl::app {

struct AuditSources {
  DeskRowsSource store;
  std::string custodian_url;       // a sandbox that runs, or
  std::string custodian_data_dir;  // the folder of one that does not
};

inline constexpr int max_audit_rounds = 3;
inline constexpr int audit_round_interval_ms = 500;

// Errors: those of read_desk_rows(), nobody_listens, books_unreadable, ledger_unavailable.
Result<otc::AuditReport> audit_desk(const AuditSources& sources);

// What a person reads.
std::string audit_text(const otc::AuditReport& report);

}  // namespace pawl::app
