import functools
import json
import re
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import pytest
from flit_core import buildapi
from markdown_it import MarkdownIt

import fanout_pipeline
from fanout_pipeline.measuring.comparison.verdict import decide
from fanout_pipeline.reporting.report import (
    data_uri,
    report_html,
    report_markdown,
    report_record,
    write_report,
)
from fanout_pipeline_tests.measuring.comparison.made_up import (
    ALL,
    measured,
    measurement,
    realistic,
    recorded,
    trial_run,
)
from fanout_pipeline_tests.reporting.hostile import VALUES

PNG = b"\x89PNG made up"
FILES = {"times": "times.png", "breakdown": "breakdown.png"}
INSIDE = {name: data_uri(PNG) for name in FILES}
CASES = {
    "every strategy": lambda: realistic(*ALL, recorded=[recorded("serial", items=100_000)]),
    "twelve": lambda: measurement(*(measured(f"way{n}", 1.0 + n) for n in range(11))),
    "serial alone": measurement,
    "no items": lambda: measurement(measured("threads", 0.002, items=0), serial=0.001, items=0),
    "one round": lambda: measurement(measured("threads", 0.5, rounds=1), rounds=1),
    "withheld": lambda: measurement(measured("threads", 1.0, jitter=0.5), jitter=0.5),
    "wrong": lambda: measurement(measured("threads", 0.5, wrong=2)),
}


@functools.cache
def made(case):
    """The comparison and its trials."""
    return CASES[case]()


class Page(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(source)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data


def hostile():
    name = VALUES[0]
    run = trial_run(name=name, function=VALUES[2], remarks=(VALUES[1], VALUES[5]))
    return measurement(
        measured("threads", 2.0),
        run=run,
        recorded=[
            recorded("serial", first_10_results=VALUES),
            recorded("threads", overlapped_with=[VALUES[3]]),
        ],
    )


@pytest.mark.parametrize("name", CASES)
def test_every_comparison_makes_three_valid_files(tmp_path, name):
    """Whatever was measured, there are a record that is JSON, a page in Markdown and one in HTML."""
    comparison, trials = made(name)
    verdict = decide(comparison, trials)
    folder = tmp_path / "new" / "folder"
    write_report(folder, comparison, verdict, ["numpy is new"], dict.fromkeys(FILES, PNG))
    assert {path.name for path in folder.iterdir()} == {
        "report.json", "report.md", "report.html", "times.png", "breakdown.png",
    }  # fmt: skip
    refuse = pytest.fail
    record = json.loads((folder / "report.json").read_text(), parse_constant=refuse)
    assert set(record["strategies"]) == {row.strategy for row in comparison.rows}
    page = (folder / "report.md").read_text()
    assert f"**{verdict.sentence}**" in page.replace("&#58;", ":")
    assert "(times.png)" in page
    assert (folder / "times.png").read_bytes() == PNG
    html = Page((folder / "report.html").read_text())
    assert verdict.sentence in html.text
    for row in comparison.rows:
        assert row.strategy in page
        assert row.strategy in html.text


def test_report_json_has_the_fields_that_others_rely_on():
    """Programs find everything under the names of the documentation, at every strategy."""
    comparison, trials = made("every strategy")
    record = report_record(comparison, decide(comparison, trials), ["a change"])
    assert set(record) >= {
        "name", "items", "reference", "strategies", "verdict", "control", "changes", "run",
        "machine",
    }  # fmt: skip
    for found in record["strategies"].values():
        assert set(found) >= {
            "wall_seconds", "wall_seconds_all", "start_seconds", "warm_seconds", "ratio",
            "ratio_ci95", "p_value", "warm_ratio", "warm_ratio_ci95", "speedup", "efficiency",
            "rounds", "outliers", "workers", "start_method", "in_order", "missing", "duplicated",
            "wrong", "digest", "phases", "sent_bytes", "pickle_seconds", "overlapped_with",
        }  # fmt: skip
    low, high = record["strategies"]["threads"]["ratio_ci95"]
    assert low < record["strategies"]["threads"]["ratio"] < high
    assert record["strategies"]["serial"]["ratio_ci95"] is None
    assert set(record["verdict"]) >= {
        "use", "reason", "trusted", "strategy", "ratio", "ratio_ci95", "grounds", "sentence",
    }  # fmt: skip
    assert set(record["control"]) == {"ratio", "ratio_ci95", "noise", "rounds"}
    assert set(record["run"]) >= {
        "run_id", "began", "function", "function_fingerprint", "input_sha256", "options", "remarks",
    }  # fmt: skip
    assert record["changes"] == ["a change"]


def test_what_is_not_known_is_null():
    """No number stands where there is none: of one round there is neither interval nor noise."""
    comparison, trials = made("one round")
    record = report_record(comparison, decide(comparison, trials), [])
    assert record["control"]["noise"] is None
    assert record["strategies"]["threads"]["ratio_ci95"] is None
    assert record["strategies"]["threads"]["rounds"] == 1
    assert report_record(*_decided("no items"), [])["control"] is None


def test_the_page_says_what_a_colleague_asks():
    """Verdict, the sentence about multiprocess, changes, phases, the four reasons, method and machine."""
    comparison, trials = made("every strategy")
    page = report_markdown(comparison, decide(comparison, trials), ["numpy 2 is new."], FILES)
    assert page.count("**") == 2
    assert re.search(r"multiprocess was 11\.\d\d times slower than serial\.", page)
    for text in (
        "- numpy 2 is new.", "not a fan-out", "(breakdown.png)", "1. Starting processes:", "4. The GIL:",
        "seed 0", "A/A", "Holm 1979", "budget was 60 s", "AMD EPYC",
    ):  # fmt: skip
        assert text in page, text


def test_a_disturbed_asset_is_named():
    """Who reads the times of an asset that ran beside another learns of it."""
    comparison, trials = measurement(recorded=[recorded("serial", overlapped_with=["queue"])])
    page = report_markdown(comparison, decide(comparison, trials), [], {})
    assert "The asset serial was made while queue ran" in page


def test_no_value_becomes_markdown():
    """Results, names and remarks are text in report.md: no HTML, image, link or broken table."""
    comparison, trials = hostile()
    changes = [VALUES[1], VALUES[7]]
    page = report_markdown(comparison, decide(comparison, trials), changes, FILES)
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(page)
    inline = [child for token in tokens for child in token.children or ()]
    kinds = {token.type for token in (*tokens, *inline)}
    kinds -= {"code_inline"}  # the options to paste
    assert not {kind for kind in kinds if "html" in kind or "link" in kind or "code" in kind}
    code = [token.content for token in inline if token.type == "code_inline"]
    assert code == ['Options(strategy="serial")'] * len(code)
    assert [t.attrs["src"] for t in inline if t.type == "image"] == ["times.png", "breakdown.png"]
    assert len(page) < 50_000
    assert sum(token.type == "td_open" for token in tokens) == 2 * 16 + 2 * 3 + 10 * 3


def test_no_value_becomes_html():
    """report.html runs no script and loads nothing, whatever the results are called."""
    comparison, trials = hostile()
    source = report_html(comparison, decide(comparison, trials), [VALUES[8]], INSIDE)
    page = Page(source)
    assert VALUES[0] in page.text
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "iframe", "object", "link", "a", "form", "svg"}
    pictures = [attributes for tag, attributes in page.tags if tag == "img"]
    assert [one["src"] for one in pictures] == list(INSIDE.values())
    assert not {name for _, attributes in page.tags for name in attributes if name[:2] == "on"}
    assert "default-src 'none'" in source
    assert "{{ 7 * 7 }}" in page.text
    assert "&lt; &amp; $math$" in page.text
    assert "\x1b" not in source
    assert len(source) < 60_000


def test_html_takes_no_picture_from_elsewhere():
    """The file can be sent alone: a picture that is not inside is not shown."""
    source = report_html(*_decided("serial alone"), [], {"times": "http://example.invalid/x.png"})
    assert "http" not in re.sub(r"http-equiv", "", source)


def test_the_installed_package_has_the_template(tmp_path, monkeypatch):
    """Who installs the project can write the report: the page's template is in the wheel."""
    monkeypatch.chdir(Path(fanout_pipeline.__file__).parent.parent)
    with zipfile.ZipFile(tmp_path / buildapi.build_wheel(str(tmp_path))) as wheel:
        assert "fanout_pipeline/reporting/report.html.j2" in wheel.namelist()


def _decided(case):
    comparison, trials = made(case)
    return comparison, decide(comparison, trials)
