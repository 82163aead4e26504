"""Whatever is wrong with function, input or results: a clear error, soon; earlier results as they were."""

import pytest

from fanout_pipeline.engine.model.errors import ItemFailed
from fanout_pipeline.sources.source import BadInput
from fanout_pipeline_tests.contract.cases import every_strategy
from fanout_pipeline_tests.contract.functions import GUILTY, awkward, marking, raising
from fanout_pipeline_tests.contract.functions.returning import same
from fanout_pipeline_tests.contract.runs import run, write_items

pytestmark = pytest.mark.usefixtures("leaves_nothing")


@every_strategy
def test_function_raises(name, file, earlier, capfd):
    """A function that raises is answered with the item, its line and the worker's traceback, once."""
    with pytest.raises(ItemFailed) as caught:
        run(name, file, raising.raises_on_guilty, earlier)
    first_line, _, rest = str(caught.value).partition("\n")
    assert f"{guilty(file)}: ZeroDivisionError: no such square today" in first_line
    assert "Traceback (most recent call last)" in rest
    assert "in raises_on_guilty\n" in rest
    assert rest.rstrip().endswith("ZeroDivisionError: no such square today")
    assert capfd.readouterr().err == ""


@every_strategy
def test_function_raises_stop_iteration(name, file, earlier):
    """StopIteration, as of a bare next(), is an error like any other and ends no loop of ours."""
    with pytest.raises(ItemFailed) as caught:
        run(name, file, raising.stops_on_guilty, earlier)
    first_line = str(caught.value).partition("\n")[0]
    assert guilty(file) in first_line
    assert "StopIteration" in first_line


def guilty(file):
    """How a message names the guilty item, which of a batch is found by halves."""
    return f"item 60 (line 61 of {file}), 1060"


@every_strategy
def test_bad_line(name, tmp_path, earlier):
    """A line that is no integer is named by its place in the whole file, not in a chunk."""
    broken = write_items(tmp_path / "broken.txt", 100, {60: "12x"})
    with pytest.raises(BadInput) as caught:
        run(name, broken, same, earlier)
    assert f"line 61 of {broken}" in str(caught.value)
    assert "'12x'" in str(caught.value)


@every_strategy
def test_mixed_types(name, file, earlier):
    """Integers and floats in one chunk are refused, with advice, instead of being rounded."""
    with pytest.raises(TypeError, match="float and int; return one type for every item"):
        run(name, file, awkward.mixed_types, earlier)


@every_strategy
def test_mixed_types_by_chunk(name, tmp_path, earlier):
    """Integers in one chunk and floats in another are refused, too: where it is cut is chance."""
    by_chunk = write_items(tmp_path / "by_chunk.txt", 120)  # 1060 begins the third of 4 chunks.
    where = r" \(first found in the part that begins with item (0|30|60|90)\)"
    with pytest.raises(TypeError, match=f"float and int; return one type for every item{where}"):
        run(name, by_chunk, awkward.float_from_guilty_on, earlier)


@pytest.mark.parametrize("name", ["serial", "threads", "vectorized", "multiprocess"])
def test_mixed_types_end_the_run_soon(name, tmp_path, earlier):
    """A part of another type ends the run when it is there, not when all else was done."""
    long = write_items(tmp_path / "long.txt", 480)
    mark = tmp_path / "called"
    mark.mkdir()
    function = marking.CalledWith(mark, awkward.float_from_guilty_on)
    with pytest.raises(TypeError, match="return one type for every item"):
        run(name, long, function, earlier, workers=1, chunks=48)
    assert (mark / str(GUILTY)).exists()
    assert not (mark / "1479").exists()


@every_strategy
def test_one_odd_result_is_named(name, file, earlier):
    """One result of another type than the others is named by its item, so that it can be found."""
    where = r" \(item 60 is the first that differs\)"
    with pytest.raises(TypeError, match=f"float and int; return one type for every item{where}"):
        run(name, file, awkward.float_on_guilty, earlier, workers=1, chunks=1)


@every_strategy
@pytest.mark.timeout(120)
def test_results_that_cannot_be_stored(name, file, earlier):
    """A result that can neither be sent nor stored is an error, not a wait without an end."""
    with pytest.raises((TypeError, ItemFailed)):
        run(name, file, awkward.unsendable, earlier)
