// SPDX-License-Identifier: Apache-2.0
//
//   races                         every race, as it is: clean
//   races --all-guards            and without its guard: the bug
//   races rescuer --without rescuer.still_running    one, with its schedule
#include "race.h"

int main(int argc, char** argv) {
  return pawl::check::run_command_line(
      argc, argv,
      {races::home_channel(), races::double_pay(), races::rescuer(), races::recovery(),
       races::lock_file(), races::false_flip(), races::partition(), races::lost_checkpoint(),
       races::launch_sweep()});
}
