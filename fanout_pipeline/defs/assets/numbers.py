"""The example: an asset that writes the numbers file, and the fan-out that squares the numbers."""

import dagster as dg

from fanout_pipeline.defs.config.asset_config import NumbersFileConfig
from fanout_pipeline.defs.config.data_folder import DataFolder
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.numbers_file import NUMBERS_FILE, write_numbers
from fanout_pipeline.sources.integer_lines import IntegerLines
from fanout_pipeline.squares import square, square_batch

SQUARES = FanoutSpec(
    name="squares",
    source=IntegerLines(NUMBERS_FILE),
    function=square,
    batch_function=square_batch,
    upstream=("numbers_file",),
)


@dg.asset(
    group_name="numbers",
    kinds={"python", "file"},
    owners=["team:fanout"],
    code_version="1",
    description="The input: a text file with one number a line, 0 to 99,999 by default. The same config gives "
    "the same bytes.",
)
def numbers_file(
    context: dg.AssetExecutionContext, config: NumbersFileConfig, data_folder: DataFolder
) -> dg.MaterializeResult[None]:
    path = data_folder.path(NUMBERS_FILE)
    written = write_numbers(path, config.count, config.first, config.order, config.seed)
    context.log.info(f"Wrote {written.count:,} numbers, {written.bytes:,} bytes, to {path}")
    return dg.MaterializeResult(
        metadata={
            "count": written.count,
            "bytes": written.bytes,
            "sha256": written.sha256,
            "path": dg.MetadataValue.path(str(path.resolve())),
            "first_line": written.first_line,
            "last_line": written.last_line,
            "seconds": written.seconds,
        },
        data_version=dg.DataVersion(written.sha256),
    )
