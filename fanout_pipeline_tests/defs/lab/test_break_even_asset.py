"""The break-even asset refuses what it cannot measure."""

import dagster as dg
import pytest

from fanout_pipeline.defs.assets.numbers import SQUARES
from fanout_pipeline.defs.config.data_folder import DataFolder
from fanout_pipeline.defs.config.resources import default_resources
from fanout_pipeline.defs.lab.factory import fanout_assets
from fanout_pipeline.numbers_file import write_numbers


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ({"strategies": []}, "There is nothing to compare with serial"),
        ({"strategies": ["asyncio"]}, "none of the strategies ['asyncio'] suits the function"),
        ({"smallest": 100, "largest": 10}, "`smallest` (100) is more than `largest` (10)"),
    ],
)
def test_a_sweep_of_nothing_is_refused_before_it_measures(setting, told, tmp_path):
    """Whoever leaves nothing to compare reads why at once, not after minutes."""
    write_numbers(tmp_path / "numbers.txt", 10)
    with dg.DagsterInstance.ephemeral(str(tmp_path)) as instance:
        result = dg.materialize(
            fanout_assets(SQUARES),
            selection=["squares/break_even"],
            instance=instance,
            resources=default_resources() | {"data_folder": DataFolder(root=str(tmp_path))},
            run_config={"ops": {"squares__break_even": {"config": setting}}},
            raise_on_error=False,
        )
    (failure,) = result.get_step_failure_events()
    assert told in failure.step_failure_data.user_failure_data.description
