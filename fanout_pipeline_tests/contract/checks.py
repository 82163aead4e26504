"""What must hold of a result folder after a run."""

from fanout_pipeline import read_results
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline_tests.results.layout import generations


def contents(folder):
    """What is visible, to the byte."""
    return folder.readlink(), {path.name: path.read_bytes() for path in folder.iterdir()}


def assert_results(folder, expected, keeps_order=True):
    """The results are these, and the folder holds them and nothing else."""
    table = read_results(folder)
    results = table["result"].tolist()
    assert table["index"].tolist() == list(range(len(expected)))
    if not keeps_order:
        expected, results = sorted(expected), sorted(results)
    assert results == expected
    assert list(map(type, results)) == list(map(type, expected))
    parts = ResultFolder(folder).manifest().parts
    names = {f"part-{part.number:05d}.parquet" for part in parts}
    assert {path.name for path in folder.iterdir()} == names | {"_manifest.json"}
    assert generations(folder) == {folder.resolve()}


def assert_same_results(folder, file, function, keeps_order=True):
    """The results are those of `[function(int(line)) for line in file]`, and nothing else is there."""
    with open(file, encoding="utf-8") as lines:
        expected = [function(int(line)) for line in lines]
    assert_results(folder, expected, keeps_order)
