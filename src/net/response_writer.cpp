// SPDX-License-Identifier: Apache-2.0
#include "net/response_writer.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace pawl::net {

bool is_header_name(std::string_view name) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           marks.find(c) != std::string_view::npos;
  });
}

bool is_header_value(std::string_view value) {
  return std::none_of(value.begin(), value.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && byte != '\t') || byte == 0x7F;
  });
}

std::string_view reason_of(unsigned status) {
  struct Reason {
    unsigned status;
    std::string_view text;
  };
  constexpr std::array reasons{Reason{200, "OK"},
                               Reason{201, "Created"},
                               Reason{202, "Accepted"},
                               Reason{204, "No Content"},
                               Reason{304, "Not Modified"},
                               Reason{400, "Bad Request"},
                               Reason{401, "Unauthorized"},
                               Reason{403, "Forbidden"},
                               Reason{404, "Not Found"},
                               Reason{405, "Method Not Allowed"},
                               Reason{408, "Request Timeout"},
                               Reason{409, "Conflict"},
                               Reason{410, "Gone"},
                               Reason{412, "Precondition Failed"},
                               Reason{413, "Content Too Large"},
                               Reason{414, "URI Too Long"},
                               Reason{415, "Unsupported Media Type"},
                               Reason{417, "Expectation Failed"},
                               Reason{422, "Unprocessable Content"},
                               Reason{428, "Precondition Required"},
                               Reason{429, "Too Many Requests"},
                               Reason{431, "Request Header Fields Too Large"},
                               Reason{500, "Internal Server Error"},
                               Reason{501, "Not Implemented"},
                               Reason{502, "Bad Gateway"},
                               Reason{503, "Service Unavailable"},
                               Reason{504, "Gateway Timeout"}};
  for (const Reason& reason : reasons) {
    if (reason.status == status) return reason.text;
  }
  return "Status";
}

namespace {

void append_number(std::string& out, std::size_t number) {
  std::array<char, 24> digits;  // 20 suffice
  out.append(digits.data(),
             std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

bool is_ours(std::string_view name) {
  constexpr std::array<std::string_view, 5> ours{"Content-Length", "Connection",
                                                 "Transfer-Encoding", "X-Request-Id", "Keep-Alive"};
  return std::any_of(ours.begin(), ours.end(),
                     [&](std::string_view o) { return equal_ignoring_case(o, name); });
}

void append_headers(std::string& out, const Response& response) {
  for (const Header& header : response.headers) {
    if (is_ours(header.name) || !is_header_name(header.name) || !is_header_value(header.value)) {
      continue;
    }
    append_header(out, header.name, header.value);
  }
}

}  // namespace

void write_stream_head(std::string& out, const Response& response, const ResponseFrame& frame) {
  out += "HTTP/1.1 200 OK\r\n";
  append_header(out, "Content-Type", response.content_type);
  append_headers(out, response);
  append_header(out, "X-Request-Id", frame.request_id);
  if (frame.http_1_1) append_header(out, "Transfer-Encoding", "chunked");
  append_header(out, "Connection", "close");
  out += "\r\n";
}

void write_chunk(std::string& out, std::string_view bytes, bool http_1_1) {
  if (!http_1_1) {
    out += bytes;
    return;
  }
  std::array<char, 24> digits;  // 16 suffice
  out.append(digits.data(),
             std::to_chars(digits.data(), digits.data() + digits.size(), bytes.size(), 16).ptr);
  out.append("\r\n").append(bytes).append("\r\n");
}

void write_response(std::string& out, const Response& response, const ResponseFrame& frame) {
  constexpr std::size_t usual_head_bytes = 256;
  const unsigned status = response.status >= 200 && response.status <= 599 ? response.status : 500;
  const bool bodiless = status == 204 || status == 304;
  out.reserve(out.size() + usual_head_bytes + response.body.size());
  out += "HTTP/1.1 ";
  append_number(out, status);
  out.append(" ").append(reason_of(status)).append("\r\n");
  if (!bodiless && !response.content_type.empty() && is_header_value(response.content_type)) {
    append_header(out, "Content-Type", response.content_type);
  }
  if (!bodiless) {
    out += "Content-Length: ";
    append_number(out, response.body.size());
    out += "\r\n";
  }
  append_headers(out, response);
  append_header(out, "X-Request-Id", frame.request_id);
  if (!frame.keep_alive) {
    append_header(out, "Connection", "close");
  } else if (!frame.http_1_1) {
    append_header(out, "Connection", "keep-alive");
  }
  out += "\r\n";
  if (!bodiless && !frame.head_only) out += response.body;
}

}  // namespace pawl::net
