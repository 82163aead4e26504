"""The recipes of docs/fan_out.md work as they stand there."""

import importlib
import json
import re
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import dagster as dg
import numpy
import pytest

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "fan_out.md"
README = PAGE.parents[1] / "README.md"
SECTIONS = dict(
    re.findall(r"^##? (.*?)\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.DOTALL | re.MULTILINE)
)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the code of a section, and give the module that it makes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    def run(section, **replaced):
        code = "\n".join(re.findall(r"```python\n(.*?)```", SECTIONS[section], re.DOTALL))
        for old, new in replaced.items():
            assert old in code
            code = code.replace(old, new)
        (tmp_path / "recipe.py").write_text(code)
        return importlib.import_module("recipe")

    yield run
    sys.modules.pop("recipe", None)


class Prices(BaseHTTPRequestHandler):
    """Answers each URL at its second request only: first it has none to give, or fails."""

    protocol_version = "HTTP/1.1"
    seen: Counter

    def do_GET(self):
        number = int(self.path.rpartition("/")[2])
        self.seen[number] += 1
        first = self.seen[number] == 1
        status = 429 if first and number == 3 else 500 if first and number % 50 == 0 else 200
        body = json.dumps({"price": number / 4}).encode()
        self.send_response(status)
        if status == 429:
            self.send_header("Retry-After", "1")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    Prices.seen = Counter()
    with ThreadingHTTPServer(("127.0.0.1", 0), Prices) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_the_first_example(run):
    """A function and items are enough."""
    results = run("One call").results
    assert [results[10], len(results)] == [7, 2000]


def test_an_api(run, server):
    """All calls succeed in the end, though some are told to come later, and some fail at first."""
    began = time.monotonic()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    prices = run("An API", **{"https://api.example.com": address}).prices
    assert list(prices) == [number / 4 for number in range(200)]
    assert sum(Prices.seen.values()) == 200 + 1 + 4
    assert time.monotonic() - began > 1.5  # at most 100 a second


def test_a_model(run, tmp_path):
    """It is loaded where it is used."""
    numpy.save(tmp_path / "weights.npy", numpy.array([1.0, 10.0]))
    assert list(run("A model").scores) == [21.0, 43.0]


def test_a_frame(run):
    """The columns are those that the comment says, and the bad row is put aside."""
    recipe = run("A DataFrame")
    assert recipe.frame.columns.tolist() == ["index", "order_id", "net", "tax"]
    assert recipe.frame["tax"].tolist()[:2] == [19.0, 10.0]
    assert recipe.failures[["index", "error_type", "message"]].to_numpy().tolist() == [
        [2, "ValueError", "a negative amount"]
    ]


def test_a_generator(run, tmp_path):
    """Its items are made as they are needed."""
    (tmp_path / "events.log").write_text('{"kind": "A"}\nnoise\n{"kind": "B"}\n')
    assert list(run("A generator").kinds) == ["a", "b"]


def test_what_is_kept(run):
    """An error has what was done before."""
    assert list(run("What is kept").roots) == [2.0, 3.0]


def test_in_an_asset(run):
    """The asset is materialized."""
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([run("In an asset").lengths], instance=instance)
    assert result.output_for_node("lengths")["result"].tolist() == [3, 5]


def test_the_first_example_of_the_readme(tmp_path):
    """What a newcomer reads first works."""
    code = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL)[1]
    found = {}
    exec(code, found)
    assert len(found["results"]) == 100_000
