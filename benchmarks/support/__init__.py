"""What the benchmarks share: containers, trees, builds."""
