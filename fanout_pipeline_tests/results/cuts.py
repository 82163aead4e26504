"""Results written in parts that a test chooses, for tests of what does not depend on the cut."""

from itertools import pairwise

from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.results.store.manifest import Manifest
from fanout_pipeline.results.types.layout import PLAIN
from fanout_pipeline.results.write import write_part


def write_cut(folder, results, edges, layout=PLAIN, kept=None):
    """Commit results in parts that begin at 0 and at each of these positions. Returns the manifest."""
    target = ResultFolder(folder)
    with target.writing() as generation:
        parts = []
        for number, (start, stop) in enumerate(pairwise([0, *sorted(edges), len(results)])):
            rows = None if kept is None else kept.slice(start)
            block = results[start:stop]
            parts.append(write_part(generation, number, start, block, (), layout, rows))
        return target.commit(generation, Manifest("test", tuple(parts), unpack=layout.unpack))
