"""Threads that share one plan give all results, and an error in one of them ends all."""

import threading

import pytest

from fanout_pipeline import IntegerLines, read_results
from fanout_pipeline.engine.calls.items import process_chunk
from fanout_pipeline.engine.model.errors import ItemFailed
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.engine.scheduling import chunk_plan
from fanout_pipeline.engine.strategies.thread_crew import thread_crew
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.results.store.local_generation import LocalGeneration
from fanout_pipeline.results.store.manifest import Manifest
from fanout_pipeline.sources.source import BadInput

pytestmark = [pytest.mark.usefixtures("leaves_nothing"), pytest.mark.timeout(180)]


@pytest.fixture
def work(tmp_path):
    """Work on a file with these lines."""

    def make(lines, function, chunks=4, fixed=True):
        path = tmp_path / "numbers.txt"
        path.write_text("".join(f"{line}\n" for line in lines))
        folder = tmp_path / f"parts{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        source = IntegerLines(str(path))
        return Work(source, function, None, source.chunks(chunks), LocalGeneration(folder), fixed)

    return make


def run(job, workers, crew=None):
    if crew is None:
        with thread_crew(workers, process_chunk) as crew:
            return run(job, workers, crew)
    ran = crew.run(job, Progress("threads", print))
    Manifest("threads", tuple(ran.parts)).save(job.generation)
    assert len(ran.timelines) == workers
    return read_results(job.generation.path)["result"].tolist()


@pytest.mark.parametrize("fixed", [True, False])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 7])
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_tiny_inputs(work, workers, count, fixed):
    """Inputs with fewer items than threads come out whole and in order."""
    assert run(work(range(count), str, workers, fixed), workers) == [str(n) for n in range(count)]


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_pieces_are_given_to_whoever_is_free(work, workers, monkeypatch):
    """Chunks that are cut short after each item give the same results, by any number of threads."""
    monkeypatch.setattr(chunk_plan, "_UNKNOWN_SECONDS", 1e-9)
    monkeypatch.setattr(chunk_plan, "_SHORTEST_SECONDS", 1e-9)
    monkeypatch.setattr(chunk_plan, "_LONGEST_SECONDS", 1e-9)
    job = work(range(100), str, workers, fixed=False)
    assert run(job, workers) == [str(n) for n in range(100)]
    assert len(list(job.generation.path.glob("part-*"))) > 20


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit, RecursionError])
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_whatever_a_function_raises_ends_the_run(work, workers, error):
    """A function that calls sys.exit() in a thread has failed on its item; nobody waits for its chunk."""

    def function(number):
        if number == 30:
            raise error("enough")
        return number

    with pytest.raises(ItemFailed, match=f"item 30 .*{error.__name__}: enough") as caught:
        run(work(range(100), function), workers)
    # If the run hung, the test's own time limit would end it, and this error come after that.
    assert not isinstance(caught.value.__context__, pytest.fail.Exception)


def test_an_error_of_one_chunk_ends_the_run(work):
    """Chunks of other threads that were begun are not waited for."""
    second_is_there = threading.Event()

    class Unreadable(IntegerLines):
        def read(self, chunk):
            if chunk.start == 0:
                second_is_there.wait(60)
                raise BadInput("the disk is gone")
            return super().read(chunk)

    def function(number):
        second_is_there.set()
        return number

    job = work(range(100), function, chunks=2)
    job = Work(Unreadable(job.source.path), function, None, job.chunks, job.generation, True)
    with pytest.raises(BadInput, match="the disk is gone"):
        run(job, 2)


def test_a_failure_is_placed_while_others_wait(work):
    """An item that fails in an earlier chunk is named by its index, while a later chunk waits for it."""
    later_is_done = threading.Event()

    def function(number):
        if number >= 50:
            later_is_done.set()
        if number == 20:
            later_is_done.wait(60)
            raise ValueError("no")
        return number

    with pytest.raises(ItemFailed) as caught:
        run(work(range(100), function, chunks=2), 2)
    assert (caught.value.failure.index, caught.value.failure.item) == (20, "20")


def test_a_crew_works_after_a_failure(work):
    """The threads of a run that failed are there for the next."""
    with thread_crew(2, process_chunk) as crew:
        with pytest.raises(ItemFailed):
            run(work(range(10), lambda number: number / 0), 2, crew)
        assert run(work(range(10), str), 2, crew) == [str(n) for n in range(10)]
