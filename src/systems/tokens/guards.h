// SPDX-License-Identifier: Apache-2.0
//
// The conditions under which a token is made or revoked, each with the failure that it prevents.
#pragma once

#include <pawl/guard.h>

namespace pawl::tokens::guard {

// A token's secret could be replaced, and one that was revoked come to life again.
inline constexpr Guard is_new{"token.is_new"};
// A revocation of nothing looks like one.
inline constexpr Guard is_there{"token.is_there"};

}  // namespace pawl::tokens::guard
