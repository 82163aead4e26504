"""Asset keys of what a fan-out reads."""

import dagster as dg

from fanout_pipeline.fanout.contract import FanoutSpec


def upstream_keys(spec: FanoutSpec) -> dict[str, dg.AssetKey]:
    """The assets that write the source, by names that inputs of ops may have."""
    return {key.replace("/", "__"): dg.AssetKey.from_user_string(key) for key in spec.upstream}
