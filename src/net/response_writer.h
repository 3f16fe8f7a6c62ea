// SPDX-License-Identifier: Apache-2.0
//
// A Response as the bytes of one write. Framing headers are set here alone, so a handler cannot
// break the message; a bad header of its own is dropped.
#pragma once

#include <string>
#include <string_view>

#include "net/http.h"

namespace pawl::net {

struct ResponseFrame {
  std::string_view request_id;
  bool keep_alive = true;
  bool http_1_1 = true;    // what the request spoke
  bool head_only = false;  // the answer to HEAD: the body's length without the body
};

// Appends the head of an answer whose body is a stream: in chunks for HTTP/1.1, else until the
// connection closes, which in both cases follows.
void write_stream_head(std::string& out, const Response& response, const ResponseFrame& frame);
// One chunk of it; not for no bytes, which would be the last.
void write_chunk(std::string& out, std::string_view bytes, bool http_1_1);

// Appends the whole message to `out`.
void write_response(std::string& out, const Response& response, const ResponseFrame& frame);

// A field name that is a token, and a value without CR, LF and NUL (RFC 9110 section 5).
bool is_header_name(std::string_view name);
bool is_header_value(std::string_view value);

// The reason phrase; "Status" for a code that has none here.
std::string_view reason_of(unsigned status);

}  // namespace pawl::net
