"""What a reader of results sees, as one hash: Dagster takes what is downstream for out of date where it changes."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import dagster as dg

    from fanout_pipeline.defs.guest.recorded import Done
    from fanout_pipeline.results.read import Snapshot


def version_of(done: Done, log: dg.DagsterLogManager) -> str:
    """The version of what a run has made visible; its digest where that cannot be read back."""
    from fanout_pipeline.results.read import Snapshot

    try:
        results = Snapshot.of(done.folder)
        if results.manifest.digest == done.run.digest:  # Else another run has replaced them.
            return data_version(results)
    except Exception:
        log.exception("The results are visible, but could not be read back for their data version")
    return done.run.digest


def data_version(results: Snapshot) -> str:
    """A hash of columns, values, failed items and kept columns, however they are cut and whoever has made them.

    The digest is of indexes and values only. Kept columns are read, as no hash of theirs is at hand that another cut
    would not change. Raises NoResults where the results are gone.
    """
    import pyarrow

    from fanout_pipeline.results.failures import failed_indexes
    from fanout_pipeline.sources.column_hash import column_hashes

    manifest = results.manifest
    seen = [manifest.digest, list(manifest.columns.items()), manifest.unpacks]
    seen.append(hashlib.sha256(failed_indexes(results).astype("<i8").tobytes()).hexdigest())
    kept = {name: hashlib.sha256() for name in manifest.kept}
    for batch in results.batches(columns=manifest.kept) if kept else ():
        for name, hash_ in kept.items():
            column = pyarrow.chunked_array([batch[name]])
            hash_.update(column_hashes(column).astype("<u8").tobytes())
    seen += [hash_.hexdigest() for hash_ in kept.values()]
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()[:16]
