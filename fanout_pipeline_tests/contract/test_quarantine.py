"""Items on which the function fails, in quarantine: the same for every strategy and chunking."""

from dataclasses import replace

import pytest

from fanout_pipeline import TextLines, read_failures, read_results
from fanout_pipeline.engine.model.errors import ItemFailed
from fanout_pipeline.engine.model.options import FailurePolicy
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.measuring.correctness.verification import verify
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.sources.source import BadInput
from fanout_pipeline_tests.contract.cases import RELIABLE, every_strategy
from fanout_pipeline_tests.contract.functions import awaiting, dying, marking, raising, returning
from fanout_pipeline_tests.contract.runs import run as run_anyhow
from fanout_pipeline_tests.contract.runs import spec_of, write_items
from fanout_pipeline_tests.processes import interrupt

NULL = FailurePolicy(on_error="quarantine")
OMIT = replace(NULL, failed_items="omit")
COUNT = 200
ITEMS = range(1000, 1000 + COUNT)

pytestmark = pytest.mark.usefixtures("leaves_nothing")
# A row more or fewer is the same for all that write in one process.
every_policy = pytest.mark.parametrize(
    ("name", "policy"),
    [*((name, NULL) for name in RELIABLE), ("serial", OMIT), ("multiprocess", OMIT)],
    ids=lambda value: value if isinstance(value, str) else value.failed_items,
)


@pytest.fixture
def file(tmp_path):
    """Item 1000 + index."""
    return write_items(tmp_path / "numbers.txt", COUNT)


def run(name, file, function, folder, policy, chunks=4):
    return run_anyhow(name, file, function, folder, chunks=chunks, failures=policy)


def expected(function, omit):
    """(index, result) of each row."""
    rows = []
    for index, item in enumerate(ITEMS):
        if item % 7:
            rows.append((index, function(item)))
        elif not omit:
            rows.append((index, None))
    return rows


# How a column's nulls are written depends on its type, and on whether a worker or its parent writes.
@pytest.mark.parametrize(
    ("name", "policy", "function"),
    [
        *((name, NULL, raising.square_but_sevenths) for name in RELIABLE),
        *(
            (name, policy, function)
            for name in ("serial", "multiprocess")
            for policy, function in (
                (OMIT, raising.square_but_sevenths),
                (NULL, raising.float_but_sevenths),
                (NULL, raising.raises_on_sevenths),
            )
        ),
    ],
    ids=lambda value: value.failed_items if isinstance(value, FailurePolicy) else None,
)
def test_the_other_items_are_finished(name, policy, function, file, tmp_path):
    """What fails is listed with its line and error, and all else is as if nothing had failed."""
    reference = run("serial", file, function, tmp_path / "ways" / "serial", policy, 1)
    folder = tmp_path / "ways" / name
    record = run(name, file, function, folder, policy)
    rows = expected(function, policy.omits)
    assert (record.items, record.failed) == (COUNT, COUNT - sum(bool(item % 7) for item in ITEMS))
    frame = read_results(folder)
    results = [None if result != result else result for result in frame["result"]]
    assert record.digest == reference.digest
    assert list(zip(frame["index"], results, strict=True)) == rows
    check = verify(spec_of(name, file, function), folder, record, policy).check
    assert check.complete
    assert check.wrong == 0
    assert check.in_order
    assert_listed(folder, file, function)


def assert_listed(folder, file, function):
    """The failures of a folder are those of the items that are multiples of seven, each in full."""
    failures = read_failures(folder)
    guilty = [index for index, item in enumerate(ITEMS) if item % 7 == 0]
    assert failures["index"].tolist() == guilty
    assert failures["where"].tolist() == [f"line {index + 1} of {file}" for index in guilty]
    assert failures["item"].tolist() == [str(ITEMS[index]) for index in guilty]
    assert set(failures["error_type"]) == {"ValueError"}
    for index, message in zip(guilty, failures["message"], strict=True):
        assert f"{ITEMS[index]} is a multiple of seven" in message
    assert all(f"in {function.__name__}\n" in told for told in failures["traceback"])
    parts = ResultFolder(folder).manifest().parts
    names = {f"part-{part.number:05d}.parquet" for part in parts}
    assert {path.name for path in folder.iterdir()} == names | {
        "_manifest.json",
        "_failures.parquet",
    }


@every_policy
def test_chunks_of_any_size_give_the_same(name, policy, file, tmp_path):
    """However the input is cut, down to an item a chunk, the digest and the list are the same."""
    function = raising.float_but_sevenths
    digests = set()
    for chunks in (1, 50, None):
        record = run(name, file, function, tmp_path / name, policy, chunks)
        digests.add(record.digest)
        frame = read_results(tmp_path / name)
        assert len(frame) == len(expected(function, policy.omits))
        assert frame["result"].dtype == "float64"
        assert_listed(tmp_path / name, file, function)
    assert len(digests) == 1


@every_policy
def test_all_items_may_fail(name, policy, file, tmp_path):
    """Where every item fails there are no results, and the run is one all the same."""
    record = run(name, file, raising.raises_always, tmp_path / name, policy)
    assert record.failed == COUNT
    frame = read_results(tmp_path / name)
    assert frame["result"].isna().all()
    assert len(frame) == (0 if policy.omits else COUNT)
    assert read_failures(tmp_path / name)["index"].tolist() == list(range(COUNT))


@every_strategy
def test_nothing_fails(name, file, tmp_path):
    """Where nothing fails, results and files are those of a run without quarantine."""
    plain = run(name, file, returning.same, tmp_path / "plain", FailurePolicy())
    record = run(name, file, returning.same, tmp_path / name, NULL)
    assert record.failed == 0
    assert record.digest == plain.digest
    assert read_failures(tmp_path / name).empty
    assert not (tmp_path / name / "_failures.parquet").exists()


BAD_LINES = {0: "12a", 1: "", 7: "x" * 200, 50: "1 2", 51: "1.5", COUNT - 1: "\x1b[31m0x10"}
"""By index; beside them the function fails on other items."""


@every_policy
def test_records_that_cannot_be_read_are_items_that_failed(name, policy, tmp_path):
    """A line that is no integer is listed with its place and its text, and all others have their results."""
    file = write_items(tmp_path / "numbers.txt", COUNT, BAD_LINES)
    function = raising.square_but_sevenths
    folder = tmp_path / "ways" / name
    if name != "serial":
        run("serial", file, function, tmp_path / "ways" / "serial", policy, 1)
    record = run(name, file, function, folder, replace(policy, retries=2, backoff_seconds=0.0), 7)
    rows = [row for row in expected(function, omit=True) if row[0] not in BAD_LINES]
    failed = sorted({*range(COUNT)} - {index for index, _ in rows})
    assert (record.items, record.failed) == (COUNT, len(failed))
    if not policy.omits:
        rows = sorted(rows + [(index, None) for index in failed])
    frame = read_results(folder)
    results = [None if result != result else result for result in frame["result"]]
    assert list(zip(frame["index"], results, strict=True)) == rows
    check = verify(spec_of(name, file, function), folder, record, policy).check
    assert check.complete
    assert check.wrong == 0
    failures = read_failures(folder)
    assert failures["index"].tolist() == failed
    assert failures["where"].tolist() == [f"line {index + 1} of {file}" for index in failed]
    found = failures.set_index("index").to_dict("index")
    assert {found[index]["error_type"] for index in failed} == {"BadInput", "ValueError"}
    assert found[0] | {"where": ""} == {
        "where": "",
        "item": "'12a'",
        "error_type": "BadInput",
        "message": "the record is not an integer",
        "traceback": "",
    }
    assert found[1]["message"] == "the record is blank"
    assert found[7]["item"] == f"'{'x' * 40}'… (200 bytes)"
    assert found[COUNT - 1]["item"] == r"'\x1b[31m0x10'"


def test_the_item_that_kills_is_found_among_bad_records(tmp_path):
    """Records that cannot be read do not move the blame to another item."""
    bad = {58: "x", 59: "", 61: "1 2", 62: "y"}
    file = write_items(tmp_path / "numbers.txt", COUNT, bad)
    run("multiprocess", file, dying.kills_its_worker, tmp_path / "results", NULL)
    failures = read_failures(tmp_path / "results")
    assert failures["index"].tolist() == [58, 59, 60, 61, 62]
    assert failures["error_type"].tolist() == ["BadInput"] * 2 + ["WorkerDied"] + ["BadInput"] * 2
    results = read_results(tmp_path / "results")["result"]
    assert results[results.notna()].tolist() == [n for n in ITEMS if n - 1000 not in {60, *bad}]


@every_strategy
def test_nothing_may_be_readable(name, tmp_path):
    """Where no record can be read nothing is called, and all are listed."""
    file = tmp_path / "numbers.txt"
    file.write_text("x\n" * 20)
    record = run(name, file, raising.raises_always, tmp_path / name, NULL)
    assert (record.items, record.failed) == (20, 20)
    assert read_failures(tmp_path / name)["error_type"].tolist() == ["BadInput"] * 20
    assert len(read_results(tmp_path / name)) == 20


@every_strategy
def test_lines_that_are_no_text_are_items_that_failed(name, tmp_path):
    """Bytes that are not UTF-8 fail their own line and no other."""
    file = tmp_path / "lines.txt"
    file.write_bytes(b"a\r\n\xff\xfe\r\n\nb\ncaf\xe9\nc")
    run(name, TextLines(str(file)), returning.same, tmp_path / name, NULL, chunks=3)
    results = read_results(tmp_path / name)["result"]
    results = [None if result != result else result for result in results]
    wanted = ["a", None, "", "b", None, "c"]
    assert results == wanted
    failures = read_failures(tmp_path / name)
    assert failures["index"].tolist() == [1, 4]
    assert failures["item"].tolist() == [r"'\\xff\\xfe'", r"'caf\\xe9'"]
    assert "is not UTF-8 (byte 0xe9 at position 3)" in failures["message"][1]


@every_strategy
def test_records_that_cannot_be_read_end_other_runs(name, tmp_path):
    """Where a failed item ends the run, so does a record that cannot be read, and is not tried again."""
    file = write_items(tmp_path / "numbers.txt", COUNT, BAD_LINES)
    policy = FailurePolicy(retries=5, backoff_seconds=60.0)
    with pytest.raises(BadInput, match=f"line 1 of {file} is not an integer: '12a'"):
        run(name, file, returning.same, tmp_path / name, policy, 1)


def batch_case(name):
    """A batch function's halves are calls, too: it is not counted how often an item was tried."""
    return STRATEGIES[name].batch


@every_strategy
def test_retries_are_enough(name, file, tmp_path):
    """An item whose calls succeed in the end has its result, and nothing has failed; the record counts the calls."""
    (tmp_path / "calls").mkdir()
    function = marking.FailsAtFirst(tmp_path / "calls", times=2)
    policy = FailurePolicy(retries=2, retry_on=("ConnectionError",), backoff_seconds=0.001)
    record = run(name, file, function, tmp_path / name, policy)
    assert record.failed == 0
    assert sorted(read_results(tmp_path / name)["result"]) == list(ITEMS)
    calls = {int(path.name): len(path.read_text()) for path in (tmp_path / "calls").iterdir()}
    if not batch_case(name):
        assert calls == {item: 1 if item % 10 else 3 for item in ITEMS}
        assert record.retried == 2 * COUNT / 10


@pytest.mark.parametrize("policy", [FailurePolicy(), NULL], ids=["fail", "quarantine"])
@every_strategy
def test_retries_are_used_up(name, policy, file, tmp_path):
    """An item that fails once too often fails for good; the message and the record count the calls."""
    (tmp_path / "calls").mkdir()
    function = marking.FailsAtFirst(tmp_path / "calls", times=100)
    policy = replace(policy, retries=2, backoff_seconds=0.001)
    if policy.quarantines:
        record = run(name, file, function, tmp_path / name, policy)
        assert (record.failed, record.retried) == (COUNT / 10, 2 * COUNT / 10)
        messages = read_failures(tmp_path / name)["message"].tolist()
        assert all(message.endswith(" (tried 3 times)") for message in messages)
    else:
        with pytest.raises(ItemFailed, match=r"ConnectionResetError: call \d+ \(tried 3 times\)\n"):
            run(name, file, function, tmp_path / name, policy)


@every_strategy
def test_some_errors_are_not_worth_a_retry(name, file, tmp_path):
    """An error that is not in `retry_on` fails its item at once."""
    (tmp_path / "calls").mkdir()
    function = marking.FailsAtFirst(tmp_path / "calls", times=100, error=KeyError)
    policy = replace(NULL, retries=50, retry_on=("OSError", "IndexError"), backoff_seconds=60.0)
    run(name, file, function, tmp_path / name, policy)
    assert len(read_failures(tmp_path / name)) == COUNT / 10


@every_strategy
def test_interrupted_while_waiting_for_a_retry(name, file, tmp_path):
    """Ctrl-C ends a run whose items wait to be tried again."""
    (tmp_path / "calls").mkdir()
    function = marking.FailsAtFirst(tmp_path / "calls", times=100)
    policy = replace(NULL, retries=5, backoff_seconds=60.0)
    thread = interrupt((tmp_path / "calls" / "1000").exists, delay=0.1)
    with pytest.raises(KeyboardInterrupt):
        run(name, file, function, tmp_path / name, policy)
    thread.join()


@pytest.mark.parametrize("name", ["threads", "asyncio", "multiprocess"])
@pytest.mark.timeout(50)
def test_a_failed_item_does_not_wait_for_retries(name, file, tmp_path):
    """Where an item has failed for good the run ends soon, though others wait to be tried again."""
    policy = FailurePolicy(retries=5, retry_on=("ConnectionError",), backoff_seconds=60.0)
    with pytest.raises(ItemFailed, match=r"item 60 .*no such square today"):
        run(name, file, raising.fails_or_is_tried_again, tmp_path / name, policy)


@every_strategy
def test_a_timeout_that_is_not_applied_is_said(name, file, tmp_path):
    """A strategy that can end no call says so, in one line, and works as if there were no limit."""
    policy, lines = FailurePolicy(item_timeout_seconds=30.0), []
    run_anyhow(name, file, returning.same, tmp_path / name, failures=policy, log=lines.append)
    warned = [line for line in lines if "item_timeout_seconds is not applied" in line]
    assert len(warned) == (name not in ("multiprocess", "asyncio", "auto"))


@pytest.mark.parametrize("policy", [FailurePolicy(), NULL, OMIT], ids=["fail", "null", "omit"])
def test_asyncio_cancels_what_takes_too_long(policy, file, tmp_path):
    """A call that waits longer than the limit is cancelled, and its item has failed."""
    policy = replace(policy, item_timeout_seconds=0.2)
    arguments = "asyncio", file, awaiting.hangs_on_guilty, tmp_path / "slow", policy
    if not policy.quarantines:
        with pytest.raises(ItemFailed, match=r"item 60 .* longer than item_timeout_seconds"):
            run(*arguments)
        return
    record = run(*arguments)
    assert record.failed == 1
    (failure,) = read_failures(tmp_path / "slow").to_dict("records")
    assert (failure["index"], failure["error_type"]) == (60, "TimeoutError")
    assert "(0.2 s) and was cancelled" in failure["message"]


def test_asyncio_goes_on_after_a_call_that_cancels_itself(file, tmp_path):
    """A function that cancels its own task fails on that item, and on no other."""
    for number, function in enumerate(
        (awaiting.cancels_itself_on_guilty, awaiting.raises_cancelled_on_guilty)
    ):
        policy = replace(NULL, retries=1, backoff_seconds=0.001, item_timeout_seconds=30.0)
        folder = tmp_path / f"odd{number}"
        run_anyhow("asyncio", file, function, folder, concurrency=1, failures=policy)
        (failure,) = read_failures(folder).to_dict("records")
        assert failure["index"] == 60
        assert "raised CancelledError" in failure["message"]
        assert failure["message"].endswith("(tried 2 times)")
