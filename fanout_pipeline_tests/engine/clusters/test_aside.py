"""Parts of workers on a cluster, before they count."""

from fanout_pipeline.engine.clusters.aside import AsideGeneration, accept
from fanout_pipeline.results.store.collector import PartCollector
from fanout_pipeline.results.store.failed_items import failed_items
from fanout_pipeline.results.store.local_generation import LocalGeneration
from fanout_pipeline.results.write import write_part


def test_a_part_has_its_name_once_it_counts(tmp_path):
    """What a worker writes after it was given up is nowhere where readers look, and a commit removes it."""
    ours, theirs = LocalGeneration(tmp_path), AsideGeneration(tmp_path)
    part = write_part(theirs, 3, 0, [1, 2])
    with failed_items(theirs, 3) as add:
        add(
            dict.fromkeys(("where", "item", "error_type", "message", "traceback"), "")
            | {"index": 2}
        )
    assert list(tmp_path.glob("part-*")) == []
    accept(ours, part)
    assert [one.name for one in tmp_path.glob("part-*")] == ["part-00003.parquet"]
    write_part(theirs, 4, 0, [1, 2])
    PartCollector(ours).discard(4)
    assert [one for one in ours.names() if "00004" in one] == []
