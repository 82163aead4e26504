"""The manifest says what a result folder holds, and refuses what does not fit together."""

import json

import pytest

from fanout_pipeline.results.store.local_generation import LocalGeneration
from fanout_pipeline.results.store.manifest import (
    MANIFEST,
    Manifest,
    NoResults,
    PartRecord,
    part_name,
)


def part(number, first_index, items, **more):
    fields = {
        "digest": "00000000000000ff",
        "kind": "int64",
        "nulls": 0,
        "bytes": 1,
        "sha256": "",
        "pid": 1,
    }
    return PartRecord(number, first_index, items, **(fields | more))


PARTS = (part(0, 0, 2), part(1, 2, 0), part(2, 2, 5, kind="integer text", call_seconds=0.5))


@pytest.fixture
def saved(tmp_path):
    manifest = Manifest("threads", PARTS, {"path": "numbers.txt"}, {"name": "squares:square"})
    manifest.save(LocalGeneration(tmp_path))
    return manifest


def test_what_was_saved_is_loaded(saved, tmp_path):
    """A manifest read back is the one that was written, times and source included."""
    assert Manifest.load(LocalGeneration(tmp_path)) == saved


def test_a_manifest_with_other_fields_is_loaded(saved, tmp_path):
    """Results of versions that recorded less about a part, or more, can still be read."""
    record = json.loads((tmp_path / MANIFEST).read_text())
    for part in record["parts"]:
        del part["call_cpu_seconds"]
        part["of_a_later_version"] = 1.5
    (tmp_path / MANIFEST).write_text(json.dumps(record))
    assert Manifest.load(LocalGeneration(tmp_path)) == saved


def test_totals_are_of_all_parts(saved):
    """Items and digest are those of the whole; one part with wide integers makes all of it so."""
    assert saved.items == 7
    assert saved.digest == f"{3 * 0xFF:016x}"


@pytest.mark.parametrize(
    ("kinds", "common"),
    [
        (["bool", "int64"], "int64"),
        ([["null"], ["int64"], ["integer text"]], ["integer text"]),
        ([{"a": "null"}, {"b": "double"}, "null"], {"a": "null", "b": "double"}),
    ],
)
def test_kinds_of_parts_have_one_in_common(tmp_path, kinds, common):
    """Parts that differ in nulls, in missing keys or in the width of integers are of one kind."""
    parts = tuple(part(number, 2 * number, 2, kind=kind) for number, kind in enumerate(kinds))
    Manifest("test", parts).save(LocalGeneration(tmp_path))
    loaded = Manifest.load(LocalGeneration(tmp_path))
    assert loaded.parts == parts
    assert loaded.kind == common


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        ("int64", "double", "float and int; return one type for every item .* item 2"),
        (["int64"], ["double"], r"float and int in result\[\]"),
        ({"a": "int64"}, {"a": ["int64"]}, r"int and list in result\['a'\]"),
        ("decimal text", "large_string", "Decimal and str"),
        ("int32", "int64", "int and int32"),
    ],
)
def test_kinds_that_have_none_in_common_are_refused(one, other, message):
    """Parts of two types never become results; the error names both, and where the second begins."""
    with pytest.raises(TypeError, match=message):
        Manifest("test", (part(0, 0, 2, kind=one), part(1, 2, 2, kind=other)))


def test_other_programs_can_read_the_totals(saved, tmp_path):
    """The totals stand in the file itself, as JSON."""
    record = json.loads((tmp_path / MANIFEST).read_text())
    assert (record["items"], record["digest"]) == (7, saved.digest)


@pytest.mark.parametrize(
    "parts",
    [
        (part(1, 0, 2),),
        (part(0, 1, 2),),
        (part(0, 0, 2), part(2, 2, 2)),
        (part(0, 0, 2), part(1, 3, 2)),
        (part(0, 0, 2), part(1, 1, 2)),
        (part(0, 0, 2), part(0, 0, 2)),
        (part(1, 2, 2), part(0, 0, 2)),
    ],
    ids=["no first", "late first", "gap", "lost items", "overlap", "doubled", "swapped"],
)
def test_parts_that_do_not_follow_one_another_are_refused(parts):
    """Parts that leave a gap, overlap or stand in the wrong order never become results."""
    with pytest.raises(ValueError, match="missing, duplicated or misplaced"):
        Manifest("serial", parts)


def test_no_manifest_is_no_results(tmp_path):
    """A folder without a manifest holds no results, and the error says what to do."""
    with pytest.raises(NoResults, match=f"{tmp_path} holds no complete results: materialize"):
        Manifest.load(LocalGeneration(tmp_path))


def test_a_file_in_place_of_the_folder_is_no_results(tmp_path):
    """A file where the result folder should be is no results, either."""
    (tmp_path / "serial").touch()
    with pytest.raises(NoResults, match=f"{tmp_path / 'serial'}"):
        Manifest.load(LocalGeneration(tmp_path / "serial"))


def without_first_part(record):
    return record | {"parts": record["parts"][1:]}


@pytest.mark.parametrize(
    "damage",
    [
        lambda record: [],
        lambda record: None,
        lambda record: {k: v for k, v in record.items() if k != "format"},
        lambda record: {k: v for k, v in record.items() if k != "parts"},
        lambda record: record | {"parts": [{"number": 0}]},
        lambda record: record | {"parts": 5},
        without_first_part,
    ],
    ids=[
        "list",
        "null",
        "no format",
        "no parts",
        "half a part",
        "parts no list",
        "first part gone",
    ],
)
def test_a_damaged_manifest_is_named(saved, tmp_path, damage):
    """A manifest that is not ours, or not whole, is an error that names the file."""
    path = tmp_path / MANIFEST
    path.write_text(json.dumps(damage(json.loads(path.read_text()))))
    with pytest.raises(NoResults, match=f"{path} is damaged .*: materialize the asset again"):
        Manifest.load(LocalGeneration(tmp_path))


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe"])
def test_a_manifest_that_is_no_json_is_named(tmp_path, content):
    """A truncated or overwritten manifest is an error that names the file."""
    (tmp_path / MANIFEST).write_bytes(content)
    with pytest.raises(NoResults, match=f"{tmp_path / MANIFEST} is damaged"):
        Manifest.load(LocalGeneration(tmp_path))


def test_another_format_is_refused(saved, tmp_path):
    """Results of another version of the format are not misread."""
    path = tmp_path / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    with pytest.raises(NoResults, match="format 99"):
        Manifest.load(LocalGeneration(tmp_path))


def test_names_of_parts_sort_as_text():
    """A plain listing of the folder shows parts in order."""
    names = [part_name(number) for number in (0, 9, 10, 99_999)]
    assert names == sorted(names)
    assert names[0] == "part-00000.parquet"
