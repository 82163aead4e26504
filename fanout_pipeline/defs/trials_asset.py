"""`<name>/trials`: every way to fan out, run in rounds, when nothing else of the run works."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from fanout_pipeline.defs.config import TrialsConfig
from fanout_pipeline.defs.overlap import ALONE, TIMED
from fanout_pipeline.defs.resources import DataFolder, Fanout
from fanout_pipeline.defs.ways import WAYS
from fanout_pipeline.engine.functions.fingerprint import function_name
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.engine.registry import REFERENCE, STRATEGIES
from fanout_pipeline.engine.system.import_path import importing_from
from fanout_pipeline.results.files.atomic import make_folder
from fanout_pipeline.results.files.no_links import make_link
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.sources.source import path_of

if TYPE_CHECKING:
    from fanout_pipeline.measuring.determinism import Judge
    from fanout_pipeline.measuring.round_plan import Contender
    from fanout_pipeline.measuring.trial_process import Runs
    from fanout_pipeline.measuring.trials import Trial


def trials_asset(spec: FanoutSpec, strategies: Sequence[str], version: str) -> dg.AssetsDefinition:
    """The asset that tries what the assets `strategies` do, when these are made.

    `version` is the function's fingerprint.
    """
    known = [name for name in strategies if name in STRATEGIES]
    # Those that start no processes first: warming up is done in this order until its time is over.
    known.sort(key=lambda name: STRATEGIES[name].starts_processes)
    names = known + list(WAYS)

    @dg.asset(
        key=[spec.name, "trials"],
        description="Runs every way to fan out again and again, in rounds, in an order shuffled "
        "within each round; serial twice a round, to see what is chance. Each run's results are "
        "checked. Downstream of all strategies, so that nothing of the run works beside it.",
        deps=[dg.AssetKey([spec.name, name]) for name in strategies],
        group_name=spec.name,
        kinds={"python", "parquet"},
        owners=["team:fanout"],
        code_version=version,
        op_tags={TIMED: ALONE},
    )
    def trials(
        context: dg.AssetExecutionContext,
        config: TrialsConfig,
        data_folder: DataFolder,
        fanout: Fanout,
    ) -> dg.MaterializeResult[None]:
        from fanout_pipeline.engine.functions.identity import work_fingerprint
        from fanout_pipeline.measuring.determinism import Judge, told
        from fanout_pipeline.measuring.machine import machine_record
        from fanout_pipeline.measuring.trial_process import trial_process
        from fanout_pipeline.measuring.trial_store import TrialRun, save_trials, trial_file
        from fanout_pipeline.measuring.trials import TrialOptions, run_trials

        began, begin = time.time(), time.perf_counter()
        root = data_folder.path()
        here = data_folder.placed(spec)
        with importing_from(here.import_path):
            run = TrialRun(
                name=spec.name,
                run_id=context.run.run_id,
                began=began,
                reference=REFERENCE,
                input_sha256=here.source.examine().identity,
                function=function_name(spec.function),
                function_fingerprint=work_fingerprint(here),
                machine=machine_record(),
                options=config.model_dump()
                | {
                    "workers": fanout.options().workers,
                    "concurrency": fanout.concurrency,
                    "chunks": fanout.chunks,
                },
                remarks=("The run ended before its trials did.",),
            )
            path = trial_file(data_folder.path(spec.name, "trials"), run)
            # What keeps it from being made is to be told before hours of trials.
            make_folder(path.parent)
            done: list[Trial] = []
            with ResultFolder(root / spec.name / "trials").writing() as scratch:
                _link_source(root, scratch, path_of(spec.source))
                judge = Judge(here, context.log.info)
                try:
                    with trial_process() as process:
                        contenders, left_out = _contenders(
                            context, here, names, config, fanout, scratch, process.run, judge
                        )
                        found = run_trials(
                            contenders[0],
                            contenders[1:],
                            TrialOptions(
                                config.rounds,
                                config.budget_seconds,
                                config.warm_up_rounds,
                                config.seed,
                            ),
                            run_id=context.run.run_id,
                            record=done.append,
                            log=context.log.info,
                        )
                    run = replace(run, remarks=(*left_out, *found.remarks), failures=found.failures)
                finally:
                    if judge.contradiction is not None:
                        run = replace(run, contradiction=told(judge.contradiction))
                    save_trials(path, run, done)
        for remark in filter(None, (*run.remarks, run.contradiction)):
            context.log.info(remark)
        return dg.MaterializeResult(
            metadata={
                "trials": len(found.trials),
                "rounds": found.rounds,
                "seconds": time.perf_counter() - begin,
                "wrong_results": sum(not trial.correct for trial in found.trials),
                "inexact_results": sum(trial.inexact > 0 for trial in found.trials),
                "remarks": dg.MetadataValue.json(list(run.remarks)),
                "input_sha256": run.input_sha256,
                "function_fingerprint": run.function_fingerprint,
                "path": dg.MetadataValue.path(str(path.absolute())),
            }
        )

    return trials


def _contenders(
    context: dg.AssetExecutionContext,
    here: FanoutSpec,
    names: Sequence[str],
    config: TrialsConfig,
    fanout: Fanout,
    scratch: Path,
    runs: "Runs",
    judge: "Judge",
) -> tuple[list["Contender"], list[str]]:
    """The reference first, then the others; and what a reader has to know of those left out."""
    from fanout_pipeline.defs.dagster_contender import DagsterRun, code_pointer
    from fanout_pipeline.measuring.contenders import InProcess

    wanted = [REFERENCE, *config.strategies]
    options, chunks = fanout.options(), fanout.chunks
    contenders: list[Contender] = [
        InProcess(
            STRATEGIES[name],
            here,
            scratch / here.name,
            options,
            chunks,
            runs=runs,
            judge=judge,
        )
        for name in names
        if name in wanted and name in STRATEGIES
    ]
    ways = [name for name in WAYS if name in wanted]
    pointer = code_pointer(context.run)
    if ways and pointer is None:
        return contenders, [
            f"{', '.join(ways)} were left out: this run's code location cannot be loaded by another "
            "process (it was materialized from Python)."
        ]
    contenders += [
        DagsterRun(way, here, pointer or "", scratch, options, chunks, judge) for way in ways
    ]
    return contenders, []


def _link_source(root: Path, scratch: Path, path: str | None) -> None:
    """Give the trials' data root the source; one with an absolute path, or none, is where it is."""
    if path is not None and not Path(path).is_absolute():
        make_folder((scratch / path).parent)
        make_link(scratch / path, str(root / path))
