"""Upstream assets and dependencies of a fan-out, as its assets declare them."""

from typing import Any

import dagster as dg

from fanout_pipeline.engine.model.spec import FanoutSpec


def upstream_keys(spec: FanoutSpec) -> dict[str, dg.AssetKey]:
    """Keys of the assets that write the source, by names that are valid for an op's inputs."""
    return {key.replace("/", "__"): dg.AssetKey.from_user_string(key) for key in spec.upstream}


def depends_on_metadata(spec: FanoutSpec) -> dict[str, Any]:
    """Definition metadata with what the function depends on beside the source; empty if nothing is named."""
    return {"depends_on": list(map(str, spec.depends_on))} if spec.depends_on else {}
