// SPDX-License-Identifier: Apache-2.0
//
// The SQLite store against what every store must do.
#include "store/conformance.h"
#include "store/sqlite_world.h"

namespace pawl::test {

INSTANTIATE_TYPED_TEST_SUITE_P(Sqlite, StoreConformance, SqliteWorld);

}  // namespace pawl::test
