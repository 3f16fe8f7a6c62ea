// SPDX-License-Identifier: Apache-2.0
//
// A lane that has much to do and nothing to commit keeps its lease all the same.
#include <gtest/gtest.h>

#include <string>

#include "engine/bank_decide.h"
#include "eventually.h"
#include "postgres/postgres_world.h"

namespace pawl::test {
namespace {

TEST(Renewal, IsNotPutOffByBatchesThatCommitNothing) {
  PostgresWorld world;
  Registry registry;
  bank::describe(registry);
  world.options().lane_lease_ms = 3'000;
  auto store = world.open(registry, false);
  ASSERT_TRUE(store) << store.error().text();
  EngineOptions options;
  options.lanes = 1;
  options.seed = 1;
  Engine engine(std::move(*store), registry, options);
  const auto started = engine.start();
  ASSERT_TRUE(started) << started.error().text();
  const auto opened = engine.call(bank::Open{"a", 1'000, {}}, {"ann", "open", ""});
  ASSERT_TRUE(opened && opened->done);
  const auto held_until = [&] {
    return std::stoll(
        world.sql("SELECT held_until_us FROM pawl_lanes WHERE epoch > 0 ORDER BY "
                  "held_until_us DESC LIMIT 1"));
  };
  const auto first = held_until();
  // A repeat is answered by its receipt: its batch writes nothing. They come one on the other.
  EXPECT_TRUE(eventually([&] {
    const auto repeat = engine.call(bank::Open{"a", 1'000, {}}, {"ann", "open", ""});
    EXPECT_TRUE(repeat && repeat->repeated);
    return held_until() > first;
  }));
  engine.stop();
}

}  // namespace
}  // namespace pawl::test
