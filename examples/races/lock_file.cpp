// SPDX-License-Identifier: Apache-2.0
//
// ActiveMemory/ctx issue 93, mended in pull request 113: a lock file is looked for, and written if
// it was not there. Two that look at the same time both write it, both believe to hold it, and both
// append what they fetched.
#include "race.h"

namespace races {
namespace {

enum class State { held, free };
constexpr auto pawl_names(State) {
  return std::array<std::string_view, 2>{"held", "free"};
}
struct LockFile {
  static constexpr std::string_view machine = "lock_file";
  static constexpr std::string_view table = "lock_files";
  std::string id;
  State state = State::held;
  pawl::Time state_since;
  std::int64_t holders = 0;
  static constexpr auto fields() {
    return std::tuple{pawl::field("id", &LockFile::id), pawl::field("state", &LockFile::state),
                      pawl::field("state_since_us", &LockFile::state_since),
                      pawl::field("holders", &LockFile::holders)};
  }
};
struct TakeTag {
  static constexpr std::string_view kind = "lock_file.take";
};
struct ReleaseTag {
  static constexpr std::string_view kind = "lock_file.release";
};
using Take = On<LockFile, TakeTag>;
using Release = On<LockFile, ReleaseTag>;

constexpr pawl::ErrorCode held{"held", pawl::ErrorClass::conflict, "another process holds it"};
// Asked in one step with the taking, or it says nothing.
constexpr pawl::Guard is_free{"lock_file.is_free"};
constexpr pawl::Guard is_held{"lock_file.is_held"};

pawl::Decision decide(const Take& take, pawl::Locked<LockFile>& lock, const pawl::Context&) {
  PAWL_REQUIRE(is_free, !lock.present() || lock->state == State::free, held);
  LockFile row = lock.present() ? *lock : LockFile{.id = take.id};
  row.state = State::held;
  ++row.holders;
  if (lock.present()) return pawl::Change().update(lock, row, "taken");
  return pawl::Change().create(lock, row, "taken");
}
pawl::Decision decide(const Release&, pawl::Locked<LockFile>& lock, const pawl::Context&) {
  PAWL_REQUIRE(is_held, lock.present() && lock->state == State::held, held);
  LockFile row = *lock;
  row.state = State::free;
  --row.holders;
  return pawl::Change().update(lock, row, "released");
}

}  // namespace

pawl::check::System lock_file() {
  pawl::check::System out;
  out.name = "lock_file";
  out.guards = {is_free.name};
  out.scenarios = [] {
    auto registry = std::make_shared<pawl::Registry>();
    registry->machine<LockFile>()
        .initial(State::held)
        .move(State::held, State::free)
        .move(State::free, State::held);
    auto race = only_orders("lock_file", "two processes want one lock");
    race.registry = std::move(registry);
    race.requests = {ask<Take>("take by sync1", "lock", "sync1"),
                     ask<Take>("take by sync2", "lock", "sync2"),
                     ask<Release>("release", "lock", "sync1")};
    race.invariants.push_back({"one holder", [](const pawl::check::View& view) -> std::string {
                                 const auto* row = view.row<LockFile>("lock");
                                 return row != nullptr && row->holders > 1 ? "two hold it" : "";
                               }});
    return std::vector{race};
  };
  return out;
}

}  // namespace races
