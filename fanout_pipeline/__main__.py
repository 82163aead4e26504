"""`python -m fanout_pipeline`: see `command_line`."""

import sys

from fanout_pipeline.command_line.main import main

if __name__ == "__main__":
    sys.exit(main())
