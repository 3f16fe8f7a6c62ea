// SPDX-License-Identifier: Apache-2.0
//
// The PostgreSQL store against what every store must do.
#include "store/conformance.h"

#include "postgres/postgres_world.h"

namespace pawl::test {

INSTANTIATE_TYPED_TEST_SUITE_P(Postgres, StoreConformance, PostgresWorld);

}  // namespace pawl::test
