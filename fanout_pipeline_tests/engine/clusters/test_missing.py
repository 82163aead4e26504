"""A machine on which no engine is installed."""

import sys

import pytest

from fanout_pipeline import fan_out


def test_an_engine_that_is_not_installed_names_its_extra(monkeypatch):
    """Whoever asks for Dask without it is told what to install, and nothing else asks for it."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match=r"pip install 'fanout_pipeline\[dask\]'"):
        fan_out(abs, [1], strategy="dask")
    assert list(fan_out(abs, [-1])) == [1]
