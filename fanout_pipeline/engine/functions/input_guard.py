"""A run whose inputs change while it reads them fails: results from two versions are of no use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fanout_pipeline.engine.model.errors import ItemFailed
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.engine.model.work import InputVersions, Work
from fanout_pipeline.sources.provenance import require_unchanged
from fanout_pipeline.sources.source import BadInput


def input_versions(inputs: FanoutSpec | Work) -> InputVersions:
    """The current versions, without reading any contents. Raises BadInput for what is missing."""
    return InputVersions(inputs.source.version(), stamps_of(inputs))


def require_same_inputs(inputs: FanoutSpec | Work, before: InputVersions) -> None:
    """Raises BadInput if an input has changed."""
    require_unchanged(inputs.source, before.source)
    for name, stamp in stamps_of(inputs).items():
        if stamp != before.depends_on.get(name):
            raise BadInput(
                f"{name}, which the function depends on, changed during the run. Nothing was "
                "committed; earlier results are unchanged. Run again when it no longer changes."
            )


@contextmanager
def inputs_unchanged(inputs: FanoutSpec | Work, before: InputVersions) -> Iterator[None]:
    """Raises BadInput at the end of the block if an input has changed.

    It replaces the error of an item, too, which may be half of a record that was being written.
    """
    try:
        yield
    except (BadInput, ItemFailed):
        try:
            require_same_inputs(inputs, before)
        except BadInput as changed:
            raise changed from None
        raise
    require_same_inputs(inputs, before)


def stamps_of(inputs: FanoutSpec | Work) -> dict[str, str]:
    """A stamp for each thing that the function reads besides its items."""
    if not inputs.depends_on:
        return {}
    from fanout_pipeline.engine.functions.dependencies import stamps  # hashlib: workers do without

    return stamps(inputs.depends_on)
