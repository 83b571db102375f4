"""Shared code of the benchmarks: containers, trees, builds."""
