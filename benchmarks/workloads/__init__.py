"""What is called on what, for benchmarks of `fan_out`: see `catalogue`. Workers import this, so it imports nothing."""
