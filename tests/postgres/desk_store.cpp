// SPDX-License-Identifier: Apache-2.0
//
// The desk's tests on PostgreSQL: a schema each on the tests' server.
#include "otc/desk_store.h"

#include "postgres/postgres_world.h"

namespace pawl::otc::test {

namespace {

class PostgresDeskStore final : public DeskStore {
 public:
  explicit PostgresDeskStore(std::string folder) {
    world_.options().notes_directory = std::move(folder);
  }
  Result<StoreHandle> open(const Registry& registry, Clock& clock) override {
    world_.options().clock = &clock;
    return world_.open(registry, false);
  }
  void sql(const std::string& text) override { world_.sql(text); }

 private:
  pawl::test::PostgresWorld world_;
};

}  // namespace

std::unique_ptr<DeskStore> new_desk_store(const std::string& folder) {
  return std::make_unique<PostgresDeskStore>(folder);
}

}  // namespace pawl::otc::test
