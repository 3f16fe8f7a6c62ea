// SPDX-License-Identifier: Apache-2.0
//
// The desk's tests on SQLite: a file in the test's folder.
#include <sqlite3.h>

#include <stdexcept>

#include "otc/desk_store.h"

namespace pawl::otc::test {

namespace {

class SqliteDeskStore final : public DeskStore {
 public:
  explicit SqliteDeskStore(std::string path) : path_(std::move(path)) {}

  Result<StoreHandle> open(const Registry& registry, Clock& clock) override {
    SqliteOptions options;
    options.path = path_;
    options.clock = &clock;
    return open_sqlite(options, registry);
  }
  void sql(const std::string& text) override {
    sqlite3* raw = nullptr;
    bool done = sqlite3_open(path_.c_str(), &raw) == SQLITE_OK;
    sqlite3_busy_timeout(raw, 10'000);
    done = done && sqlite3_exec(raw, text.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK;
    const std::string why = sqlite3_errmsg(raw);
    sqlite3_close(raw);
    if (!done) throw std::runtime_error(text + ": " + why);
  }

 private:
  std::string path_;
};

}  // namespace

std::unique_ptr<DeskStore> new_desk_store(const std::string& folder) {
  return std::make_unique<SqliteDeskStore>(folder + "/desk.db");
}

}  // namespace pawl::otc::test
