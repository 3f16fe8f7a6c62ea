// SPDX-License-Identifier: Apache-2.0
//
// Who holds a lane, as text in its row: a process of one boot of one machine. Another process of
// the same boot and the same process namespace can tell for certain that it is dead; nobody else
// can. Several, with spaces between: the newest last, and before it earlier ones of whom it is not
// known that they are dead and whose exchanges may be under way.
#pragma once

#include <string>
#include <string_view>

namespace pawl::postgres {

// "BOOT/NAMESPACE/PID/START"; of this process. Empty parts where /proc does not say.
std::string this_process();
// The same with "#N" behind it, another N each time: so that a lane can tell its own mark in its
// row from that of whoever took it over in this very process.
std::string new_holder();

// All of them ran here, and run no more. False also where it cannot be known. Of nobody it is true.
bool are_provably_dead(std::string_view holders);
std::string_view newest_holder(std::string_view holders);
// Without that one taking. An earlier one of the same process may have left exchanges under way.
std::string without(std::string_view holders, std::string_view gone);

}  // namespace pawl::postgres
