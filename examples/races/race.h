// SPDX-License-Identifier: Apache-2.0
//
// What the races have in common: commands of one entity and a number, and one system per race. Each
// race is a bug that somebody had, rebuilt small from its public description: right as it stands
// here, and wrong as it was once the one guard that was missing is switched off.
#pragma once

#include <pawl/check.h>

#include <array>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

namespace races {

// A command of one entity; `seen` is what its sender looked at before, and may be out of date.
template <class Row, class Tag>
struct On {
  static constexpr std::string_view kind = Tag::kind;
  std::string id;
  std::int64_t seen = 0;
  auto keys() const { return std::tuple{pawl::Key<Row>{id}}; }
  static constexpr auto fields() {
    return std::tuple{pawl::field("id", &On::id), pawl::field("seen", &On::seen)};
  }
};

template <class Command>
pawl::check::Request ask(std::string name, std::string id, std::string who, std::int64_t seen = 0) {
  Command command;
  command.id = std::move(id);
  command.seen = seen;
  return pawl::check::request(std::move(name), std::move(command), std::move(who));
}

// A scenario without effects or faults: only the order of commands matters.
inline pawl::check::Scenario only_orders(std::string name, std::string about) {
  pawl::check::Scenario out;
  out.name = std::move(name);
  out.about = std::move(about);
  out.bounds.ticks = 0;
  return out;
}

inline bool done(const pawl::check::View& view, std::string_view request) {
  const pawl::Receipt* receipt = view.receipt(request);
  return receipt != nullptr && receipt->done;
}

pawl::check::System home_channel();
pawl::check::System double_pay();
pawl::check::System rescuer();
pawl::check::System recovery();
pawl::check::System lock_file();
pawl::check::System false_flip();
pawl::check::System partition();
pawl::check::System lost_checkpoint();
pawl::check::System launch_sweep();

}  // namespace races
