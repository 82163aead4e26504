"""`<name>/trials`: runs every strategy in rounds, while nothing else of the run is at work."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from fanout_pipeline.defs.config.asset_config import TrialsConfig
from fanout_pipeline.defs.config.dagster_executors import DAGSTER_EXECUTORS
from fanout_pipeline.defs.config.resources import Fanout
from fanout_pipeline.defs.config.wiring import EXAMPLE, Wiring
from fanout_pipeline.defs.lab.turn import own_turn
from fanout_pipeline.defs.shared.overlap import ALONE, TIMED
from fanout_pipeline.engine.functions.name import function_name
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.engine.registry import REFERENCE, STRATEGIES
from fanout_pipeline.engine.suitability import unsuited_baselines
from fanout_pipeline.engine.system.import_path import importing_from
from fanout_pipeline.results.files.atomic import make_folder
from fanout_pipeline.results.files.no_links import make_link
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.sources.many_files import is_glob, paths_of
from fanout_pipeline.sources.spool.settled import settled
from fanout_pipeline.sources.url import path_of

if TYPE_CHECKING:
    from fanout_pipeline.measuring.correctness.determinism import DeterminismTest
    from fanout_pipeline.measuring.trials.process import Runner
    from fanout_pipeline.measuring.trials.round_plan import Contender
    from fanout_pipeline.measuring.trials.store import TrialRun
    from fanout_pipeline.measuring.trials.trial import Trial, Trials


@dataclass(frozen=True, slots=True)
class _Request:
    """What one materialization has to measure."""

    spec: FanoutSpec
    """The fan-out, with its source under the data root."""
    names: Sequence[str]
    """All trials that there are, in the order in which they warm up."""
    config: TrialsConfig
    """Which of them to run, and for how long."""
    fanout: Fanout
    """How to make the calls."""
    pointer: str | None
    """Pointer to the code location; None where another process cannot load it."""
    wiring: Wiring
    """Where a run of the chunk graph finds what it needs."""
    root: Path
    """The data root."""
    pinned: dict[str, Any]
    """Config by which that run has the same input."""
    is_spooled: bool = False
    """Whether the source of the spec is a spool of the fan-out's own."""


def trials_asset(
    spec: FanoutSpec,
    strategies: Sequence[str],
    version: str,
    pool: str | None = None,
    wiring: Wiring = EXAMPLE,
) -> dg.AssetsDefinition:
    """The asset that measures what the assets named in `strategies` do, once these are made.

    `version` is the function's (see `identity.code_version`).
    """
    known = [name for name in strategies if name in STRATEGIES]
    # Those that start no processes come first: warming up takes this order until its time is over.
    known.sort(key=lambda name: STRATEGIES[name].starts_processes)
    names = known + list(DAGSTER_EXECUTORS)

    @dg.asset(
        key=[spec.name, "trials"],
        description="Runs every strategy again and again, in rounds with another order each time; "
        "serial runs twice a round to measure the noise. The results of each run are checked. "
        "Downstream of all strategies, so that nothing else of the run is at work.",
        deps=[dg.AssetKey([spec.name, name]) for name in strategies],
        group_name=spec.name,
        kinds={"python", "parquet"},
        owners=["team:fanout"],
        code_version=version,
        op_tags={TIMED: ALONE},
        pool=pool,
        required_resource_keys=wiring.required,
        io_manager_key=wiring.io_manager_key,
    )
    def trials(
        context: dg.AssetExecutionContext, config: TrialsConfig
    ) -> dg.MaterializeResult[None]:
        from fanout_pipeline.defs.trial_runs.dagster_contender import code_pointer
        from fanout_pipeline.measuring.extra import require_lab
        from fanout_pipeline.measuring.trials.store import trial_file

        require_lab()
        began, begin = time.time(), time.perf_counter()
        data_folder, fanout = wiring.folder(context), wiring.calls(context)
        located_spec = wiring.located(context, spec)
        root = data_folder.path()
        request = _Request(
            spec=located_spec,
            names=names,
            config=config,
            fanout=fanout,
            pointer=code_pointer(context.run),
            wiring=wiring,
            root=root,
            pinned=wiring.pinned(context),
        )
        turn = own_turn(root, f"{spec.name}/trials", context.run.run_id, context.log.info)
        with importing_from(request.spec.import_path), turn:
            run = _new_run(request, context.run.run_id, began)
            path = trial_file(data_folder.path(spec.name, "trials"), run)
            # A folder that cannot be made is better reported before hours of trials than afterwards.
            make_folder(path.parent)
            with (
                ResultFolder(root / spec.name / "trials").scratch() as scratch,
                # Once for all trials: each would ask for it, or decompress it, again.
                settled(request.spec.source, scratch / "_spool") as source,
            ):
                _link_source(root, scratch, path_of(located_spec.source))
                request = replace(
                    request,
                    spec=replace(request.spec, source=source),
                    is_spooled=source is not request.spec.source,
                )
                if request.is_spooled:
                    run = replace(run, input_sha256=source.examine().identity)
                run, found = _measured(request, run, scratch, path, context.log.info)
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


def _new_run(request: _Request, run_id: str, began: float) -> "TrialRun":
    """Record of the trials as it is until they have ended."""
    from fanout_pipeline.engine.functions.identity import work_fingerprint
    from fanout_pipeline.measuring.trials.machine import machine_record
    from fanout_pipeline.measuring.trials.store import TrialRun

    spec, fanout = request.spec, request.fanout
    return TrialRun(
        name=spec.name,
        run_id=run_id,
        began=began,
        reference=REFERENCE,
        input_sha256=spec.source.hashing(spec.keep).examine().identity,
        function=function_name(spec.function),
        sample=getattr(spec.source, "sentence", ""),
        function_fingerprint=work_fingerprint(spec),
        machine=machine_record(),
        options=request.config.model_dump()
        | {
            "workers": fanout.options().worker_count,
            "concurrency": fanout.concurrency,
            "chunks": fanout.chunks,
        },
        remarks=("The run ended before its trials did.",),
    )


def _measured(
    request: _Request, run: "TrialRun", scratch: Path, path: Path, log: Callable[[str], object]
) -> "tuple[TrialRun, Trials]":
    """Run the trials and save those that were finished, even if the run fails."""
    from fanout_pipeline.measuring.correctness.determinism import DeterminismTest
    from fanout_pipeline.measuring.trials.other_load import CpuTimes
    from fanout_pipeline.measuring.trials.process import trial_process
    from fanout_pipeline.measuring.trials.rounds import run_trials
    from fanout_pipeline.measuring.trials.store import save_trials
    from fanout_pipeline.measuring.trials.trial import TrialOptions

    config = request.config
    options = TrialOptions(
        config.rounds, config.budget_seconds, config.warm_up_rounds, config.seed, config.sessions
    )
    determinism = DeterminismTest(request.spec, log)
    done: list[Trial] = []
    try:
        with trial_process() as process:
            contenders, left_out = _contenders(request, scratch, process, determinism)
            before = CpuTimes.now()
            found = run_trials(
                contenders[0],
                contenders[1:],
                options,
                run_id=run.run_id,
                record=done.append,
                log=log,
                new_session=process.finish,
            )
            others = before.others_until(CpuTimes.now())
        remarks = (*left_out, *found.remarks)
        run = replace(run, remarks=remarks, failures=found.failures, other_load=others)
    finally:
        if determinism.contradiction is not None:
            run = replace(run, contradiction=determinism.contradiction.sentence)
        save_trials(path, run, done)
    return run, found


def _contenders(
    request: _Request, scratch: Path, runner: "Runner", determinism: "DeterminismTest"
) -> "tuple[list[Contender], list[str]]":
    """The contenders, the reference first, and remarks for the reader on those that were left out."""
    from fanout_pipeline.defs.trial_runs.dagster_contender import DagsterRun
    from fanout_pipeline.measuring.trials.contenders import StrategyContender

    spec, options = request.spec, request.fanout.timed_options()
    asked = [STRATEGIES[name] for name in request.config.strategies if name in STRATEGIES]
    reasons = unsuited_baselines(asked, spec, options)
    left_out = [f"{name} was left out. {reason}" for name, reason in reasons.items()]
    wanted = {REFERENCE, *request.config.strategies} - reasons.keys()
    names = [name for name in request.names if name in wanted]
    contenders: list[Contender] = [
        StrategyContender(
            STRATEGIES[name],
            spec,
            scratch / spec.name,
            options,
            runner=runner,
            determinism=determinism,
        )
        for name in names
        if name in STRATEGIES
    ]
    executors = [name for name in names if name in DAGSTER_EXECUTORS]
    if executors and request.is_spooled:
        left_out.append(
            f"{', '.join(executors)} were left out: their steps read {spec.source} by themselves, and it "
            "cannot be cut where it is."
        )
        return contenders, left_out
    if executors and request.pointer is None:
        left_out.append(
            f"{', '.join(executors)} were left out: another process cannot load this run's code location "
            "(it was materialized from Python)."
        )
        return contenders, left_out
    contenders += [
        DagsterRun(
            name,
            spec,
            request.pointer or "",
            scratch,
            options,
            determinism,
            request.wiring,
            request.pinned,
            request.root if request.wiring.folder_key is None else None,
        )
        for name in executors
    ]
    return contenders, left_out


def _link_source(root: Path, scratch: Path, path: str | None) -> None:
    """Link the source into the trials' data root, unless its path does not depend on one, or it has none."""
    if path is None or getattr(path, "root", None) is None:
        return
    for one in paths_of(path, "items") if is_glob(path) else [path]:
        link = scratch / os.path.relpath(one, root)
        make_folder(link.parent)
        make_link(link, one)
