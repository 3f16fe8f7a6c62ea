// SPDX-License-Identifier: Apache-2.0
//
// Gives a parser of net the same bytes whole, one by one and in pieces that the input chooses, as a
// connection would: what is left over comes again with the next piece.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pawl::fuzz {

// The lengths of the pieces: each byte of `cuts` in turn, and again from the front. Empty: one
// piece.
class Pieces {
 public:
  explicit Pieces(std::string_view cuts) : cuts_(cuts) {}

  std::size_t next() {
    if (cuts_.empty()) return std::string_view::npos;
    return std::size_t{1} + static_cast<unsigned char>(cuts_[at_++ % cuts_.size()]);
  }

 private:
  std::string_view cuts_;
  std::size_t at_ = 0;
};

// Feeds until `over` says so or nothing is left. Gives how many bytes the parser used.
template <class Parser, class Over>
std::size_t feed_in_pieces(Parser& parser, std::string_view wire, std::string_view cuts,
                           Over over) {
  Pieces pieces(cuts);
  std::string pending;
  std::size_t total = 0;
  while (!wire.empty()) {
    const std::size_t length = pieces.next();
    pending += wire.substr(0, length);
    wire.remove_prefix(length < wire.size() ? length : wire.size());
    for (std::size_t used = 1; used > 0 && !pending.empty();) {
      used = parser.feed(pending);
      total += used;
      pending.erase(0, used);
      if (over()) return total;
    }
  }
  return total;
}

}  // namespace pawl::fuzz
