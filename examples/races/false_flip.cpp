// SPDX-License-Identifier: Apache-2.0
//
// molecule-core pull request 2283: a reconciler probes an instance that looks dead, hears that it
// is not running, and restarts its workspace. Between the verdict and the act the user has
// restarted it (another generation, perhaps even the same instance id): a healthy machine is
// rebuilt.
#include "race.h"

namespace races {
namespace {

enum class State { online, offline };
constexpr auto pawl_names(State) {
  return std::array<std::string_view, 2>{"online", "offline"};
}
struct Workspace {
  static constexpr std::string_view machine = "workspace";
  static constexpr std::string_view table = "workspaces";
  std::string id;
  State state = State::online;
  pawl::Time state_since;
  std::int64_t generation = 1;
  std::int64_t flipped = 0;  // the generation that was called dead
  static constexpr auto fields() {
    return std::tuple{pawl::field("id", &Workspace::id), pawl::field("state", &Workspace::state),
                      pawl::field("state_since_us", &Workspace::state_since),
                      pawl::field("generation", &Workspace::generation),
                      pawl::field("flipped", &Workspace::flipped)};
  }
};
struct BootTag {
  static constexpr std::string_view kind = "workspace.boot";
};
struct RestartTag {
  static constexpr std::string_view kind = "workspace.restart";
};
struct GoneTag {
  static constexpr std::string_view kind = "workspace.gone";
};
using Boot = On<Workspace, BootTag>;
using Restart = On<Workspace, RestartTag>;  // by its user: a new generation, healthy
using Gone = On<Workspace, GoneTag>;  // the probe's verdict; seen: the generation it asked about

constexpr pawl::ErrorCode not_now{"not_now", pawl::ErrorClass::conflict, "another generation"};
constexpr pawl::Guard is_new{"false_flip.is_new"};
constexpr pawl::Guard is_there{"false_flip.is_there"};
// Decided again on the locked row: equal ids are no proof, they come back (ABA).
constexpr pawl::Guard same_generation{"false_flip.same_generation"};

pawl::Decision decide(const Boot& boot, pawl::Locked<Workspace>& workspace, const pawl::Context&) {
  PAWL_REQUIRE(is_new, !workspace.present(), not_now);
  return pawl::Change().create(workspace, Workspace{.id = boot.id}, "booted");
}
pawl::Decision decide(const Restart&, pawl::Locked<Workspace>& workspace, const pawl::Context&) {
  PAWL_REQUIRE(is_there, workspace.present(), not_now);
  Workspace row = *workspace;
  row.state = State::online;
  ++row.generation;
  return pawl::Change().update(workspace, row, "restarted");
}
pawl::Decision decide(const Gone& gone, pawl::Locked<Workspace>& workspace, const pawl::Context&) {
  if (!workspace.present() || workspace->state == State::offline) {
    return pawl::Decision::ignore("nothing to do");
  }
  PAWL_REQUIRE(same_generation, workspace->generation == gone.seen, not_now);
  Workspace row = *workspace;
  row.state = State::offline;
  row.flipped = row.generation;
  return pawl::Change().update(workspace, row, "gone");
}

}  // namespace

pawl::check::System false_flip() {
  pawl::check::System out;
  out.name = "false_flip";
  out.guards = {same_generation.name};
  out.scenarios = [] {
    auto registry = std::make_shared<pawl::Registry>();
    registry->machine<Workspace>()
        .initial(State::online)
        .move(State::online, State::offline)
        .move(State::offline, State::online);
    auto race = only_orders("false_flip", "a restart between a verdict and its act");
    race.registry = std::move(registry);
    // The instance of generation 1 is dead; that of generation 2 is not.
    race.requests = {ask<Boot>("boot", "workspace", "user"),
                     ask<Restart>("restart by its user", "workspace", "user"),
                     ask<Gone>("the probe says gone", "workspace", "reconciler", 1)};
    race.invariants.push_back(
        {"no healthy machine is called dead", [](const pawl::check::View& view) -> std::string {
           const auto* row = view.row<Workspace>("workspace");
           const bool wrong = row != nullptr && row->flipped > 1;
           return wrong ? "the healthy generation 2 was" : "";
         }});
    return std::vector{race};
  };
  return out;
}

}  // namespace races
