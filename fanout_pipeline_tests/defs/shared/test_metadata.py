"""Recorded metadata travels as JSON between a timed Dagster run and the trials."""

import json

import dagster as dg

from fanout_pipeline import FanoutSpec, IntegerLines
from fanout_pipeline.defs.config.data_folder import DataFolder
from fanout_pipeline.defs.config.resources import default_resources
from fanout_pipeline.defs.lab.factory import fanout_assets
from fanout_pipeline.defs.shared.metadata import plain_values
from fanout_pipeline_tests.defs import functions


def test_what_an_asset_records_can_be_written_as_json(tmp_path):
    """Without that, no trial of Dagster's own ways would come to an end."""
    (tmp_path / "numbers.txt").write_text("1\n2\n")
    (serial, *_) = fanout_assets(FanoutSpec("c", IntegerLines("numbers.txt"), functions.cube))
    resources = default_resources() | {"data_folder": DataFolder(root=str(tmp_path))}
    result = dg.materialize([serial], resources=resources)
    (event,) = result.get_asset_materialization_events()
    values = plain_values(event.step_materialization_data.materialization.metadata)
    assert json.loads(json.dumps(values))["first_10_results"] == [1, 8]
    assert values["items"] == 2
