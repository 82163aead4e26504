"""How long faults are injected: briefly in `make test`, in full in `make test-faults`."""

import os
import random

ROUNDS = int(os.environ.get("FANOUT_FAULTS_ROUNDS") or 2)
FULL = ROUNDS >= 10
ITEMS = 1_000_000 if FULL else 100_000
SEED = int(os.environ.get("FANOUT_FAULTS_SEED") or 5)


def chance(name, number):
    """The random choices of one round; those of round 7 are the same however many there are."""
    return random.Random(f"{SEED} {name} {number}")
