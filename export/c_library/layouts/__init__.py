"""How a C library is laid out for a build system: one module for each."""
