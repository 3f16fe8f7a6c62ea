// SPDX-License-Identifier: Apache-2.0
//
// What the parsers of requests and answers share around Beast's: feeding it pieces of any size with
// the same end, bounding the first line and all headers together, and collecting a bounded body.
// Private to net.
#pragma once

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pawl::net {

template <bool is_request>
class MessageParser : protected boost::beast::http::basic_parser<is_request> {
 protected:
  using Base = boost::beast::http::basic_parser<is_request>;
  using error_code = boost::beast::error_code;
  using string_view = boost::beast::string_view;
  using field = boost::beast::http::field;

  // `body` is where the body goes.
  MessageParser(std::size_t max_line_bytes, std::size_t max_header_bytes,
                std::size_t max_body_bytes, std::string& body)
      : max_line_bytes_(max_line_bytes),
        max_header_bytes_(max_header_bytes),
        max_body_bytes_(max_body_bytes),
        body_(body) {
    Base::body_limit(boost::none);  // counted here
    // Beast counts the first line and the headers each on its own.
    Base::header_limit(static_cast<std::uint32_t>(max_line_bytes + max_header_bytes));
  }

  // Gives how many bytes were used; those left over must be given again, with more behind them.
  // A first line that is too long sets ec to buffer_overflow.
  std::size_t put_all(std::string_view bytes, bool stop_after_header, error_code& ec) {
    if (!line_done_ && !has_whole_line(bytes, ec)) return 0;
    const std::size_t used = put_after_line(bytes, stop_after_header, ec);
    // Beast asks for eight bytes before it looks at a version, though the line may end within them.
    if (!ec && !line_done_) ec = make_error_code(boost::beast::http::error::bad_version);
    return used;
  }

  // Counts a field, trailers too; false, with ec set, when all of them are too large together.
  bool count_field(string_view name, string_view value, error_code& ec) {
    constexpr std::size_t colon_space_crlf = 4;
    header_bytes_ += name.size() + value.size() + colon_space_crlf;
    if (header_bytes_ <= max_header_bytes_) return true;
    ec = make_error_code(boost::beast::http::error::header_limit);
    return false;
  }

  // Must set ec.
  virtual void refuse_body(error_code& ec) = 0;

  void on_header_impl(error_code&) override { header_done_ = true; }
  std::size_t on_body_impl(string_view body, error_code& ec) override {
    if (body.size() > max_body_bytes_ - body_.size()) {
      refuse_body(ec);
      return 0;
    }
    body_.append(body.data(), body.size());
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t size, string_view, error_code& ec) override {
    if (size > max_body_bytes_ - body_.size()) refuse_body(ec);
  }
  std::size_t on_chunk_body_impl(std::uint64_t, string_view body, error_code& ec) override {
    return on_body_impl(body, ec);
  }
  void on_finish_impl(error_code&) override {}

  const std::size_t max_line_bytes_;
  const std::size_t max_header_bytes_;
  std::size_t max_body_bytes_;
  bool line_done_ = false;  // to be set when the first line was understood
  bool header_done_ = false;

 private:
  // Given a part of the first line, Beast looks at none of it before the end of all headers, and
  // never again when that end came too early for it. So it is given whole lines only.
  bool has_whole_line(std::string_view bytes, error_code& ec) {
    for (const std::size_t end = std::min(bytes.size(), max_line_bytes_); looked_at_ < end;
         ++looked_at_) {
      const char c = bytes[looked_at_];
      if (c == '\n') return true;
      const bool ended = looked_at_ > 0 && bytes[looked_at_ - 1] == '\r';
      const bool control = static_cast<unsigned char>(c) < ' ' && c != '\r' && c != '\t';
      if (!ended && !control) continue;
      // No line will come of it: not to be waited for.
      ec = make_error_code(boost::beast::http::error::bad_line_ending);
      return false;
    }
    if (looked_at_ == max_line_bytes_) {
      ec = make_error_code(boost::beast::http::error::buffer_overflow);
    }
    return false;
  }

  std::size_t put_after_line(std::string_view bytes, bool stop_after_header, error_code& ec) {
    // Beast 1.81 asserts that a chunked body's last chunk comes in a piece of 5 bytes or more; the
    // shortest rest of a chunked body at this point, "0 CR LF CR LF", has as many.
    constexpr std::size_t shortest_chunked_rest = 5;
    const auto too_short = [&](std::size_t size) {
      return header_done_ && Base::chunked() && size < shortest_chunked_rest;
    };
    // One step of Beast's at a time: its own loop (eager) would look at such a rest when it comes
    // in one piece with what is before it, and only then.
    std::size_t used = 0;
    while (used < bytes.size() && !Base::is_done() && !too_short(bytes.size() - used)) {
      const bool was_header = !header_done_;
      used += Base::put(boost::asio::const_buffer(bytes.data() + used, bytes.size() - used), ec);
      if (ec || (stop_after_header && was_header && header_done_)) break;
    }
    if (ec == boost::beast::http::error::need_more) ec = {};
    return used;
  }

  std::string& body_;
  std::size_t looked_at_ = 0;  // of the first line
  std::size_t header_bytes_ = 0;
};

}  // namespace pawl::net
