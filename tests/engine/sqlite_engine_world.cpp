// SPDX-License-Identifier: Apache-2.0
//
// The engine's tests on SQLite: a file in the test's folder.
#include "engine/engine_world.h"

namespace pawl::test {

namespace {

class SqliteEngineWorld final : public EngineWorld {
 public:
  explicit SqliteEngineWorld(std::string path) : path_(std::move(path)) {}
  Result<StoreHandle> open(const Registry& registry, Clock* clock) override {
    SqliteOptions options;
    options.path = path_;
    options.clock = clock;
    return open_sqlite(options, registry);
  }
  std::string address() const override { return path_; }

 private:
  std::string path_;
};

}  // namespace

std::unique_ptr<EngineWorld> new_engine_world(const TempDir& directory) {
  return std::make_unique<SqliteEngineWorld>(directory.file("bank.db"));
}

Result<StoreHandle> open_by_address(const std::string& address, const Registry& registry) {
  return open_sqlite({.path = address}, registry);
}

}  // namespace pawl::test
