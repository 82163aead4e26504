"""Claims of speed, as commands: each with both sides in one run."""
