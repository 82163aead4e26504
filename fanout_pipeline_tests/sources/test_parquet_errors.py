"""Parquet that cannot be read, or changes meanwhile: a message says which file, what is wrong and what to do."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from fanout_pipeline import BadInput, FanoutSpec, Options, Parquet, read_results
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline_tests.sources.reading import read

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path):
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "b.parquet"
    parquet.write_table(pyarrow.table({"n": range(100)}), path, row_group_size=10)
    return path


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (lambda whole: whole[:-9], "Parquet magic bytes not found in footer"),
        (lambda whole: whole[: len(whole) // 2], "Parquet magic bytes not found in footer"),
        (lambda whole: b"PAR1", "Parquet file size is 4 bytes"),
        (lambda whole: b"a,b\n1,2\n" * 9, "Parquet magic bytes not found in footer"),
        (lambda whole: whole[:-900] + bytes(892) + whole[-8:], "Cannot read the file of"),
        (lambda whole: b"", "is empty"),
    ],
)
@pytest.mark.parametrize("by", ["file", "folder"])
def test_a_file_that_is_no_whole_parquet_is_named(path, content, told, by):
    """Cut off, of another format, empty: among others in a folder as by itself."""
    bad = path.with_name("c.parquet")
    bad.write_bytes(content(path.read_bytes()))
    with pytest.raises(BadInput) as caught:
        Parquet(str(bad if by == "file" else path.parent)).version()
    message = str(caught.value)
    assert str(bad) in message
    assert told in message
    assert "Write it again, take it out of the folder, or name only the Parquet files" in message


def test_a_damaged_row_group_is_named(path):
    """A file whose footer is whole; what comes before the damage can be read."""
    column = parquet.read_metadata(path).row_group(4).column(0)
    content = bytearray(path.read_bytes())
    begin = column.dictionary_page_offset
    content[begin : begin + column.total_compressed_size] = bytes(column.total_compressed_size)
    path.write_bytes(content)
    source = Parquet(str(path))
    chunks = source.chunks(10)
    assert source.read(chunks[3])[0] == {"n": 30}
    with pytest.raises(BadInput, match=r"Cannot read row group 4 of the file .*b\.parquet"):
        source.read(chunks[4])


def test_nothing_to_read(tmp_path):
    """A folder without files, a pattern that none matches, a path that leads nowhere."""
    (tmp_path / "_SUCCESS").touch()
    with pytest.raises(BadInput, match="is a folder without a file of rows"):
        Parquet(str(tmp_path)).version()
    with pytest.raises(BadInput, match="No file matches"):
        Parquet(str(tmp_path / "*.parquet")).version()
    with pytest.raises(BadInput, match="No such file"):
        Parquet(str(tmp_path / "a.parquet")).version()


AS_NOBODY = """
import os, sys
import pyarrow.compute, pyarrow.parquet
from fanout_pipeline import BadInput, Parquet
try:
    Parquet("not there").examine()  # imports what it takes
except BadInput:
    os.setuid(65534)
for path in sys.argv[1:]:
    try:
        Parquet(path).examine()
    except BadInput as error:
        print(error)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root becomes somebody else")
def test_a_file_that_may_not_be_read_is_named():
    """By itself, or the first of those in a folder."""
    # Not in pytest's folder, which nobody else may enter.
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        for name in ("a", "b"):
            parquet.write_table(pyarrow.table({"n": [1]}), Path(folder, f"{name}.parquet"))
        bad = Path(folder, "b.parquet")
        bad.chmod(0)
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, bad, folder],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    advice = "Give the user that runs Dagster the right to read it."
    assert done.stdout.splitlines() == [f"Cannot read {bad}: Permission denied. {advice}"] * 2


class Changes:
    """Does something to the input on one of its items."""

    def __init__(self, how, path):
        self.how = how
        self.path = path

    def __call__(self, row):
        if row["n"] == 50:
            self.change()
        return row["n"]

    def change(self):
        table = pyarrow.table({"n": range(100, 300)})
        match self.how:
            case "comes":
                parquet.write_table(table, self.path.with_name("c.parquet"))
            case "is replaced":
                parquet.write_table(table, self.path.with_name("_new"))
                os.replace(self.path.with_name("_new"), self.path)
            case "is rewritten":
                parquet.write_table(table, self.path)
            case "is cut off":
                os.truncate(self.path, 100)
            case "goes":
                self.path.unlink()


@pytest.mark.parametrize(
    ("name", "how"),
    [
        *(
            ("serial", how)
            for how in ("comes", "is replaced", "is rewritten", "is cut off", "goes")
        ),
        pytest.param("multiprocess", "is replaced", marks=pytest.mark.slow),
    ],
)
def test_an_input_that_changes_ends_the_run(path, tmp_path, name, how):
    """Earlier results stay, and the next run reads what is there then."""
    results, options = tmp_path / "results", Options(workers=2)

    def run(source, function):
        run_strategy(STRATEGIES[name], FanoutSpec("rows", source, function), results, options)

    run(Parquet(str(path)), Changes("not", path))
    with pytest.raises(BadInput, match=r"while it was read\. Nothing was committed") as caught:
        run(Parquet(str(path.parent)), Changes(how, path))
    if how == "is cut off":
        assert "What was found in the end: " in str(caught.value)
        assert "as Parquet: " in str(caught.value)
    assert read_results(results)["result"].tolist() == list(range(100))
    parquet.write_table(pyarrow.table({"n": [7]}), path)
    run(Parquet(str(path)), Changes("not", path))
    assert (
        read_results(results)["result"].tolist() == read(Parquet(str(path), columns=["n"])) == [7]
    )
