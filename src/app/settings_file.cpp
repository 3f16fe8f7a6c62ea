// SPDX-License-Identifier: Apache-2.0
//
// The TOML side of the settings: every key of the file must be one of the table, and every
// complaint names its line.
#include <toml++/toml.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "app/settings.h"

namespace pawl::app {

namespace {

class FileReader {
 public:
  FileReader(std::string path, Settings& settings)
      : path_(std::move(path)), table_(settings_table(settings)) {}

  Result<void> read(const toml::table& file) {
    for (const auto& [key, node] : file) {
      const auto* section = node.as_table();
      auto done = section == nullptr ? set("", key.str(), node) : read_section(key.str(), *section);
      if (!done) return done;
    }
    return {};
  }

 private:
  Result<void> complain(const toml::node& node, const std::string& what) const {
    return fail(configuration_invalid,
                path_ + ":" + std::to_string(node.source().begin.line) + ": " + what);
  }

  Result<void> read_section(std::string_view name, const toml::table& section) {
    const bool known = std::any_of(table_.begin(), table_.end(),
                                   [&](const Setting& s) { return s.section == name; });
    if (!known || name.empty()) {
      return complain(section, "there is no section [" + std::string(name) + "]");
    }
    for (const auto& [key, node] : section) {
      if (auto done = set(name, key.str(), node); !done) return done;
    }
    return {};
  }

  Result<void> set(std::string_view section, std::string_view name, const toml::node& node) {
    const auto place = std::find_if(table_.begin(), table_.end(), [&](const Setting& s) {
      return s.section == section && s.name == name;
    });
    if (place == table_.end()) {
      const std::string full =
          section.empty() ? std::string(name) : std::string(section) + "." + std::string(name);
      return complain(node, "there is no setting " + full + "; `pawl config` lists them all");
    }
    Result<void> done;
    if (const auto* number = node.as_integer()) {
      done = set_number(*place, number->get());
    } else if (const auto* text = node.as_string()) {
      done = set_text(*place, text->get());
    } else if (const auto* list = node.as_array(); list != nullptr && place->is_list()) {
      std::vector<std::string> values;
      for (const auto& item : *list) {
        const auto* value = item.as_string();
        if (value == nullptr) return complain(item, place->full_name() + " is a list of texts");
        values.push_back(value->get());
      }
      done = set_list(*place, std::move(values));
    } else {
      return complain(node, place->full_name() + " must be " +
                                (place->is_text()   ? "text in quotes"
                                 : place->is_list() ? "a list of texts"
                                                    : "an integer"));
    }
    if (!done) return complain(node, done.error().detail);
    return {};
  }

  std::string path_;
  std::vector<Setting> table_;
};

}  // namespace

Result<void> read_settings_file(const std::string& path, Settings& settings) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(configuration_unreadable, path);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) return fail(configuration_unreadable, path);
  return read_settings_text(text.str(), path, settings);
}

Result<void> read_settings_text(std::string_view text, const std::string& path,
                                Settings& settings) {
  try {
    const toml::table file = toml::parse(text, std::string_view(path));
    return FileReader(path, settings).read(file);
  } catch (const toml::parse_error& bad) {
    return fail(configuration_invalid, path + ":" + std::to_string(bad.source().begin.line) + ": " +
                                           std::string(bad.description()));
  }
}

}  // namespace pawl::app
