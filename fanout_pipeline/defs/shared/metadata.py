"""Recorded metadata as plain values."""

from collections.abc import Mapping
from typing import Any

import dagster as dg


def plain_values(metadata: Mapping[str, dg.MetadataValue]) -> dict[str, Any]:
    """Values of recorded metadata that JSON has, too, without Dagster's wrappers: a table's schema is left out."""
    return {
        name: value.value
        for name, value in metadata.items()
        if not isinstance(value, dg.TableSchemaMetadataValue)
    }
