"""The checks of a fan-out's asset: how many items failed, whether results are complete, whether they are right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from fanout_pipeline.defs.guest.recorded import Done
from fanout_pipeline.defs.guest.shown import LONGEST, ROWS, failed_table, place_in
from fanout_pipeline.results.files.printable import printable, printable_lines

FAILURES, COMPLETENESS, VALUES = "failures", "completeness", "values"


def check_specs(key: dg.AssetKey, verifies: bool, blocking: bool) -> list[dg.AssetCheckSpec]:
    """The checks of an asset; `blocking` says whether failed items keep downstream assets from running."""
    texts = {
        FAILURES: "How many items failed. More than failed_share of them are an error, others a warning.",
        COMPLETENESS: "There is one result for each item of the input, in its place.",
    }
    if verifies:
        texts[VALUES] = "Results are those that the function gives when it is called again."
    return [
        dg.AssetCheckSpec(name, asset=key, description=text, blocking=blocking and name == FAILURES)
        for name, text in texts.items()
    ]


def check_results(
    key: dg.AssetKey,
    several: Sequence[Done],
    failed_share: float,
    verifies: bool,
    keyed: bool,
    before: Mapping[str, Path],
    root: Path,
) -> Iterator[dg.AssetCheckResult]:
    """Results of all checks over the runs of a step, which name the partitions that they are about.

    `keyed`: whether a run can be asked to call failed items only. `before`: the folders of partitions that were done when the step was begun again, by partition. Their failed items
    count, too: the run that has done them may have died before it could tell.
    """
    yield _failures(key, _counted(several, before), failed_share, keyed, root)
    yield _completeness(key, several)
    if verifies:
        yield _values(key, several)


@dataclass(frozen=True, slots=True)
class _Counted:
    """The failed items of some results."""

    partition: str | None
    folder: Path
    items: int
    failed: int


def _counted(several: Sequence[Done], before: Mapping[str, Path]) -> list[_Counted]:
    from fanout_pipeline.results.read import Snapshot

    manifests = {partition: Snapshot.of(folder).manifest for partition, folder in before.items()}
    return [
        *(_Counted(one, before[one], it.items, it.failed) for one, it in manifests.items()),
        *(_Counted(one.partition, one.folder, one.run.items, one.run.failed) for one in several),
    ]


def _failures(
    key: dg.AssetKey, several: Sequence[_Counted], failed_share: float, keyed: bool, root: Path
) -> dg.AssetCheckResult:
    from fanout_pipeline.results.failures import first_failures

    failed, items = sum(one.failed for one in several), sum(one.items for one in several)
    severity = dg.AssetCheckSeverity
    excess = any(one.failed > failed_share * one.items for one in several)
    text = f"{failed:,} of {items:,} items failed"
    found: dict[str, Any] = {"failed": failed, "items": items, "failed_share": failed_share}
    having = [one for one in several if one.failed]
    if failed:
        folder = having[0].folder
        rows = first_failures(folder, 2 * ROWS)
        first = rows[0]
        text += f" ({failed / items:.2%}). The first, {printable(place_in(first['where'], root), LONGEST)}: "
        text += f"{first['error_type']}: {printable(first['message'], 2 * LONGEST).rstrip('.')}"
        found["first_failures"] = failed_table(rows, root)
        found["first_traceback"] = _behind_a_click(first["traceback"])
        call = f"fanout_pipeline.read_failures({str(folder)!r})"
        found["how_to_list_all"] = _behind_a_click(call)
        if keyed:
            config = f"ops:\n  {'__'.join(key.path)}:\n    config: {{items: failed}}"
            found["how_to_call_failed_again"] = _behind_a_click(config)
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=FAILURES,
        passed=failed == 0,
        severity=severity.ERROR if excess else severity.WARN,
        description=f"{text}.",
        metadata=found | _by_partition({one.partition: one.failed for one in having}),
    )


def _behind_a_click(text: str) -> dg.MarkdownMetadataValue:
    """As Markdown, which the UI shows in a window of its own: a long line would make all of the page too wide."""
    return dg.MetadataValue.md(
        "\n".join(f"    {line}" for line in printable_lines(text).split("\n"))
    )


def _completeness(key: dg.AssetKey, several: Sequence[Done]) -> dg.AssetCheckResult:
    found = [done.verification.check for done in several if done.verification is not None]
    missing, doubled = sum(one.missing for one in found), sum(one.duplicated for one in found)
    unchecked = [done.unchecked for done in several if done.unchecked]
    items = sum(one.items for one in found)
    text = (
        f"{items:,} results in the order of their items; {missing:,} missing, {doubled:,} doubled."
    )
    in_order = all(one.in_order for one in found)
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=COMPLETENESS,
        passed=not unchecked and not missing and not doubled and in_order,
        severity=dg.AssetCheckSeverity.ERROR,
        description=" ".join([text, *unchecked]),
        metadata={"items": items, "missing": missing, "duplicated": doubled}
        | _by_partition({done.partition: done.run.items for done in several}),
    )


def _values(key: dg.AssetKey, several: Sequence[Done]) -> dg.AssetCheckResult:
    found = [done.verification for done in several if done.verification is not None]
    wrong, compared = sum(one.check.wrong for one in found), sum(one.values for one in found)
    text = f"{wrong:,} of {compared:,} results differ from those of a second call."
    reasons = [one.check.contradiction.sentence for one in found if one.check.contradiction]
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=VALUES,
        passed=wrong == 0 and len(found) == len(several),
        severity=dg.AssetCheckSeverity.ERROR,
        description=printable(" ".join([text, *reasons]), None),
        metadata={"wrong": wrong, "compared": compared},
    )


def _by_partition(counts: Mapping[str | None, int]) -> dict[str, Any]:
    named = {partition: count for partition, count in counts.items() if partition is not None}
    return {"by_partition": dg.MetadataValue.json(named)} if named else {}
