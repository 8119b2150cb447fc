"""A detector as a C99 library without dependencies: names, network, detector, self-test."""
