// SPDX-License-Identifier: Apache-2.0
//
// The effect executor's memory: which effects wait for when, which have an exchange under way, and
// what each destination may take. A step machine without input or output; the rows are the truth,
// this is only an index into them that a restart builds again.
#pragma once

#include <pawl/machine.h>
#include <pawl/time.h>

#include <cstdint>
#include <map>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "protocol/effect_row.h"
#include "protocol/permits.h"

namespace pawl::protocol {

class EffectSchedule {
 public:
  // `handled`: the kinds that this process can perform; others are left for those who can.
  // `shared`: other lanes have exchanges with the same destinations, so that there are as many at
  // once as set_permits() says, and none before.
  EffectSchedule(const Registry& registry, std::set<std::string, std::less<>> handled,
                 bool shared = false)
      : registry_(registry), handled_(std::move(handled)), shared_(shared) {}

  // The row as it was committed (or found at start): waits for its time, or is dropped if there is
  // nothing to do for it, or nobody here to do it.
  void put(std::int64_t id, std::string_view kind, EffectState state, Time next_at);

  // The effects that may be claimed now, within their destinations' limits. Each is handed out
  // once, until it is put again.
  std::vector<std::int64_t> take_due(Time now, std::size_t limit);

  // A claim found nothing to do.
  void release(std::int64_t id);
  // A claim was committed: its exchange is under way until finished().
  void begun(const EffectRow& row, Time gives_up_at);
  // The exchange's answer came, or its time ran out. Nothing if it had ended before.
  std::optional<EffectRow> finished(std::int64_t id, std::int64_t token);
  // Exchanges whose handler has not answered in time.
  std::vector<EffectRow> overdue(Time now) const;

  // What this lane has use for at each destination, once shared; the starts of each second are
  // shared in the same proportion.
  std::vector<PermitWish> wishes(Time now) const;
  void set_permits(std::string_view destination, int permits);
  // Something is due, and not enough permits for it.
  bool wants_permits(Time now) const;

  bool is_under_way(std::int64_t id, std::int64_t token) const;
  // Handed out by take_due(), and neither begun nor released.
  bool is_claiming(std::int64_t id) const { return claiming_.contains(id); }
  // Forgets everything, exchanges under way included: their answers will find nothing.
  void clear();

  // When something becomes due next, as far as limits are not what it waits for.
  Time next_at() const;
  std::size_t open() const { return newest_.size(); }
  std::size_t under_way() const { return under_way_.size(); }

 private:
  struct Waiting {
    Time next_at;
    std::int64_t id;
    bool operator>(const Waiting& other) const {
      return next_at != other.next_at ? next_at > other.next_at : id > other.id;
    }
  };
  // One destination's queue and limits.
  struct Destination {
    std::priority_queue<Waiting, std::vector<Waiting>, std::greater<>> waiting;
    int concurrency = 1;       // of all lanes
    int permits = 0;           // of this one
    int limit_per_second = 0;  // of all lanes; 0: none
    double per_second = 0;     // of this one
    int under_way = 0;         // claimed or being claimed
    double allowance = 0;
    Time refilled;
  };
  struct Exchange {
    EffectRow row;
    Time gives_up_at;
  };

  Destination* destination_of(std::string_view kind);
  bool may_start(Destination& destination, Time now) const;
  static int wanted(const Destination& destination, Time now);

  const Registry& registry_;
  std::set<std::string, std::less<>> handled_;
  bool shared_;
  std::map<std::string, Destination, std::less<>> destinations_;
  std::unordered_map<std::int64_t, std::string_view> claiming_;  // handed out: its destination
  std::unordered_map<std::int64_t, Exchange> under_way_;
  std::set<std::pair<Time, std::int64_t>>
      gives_up_;  // those under way, the first to be given up first
  std::unordered_map<std::int64_t, Time> newest_;  // of the waiting entries: the put that counts
};

}  // namespace pawl::protocol
