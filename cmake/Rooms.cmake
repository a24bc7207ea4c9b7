# A room is a folder under fqgan/: all its sources (any depth) become one library.
#   fqgan_room(NAME LINKED...)             static library fqgan_NAME
#   fqgan_shared_library(TARGET ROOM...)   one shared library of several rooms
#   fqgan_room_tests(NAME LINKED...)       one test binary of tests/NAME/*.cpp
function(fqgan_use_precompiled target)
  target_link_libraries(${target} PUBLIC libtorch)
  target_precompile_headers(${target} REUSE_FROM fqgan_precompiled)
endfunction()

function(fqgan_room name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/fqgan/${name}/*.cpp)
  if(NOT sources)
    add_library(fqgan_${name} INTERFACE)
    target_link_libraries(fqgan_${name} INTERFACE ${ARGN})
    return()
  endif()
  add_library(fqgan_${name} STATIC ${sources})
  fqgan_use_precompiled(fqgan_${name})
  target_link_libraries(fqgan_${name} PUBLIC ${ARGN})
endfunction()

function(fqgan_shared_library target)
  set(sources "")
  foreach(room ${ARGN})
    file(GLOB_RECURSE found CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/fqgan/${room}/*.cpp)
    list(APPEND sources ${found})
  endforeach()
  add_library(${target} SHARED ${sources})
  fqgan_use_precompiled(${target})
endfunction()

function(fqgan_room_tests name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${name}/*.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(fqgan_${name}_tests ${sources})
  fqgan_use_precompiled(fqgan_${name}_tests)
  target_link_libraries(fqgan_${name}_tests PRIVATE fqgan_test_support ${ARGN})
  # One ctest entry a binary: each start of LibTorch costs a quarter of a second.
  add_test(NAME ${name} COMMAND fqgan_${name}_tests WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 600)
endfunction()
