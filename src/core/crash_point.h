// SPDX-License-Identifier: Apache-2.0
//
// Named places at which a test build can kill itself, as kill -9 would: PAWL_CRASH_AT=name or
// name:N for the N-th passage. In other builds the macro is nothing.
#pragma once

#ifdef PAWL_CRASH_POINTS
#include <string_view>
namespace pawl {
void crash_point(std::string_view name);
}  // namespace pawl
#define PAWL_CRASH_POINT(name) ::pawl::crash_point(name)
#else
#define PAWL_CRASH_POINT(name) static_cast<void>(0)
#endif
