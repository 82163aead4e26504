"""A project as people have them: an IO manager, an executor, resources and assets of its own."""

from pathlib import Path

import dagster as dg
import pandas as pd


class Warehouse(dg.ConfigurableIOManager):
    """Keeps data frames in feather files."""

    folder: str

    def _file(self, context):
        return Path(self.folder, "-".join(context.asset_key.path) + ".feather")

    def handle_output(self, context: dg.OutputContext, obj: pd.DataFrame) -> None:
        self._file(context).parent.mkdir(exist_ok=True)
        obj.reset_index().to_feather(self._file(context))

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        return pd.read_feather(self._file(context))


class Settings(dg.ConfigurableResource):
    country: str = "NL"


@dg.asset
def customers(settings: Settings) -> pd.DataFrame:
    """Their table."""
    return pd.DataFrame(
        {
            "customer_id": [f"c{number}" for number in range(100)],
            "spent": [float(number) for number in range(100)],
            "tier": ["gold", "silver", "none", None] * 25,
            "address": [
                f"{number}  main  street, {settings.country} town" for number in range(100)
            ],
        }
    )


theirs = dg.Definitions(
    assets=[customers],
    resources={"io_manager": Warehouse(folder="warehouse"), "settings": Settings()},
    executor=dg.multiprocess_executor.configured({"max_concurrent": 2}),
    loggers={"console": dg.colored_console_logger},
)
