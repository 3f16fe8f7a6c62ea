// SPDX-License-Identifier: Apache-2.0
//
// The engine's tests on PostgreSQL: a schema each on the tests' server.
#include "engine/engine_world.h"

#include "postgres/postgres_world.h"

namespace pawl::test {

namespace {

class PostgresEngineWorld final : public EngineWorld {
 public:
  explicit PostgresEngineWorld(std::string notes) {
    world_.options().notes_directory = std::move(notes);
  }
  Result<StoreHandle> open(const Registry& registry, Clock* clock) override {
    world_.options().clock = clock;
    auto store = world_.open(registry, false);
    // An engine that was stopped before is to these tests a process that has ended, with all that
    // it had under way; but this process, which its lanes remember, lives on.
    if (store) world_.sql("UPDATE pawl_lanes SET holder = '' WHERE held_until_us = 0");
    return store;
  }
  std::string address() const override {
    return world_.schema() + "\n" + world_.options().notes_directory + "\n" + world_.options().url;
  }

 private:
  PostgresWorld world_;
};

}  // namespace

std::unique_ptr<EngineWorld> new_engine_world(const TempDir& directory) {
  return std::make_unique<PostgresEngineWorld>(directory.file(""));
}

Result<StoreHandle> open_by_address(const std::string& address, const Registry& registry) {
  const auto first = address.find('\n');
  const auto second = address.find('\n', first + 1);
  PostgresOptions options;
  options.schema = address.substr(0, first);
  options.notes_directory = address.substr(first + 1, second - first - 1);
  options.url = address.substr(second + 1);
  return open_postgres(options, registry);
}

}  // namespace pawl::test
