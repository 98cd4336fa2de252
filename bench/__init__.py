"""The program's own benchmarks: `make bench`. Each figure stands beside its floor."""
