// The program.
#include "fqgan/cli/program.h"

int main(int argc, char** argv) { return fqgan::run_program(argc, argv); }
