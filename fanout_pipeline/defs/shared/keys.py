"""What a fan-out reads, as its assets tell it."""

from typing import Any

import dagster as dg

from fanout_pipeline.engine.model.spec import FanoutSpec


def upstream_keys(spec: FanoutSpec) -> dict[str, dg.AssetKey]:
    """The assets that write the source, by names that inputs of ops may have."""
    return {key.replace("/", "__"): dg.AssetKey.from_user_string(key) for key in spec.upstream}


def depends_on_metadata(spec: FanoutSpec) -> dict[str, Any]:
    """What the function reads beside the source, where the fan-out names something."""
    return {"depends_on": list(map(str, spec.depends_on))} if spec.depends_on else {}
