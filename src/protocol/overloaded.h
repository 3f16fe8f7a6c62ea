// SPDX-License-Identifier: Apache-2.0
//
// Visits a variant with one lambda per alternative.
#pragma once

namespace pawl::protocol {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

}  // namespace pawl::protocol
