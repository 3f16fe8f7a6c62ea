// SPDX-License-Identifier: Apache-2.0
//
// What must hold of the desk in every state: of its rows, of its rows against the custodian's
// books, and of what it has answered.
#pragma once

#include <pawl/check.h>

#include <memory>
#include <string>
#include <vector>

#include "systems/otc/config.h"
#include "systems/otc/model/custodian_model.h"

namespace pawl::otc::model {

// Who and what a scenario has.
struct Cast {
  std::vector<std::string> orders;
  std::vector<Wallet> wallets;
  std::shared_ptr<const CustodianModel> custodian;
  Config config;
  std::string secret;  // the seller's
};

std::vector<check::Invariant> row_invariants(const Cast& cast);
std::vector<check::Invariant> book_invariants(const Cast& cast);
// Not where counts are edited by hand.
std::vector<check::Invariant> count_invariants(const Cast& cast);
std::vector<check::Invariant> answer_invariants(const Cast& cast);

}  // namespace pawl::otc::model
