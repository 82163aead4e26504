"""The identity of a run: from what its parts are made, and how.

Whether parts of a run with another identity are reused is decided in `results.store.ledger`.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import Distribution, PackageNotFoundError, distributions, version
from pathlib import Path
from typing import Any

from fanout_pipeline.engine.functions.fingerprint import function_fingerprint
from fanout_pipeline.engine.functions.input_guard import stamps_of
from fanout_pipeline.engine.functions.name import function_name
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.engine.model.strategy import Strategy
from fanout_pipeline.engine.model.work import InputVersions
from fanout_pipeline.results.store.ledger import THE_KEY, Identity
from fanout_pipeline.results.store.manifest import FORMAT
from fanout_pipeline.results.types.layout import PLAIN
from fanout_pipeline.sources.source import Version
from fanout_pipeline.sources.spool.feed import feed_of

_COLUMNS = "the columns of the results"
_SETUP = "the function setup"
RESULT_TYPE = "the type of the results"


@dataclass(frozen=True, slots=True)
class Basis:
    """What the results of a run depend on, as it was when the run began."""

    seen: InputVersions
    """The versions of the inputs, which must not change during the run."""
    input: Version
    """The version of the source, with the hash of its contents."""
    function: dict[str, str]
    """The name and the fingerprint of the function for single items."""
    depends_on: dict[str, str]
    """The content hash of each thing that the function depends on, and the fingerprint of `setup`."""
    is_spooled: bool = False
    """Whether the contents of the source are known only once they were spooled."""

    @classmethod
    def of(cls, spec: FanoutSpec) -> Basis:
        """Raises BadInput if the source, or something that the function depends on, cannot be read."""
        # As it was before it was read here, so that changes meanwhile are noticed.
        depends_on, input_ = stamps_of(spec), spec.source.hashing(spec.keep).examine()
        seen = InputVersions(Version(input_.token, input_.size), depends_on)
        function, named = _identity_in(spec, spec.function), _content_hashes(spec)
        is_spooled = feed_of(spec.source.examined(input_)) is not None
        return cls(seen, input_, function, named, is_spooled)

    @property
    def made_by(self) -> dict[str, str]:
        """The name of the function, and its fingerprint with what it depends on."""
        fingerprint = _combined(self.function["fingerprint"], self.depends_on)
        return self.function | {"fingerprint": fingerprint}


def code_version(spec: FanoutSpec, function: Callable[..., Any]) -> str:
    """What Dagster compares: the function's fingerprint, and which columns the results have.

    What the function depends on is not read for it: Dagster asks wherever it loads definitions.
    """
    columns = {} if spec.layout == PLAIN else {_COLUMNS: json.dumps(spec.layout._asdict())}
    fingerprint = _identity_in(spec, function)["fingerprint"]
    return _combined(fingerprint, _setup_fingerprint(spec) | columns)


def work_fingerprint(spec: FanoutSpec) -> str:
    """The fingerprint of the function with what it depends on."""
    return _combined(_identity_in(spec, spec.function)["fingerprint"], _content_hashes(spec))


def _content_hashes(spec: FanoutSpec) -> dict[str, str]:
    if not spec.depends_on:
        return _setup_fingerprint(spec)
    from fanout_pipeline.engine.functions.dependencies import content_hashes

    return _setup_fingerprint(spec) | content_hashes(spec.depends_on)


def _setup_fingerprint(spec: FanoutSpec) -> dict[str, str]:
    """Not of its resources: who may call, and where, does not change what calls give."""
    if spec.setup is None or spec.code_version is not None:
        return {}
    return {_SETUP: function_fingerprint(spec.setup)}


def _combined(fingerprint: str, others: Mapping[str, str]) -> str:
    if not others:
        return fingerprint
    text = json.dumps([fingerprint, *sorted(others.items())])
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]


def identity_of(
    strategy: Strategy,
    spec: FanoutSpec,
    basis: Basis,
    options: Options,
) -> Identity:
    """The keys are what log lines call the thing that changed."""
    called = spec.batch_function if strategy.batch else spec.function
    assert called is not None
    results = {
        "the strategy": strategy.name,
        # What is spooled is compared when it is there.
        "the input": [] if basis.is_spooled else [basis.input.size, basis.input.identity],
        "the input's format": repr(spec.source).replace(repr(str(spec.source)), ""),
        "the function": _identity_in(spec, called) if strategy.batch else basis.function,
        **_versions(called),
        "the format of fanout_pipeline": FORMAT,
        "the number of chunks": options.chunks,
        **_converters(spec),
        **basis.depends_on,
    }
    if spec.layout != PLAIN:
        results[_COLUMNS] = spec.layout._asdict()
    if strategy.grows and spec.batch_function is not None:  # It may call either.
        results["the batch function"] = _identity_in(spec, spec.batch_function)
    memory = options.worker_memory_mb if strategy.starts_processes else None
    policy = options.failures.settings()
    del policy["retry_after"]  # Limits do not change results.
    if policy["record_items"]:  # What that is called in earlier ledgers: nothing.
        del policy["record_items"]
    failures = {
        "what is done with failed items": policy,
        "the memory that a worker may have": memory,
    }
    return _as_stored({"results": results, "failures": failures})


def keyed_identity(spec: FanoutSpec, basis: Basis) -> Identity:
    """What every result of a run with a key depends on beside its item, which is compared by itself.

    Not the strategy: whichever it is, results are the same.
    """
    key = spec.key if isinstance(spec.key, str) else function_identity(spec.key)  # type: ignore[arg-type]
    results = {
        THE_KEY: key,
        "the function": _kept_by_version(spec, basis.function),
        "the format of fanout_pipeline": FORMAT,
        RESULT_TYPE: [spec.layout.kind, spec.unpack],
        **basis.depends_on,
    }
    if spec.code_version is None:
        results |= _versions(spec.function)
    if spec.batch_function is not None:
        batch_function = _identity_in(spec, spec.batch_function)
        results["the batch function"] = _kept_by_version(spec, batch_function)
    return _as_stored({"results": results})


def _kept_by_version(spec: FanoutSpec, identity: dict[str, str]) -> dict[str, str]:
    """Without the name where somebody answers for the code: it may have been moved, or renamed."""
    return identity if spec.code_version is None else {"version": spec.code_version}


def _as_stored(identity: dict[str, Any]) -> Identity:
    """As it is when read from a file: tuples are lists."""
    return Identity(**json.loads(json.dumps(identity)))


def _versions(called: Callable[..., Any]) -> dict[str, Any]:
    """What the code of a function may mean something else with."""
    return {
        "the version of the function's package": distribution_of(called),
        "the version of Python": platform.python_version(),
    }


def _converters(spec: FanoutSpec) -> dict[str, dict[str, str]]:
    """The functions that a source with `types` gives the text of its columns to."""
    types: Mapping[str, Callable[..., Any]] = getattr(spec.source, "types", {})
    return {f"the type of {name}": function_identity(types[name]) for name in sorted(types)}


def _identity_in(spec: FanoutSpec, function: Callable[..., Any]) -> dict[str, str]:
    """That of one of the spec's functions."""
    if spec.code_version is not None:
        return {"name": function_name(function), "fingerprint": spec.code_version}
    return function_identity(function)


def function_identity(function: Callable[..., Any]) -> dict[str, str]:
    """The name and the fingerprint of a function."""
    return {"name": function_name(function), "fingerprint": function_fingerprint(function)}


def distribution_of(function: Callable[..., Any]) -> str | None:
    """Name and version of the installed distribution that contains the function, None if there is none."""
    while isinstance(function, partial):
        function = function.func
    owner = function if hasattr(function, "__qualname__") else type(function)
    package = (getattr(owner, "__module__", None) or "").partition(".")[0]
    found = _version(package)
    if found is not None:
        return f"{package} {found}"
    module = inspect.getmodule(owner)
    path = Path(getattr(module, "__file__", None) or "")
    if {"site-packages", "dist-packages"}.isdisjoint(path.parts):
        return None
    return next((f"{one.name} {one.version}" for one in distributions() if _has(one, path)), None)


def _has(distribution: Distribution, path: Path) -> bool:
    # Searches the list of files as text: packages_distributions() parses them all, for a second.
    root = str(distribution.locate_file(""))
    listed = distribution.read_text("RECORD") or ""
    return path.is_relative_to(root) and f"\n{path.relative_to(root)}," in f"\n{listed}"


@cache  # 5 ms
def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except (PackageNotFoundError, ValueError):
        return None
