"""Speed and memory, measured: `python -m benchmarks` runs all, `python -m benchmarks index` one."""
