// SPDX-License-Identifier: Apache-2.0
#include "app/edge/trace_context.h"

#include <algorithm>
#include <random>

namespace pawl::app {

namespace {

constexpr std::string_view digits = "0123456789abcdef";
constexpr std::size_t length_of_00 = 55;

bool is_lower_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return digits.find(c) != std::string_view::npos; });
}

bool is_id(std::string_view text) {
  return is_lower_hex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

std::string random_hex(std::size_t length) {
  thread_local std::mt19937_64 random = [] {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device()};
    return std::mt19937_64(seed);
  }();
  std::string out;
  while (out.size() < length) {
    std::uint64_t bits = random();
    for (int i = 0; i < 16 && out.size() < length; ++i, bits >>= 4) out += digits[bits & 15];
  }
  // All zeros means "none".
  if (!is_id(out)) out.back() = '1';
  return out;
}

}  // namespace

std::string TraceContext::text() const {
  return "00-" + trace_id + "-" + parent_id + (sampled ? "-01" : "-00");
}

std::optional<TraceContext> parse_traceparent(std::string_view text) {
  if (text.size() < length_of_00 || text[2] != '-' || text[35] != '-' || text[52] != '-') {
    return std::nullopt;
  }
  const std::string_view version = text.substr(0, 2);
  const std::string_view flags = text.substr(53, 2);
  const bool longer = text.size() > length_of_00;
  if (!is_lower_hex(version) || version == "ff" || !is_lower_hex(flags)) return std::nullopt;
  if (longer && (version == "00" || text[length_of_00] != '-')) return std::nullopt;
  TraceContext out;
  out.trace_id = text.substr(3, 32);
  out.parent_id = text.substr(36, 16);
  if (!is_id(out.trace_id) || !is_id(out.parent_id)) return std::nullopt;
  out.sampled = (digits.find(flags[1]) & 1U) != 0;
  return out;
}

TraceContext make_trace() {
  return {random_hex(32), random_hex(16), false};
}

TraceContext child_of(const TraceContext& parent) {
  return {parent.trace_id, random_hex(16), parent.sampled};
}

}  // namespace pawl::app
