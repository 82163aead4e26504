"""What is read back does not depend on how results were cut into parts."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy
import pyarrow
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from fanout_pipeline import read_results
from fanout_pipeline.results.read import Snapshot, first_results
from fanout_pipeline.results.types.layout import Layout
from fanout_pipeline_tests.chance import examples
from fanout_pipeline_tests.results.cuts import write_cut

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text("aé\0", max_size=3)
)
JSON_LIKE = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "c d"]), inner, max_size=3)
    ),
    max_leaves=6,
)
ONE_KIND = st.sampled_from([st.integers(), st.floats(allow_nan=False), st.text(max_size=2)])
DICTS = ONE_KIND.flatmap(
    lambda leaf: st.lists(
        st.none()
        | st.dictionaries(
            st.sampled_from(["a", "b", "c"]),
            st.none() | leaf,
            max_size=3,
        ),
        max_size=8,
    )
)


def same(read, returned):
    """Whether a result is read back as it was: keys that other dicts have are None, True may be 1."""
    if isinstance(returned, dict) and isinstance(read, dict):
        return set(read) >= set(returned) and all(
            same(read[key], returned.get(key)) for key in read
        )
    if isinstance(returned, list) and isinstance(read, list):
        return len(read) == len(returned) and all(map(same, read, returned))
    return read == returned and isinstance(read, float) == isinstance(returned, float)


@settings(deadline=None, max_examples=examples(60))
@given(data=st.data(), results=st.lists(JSON_LIKE, max_size=6) | DICTS)
@example(None, [{"a": 1}, {"b": [None, {"c d": ""}]}, None, {"a": 2**70}])
@example(None, [{}, None, {"a": None}, {"a": {}}])
def test_json_like_results_are_read_as_they_were_whatever_the_cut(data, results):
    """In one part or several: what went in, in files of one schema, and one digest; or the same refusal."""
    cuts = [(), tuple(range(1, len(results)))]
    if data is not None:
        cuts.append(tuple(data.draw(st.sets(st.integers(1, max(1, len(results) - 1)), max_size=3))))
    cuts = {edges for edges in cuts if all(edge < len(results) for edge in edges)}
    outcomes = set()
    with TemporaryDirectory() as name:
        for number, edges in enumerate(cuts):
            folder = Path(name, f"cut{number}")
            try:
                digest = write_cut(folder, results, edges).digest
            except TypeError:
                outcomes.add("refused")
                continue
            read = first_results(folder, len(results) + 1)
            assert len(read) == len(results)
            assert all(map(same, read, results))
            schemas = {parquet.read_schema(path) for path in folder.glob("part-*")}
            assert len(schemas) == 1
            outcomes.add((digest, repr(read), str(schemas)))
    assert len(outcomes) == 1


@settings(deadline=None, max_examples=examples(30))
@given(results=DICTS, data=st.data())
def test_fields_of_dicts_are_columns_whatever_the_cut(results, data):
    """A field that is missing is null, and a field that comes late is a column of all parts."""
    edges = sorted(data.draw(st.sets(st.integers(1, max(1, len(results) - 1)), max_size=3)))
    edges = [edge for edge in edges if edge < len(results)]
    fields = list(dict.fromkeys(key for one in results for key in one or ()))
    with TemporaryDirectory() as name:
        folders = [Path(name, "whole"), Path(name, "cut")]
        manifests = [
            write_cut(folder, results, cut, Layout(unpack=True))
            for folder, cut in zip(folders, [(), edges], strict=True)
        ]
        assert len({manifest.digest for manifest in manifests}) == 1
        for folder in folders:
            table = pyarrow.concat_tables(map(parquet.read_table, sorted(folder.glob("part-*"))))
            values = [one for one in results if one is not None]
            expected = ["index", *(fields if values else ["result"])]
            assert table.column_names == expected
            frame = read_results(folder)
            assert list(frame) == expected
            for field in fields if values else ():
                found = frame[field].astype(object).where(frame[field].notna(), None).tolist()
                assert found == [None if one is None else one.get(field) for one in results]
            if values:
                whole = [{field: (one or {}).get(field) for field in fields} for one in results]
                assert first_results(folder, len(results)) == whole


@pytest.mark.parametrize("late", [{"late": 1}, {"n": 2**70}, {"n": None, "a": 0}])
def test_what_comes_in_the_last_part_is_a_column_of_all(tmp_path, late):
    """Each file has it, whichever of 40 parts brought it."""
    results = [*({"n": n} for n in range(40)), late]
    write_cut(tmp_path / "out", results, range(1, 41), Layout(unpack=True))
    names = {tuple(parquet.read_schema(path).names) for path in (tmp_path / "out").glob("part-*")}
    assert names == {("index", *dict.fromkeys(["n", *late]))}


@pytest.mark.parametrize(
    "shapes", [[(3,), (3,)], [(2, 3), (2, 3)], [(2, 3), (4, 3)], [(2,), (3,)], [(0,), (2,)]]
)
@pytest.mark.parametrize("edges", [(), (1,), (1, 2, 3)])
def test_arrays_of_one_shape_are_lists_of_fixed_length(tmp_path, shapes, edges):
    """And lists where shapes differ, in whichever part."""
    results = [numpy.arange(numpy.prod(shape)).reshape(shape) / 2 for shape in shapes]
    results = [results[0], None, *results[1:], results[0]]
    write_cut(tmp_path / "out", results, edges)
    (field,) = {batch.schema.field("result") for batch in Snapshot.of(tmp_path / "out").batches()}
    assert pyarrow.types.is_fixed_size_list(field.type) == (shapes[0] == shapes[1])
    read = first_results(tmp_path / "out", 9)
    assert read == [None if one is None else one.tolist() for one in results]
