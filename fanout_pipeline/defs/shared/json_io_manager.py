"""An IO manager that stores values as JSON, so that nothing that is read from disk is unpickled."""

import json
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from upath import UPath

IO_MANAGER = "json_io_manager"
"""Resource key of the IO manager."""


class JsonIOManager(dg.UPathIOManager):
    """Stores the values that steps pass to each other as JSON files in the instance's storage folder."""

    extension = ".json"

    def dump_to_path(self, context: dg.OutputContext, obj: Any, path: "UPath") -> None:
        path.write_text(json.dumps(obj))

    def load_from_path(self, context: dg.InputContext, path: "UPath") -> Any:
        return json.loads(path.read_text())


@dg.io_manager(
    config_schema={},  # without a schema any config would be accepted and ignored
    description="JSON files in the instance's storage folder.",
)
def json_io_manager(context: dg.InitResourceContext) -> JsonIOManager:
    from upath import UPath

    assert context.instance is not None
    return JsonIOManager(base_path=UPath(context.instance.storage_directory()))
