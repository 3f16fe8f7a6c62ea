// SPDX-License-Identifier: Apache-2.0
//
// Backup of a store, also while an engine has it open, and its restore as a new epoch. What was
// done between the two is not in the copy: after a restore every effect that had not ended is asked
// for before anything is sent, and ids that were given out meanwhile are not given out again. Keys
// of the server are no part of a store.
#pragma once

#include <pawl/engine.h>

#include <cstdint>
#include <string>

namespace pawl {

inline constexpr ErrorCode backup_file_exists{"backup_file_exists", ErrorClass::conflict,
                                              "the backup's file, or its manifest, exists already"};
inline constexpr ErrorCode backup_failed{"backup_failed", ErrorClass::unavailable,
                                         "the backup or the restore could not be written"};
inline constexpr ErrorCode backup_damaged{
    "backup_damaged", ErrorClass::corrupt,
    "the backup is not what its manifest says, or is no sound database"};
inline constexpr ErrorCode store_file_exists{
    "store_file_exists", ErrorClass::conflict,
    "there is a store already; a restore never writes over one"};

struct BackupFacts {
  std::string store_id;
  std::string epoch;
  Time taken_at;
  std::int64_t size_bytes = 0;
  std::string sha256;
  std::int64_t newest_sequence = 0;
  std::int64_t open_effects = 0;
};

// FILE and FILE.json, its manifest, which is written last.
Result<BackupFacts> backup_sqlite(const std::string& store_path, const std::string& file);

struct RestoreFacts {
  BackupFacts backup;
  std::string epoch;  // the new one
  std::int64_t effects_to_inquire = 0;
};

// Checks the backup whole before anything appears at `store_path`, and brings its schema up to
// date. Takes the store's lock meanwhile.
Result<RestoreFacts> restore_sqlite(const std::string& file, const std::string& store_path,
                                    const Registry& registry);

// A PostgreSQL is backed up and restored by its own tools. What was restored so must become a new
// epoch before an engine opens it, by this: in one transaction, while no process holds a lane.
struct EpochFacts {
  std::string store_id;
  std::string epoch;  // the new one
  Time newest_commit;
  std::int64_t effects_to_inquire = 0;
};
Result<EpochFacts> begin_postgres_epoch(const PostgresOptions& options, const Registry& registry);

}  // namespace pawl
