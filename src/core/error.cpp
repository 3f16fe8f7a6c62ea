// SPDX-License-Identifier: Apache-2.0
#include <pawl/error.h>

namespace pawl {

std::string_view to_string(ErrorClass error_class) {
  switch (error_class) {
    case ErrorClass::invalid:
      return "invalid";
    case ErrorClass::unauthorized:
      return "unauthorized";
    case ErrorClass::forbidden:
      return "forbidden";
    case ErrorClass::not_found:
      return "not_found";
    case ErrorClass::conflict:
      return "conflict";
    case ErrorClass::gone:
      return "gone";
    case ErrorClass::too_large:
      return "too_large";
    case ErrorClass::too_many:
      return "too_many";
    case ErrorClass::unavailable:
      return "unavailable";
    case ErrorClass::in_doubt:
      return "in_doubt";
    case ErrorClass::upstream:
      return "upstream";
    case ErrorClass::corrupt:
      return "corrupt";
    case ErrorClass::defect:
      return "defect";
  }
  return "defect";
}

std::string Error::text() const {
  std::string out(code.code);
  out += ": ";
  out += code.title;
  if (!detail.empty()) {
    out += " (";
    out += detail;
    out += ")";
  }
  return out;
}

}  // namespace pawl
