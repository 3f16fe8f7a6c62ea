// SPDX-License-Identifier: Apache-2.0
//
// A log line is one JSON object with typed fields, levels filter, and threads never mix their
// lines.
#include <gtest/gtest.h>
#include <pawl/log.h>

#include <regex>
#include <string>
#include <thread>
#include <vector>

#include "core/json.h"

namespace pawl {
namespace {

class Log : public testing::Test {
 protected:
  void SetUp() override {
    log::set_sink([this](std::string_view line) { lines.emplace_back(line); });
  }
  void TearDown() override {
    log::set_sink({});
    log::set_level(log::Level::info);
  }
  std::vector<std::string> lines;
};

TEST_F(Log, WritesTypedFieldsAsOneJsonLine) {
  const std::string owned = "of\nher";
  log::info("lease_lost", {{"text", "a\"b"},
                           {"owned", owned},
                           {"n", 3},
                           {"low", INT64_MIN},
                           {"high", UINT64_MAX},
                           {"yes", true}});
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].find('\n'), lines[0].size() - 1);
  const json::Value line = json::parse(lines[0]).value();
  EXPECT_EQ(line.find("level")->as_string(), "info");
  EXPECT_EQ(line.find("event")->as_string(), "lease_lost");
  EXPECT_EQ(line.find("text")->as_string(), "a\"b");
  EXPECT_EQ(line.find("owned")->as_string(), "of\nher");
  EXPECT_EQ(line.find("n")->as_int64(), 3);
  EXPECT_EQ(line.find("low")->as_int64(), INT64_MIN);
  EXPECT_EQ(line.find("high")->as_uint64(), UINT64_MAX);
  EXPECT_EQ(line.find("yes")->as_bool(), true);
  EXPECT_TRUE(std::regex_match(std::string(*line.find("time")->as_string()),
                               std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)")));
}

TEST_F(Log, DropsLinesBelowTheLevel) {
  log::debug("no");
  log::set_level(log::Level::error);
  log::warn("no");
  log::error("yes", {{"one", "field"}});
  log::set_level(log::Level::trace);
  log::trace("yes");
  EXPECT_EQ(lines.size(), 2U);
  EXPECT_TRUE(log::enabled(log::Level::trace));
}

TEST_F(Log, CutsLongText) {
  log::info("long", {{"text", std::string(log::max_text_bytes + 1, 'x')}});
  const json::Value line = json::parse(lines.at(0)).value();
  EXPECT_EQ(line.find("text")->as_string(), std::string(log::max_text_bytes, 'x') + "...");
}

// Whatever a stranger wrote: one line, one object, nothing that a terminal obeys, and the text as
// it was.
TEST_F(Log, HostileTextStaysOneHarmlessLine) {
  const std::string_view obeyed[] = {
      "\n",           "\r",           "\x1b[2J",      "\x7f",         "\xc2\x9b",        "\xc2\x85",
      "\xe2\x80\xae", "\xe2\x81\xa6", "\xe2\x80\xa8", "\xef\xbb\xbf", "\xf3\xa0\x81\x81"};
  std::vector<std::string> hostile = {
      "\"}\n{\"event\":\"forged\"}\n", "\\",          "\\\"", "\\u0022",
      std::string("a\0b", 3),          "\xe2\x82\xac"};
  for (const std::string_view text : obeyed) hostile.emplace_back(text);
  for (const std::string& text : hostile) {
    lines.clear();
    log::warn("told", {{"text", "<" + text + ">"}, {text, "name"}});
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_EQ(lines[0].find('\n'), lines[0].size() - 1) << text;
    const auto line = json::parse(lines[0]);
    ASSERT_TRUE(line) << lines[0];
    EXPECT_EQ(line->find("event")->as_string(), "told");
    EXPECT_EQ(line->find("text")->as_string(), "<" + text + ">");
    lines[0].pop_back();
    for (const std::string_view bad : obeyed) {
      EXPECT_EQ(lines[0].find(bad.substr(0, bad.starts_with('\x1b') ? 1 : bad.size())),
                std::string::npos)
          << lines[0];
    }
  }
}

TEST_F(Log, BytesThatAreNoTextAndVeryMuchOfItStayOneBoundedLine) {
  std::string every;
  for (int c = 0; c < 256; ++c) every += static_cast<char>(c);
  std::string much;
  while (much.size() < (std::size_t{1} << 20)) much += "\xf0\x9f\x98\x80\"\n\x80";
  // Cut inside a character, and bytes that would complete what stands before them.
  for (const std::string& text : {every, much, std::string("\xc2"), std::string("\xf0\x9f\x98"),
                                  "x" + much, "xx" + much, "xxx" + much}) {
    lines.clear();
    log::warn("told", {{"text", text}, {"next", "\x9b"}});
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_EQ(lines[0].find('\n'), lines[0].size() - 1);
    EXPECT_LE(lines[0].size(), 6 * log::max_text_bytes + 200);
    EXPECT_TRUE(json::parse(lines[0])) << lines[0].substr(0, 200);
  }
}

TEST_F(Log, KeepsLinesOfThreadsApart) {
  constexpr int threads = 4;
  constexpr int each = 500;
  {
    std::vector<std::jthread> writers;
    for (int t = 0; t < threads; ++t) {
      writers.emplace_back([t] {
        for (int i = 0; i < each; ++i) log::info("tick", {{"thread", t}, {"i", i}});
      });
    }
  }
  ASSERT_EQ(lines.size(), static_cast<std::size_t>(threads * each));
  for (const std::string& line : lines) EXPECT_TRUE(json::parse(line)) << line;
}

TEST(LogStderr, IsWrittenWholeAndReadsBack) {
  testing::internal::CaptureStderr();
  log::warn("to_stderr", {{"text", std::string(6000, 'y')}});
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(json::parse(text).value().find("event")->as_string(), "to_stderr");
}

}  // namespace
}  // namespace pawl
