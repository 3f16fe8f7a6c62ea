// SPDX-License-Identifier: Apache-2.0
//
// The options that serve, config, migrate and audit share: a configuration file, and what the
// command line says over it.
#pragma once

#include <pawl/error.h>

#include <string>

#include "app/settings.h"

namespace CLI {
class App;
}

namespace pawl::app {

struct ServerOptions {
  std::string config_file;
  std::string listen;
  std::string data_dir;
  std::string store_url;
  std::string custodian_url;
  std::string tls_certificate_file;
  std::string tls_key_file;

  void add_config_and_data(CLI::App& verb);
  void add_all(CLI::App& verb);

  // The defaults, then the file, then PAWL_STORE_URL, then the options; checked.
  Result<Settings> read() const;
};

}  // namespace pawl::app
