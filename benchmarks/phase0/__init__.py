"""The texts of the phase 0 that `benchmarks/phase0.md` measures."""
