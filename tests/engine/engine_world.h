// SPDX-License-Identifier: Apache-2.0
//
// Which store the engine's tests run on. The same tests are linked into one program for each store,
// and each brings the definitions: sqlite_engine_world.cpp here, and tests/postgres.
#pragma once

#include <pawl/engine.h>

#include <memory>
#include <string>

#include "temp_dir.h"

namespace pawl::test {

class EngineWorld {
 public:
  virtual ~EngineWorld() = default;
  // The same store each time; `clock` may be null.
  virtual Result<StoreHandle> open(const Registry& registry, Clock* clock) = 0;
  // What another process opens it by, see open_by_address.
  virtual std::string address() const = 0;
};

// A store of its own; what it keeps in files is in `directory`.
std::unique_ptr<EngineWorld> new_engine_world(const TempDir& directory);
Result<StoreHandle> open_by_address(const std::string& address, const Registry& registry);

}  // namespace pawl::test
