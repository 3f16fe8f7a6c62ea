// SPDX-License-Identifier: Apache-2.0
//
// Every error code of the program has its section in docs/errors.md, with its class, and no section
// speaks of a code that is not there any more.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <regex>
#include <set>

#include "app/program_fixture.h"

namespace pawl::app::test {

std::map<std::string, std::string> declared_codes() {
  // ErrorCode name{"code", ErrorClass::class_name, ...
  static const std::regex declaration(
      R"re(ErrorCode\s+\w+\s*\{\s*"([^"]+)",\s*(?:pawl::)?ErrorClass::(\w+))re");
  std::map<std::string, std::string> codes;
  for (const auto* root : {"/include", "/src"}) {
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(std::string(PAWL_SOURCE_DIR) + root)) {
      const auto extension = entry.path().extension();
      if (extension != ".h" && extension != ".cpp") continue;
      const std::string text = read_file(entry.path());
      for (std::sregex_iterator match(text.begin(), text.end(), declaration), end; match != end;
           ++match) {
        codes[(*match)[1]] = (*match)[2];
      }
    }
  }
  return codes;
}

TEST(ErrorPages, EveryCodeHasASectionWithItsClass) {
  const std::string page = read_file(PAWL_SOURCE_DIR "/docs/errors.md");
  const auto codes = declared_codes();
  ASSERT_GT(codes.size(), 100U);
  for (const auto& [code, error_class] : codes) {
    std::string begin = "\n### ";
    begin.append(code).append("\n\n*").append(error_class).append("*");
    EXPECT_NE(page.find(begin), std::string::npos)
        << "docs/errors.md needs a section \"### " << code << "\" that begins with *" << error_class
        << "*";
  }
}

TEST(ErrorPages, NoSectionIsOrphaned) {
  const std::string page = read_file(PAWL_SOURCE_DIR "/docs/errors.md");
  const auto codes = declared_codes();
  static const std::regex section(R"re(\n### (\w+)\n)re");
  std::set<std::string> seen;
  for (std::sregex_iterator match(page.begin(), page.end(), section), end; match != end; ++match) {
    EXPECT_TRUE(codes.contains((*match)[1])) << (*match)[1] << " is no code any more";
    EXPECT_TRUE(seen.insert((*match)[1]).second) << (*match)[1] << " has two sections";
  }
}

}  // namespace pawl::app::test
