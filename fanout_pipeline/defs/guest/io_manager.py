"""What loads a fan-out's results downstream."""

from typing import Any

import dagster as dg

from fanout_pipeline.results.files.place import data_root, place


class FanoutIOManager(dg.ConfigurableIOManager):
    """Loads results of `fanout_asset`."""

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        raise NotImplementedError

    def load_input(self, context: dg.InputContext) -> Any:
        from fanout_pipeline.results.read_results import read_results

        root = data_root(context.instance.storage_directory())
        return read_results(place(root, context.asset_key.path))
