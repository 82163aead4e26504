"""Threads make way sooner while a run asks for it, and as before afterwards."""

import sys

from fanout_pipeline.engine.system.switching import quick_switches


def test_the_interval_is_as_it_was():
    """Runs that overlap have it short as long as one goes on; what a user has made shorter still stays so."""
    before = sys.getswitchinterval()
    try:
        first, second = quick_switches(), quick_switches()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert sys.getswitchinterval() < before
        second.__exit__(None, None, None)
        assert sys.getswitchinterval() == before
        sys.setswitchinterval(0.0001)
        with quick_switches():
            assert sys.getswitchinterval() < 0.0002
        assert sys.getswitchinterval() < 0.0002
    finally:
        sys.setswitchinterval(before)
