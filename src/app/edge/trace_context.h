// SPDX-License-Identifier: Apache-2.0
//
// The W3C trace context's `traceparent` (https://www.w3.org/TR/trace-context/), read and written.
// One trace id goes from the request through its log line and back in the answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pawl::app {

struct TraceContext {
  std::string trace_id;   // 32 lower-case hex digits, not all 0
  std::string parent_id;  // 16: the span that this request is part of
  bool sampled = false;

  // "00-TRACE-PARENT-01"
  std::string text() const;
};

// Nothing for what the recommendation calls invalid: then a new one is made. A version above 00 is
// read as 00, as far as it goes.
std::optional<TraceContext> parse_traceparent(std::string_view text);

// New ids, from a generator of the calling thread that the system's randomness seeded: unique, no
// secrets.
TraceContext make_trace();
// The same trace with a span of our own.
TraceContext child_of(const TraceContext& parent);

}  // namespace pawl::app
