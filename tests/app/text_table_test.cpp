// SPDX-License-Identifier: Apache-2.0
//
// What the program prints of texts that others made: shown, never obeyed.
#include "app/text_table.h"

#include <gtest/gtest.h>

#include "app/http_call.h"
#include "app/operator_text.h"

namespace pawl::app {
namespace {

// An escape sequence, a bell, C1's own escape, a turned line, a mark that nobody sees.
const std::string hostile =
    "\x1b[2J\x07 \xc2\x9b"
    "31m \xe2\x80\xae"
    "evil\xe2\x81\xa6 \xe2\x80\x8b\n\r\x7f\t\xef\xbb\xbf\xd8\x9c";

bool is_harmless(const std::string& text) {
  for (const char* bad : {"\x1b", "\x07", "\xc2\x9b", "\xe2\x80\xae", "\xe2\x81\xa6", "\x7f", "\r",
                          "\t", "\xe2\x80\x8b", "\xef\xbb\xbf", "\xd8\x9c"}) {
    if (text.find(bad) != std::string::npos) return false;
  }
  return true;
}

TEST(Printable, WhatATerminalObeysIsShownAsAQuestionMark) {
  EXPECT_EQ(printable("a b~ \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 <b>'\"\\"),
            "a b~ \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 <b>'\"\\");
  EXPECT_EQ(printable("\x1b[1m\xc2\x85\xe2\x80\xae"), "?[1m??");
  EXPECT_TRUE(is_harmless(printable(hostile)));
  // The first and the last of each span, and what stands just outside it.
  EXPECT_EQ(printable("\xe2\x80\x8a\xe2\x80\x8b\xe2\x80\x8f\xe2\x80\x90"),
            "\xe2\x80\x8a??\xe2\x80\x90");
  EXPECT_EQ(printable("\xe2\x80\xa7\xe2\x80\xa8\xe2\x80\xae\xe2\x80\xaf"),
            "\xe2\x80\xa7??\xe2\x80\xaf");
  EXPECT_EQ(printable("\xe2\x81\x9f\xe2\x81\xa0\xe2\x81\xaf\xe2\x81\xb0"),
            "\xe2\x81\x9f??\xe2\x81\xb0");
  EXPECT_EQ(printable("\xf3\xa0\x80\x81"), "?");
}

TEST(Printable, BytesThatAreNoUtf8AreEachAQuestionMark) {
  EXPECT_EQ(printable("\xff\xfe"), "??");
  EXPECT_EQ(printable("a\xe2\x80"), "a??");
  EXPECT_EQ(printable("\xc3("), "?(");
  EXPECT_EQ(printable("\xc0\x80"), "??");
  EXPECT_EQ(printable("\x80z"), "?z");
  EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a?b");
}

TEST(Printable, TablesAndProblemsShowHostileTextHarmlessly) {
  json::Writer out;
  out.begin_object().field("machine", hostile).field("key", hostile).field("version", 1);
  out.key("row").begin_object().field("text", hostile).end_object();
  out.key("timeline").begin_array().begin_object();
  for (const char* name : {"time", "command", "who", "from", "to", "why", "reason"}) {
    out.field(name, hostile);
  }
  out.end_object().end_array();
  out.key("effects").begin_array().begin_object().field("id", 1);
  for (const char* name : {"kind", "state", "outcome", "code", "machine", "key", "history"}) {
    out.field(name, hostile);
  }
  out.end_object().end_array();
  out.key("alerts").begin_array().begin_object().field("id", 1);
  for (const char* name : {"code", "machine", "key", "detail", "acked_by", "first_seen"}) {
    out.field(name, hostile);
  }
  out.end_object().end_array();
  out.key("parked").begin_array().begin_object().field("id", 1);
  for (const char* name : {"source", "kind", "machine", "key", "code", "detail"}) {
    out.field(name, hostile);
  }
  out.end_object().end_array().end_object();
  const auto all = json::parse(out.text());
  ASSERT_TRUE(all);
  EXPECT_TRUE(is_harmless(entity_text(*all))) << entity_text(*all);
  EXPECT_TRUE(is_harmless(effects_text(*all->find("effects")->as_array())));
  EXPECT_TRUE(is_harmless(effect_text(all->find("effects")->as_array()->front())));
  EXPECT_TRUE(is_harmless(alerts_text(*all)));
  EXPECT_TRUE(is_harmless(parked_text(*all)));
  HttpAnswer answer;
  answer.status = 400;
  json::Writer problem;
  problem.begin_object().field("code", "x").field("title", hostile).field("detail", hostile);
  problem.end_object();
  answer.body = *json::parse(problem.text());
  EXPECT_TRUE(is_harmless(answer.problem()));
}

}  // namespace
}  // namespace pawl::app
