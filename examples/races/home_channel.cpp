// SPDX-License-Identifier: Apache-2.0
//
// nitrolite pull request 820: an event handler reads a channel, waits, and writes back the row that
// it had read. A request marked the channel as closing in between: the mark is gone, the channel
// open again, and its coins can be spent a second time. What stops it is the engine's own: a
// decision only ever sees rows that are locked (protocol.locked_read); the row's version gives it
// away otherwise.
#include "race.h"

namespace races {
namespace {

enum class State { open, closing };
constexpr auto pawl_names(State) {
  return std::array<std::string_view, 2>{"open", "closing"};
}
struct Channel {
  static constexpr std::string_view machine = "channel";
  static constexpr std::string_view table = "channels";
  std::string id;
  State state = State::open;
  pawl::Time state_since;
  std::int64_t version = 0;  // of the newest state that the chain enforced
  static constexpr auto fields() {
    return std::tuple{pawl::field("id", &Channel::id), pawl::field("state", &Channel::state),
                      pawl::field("state_since_us", &Channel::state_since),
                      pawl::field("version", &Channel::version)};
  }
};
struct OpenTag {
  static constexpr std::string_view kind = "channel.open";
};
struct CheckpointedTag {
  static constexpr std::string_view kind = "channel.checkpointed";
};
struct FinalizeTag {
  static constexpr std::string_view kind = "channel.finalize";
};
using Open = On<Channel, OpenTag>;
using Checkpointed = On<Channel, CheckpointedTag>;  // an event of the chain
using Finalize = On<Channel, FinalizeTag>;          // a request

constexpr pawl::ErrorCode not_now{"not_now", pawl::ErrorClass::conflict, "not in this state"};
constexpr pawl::Guard is_new{"home_channel.is_new"};
constexpr pawl::Guard is_there{"home_channel.is_there"};

pawl::Decision decide(const Open& open, pawl::Locked<Channel>& channel, const pawl::Context&) {
  PAWL_REQUIRE(is_new, !channel.present(), not_now);
  return pawl::Change().create(channel, Channel{.id = open.id}, "open");
}
pawl::Decision decide(const Checkpointed& event, pawl::Locked<Channel>& channel,
                      const pawl::Context&) {
  PAWL_REQUIRE(is_there, channel.present(), not_now);
  Channel row = *channel;
  row.version = std::max(row.version, event.seen);
  return pawl::Change().update(channel, row, "checkpointed");
}
pawl::Decision decide(const Finalize&, pawl::Locked<Channel>& channel, const pawl::Context&) {
  PAWL_REQUIRE(is_there, channel.present(), not_now);
  Channel row = *channel;
  row.state = State::closing;
  return pawl::Change().update(channel, row, "finalized");
}

}  // namespace

pawl::check::System home_channel() {
  pawl::check::System out;
  out.name = "home_channel";
  out.guards = {"protocol.locked_read"};
  out.scenarios = [] {
    auto registry = std::make_shared<pawl::Registry>();
    registry->machine<Channel>().initial(State::open).move(State::open, State::closing);
    auto race = only_orders("home_channel", "an event and a finalization of one channel");
    race.registry = std::move(registry);
    race.bounds.hands = true;
    race.bounds.crashes = 0;
    race.requests = {ask<Open>("open", "channel", "user"),
                     ask<Checkpointed>("checkpointed", "channel", "chain", 1),
                     ask<Finalize>("finalize", "channel", "user")};
    race.invariants.push_back(
        {"what is closing is never open again", [](const pawl::check::View& view) -> std::string {
           if (!done(view, "finalize")) return {};
           const auto* row = view.row<Channel>("channel");
           return row->state == State::closing ? "" : "it is open again";
         }});
    return std::vector{race};
  };
  return out;
}

}  // namespace races
