"""What loads a fan-out's results downstream, as the type that the asset there is annotated with."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from fanout_pipeline.results.files.place import PARTITION, data_root, place
from fanout_pipeline.results.files.printable import printable
from fanout_pipeline.results.store.manifest import MANIFEST, NoResults

_MISSING_SHOWN = 10


class FanoutIOManager(dg.IOManager):
    """Loads what `fanout_asset` has written under the data root; it writes nothing itself.

    It is bound to the asset. Another code location, which knows the asset by an `AssetSpec` only, has it as a resource
    of its own.
    """

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Nothing is to be done: the results are files already. Raises TypeError for any other value."""
        if obj is not None:
            raise TypeError(
                f"{context.asset_key.to_user_string()} has returned a value of type {type(obj).__name__}, and "
                "FanoutIOManager loads the results of fanout_asset only. Use the project's own IO manager for it."
            )

    def load_input(self, context: dg.InputContext) -> Any:
        """The results, or a table of those of several partitions.

        Raises TypeError for a type in which they do not come, and NoResults where they are not there.
        """
        from fanout_pipeline.results.forms import form_of, made
        from fanout_pipeline.results.results import Results
        from fanout_pipeline.results.table import Table, undisturbed

        wanted = context.dagster_type.typing_type
        columns = (context.definition_metadata or {}).get("columns")
        folders = _folders(context)
        if wanted is Results:
            return Results.of(_only(context, folders, columns))
        form = form_of(wanted)
        if form is None:
            raise _refused(context, wanted)
        try:
            return undisturbed(lambda: made(Table.of(folders, columns), form))
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"{context.asset_key.to_user_string()}: {error}") from error


def _folders(context: dg.InputContext) -> Mapping[str | None, Path]:
    """The folders of the partitions that are loaded, in their order; by None that of an asset without partitions."""
    where = context.asset_key.to_user_string()
    storage = "" if os.environ.get("FANOUT_DATA") else context.instance.storage_directory()
    root, path = data_root(storage), context.asset_key.path
    if not context.has_asset_partitions:
        folder = place(root, path)
        if not _is_there(folder) and any(folder.glob(f"{PARTITION}*")):
            raise NoResults(
                f"{where} has partitions: name one (partition_key=...), or give the asset that loads it partitions or "
                "a partition mapping."
            )
        return {None: folder}
    keys = _in_order(context)
    folders = {key: place(root, path, key) for key in keys}
    missing = [key for key, folder in folders.items() if not _is_there(folder)]
    if missing:
        text = printable(", ".join(missing[:_MISSING_SHOWN]), None)
        text += f" and {len(missing) - _MISSING_SHOWN:,} more" * (len(missing) > _MISSING_SHOWN)
        of_all = f"{len(missing):,} of {len(keys):,} partitions of {where}"
        allowed = (context.definition_metadata or {}).get("allow_missing_partitions", False)
        if not allowed or len(missing) == len(keys):
            raise NoResults(
                f"{of_all} have no results under {place(root, path)}: {text}. Materialize them first"
                + ", or load the others with the metadata {'allow_missing_partitions': True}."
                * (not allowed)
                + "." * allowed
            )
        context.log.warning(f"{of_all} are left out, as they have no results: {text}")
    return {key: folder for key, folder in folders.items() if key not in missing}


def _in_order(context: dg.InputContext) -> Sequence[str]:
    """The partitions' keys in the order of their definition: Dagster has them as a set."""
    keys = [str(key) for key in context.asset_partition_keys]
    if len(keys) < 2:
        return keys
    every = context.asset_partitions_def.get_partition_keys(
        dynamic_partitions_store=context.instance
    )
    places = {str(key): position for position, key in enumerate(every)}
    return sorted(keys, key=lambda key: places.get(key, len(places)))


def _is_there(folder: Path) -> bool:
    return (folder / MANIFEST).is_file()


def _only(context: dg.InputContext, folders: Mapping[str | None, Path], columns: Any) -> Path:
    """The one folder whose results are values, not a table."""
    if columns is None and len(folders) == 1:
        return next(iter(folders.values()))
    what = "of several partitions" if columns is None else "with some columns only"
    raise TypeError(
        f"{context.asset_key.to_user_string()} cannot be loaded {what} as fanout_pipeline.Results, which has one value "
        "an item. Annotate the argument as a table, such as pandas.DataFrame."
    )


def _refused(context: dg.InputContext, wanted: Any) -> TypeError:
    from fanout_pipeline.results.forms import FORMS, name_of

    argument = f" of the argument {context.name!r}" if context.has_input_name else " asked for"
    several = " Several partitions are one table, with a column `partition`."
    is_dict = getattr(wanted, "__origin__", wanted) in (dict, Mapping)
    return TypeError(
        f"{context.asset_key.to_user_string()} cannot be loaded as {name_of(wanted)}, the type{argument}. Results of a "
        f"fan-out come as {', '.join(FORMS)} or fanout_pipeline.Results; without an annotation as pandas.DataFrame."
        + several
        * is_dict
    )
