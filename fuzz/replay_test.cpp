// SPDX-License-Identifier: Apache-2.0
//
// Replays the corpora, crashers that were mended among them, through the functions that are fuzzed:
// every `./dev test` does, with the normal compiler and without libFuzzer. Linked with every
// target.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "fuzz/target.h"

namespace pawl::fuzz {

std::ostream& operator<<(std::ostream& out, const Target& target) {
  return out << target.name;
}

namespace {

std::vector<std::filesystem::path> corpus_of(std::string_view target) {
  std::vector<std::filesystem::path> out;
  const auto folder = std::filesystem::path(PAWL_FUZZ_CORPUS) / target;
  if (!std::filesystem::is_directory(folder)) return out;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

class Corpus : public ::testing::TestWithParam<Target> {};

TEST_P(Corpus, HoldsNoFinding) {
  const auto files = corpus_of(GetParam().name);
  ASSERT_FALSE(files.empty()) << "fuzz/corpus/" << GetParam().name << " holds nothing";
  GetParam().entry("");
  for (const auto& file : files) {
    SCOPED_TRACE(file);
    std::ifstream in(file, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    ASSERT_TRUE(in) << "cannot be read";
    EXPECT_NO_THROW(GetParam().entry(bytes));
  }
}

INSTANTIATE_TEST_SUITE_P(Fuzz, Corpus, ::testing::ValuesIn(targets()),
                         [](const auto& of) { return std::string(of.param.name); });

TEST(Corpora, BelongToATarget) {
  std::set<std::string> known;
  for (const Target& target : targets()) known.emplace(target.name);
  for (const auto& entry : std::filesystem::directory_iterator(PAWL_FUZZ_CORPUS)) {
    EXPECT_TRUE(known.contains(entry.path().filename().string())) << entry.path();
  }
}

// The alarm works: what a target notices does not stay inside it.
TEST(Finding, IsThrownByACheckThatFails) {
  EXPECT_NO_THROW(check(true, "so"));
  EXPECT_THROW(check(false, "not so"), Finding);
}

}  // namespace
}  // namespace pawl::fuzz
