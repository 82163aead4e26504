"""A module whose import never ends, in C code that keeps the GIL."""

from fanout_pipeline_tests.executor.step_jobs import hang_in_c, sign

sign("imports")
hang_in_c()
