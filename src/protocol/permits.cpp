// SPDX-License-Identifier: Apache-2.0
#include "protocol/permits.h"

#include <algorithm>

namespace pawl::protocol {

namespace {

// What `lane` has of the limit when it is shared evenly among all who want of it, nobody getting
// more than it wants. What cannot be shared evenly goes to the first ones in the lanes' order,
// which begins with another lane every turn.
int fair_share(int limit, std::int32_t lane, std::vector<PermitHolder> all, Time now) {
  std::erase_if(all, [](const PermitHolder& holder) { return holder.wanted <= 0; });
  if (all.empty()) return 0;
  std::sort(all.begin(), all.end(),
            [](const PermitHolder& a, const PermitHolder& b) { return a.lane < b.lane; });
  const auto turn = static_cast<std::size_t>(now.us / permit_turn_us) % all.size();
  std::rotate(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(turn), all.end());
  for (PermitHolder& holder : all) holder.granted = 0;
  int left = limit;
  while (left > 0) {
    const auto unsatisfied = std::count_if(all.begin(), all.end(), [](const PermitHolder& holder) {
      return holder.granted < holder.wanted;
    });
    if (unsatisfied == 0) break;
    const int each = std::max(1, left / static_cast<int>(unsatisfied));
    for (PermitHolder& holder : all) {
      const int more = std::min({each, holder.wanted - holder.granted, left});
      holder.granted += more;
      left -= more;
    }
  }
  const auto mine = std::find_if(
      all.begin(), all.end(), [lane](const PermitHolder& holder) { return holder.lane == lane; });
  return mine == all.end() ? 0 : mine->granted;
}

}  // namespace

int granted_permits(const PermitWish& wish, std::int32_t lane, std::span<const PermitHolder> others,
                    Time now) {
  std::vector<PermitHolder> all(others.begin(), others.end());
  int taken = 0;
  for (const PermitHolder& other : others) taken += other.granted;
  all.push_back({lane, wish.wanted, 0});
  const int share = fair_share(wish.limit, lane, std::move(all), now);
  const int available = std::max(0, wish.limit - taken);
  return std::max(std::min(share, available), wish.in_use);
}

}  // namespace pawl::protocol
