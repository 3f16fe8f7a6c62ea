// SPDX-License-Identifier: Apache-2.0
//
// What the desk's tests run on: one store, opened again and again. The same tests are built once
// for each kind of store: with sqlite_desk_store.cpp here, with another in tests/postgres.
#pragma once

#include <pawl/engine.h>

#include <memory>
#include <string>

namespace pawl::otc::test {

class DeskStore {
 public:
  virtual ~DeskStore() = default;
  virtual Result<StoreHandle> open(const Registry& registry, Clock& clock) = 0;
  // Behind the engine's back. Throws.
  virtual void sql(const std::string& text) = 0;
};

// Whatever it keeps in files is in that folder.
std::unique_ptr<DeskStore> new_desk_store(const std::string& folder);

}  // namespace pawl::otc::test
