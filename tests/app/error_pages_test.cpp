// SPDX-License-Identifier: Apache-2.0
//
// Every error code of the program has its section in docs/errors.md, with its class, and no section
// speaks of a code that is not there any more.
#include <gtest/gtest.h>

#include <cctype>
#include <filesystem>
#include <map>
#include <regex>
#include <set>

#include "app/error_catalog.h"
#include "app/program_fixture.h"

namespace pawl::app::test {

struct Declared {
  std::string error_class;
  std::string title;
};

// The pieces of a string literal, put together.
std::string literal(const std::string& pieces) {
  static const std::regex piece(R"re("((?:[^"\\]|\\.)*)")re");
  std::string out;
  for (std::sregex_iterator match(pieces.begin(), pieces.end(), piece), end; match != end;
       ++match) {
    out += (*match)[1];
  }
  return out;
}

// What a page may write otherwise than the code: capitals, marks of code, a final stop.
std::string plain(std::string title) {
  std::erase(title, '`');
  while (title.ends_with('.')) title.pop_back();
  for (char& c : title) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return title;
}

std::map<std::string, Declared> declared_codes() {
  // ErrorCode name{"code", ErrorClass::class_name, "title" "goes on"
  static const std::regex declaration(
      R"re(ErrorCode\s+\w+\s*\{\s*"([^"]+)",\s*(?:pawl::)?ErrorClass::(\w+),\s*((?:"(?:[^"\\]|\\.)*"\s*)+))re");
  std::map<std::string, Declared> codes;
  for (const auto* root : {"/include", "/src"}) {
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(std::string(PAWL_SOURCE_DIR) + root)) {
      // The checker's own little machines speak to nobody.
      if (entry.path().filename().string().starts_with("engine_machines")) continue;
      const auto extension = entry.path().extension();
      if (extension != ".h" && extension != ".cpp") continue;
      const std::string text = read_file(entry.path());
      for (std::sregex_iterator match(text.begin(), text.end(), declaration), end; match != end;
           ++match) {
        codes[(*match)[1]] = {(*match)[2], literal((*match)[3])};
      }
    }
  }
  return codes;
}

TEST(ErrorPages, EveryCodeHasASectionWithItsClass) {
  const std::string page = read_file(PAWL_SOURCE_DIR "/docs/errors.md");
  const auto codes = declared_codes();
  ASSERT_GT(codes.size(), 100U);
  for (const auto& [code, declared] : codes) {
    std::string begin = "\n### ";
    begin.append(code).append("\n\n*").append(declared.error_class).append("*");
    EXPECT_NE(page.find(begin), std::string::npos)
        << "docs/errors.md needs a section \"### " << code << "\" that begins with *"
        << declared.error_class << "*";
  }
}

TEST(ErrorPages, WhatIsServedIsWhatTheCodeDeclares) {
  const auto codes = declared_codes();
  EXPECT_EQ(error_catalog().size(), codes.size());
  for (const auto& entry : error_catalog()) {
    const auto declared = codes.find(std::string(entry.code));
    ASSERT_NE(declared, codes.end()) << entry.code;
    EXPECT_EQ(entry.error_class, declared->second.error_class) << entry.code;
    EXPECT_EQ(plain(std::string(entry.title)), plain(declared->second.title))
        << entry.code << ": the section's first sentence is the title";
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
