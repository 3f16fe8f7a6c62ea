// SPDX-License-Identifier: Apache-2.0
//
// What a decision may see besides its rows and its command: the time, the configuration and ids
// that follow from the command's own id. A decision that is run again sees the same.
#pragma once

#include <pawl/time.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <typeindex>
#include <utility>
#include <vector>

namespace pawl {

// Configuration of the systems, by type. A snapshot: changing it makes a new one with a new
// version, and every journal row names the version its commit was decided under.
class ConfigSnapshot {
 public:
  template <class T>
  void set(T config) {
    const std::type_index type(typeid(T));
    for (auto& entry : entries_) {
      if (entry.first == type) {
        entry.second = std::make_shared<const T>(std::move(config));
        return;
      }
    }
    entries_.emplace_back(type, std::make_shared<const T>(std::move(config)));
  }

  // The configuration of type T, or T's defaults if none was set.
  template <class T>
  const T& get() const {
    for (const auto& entry : entries_) {
      if (entry.first == std::type_index(typeid(T))) {
        return *static_cast<const T*>(entry.second.get());
      }
    }
    static const T defaults{};
    return defaults;
  }

  std::int64_t version = 1;

 private:
  std::vector<std::pair<std::type_index, std::shared_ptr<const void>>> entries_;
};

struct Context {
  // Read after the rows were locked; never below an involved entity's own last time.
  Time time;
  const ConfigSnapshot* config = nullptr;
  // The id under which this command is decided once.
  std::string_view command_id;

  template <class T>
  const T& configuration() const {
    return config->get<T>();
  }

  // 32 hex digits that follow from the command's id and the label: the same for every run.
  std::string derived_id(std::string_view label) const;
};

}  // namespace pawl
