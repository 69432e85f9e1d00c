"""Loads for the benchmarks: meters that read like real ones, and whole fleets of gateways without agents."""
