"""What a reader of results sees, as one hash: the same wherever nothing of it has changed."""

from __future__ import annotations

import hashlib
import json

from fanout_pipeline.results.failures import failed_indexes
from fanout_pipeline.results.read import Snapshot


def data_version(snapshot: Snapshot) -> str:
    """A hash of columns, values, failed items and kept columns, however they are cut and whoever has made them.

    No row is read for it. What is kept of the input is as its version says, or the hash of its keys and kept columns
    where there are keys. Raises NoResults where the results are gone.
    """
    manifest = snapshot.manifest
    failed = hashlib.sha256(failed_indexes(snapshot).astype("<i8").tobytes()).hexdigest()
    seen = [manifest.digest, list(manifest.columns.items()), manifest.unpack, failed]
    if manifest.kept:
        seen.append(manifest.source.get("sha256"))
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()[:16]
