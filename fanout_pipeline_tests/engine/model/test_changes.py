"""A run with a key tells what it has called and saved in one sentence."""

import pytest

from fanout_pipeline.engine.model.changes import Asked, Changes

TOLD = {
    (
        10,
        2,
        0,
        999_988,
        0,
        12,
        5520.0,
    ): "12 of 1,000,000 items called (10 new, 2 changed); 999,988 kept, which took "
    "1 h 32 min when they were called",
    (
        0,
        0,
        0,
        3,
        0,
        0,
        0.0512,
    ): "0 of 3 items called; 3 kept, which took 0.051 s when they were called",
    (
        0,
        0,
        1,
        9,
        4,
        1,
        59.9,
    ): "1 of 10 items called (1 failed before); 9 kept, which took 1 min when they were called; "
    "4 no longer in the input",
    (5, 0, 0, 0, 0, 5, 0.0): "5 of 5 items called (5 new)",
    (
        1,
        2,
        3,
        4,
        0,
        4,
        130.0,
    ): "4 of 10 items called; 1 new, 2 changed, 3 failed before, among all of them; 6 kept, "
    "which took 2 min 10 s when they were called",
}


@pytest.mark.parametrize("counts", TOLD)
def test_what_was_saved_is_one_sentence(counts: tuple[int, int, int, int, int, int, float]) -> None:
    """How many items were called and why, how many were kept and how long these took, and how many are gone."""
    new, changed, failed, unchanged, removed, called, seconds = counts
    changes = Changes(new, changed, unchanged, failed, removed, called, seconds)
    assert changes.sentence == TOLD[counts]
    assert changes.as_dict()["failed_before"] == failed


def test_why_all_are_called() -> None:
    """Where all are called, the sentence names what has changed that they depend on."""
    changes = Changes(0, 1, 9, 0, 0, 10, 0.0, ("the function", "the function setup"))
    said = "10 of 10 items called; 1 changed, among all of them; the function and the function setup changed since"
    assert changes.sentence == said


@pytest.mark.parametrize("wrong", [{"items": "new"}, {"removed": "stay"}])
def test_what_cannot_be_asked_for(wrong: dict[str, str]) -> None:
    """The error has the choices."""
    with pytest.raises(
        ValueError, match=r"must be one of (changed, failed, missing, all|drop, keep), not"
    ):
        Asked(**wrong)  # type: ignore[arg-type]
