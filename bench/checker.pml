/* SPDX-License-Identifier: Apache-2.0 */
/* The small model of bench/checker.cpp for SPIN: six dials, each absent (0) or at 1 to 10, each
   turned on at any time. 11^6 states. */
byte dial[6];

#define turn(i) \
  :: atomic { dial[i] == 0 -> dial[i] = 1; check() } \
  :: atomic { dial[i] > 0 && dial[i] < 10 -> dial[i]++; check() } \
  :: atomic { dial[i] == 10 -> dial[i] = 1; check() }

#define check() assert(dial[0] <= 10 && dial[1] <= 10 && dial[2] <= 10 && \
                       dial[3] <= 10 && dial[4] <= 10 && dial[5] <= 10)

init {
  do
  turn(0)
  turn(1)
  turn(2)
  turn(3)
  turn(4)
  turn(5)
  od
}
