"""Resources are given to `setup` as Dagster would give them, wherever it is called, and nobody sees what they hold."""

import logging
import sys
from dataclasses import dataclass

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from fanout_pipeline import FanoutSpec, IntegerLines, ItemFailed, Options, read_failures
from fanout_pipeline.engine.functions.identity import code_version, work_fingerprint
from fanout_pipeline.engine.functions.resources import secrets_of
from fanout_pipeline.engine.model.errors import (
    SetupFailed,
    failure_from,
    hide,
    short_repr,
    show,
)
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.engine.strategies import auto
from fanout_pipeline.results.read_results import read_results
from fanout_pipeline_tests.contract.cases import RELIABLE
from fanout_pipeline_tests.contract.runs import write_items
from fanout_pipeline_tests.engine.calls import functions
from fanout_pipeline_tests.engine.functions import resources

_SECRET = "s3cr\u00e9t/'token'"
_WAYS = STRATEGIES | {"auto": auto.STRATEGY, "here": auto.HERE}
_NAMES = [*dict.fromkeys([*RELIABLE, "auto", "here"])]
_every_strategy = pytest.mark.parametrize("name", [n for n in _NAMES if n != "vectorized"])


def _run(name, tmp_path, function, setup, given, **options):
    file = write_items(tmp_path / "numbers.txt", 10)
    awaited = _WAYS[name].awaits
    function = getattr(function, "awaited", function) if awaited else function
    spec = FanoutSpec("items", IntegerLines(str(file)), function, setup=setup, resources=given)
    options = Options(workers=1, **options)
    run_strategy(_WAYS[name], spec, tmp_path / "results", options, log=print)
    return read_results(tmp_path / "results")["result"].tolist()


@pytest.mark.slow
@_every_strategy
def test_of_dagster(name, tmp_path, monkeypatch):
    """Variables are looked up, nested resources are there, and each is set up and torn down where it is used."""
    monkeypatch.setenv("FANOUT_TEST_KEY", _SECRET)
    journal = tmp_path / "journal"
    monkeypatch.setenv("FANOUT_TEST_JOURNAL", str(journal))
    region = resources.Region(name=dg.EnvVar("FANOUT_TEST_JOURNAL"))
    api = resources.Api(key=dg.EnvVar("FANOUT_TEST_KEY"), tries=3, region=region)
    results = _run(name, tmp_path, resources.describe, resources.connect, {"api": api})
    assert results == [f"{_SECRET} 3 {journal} connected"] * 10
    assert journal.read_text() == "set up\ntorn down\n"


def test_in_an_asset(tmp_path, monkeypatch):
    """What an asset is given can be passed on as it is."""
    monkeypatch.setenv("FANOUT_TEST_KEY", _SECRET)

    @dg.asset
    def scored(key: resources.Key):
        return _run("multiprocess", tmp_path, resources.key_of, resources.itself, {"key": key})

    made = dg.materialize(
        [scored], resources={"key": resources.Key(key=dg.EnvVar("FANOUT_TEST_KEY"))}
    )
    assert made.output_for_node("scored") == [_SECRET] * 10


def test_defined_in_a_script(tmp_path):
    """A resource's class that workers cannot import is sent with its code."""

    class Local(dg.ConfigurableResource):
        key: str

        def shouted(self):
            return self.key.upper()

    def shouted(item, key):
        return key.shouted()

    results = _run("multiprocess", tmp_path, shouted, resources.itself, {"key": Local(key="abc")})
    assert results == ["ABC"] * 10


def test_missing_variable(tmp_path):
    """A variable that is not set is named before anything starts."""
    given = {"key": resources.Key(key=dg.EnvVar("FANOUT_NOT_SET"))}
    with pytest.raises(ValueError, match=r"resource key .* FANOUT_NOT_SET, which is not set"):
        _run("multiprocess", tmp_path, resources.key_of, resources.itself, given)


def test_that_cannot_be_sent(tmp_path):
    """An object that pickle cannot send is named, with what of it."""
    given = {"key": resources.Plain(number for number in range(3))}
    with pytest.raises(
        TypeError, match=r"resource key cannot be sent .* attribute key, a generator"
    ):
        _run("multiprocess", tmp_path, resources.key_of, resources.itself, given)


@_every_strategy
def test_masked_in_failures(name, tmp_path, caplog):
    """A secret that an exception, an item or a log record shows is *** in failures, also escaped, and in logs of workers."""
    given = {"key": _SECRET}
    options = {"on_error": "quarantine"}
    with caplog.at_level(logging.WARNING):
        _run(name, tmp_path, resources.tells, functions.keep, given, **options)
    failures = read_failures(tmp_path / "results")
    shown = failures.to_csv() + (caplog.text if name == "multiprocess" else "")
    assert len(failures) == 10
    assert "s3cr" not in shown
    assert set(failures["message"]) == {"no answer for *** or ***"}
    if name == "multiprocess":
        assert "calling with ***" in caplog.text


@_every_strategy
@pytest.mark.parametrize("secret", [_SECRET, SecretStr("abc"), {"deep": [SecretStr("abc")]}])
def test_masked_in_errors(name, secret, tmp_path):
    """So is one that ends the run."""
    with pytest.raises(ItemFailed) as failed:
        _run(name, tmp_path, resources.tells_short, functions.keep, {"key": secret})
    assert "no answer for ***!" in str(failed.value)
    assert "abc!" not in str(failed.value)


@_every_strategy
def test_masked_in_errors_of_setup(name, tmp_path):
    """So is one that a setup shows."""
    with pytest.raises(SetupFailed) as refused:
        _run(name, tmp_path, resources.tells, functions.shout, {"key": _SECRET})
    assert "raised ConnectionError: key *** at" in str(refused.value)
    assert "s3cr" not in str(refused.value)


_TEXTS = st.text(st.characters(exclude_characters="*", exclude_categories=["Cs"]))


@given(before=_TEXTS, secret=_TEXTS.filter(lambda text: len(text) >= 8), after=_TEXTS)
def test_masked_whatever_it_is(before, secret, after):
    """No text of an error and no repr of an item shows a secret, whatever stands around it."""
    secrets = secrets_of({"key": secret})
    hide(secrets)
    try:
        item = short_repr({"a": [before, secret, after]}, 10_000)
        failure = failure_from(ValueError(before + secret + after), item)
    finally:
        show(secrets)
    for text in (failure.message, failure.traceback, failure.item):
        assert secret not in text
        assert repr(secret)[1:-1] not in text


def test_cut_texts(tmp_path):
    """A secret that would be cut in the middle, where a text is shortened, is masked before."""
    for length in range(40, 70):
        given = {"key": _SECRET, "before": "." * length}
        with pytest.raises(ItemFailed) as failed:
            _run("serial", tmp_path, resources.tells_long, functions.keep, given)
        assert "s3cr" not in str(failed.value)


def test_what_is_secret():
    """Long texts anywhere in a resource, and whatever pydantic calls a secret; not numbers and short words."""

    @dataclass
    class Mixed:
        user: str
        password: SecretStr
        nested: dict
        port: int = 123456789

    found = secrets_of(Mixed("me", SecretStr("pw"), {"authorization": ["Bearer 123456"]}))
    assert found >= {"pw", "Bearer 123456", "Bearer%20123456"}
    assert found.isdisjoint({"me", "authorization", "123456789"})


def test_no_part_of_the_identity(tmp_path):
    """Another key makes no other results; another setup does, for Dagster, too."""
    spec = FanoutSpec(
        "items", IntegerLines("numbers.txt"), resources.key_of, setup=resources.itself
    )
    one, other = (
        FanoutSpec("items", spec.source, spec.function, setup=spec.setup, resources={"key": key})
        for key in "ab"
    )
    assert work_fingerprint(one) == work_fingerprint(other) == work_fingerprint(spec)
    changed = FanoutSpec("items", spec.source, spec.function, setup=functions.keep)
    without = FanoutSpec("items", spec.source, spec.function)
    assert len({work_fingerprint(s) for s in (spec, changed, without)}) == 3
    assert len({code_version(s, s.function) for s in (spec, changed, without)}) == 3


def test_changed_setup(tmp_path):
    """What a dead run has left is not reused where the setup has changed; the log says that it is why."""
    file, lines = write_items(tmp_path / "numbers.txt", 100), []
    for setup in (functions.takes_none, functions.takes_none, functions.takes_nothing):
        spec = FanoutSpec("items", IntegerLines(str(file)), functions.fails_late_with, setup=setup)
        options = Options(chunks=10)
        how = {"ledger": True, "resume": True, "log": lines.append}
        lines.append("next")
        with pytest.raises(ItemFailed, match="the late one"):
            run_strategy(_WAYS["serial"], spec, tmp_path / "results", options, **how)
    second, third = " ".join(lines).split("next")[2:]
    assert "reuse" in second, lines
    assert "the function setup" in third


def test_never_on_disk(tmp_path, monkeypatch):
    """Secrets travel through a pipe: no file, command line or environment of a worker has them."""
    given = {"key": "unwritten-secret"}
    _run("multiprocess", tmp_path, resources.looks_around, functions.keep, given, retries=1)
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or b"unwritten-secret" not in path.read_bytes()
    assert "unwritten" not in " ".join(sys.argv)
