# SPDX-License-Identifier: Apache-2.0
#
# pawl_target(NAME): the flags every target of this project is built with.
# pawl_test(NAME LABEL lib...): tests/<dir>/*.cpp of the calling folder as one gtest program.
# pawl_suite_tests(NAME LABEL source...): the suites of a gtest program as one test of ctest each, for
#   tests that share what is costly to start. One alone: PROGRAM --gtest_filter=SUITE.TEST

find_program(PAWL_MOLD mold)

function(pawl_target name)
  target_compile_options(${name} PRIVATE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual
    -Wimplicit-fallthrough -Werror)
  # Designated initialisers name what differs from the defaults; that is their point.
  target_compile_options(${name} PRIVATE -Wno-missing-field-initializers)
  # g++ 12 reports false positives of these two inside its own headers at -O2.
  target_compile_options(${name} PRIVATE -Wno-restrict -Wno-maybe-uninitialized)
  if(PAWL_SANITIZE)
    target_compile_options(${name} PRIVATE -fsanitize=${PAWL_SANITIZE} -fno-omit-frame-pointer
                           -fno-sanitize-recover=all)
    target_link_options(${name} PRIVATE -fsanitize=${PAWL_SANITIZE})
    if(PAWL_SANITIZE MATCHES "thread")
      target_compile_options(${name} PRIVATE -Wno-tsan)
    endif()
  endif()
  if(PAWL_CRASH_POINTS)
    target_compile_definitions(${name} PRIVATE PAWL_CRASH_POINTS=1)
  endif()
  if(PAWL_MOLD)
    target_link_options(${name} PRIVATE -fuse-ld=mold)
  endif()
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/src)
endfunction()

function(pawl_test name label)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(${name} ${sources})
  pawl_target(${name})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${ARGN} GTest::gtest GTest::gtest_main)
  add_dependencies(test_label_${label} ${name})
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60
    PROPERTIES LABELS ${label} TIMEOUT 120)
endfunction()

function(pawl_suite_tests name label)
  # The suite of all schedules takes seven minutes under ThreadSanitizer on a busy machine.
  set(timeout 600)
  if(PAWL_SANITIZE MATCHES "thread")
    set(timeout 1800)
  endif()
  foreach(source IN LISTS ARGN)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
    file(READ ${source} text)
    set(name_in_source "[A-Za-z0-9_]+,[ \n]*[A-Za-z0-9_]*")
    string(REGEX MATCHALL "\n(TEST|TEST_F|INSTANTIATE_TEST_SUITE_P|INSTANTIATE_TYPED_TEST_SUITE_P)\\([ \n]*${name_in_source}"
      lines "${text}")
    set(patterns "")
    foreach(line IN LISTS lines)
      string(STRIP "${line}" line)
      string(REGEX REPLACE "^[A-Z_]+\\([ \n]*([A-Za-z0-9_]+),[ \n]*([A-Za-z0-9_]*)$" "\\1;\\2" words "${line}")
      list(GET words 0 first)
      list(GET words 1 second)
      if(line MATCHES "^INSTANTIATE_TYPED")
        list(APPEND patterns "${first}/${second}/*.*")
      elseif(line MATCHES "^INSTANTIATE")
        list(APPEND patterns "${first}/${second}.*")
      else()
        list(APPEND patterns "${first}.*")
      endif()
    endforeach()
    list(REMOVE_DUPLICATES patterns)
    foreach(pattern IN LISTS patterns)
      string(REGEX REPLACE "(/\\*)?\\.\\*$" "" suite "${pattern}")
      add_test(NAME ${suite} COMMAND ${name} --gtest_filter=${pattern})
      set_tests_properties(${suite} PROPERTIES LABELS ${label} TIMEOUT ${timeout})
    endforeach()
  endforeach()
  add_dependencies(test_label_${label} ${name})
endfunction()
