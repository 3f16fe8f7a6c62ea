// SPDX-License-Identifier: Apache-2.0
//
// xmtp/xmtpd issue 1967 (pull requests 1974 and 2026 are two ways to mend it): the first row of a
// new band finds no partition, so whoever writes it makes one, and several processes do so at once.
// The original told "somebody else has it already" by the text of an error, and took that for done.
// Here making and attaching are two steps, as after a crash half way, and each asks what stands.
#include "race.h"

namespace races {
namespace {

enum class State { made, attached };
constexpr auto pawl_names(State) {
  return std::array<std::string_view, 2>{"made", "attached"};
}
// A band's table, as the database's catalogue knows it.
struct Partition {
  static constexpr std::string_view machine = "partition";
  static constexpr std::string_view table = "partitions";
  std::string id;
  State state = State::made;
  pawl::Time state_since;
  std::int64_t tables = 1;  // made for this band
  static constexpr auto fields() {
    return std::tuple{pawl::field("id", &Partition::id), pawl::field("state", &Partition::state),
                      pawl::field("state_since_us", &Partition::state_since),
                      pawl::field("tables", &Partition::tables)};
  }
};
struct MakeTag {
  static constexpr std::string_view kind = "partition.make";
};
struct AttachTag {
  static constexpr std::string_view kind = "partition.attach";
};
struct EnsuredTag {
  static constexpr std::string_view kind = "partition.ensured";
};
using Make = On<Partition, MakeTag>;
using Attach = On<Partition, AttachTag>;
using Ensured = On<Partition, EnsuredTag>;  // may its maker go on and write rows?

constexpr pawl::ErrorCode is_there{"is_there", pawl::ErrorClass::conflict, "it was made before"};
constexpr pawl::ErrorCode not_there{"not_there", pawl::ErrorClass::not_found, "no partition yet"};
// Asked in one step with the making. Who loses hears a code and goes on to attach what is there.
constexpr pawl::Guard not_made_yet{"partition.not_made_yet"};
constexpr pawl::Guard is_made{"partition.is_made"};
// "Somebody else was first" says that it is under way, not that it is there.
constexpr pawl::Guard catalogue_has_it{"partition.catalogue_has_it"};

pawl::Decision decide(const Make& make, pawl::Locked<Partition>& partition, const pawl::Context&) {
  PAWL_REQUIRE(not_made_yet, !partition.present(), is_there);
  if (!partition.present()) {
    return pawl::Change().create(partition, Partition{.id = make.id}, "made");
  }
  Partition row = *partition;
  ++row.tables;
  return pawl::Change().update(partition, row, "made again");
}
pawl::Decision decide(const Attach&, pawl::Locked<Partition>& partition, const pawl::Context&) {
  PAWL_REQUIRE(is_made, partition.present(), not_there);
  if (partition->state == State::attached) return pawl::Decision::ignore("attached before");
  Partition row = *partition;
  row.state = State::attached;
  return pawl::Change().update(partition, row, "attached");
}
pawl::Decision decide(const Ensured&, pawl::Locked<Partition>& partition, const pawl::Context&) {
  PAWL_REQUIRE(is_made, partition.present(), not_there);
  PAWL_REQUIRE(catalogue_has_it, partition->state == State::attached, not_there);
  return pawl::Decision::ignore("it is there");
}

}  // namespace

pawl::check::System partition() {
  pawl::check::System out;
  out.name = "partition";
  out.guards = {not_made_yet.name, catalogue_has_it.name};
  out.scenarios = [] {
    auto registry = std::make_shared<pawl::Registry>();
    registry->machine<Partition>().initial(State::made).move(State::made, State::attached);
    auto race = only_orders("partition", "two processes need one new partition");
    race.registry = std::move(registry);
    race.requests = {ask<Make>("node1 makes it", "band1", "node1"),
                     ask<Make>("node2 makes it", "band1", "node2"),
                     ask<Attach>("node1 attaches it", "band1", "node1"),
                     ask<Attach>("node2 attaches it", "band1", "node2"),
                     ask<Ensured>("node1 goes on", "band1", "node1"),
                     ask<Ensured>("node2 goes on", "band1", "node2")};
    // Made and not attached is no end: whoever comes next can mend it.
    race.ended = [](const pawl::check::View& view) {
      const auto* row = view.row<Partition>("band1");
      return row == nullptr || row->state == State::attached;
    };
    race.invariants.push_back(
        {"one table for a band", [](const pawl::check::View& view) -> std::string {
           const auto* row = view.row<Partition>("band1");
           return row != nullptr && row->tables > 1 ? "two were made" : "";
         }});
    race.invariants.push_back(
        {"who goes on finds it", [](const pawl::check::View& view) -> std::string {
           const auto* row = view.row<Partition>("band1");
           const bool there = row != nullptr && row->state == State::attached;
           const bool goes_on = done(view, "node1 goes on") || done(view, "node2 goes on");
           return goes_on && !there ? "its rows have no partition" : "";
         }});
    return std::vector{race};
  };
  return out;
}

}  // namespace races
