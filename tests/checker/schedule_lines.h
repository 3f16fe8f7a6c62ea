// SPDX-License-Identifier: Apache-2.0
//
// Reads what schedules.h describes, for whoever drives it on a real database.
#pragma once

#include <sstream>
#include <string>
#include <vector>

namespace pawl::check::sql {

struct ScheduleLine {
  std::string kind;
  std::size_t session = 0;
  std::string flag;
  std::string sql;
  std::string table;
  std::string expected;
  std::string text;  // as it was read
};

struct Schedule {
  std::string scenario;
  std::string setup;
  std::vector<ScheduleLine> lines;

  // What was driven until the line, for a failure's message.
  std::string until(std::size_t line) const {
    std::string out = scenario + "\n";
    for (std::size_t i = 0; i <= line && i < lines.size(); ++i) out += lines[i].text + "\n";
    return out;
  }
};

inline std::vector<Schedule> read_schedules(const std::string& text) {
  std::vector<Schedule> out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::vector<std::string> fields;
    std::istringstream parts(line);
    for (std::string field; std::getline(parts, field, '\t');) fields.push_back(field);
    if (fields.at(0) == "scenario") {
      out.push_back({fields.at(1), {}, {}});
      continue;
    }
    if (fields.at(0) == "setup") {
      out.back().setup = fields.at(1);
      continue;
    }
    ScheduleLine one;
    one.kind = fields.at(0);
    one.text = line;
    if (one.kind == "rows") {
      one.table = fields.at(1);
    } else {
      one.session = std::stoul(fields.at(1));
    }
    if (one.kind == "step") {
      one.flag = fields.at(2);
      one.sql = fields.at(3);
    }
    if (one.kind != "rollback" && one.kind != "cut") one.expected = fields.back();
    out.back().lines.push_back(std::move(one));
  }
  return out;
}

}  // namespace pawl::check::sql
