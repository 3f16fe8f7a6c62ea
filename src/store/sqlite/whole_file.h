// SPDX-License-Identifier: Apache-2.0
//
// Files that are there whole or not at all, and never written over: made beside their place,
// synced, and linked there. For copies of stores and their manifests; never for a data file that
// SQLite has open, whose locks a close would drop.
#pragma once

#include <pawl/error.h>

#include <string>
#include <string_view>

namespace pawl::sqlite {

Result<std::string> sha256_of_file(const std::string& path);
// Syncs `made`, gives it the name `path` and syncs the folder. `exists` if there is such a file.
Result<void> put_in_place(const std::string& made, const std::string& path, ErrorCode exists);
Result<void> write_whole(const std::string& path, std::string_view text, ErrorCode exists);
bool file_exists(const std::string& path);

}  // namespace pawl::sqlite
