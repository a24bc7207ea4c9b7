# A room is a folder under fqgan/: all its sources (any depth) become one library.
#   fqgan_room(NAME LINKED...)             static library fqgan_NAME
#   fqgan_shared_library(TARGET ROOM...)   one shared library of several rooms
#   fqgan_room_tests(NAME LINKED...)       one test binary of tests/NAME/*.cpp
#
# Loading the precompiled <torch/torch.h> costs 5 seconds per file, parsing it 20. The rooms that need it are built from
# few large units, and the others (FQGAN_NARROW_ROOMS) include narrowly and do without.
set(FQGAN_NARROW_ROOMS core ops data checkpoint run)

function(fqgan_compile_like target room)
  target_link_libraries(${target} PUBLIC libtorch)
  if(NOT room IN_LIST FQGAN_NARROW_ROOMS)
    target_precompile_headers(${target} REUSE_FROM fqgan_precompiled)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
  endif()
endfunction()

function(fqgan_room name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/fqgan/${name}/*.cpp)
  add_library(fqgan_${name} STATIC ${sources})
  fqgan_compile_like(fqgan_${name} ${name})
  target_link_libraries(fqgan_${name} PUBLIC ${ARGN})
endfunction()

function(fqgan_shared_library target)
  set(sources "")
  foreach(room ${ARGN})
    file(GLOB_RECURSE found CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/fqgan/${room}/*.cpp)
    list(APPEND sources ${found})
  endforeach()
  if(FQGAN_OPERATORS_ONLY)
    list(FILTER sources EXCLUDE REGEX "/core/options_")  # recipes: they need toml++
  endif()
  list(GET ARGN 0 first_room)
  add_library(${target} SHARED ${sources})
  fqgan_compile_like(${target} ${first_room})
endfunction()

function(fqgan_room_tests name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${name}/*.cpp)
  add_executable(fqgan_${name}_tests ${sources})
  fqgan_compile_like(fqgan_${name}_tests ${name})
  if(name STREQUAL ops)  # its tests use <torch/torch.h>, though the room does not
    target_precompile_headers(fqgan_ops_tests REUSE_FROM fqgan_precompiled)
    if(NOT FQGAN_SANITIZE)
      add_test(NAME kernel_objects COMMAND_EXPAND_LISTS COMMAND python3
        ${CMAKE_SOURCE_DIR}/tests/ops/check_kernel_objects.py $<TARGET_OBJECTS:fqgan_ops>)
      set_tests_properties(kernel_objects PROPERTIES LABELS unit)
    endif()
  endif()
  target_link_libraries(fqgan_${name}_tests PRIVATE fqgan_test_support ${ARGN})
  # One ctest entry per binary, because each start of LibTorch costs a quarter of a second. Suites whose instance is
  # named Slow have an entry of their own, which `./test.sh --fast` leaves out.
  add_test(NAME ${name} COMMAND fqgan_${name}_tests --gtest_filter=-Slow/* WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 600)
  set(slow "")
  foreach(source ${sources})
    file(STRINGS ${source} found REGEX "INSTANTIATE_TEST_SUITE_P\\(Slow,")
    list(APPEND slow ${found})
  endforeach()
  if(slow)
    add_test(NAME ${name}_slow COMMAND fqgan_${name}_tests --gtest_filter=Slow/* WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set_tests_properties(${name}_slow PROPERTIES LABELS "unit;slow" TIMEOUT 1200)
  endif()
endfunction()

# The files of fqgan/ops/kernels, each with its instruction set's flags; which set runs is decided at run time. Loops
# become vectors from -O3 on; products are not contracted, so that all sets give the same sums.
set(FQGAN_AVX2 -mavx2 -mfma)
set(FQGAN_AVX512 ${FQGAN_AVX2} -mavx512f -mavx512bw -mavx512vl -mavx512dq -mprefer-vector-width=512
  -Wno-uninitialized -Wno-maybe-uninitialized)  # g++ 12 warns of its own intrinsics
set(FQGAN_AVX512_BF16 ${FQGAN_AVX512} -mavx512bf16)
set(FQGAN_AMX_BF16 ${FQGAN_AVX512_BF16} -mamx-tile -mamx-bf16)
function(fqgan_kernel_file file)
  set_source_files_properties(${CMAKE_SOURCE_DIR}/fqgan/ops/kernels/${file}.cpp PROPERTIES
    COMPILE_OPTIONS "-O3;-ffp-contract=off;-fno-math-errno;-Wno-psabi;${ARGN}")  # psabi: vectors passed within a file
endfunction()
function(fqgan_kernel_flags)
  fqgan_kernel_file(plain)
  foreach(file avx2 avx2_convolution)
    fqgan_kernel_file(${file} ${FQGAN_AVX2})
  endforeach()
  foreach(file avx512 avx512_convolution)
    fqgan_kernel_file(${file} ${FQGAN_AVX512})
  endforeach()
  foreach(file avx512_bf16 avx512_bf16_convolution)
    fqgan_kernel_file(${file} ${FQGAN_AVX512_BF16})
  endforeach()
  fqgan_kernel_file(amx_bf16 ${FQGAN_AMX_BF16})
  if(NOT CMAKE_SYSTEM_PROCESSOR STREQUAL x86_64)
    file(GLOB x86 ${CMAKE_SOURCE_DIR}/fqgan/ops/kernels/avx*.cpp ${CMAKE_SOURCE_DIR}/fqgan/ops/kernels/amx*.cpp)
    set_source_files_properties(${x86} PROPERTIES HEADER_FILE_ONLY ON)
  endif()
endfunction()
