"""The live page: one server per address, in a thread of its own, for every machine of the process."""
