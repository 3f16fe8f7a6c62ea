// SPDX-License-Identifier: Apache-2.0
//
// The plan of a batch: which rows each work needs, collected once, in the one global order in which
// everything is locked. Nothing is read yet; whatever a work names follows from the work itself.
#pragma once

#include <pawl/machine.h>

#include <array>
#include <cstddef>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "protocol/storage.h"
#include "protocol/work.h"

namespace pawl::protocol {

inline constexpr std::size_t not_planned = std::numeric_limits<std::size_t>::max();

// What one work needs of the lock, as indices into the request.
struct Planned {
  std::shared_ptr<const Command> command;
  std::vector<EntityRef> keys;  // the command's, until the request has taken them over
  std::array<std::size_t, max_entities_per_command> entity_indices{};  // in the order of the keys
  std::size_t entity_count = 0;
  std::size_t receipt = not_planned;
  std::size_t effect = not_planned;
  std::size_t message = not_planned;
  std::size_t deadline = not_planned;
  std::size_t parked = not_planned;
  Fingerprint fingerprint{};
  std::optional<Error> error;  // it cannot be decided at all

  std::span<const std::size_t> entities() const { return {entity_indices.data(), entity_count}; }
};

// Works out the request's keys and fingerprint. Exceptions of the command's code pass through.
void prepare(RequestWork& work);

// A repeat of an operator's verb is answered like that of a request.
ReceiptKey operator_receipt(const OperateWork& work);
// A parked command goes away and an alert may stand for no entity: these belong to their own id.
ReceiptKey operator_receipt(const ParkedWork& work);
ReceiptKey operator_receipt(const AlertWork& work);

class Planner {
 public:
  Planner(const Registry& registry, LockRequest& request)
      : registry_(registry), request_(request) {}

  // May take out of the item what prepare() can work out again.
  Planned plan(WorkItem& item);
  // All planned: sorts the entities and resolves what refers to them.
  void finish(std::vector<Planned>& planned);

 private:
  void collect(WorkItem& item, Planned& planned);
  // `claimed`: of an answer to that claim, else null. Stays where it is until the request was met.
  std::size_t effect(std::int64_t id, const EffectRow* claimed = nullptr);
  std::size_t message(std::int64_t id) { return once(messages_, request_.messages, id); }
  std::size_t parked(std::int64_t id) { return once(parked_, request_.parked, id); }
  static std::size_t once(std::map<std::int64_t, std::size_t>& known,
                          std::vector<std::int64_t>& list, std::int64_t id);
  void command(const std::shared_ptr<const Command>& command, Planned& planned);
  void command(const std::shared_ptr<const Command>& command, std::vector<EntityRef> keys,
               Planned& planned);
  std::size_t receipt(ReceiptKey key);
  void request(RequestWork& work, Planned& planned);
  void answer(const AnswerWork& work, Planned& planned);
  // False, with the error set, if the origin is malformed.
  bool operator_verb(const Origin& origin, ReceiptKey key, Planned& planned);
  void operate(const OperateWork& work, Planned& planned);
  void parked_verb(const ParkedWork& work, Planned& planned);
  void outcome(const EffectSpec& spec, std::string_view payload, const EffectReport& report,
               Planned& planned);
  void park(const ParkWork& work, Planned& planned);

  const Registry& registry_;
  LockRequest& request_;
  std::map<std::int64_t, std::size_t> effects_;
  std::unordered_multimap<std::size_t, std::size_t> receipts_;  // by hash of the key
  std::map<std::int64_t, std::size_t> messages_;
  std::map<std::int64_t, std::size_t> parked_;
};

}  // namespace pawl::protocol
