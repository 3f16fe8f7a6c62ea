// SPDX-License-Identifier: Apache-2.0
//
// Rows of text as columns that stand under each other, for a terminal. What a terminal would obey
// instead of showing it is shown as '?'.
#pragma once

#include <string>
#include <vector>

namespace pawl::app {

class TextTable {
 public:
  explicit TextTable(std::vector<std::string> heads) : heads_(std::move(heads)) {}
  // As many cells as heads.
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }
  // Each line ends in '\n'; columns two blanks apart, the last one unpadded.
  std::string text() const;

 private:
  std::vector<std::string> heads_;
  std::vector<std::vector<std::string>> rows_;
};

// Control characters (also C1 and DEL), those that turn the direction of writing or cannot be seen,
// and bytes that are no UTF-8 as '?'; all else as it is.
std::string printable(std::string_view text);

}  // namespace pawl::app
