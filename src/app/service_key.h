// SPDX-License-Identifier: Apache-2.0
//
// The server's own signing key, by which the custodian knows it: made at the first start, kept in
// DIR/service.key (64 hex digits, mode 0600). A file that others may read is refused, because it
// may have been read. The key is never printed; its public half is.
#pragma once

#include <pawl/error.h>

#include <cstddef>
#include <string>

#include "systems/otc/authorization.h"

namespace pawl::app {

inline constexpr ErrorCode key_file_unusable{"key_file_unusable", ErrorClass::invalid,
                                             "The key file cannot be used"};
inline constexpr ErrorCode data_dir_unusable{"data_dir_unusable", ErrorClass::unavailable,
                                             "The data folder cannot be used"};

// Makes the folder (mode 0700) if it is not there.
Result<void> prepare_data_dir(const std::string& data_dir);

std::string service_key_path(const std::string& data_dir);
// The text of a file of mode 0600, without a final newline; at most max_secret_bytes.
inline constexpr std::size_t max_secret_bytes = 4'096;
Result<std::string> read_secret_file(const std::string& path);
// Makes the file, mode 0600; one that is there already stays as it is.
Result<void> write_secret_file(const std::string& path, const std::string& text);
// Reads the key, or makes it: two processes that start together get the same one.
Result<otc::SigningKey> load_or_make_key(const std::string& path);

}  // namespace pawl::app
