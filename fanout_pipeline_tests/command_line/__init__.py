"""The command line: `python -m fanout_pipeline`."""
