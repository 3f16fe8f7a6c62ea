// SPDX-License-Identifier: Apache-2.0
//
// The first administrator's token: a file of mode 0600 in the data folder, made at the first start
// with tokens on. Its path is logged, what is in it never. A server that starts without the file
// makes a new one: whoever may write into the folder could read the store as well.
#pragma once

#include <pawl/engine.h>

#include <string>

#include "app/edge/token_table.h"

namespace pawl::app {

std::string admin_token_path(const std::string& data_dir);

// Makes the file where it is missing, and its token where the store does not know it (a new store,
// or a crash between the two). One that was revoked stays revoked. After Engine::start().
Result<void> ensure_admin_token(Engine& engine, const std::string& path, const std::string& scopes);

}  // namespace pawl::app
