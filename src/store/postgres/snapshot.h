// SPDX-License-Identifier: Apache-2.0
//
// A store's tables as of one moment, read in one transaction that locks and changes nothing: for an
// audit beside running servers. Needs no knowledge of libpq where it is included.
#pragma once

#include <pawl/engine.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace pawl::postgres {

class Snapshot {
 public:
  using TakeRow = std::function<Result<void>(Row)>;

  // Errors: those of a connection; schema_differs where there is no such schema.
  static Result<std::unique_ptr<Snapshot>> open(const PostgresOptions& options);
  virtual ~Snapshot() = default;
  // A SELECT whose columns are of these types.
  virtual Result<void> select(const std::string& sql, const std::vector<ColumnType>& types,
                              const TakeRow& take) = 0;
};

}  // namespace pawl::postgres
