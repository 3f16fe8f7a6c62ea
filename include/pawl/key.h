// SPDX-License-Identifier: Apache-2.0
//
// Names an entity: which machine, which key. A command names its entities by keys that follow from
// the command alone, so that everything it may touch is locked before anything is read.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace pawl {

// A command names at most this many entities; everything else is a message.
inline constexpr std::size_t max_entities_per_command = 4;
// A key is text of 1 to this many bytes.
inline constexpr std::size_t max_key_bytes = 200;

// The key of an entity of machine T.
template <class T>
struct Key {
  std::string value;
};

// A machine's name (static lifetime: T::machine) and a key. Ordered by machine, then key: the one
// global order in which everything is locked.
struct EntityRef {
  std::string_view machine;
  std::string key;

  friend auto operator<=>(const EntityRef&, const EntityRef&) = default;
};

template <class T>
EntityRef entity_ref(const Key<T>& key) {
  return {T::machine, key.value};
}

struct EntityRefHash {
  std::size_t operator()(const EntityRef& ref) const {
    return std::hash<std::string_view>()(ref.machine) * 31 + std::hash<std::string>()(ref.key);
  }
};

}  // namespace pawl
