// SPDX-License-Identifier: Apache-2.0
//
// Rows of text as columns that stand under each other, for a terminal. Bytes that could move its
// cursor are shown as '?'.
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

// Control characters (also C1 and DEL) as '?'; other UTF-8 as it is.
std::string printable(std::string_view text);

}  // namespace pawl::app
