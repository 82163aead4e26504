"""The project of docs/guide.md, run as it stands there beside assets of a project's own."""

import ast
import json
import re
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas
import pytest

from fanout_pipeline import read_results
from fanout_pipeline_tests.end_to_end import theirs
from fanout_pipeline_tests.end_to_end.guest import Guest

PAGE = (Path(__file__).parents[2] / "docs" / "guide.md").read_text()
MODULES = dict(re.findall(r"```python\n# (\w+)\.py\n(.*?)```", PAGE, re.DOTALL))
GLUE = {
    "orders": "scored",
    "inbox": "counted",
    "shop": "priced",
    "customers": "valued",
    "existing": "addresses",
}
"""The modules that tell Dagster of a function, and the asset of each."""
DAYS = [f"2026-11-0{day}" for day in range(1, 8)]

DEFINITIONS = """
import dagster as dg

import customers, existing, inbox, orders, shop
from prices import Shop
import theirs

defs = dg.Definitions.merge(
    dg.Definitions(
        assets=[customers.valued, existing.addresses, inbox.counted, orders.scored, orders.flagged, shop.priced],
        resources={"shop": Shop(url=dg.EnvVar("SHOP_URL"), key=dg.EnvVar("SHOP_KEY"))},
    ),
    theirs.theirs,
)
"""


class ShopServer(BaseHTTPRequestHandler):
    """Answers with prices; every 50th product at its second request only, the first with 429 or 503."""

    protocol_version = "HTTP/1.1"
    seen: Counter

    def do_GET(self):
        number = int(self.path.strip("/p"))
        self.seen[number] += 1
        status = 401 if self.headers["Authorization"] != "a key of the shop's" else 200
        if number % 50 == 0 and self.seen[number] == 1:
            status = 429 if number % 100 else 503
        body = json.dumps({"price": number / 4}).encode()
        self.send_response(status)
        if status == 429:
            self.send_header("Retry-After", "0")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def shop():
    ShopServer.seen = Counter()
    with ThreadingHTTPServer(("127.0.0.1", 0), ShopServer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class OfTheGuide(Guest):
    """The guide's project; the shop's address and key are in its environment."""

    shop = ""

    @property
    def environment(self):
        return super().environment | {"SHOP_URL": self.shop, "SHOP_KEY": "a key of the shop's"}


@pytest.fixture(scope="module")
def project(tmp_path_factory, installed_elsewhere, shop):
    project = OfTheGuide.new(tmp_path_factory.mktemp("guide") / "guest", installed_elsewhere)
    OfTheGuide.shop = shop
    project.write(**MODULES, definitions=DEFINITIONS, theirs=Path(theirs.__file__).read_text())
    project.data.mkdir(exist_ok=True)
    write_inputs(project.data)
    yield project
    project.end_all()


def write_inputs(data):
    """Orders, documents of seven days of which one is broken, and products."""
    count = 20_000
    orders = {
        "order_id": [f"o{number}" for number in range(count)],
        "amount": [float(number % 997) for number in range(count)],
        "country": ["NL", "ZZ", "DE"] * (count // 3) + ["NL"] * (count % 3),
        "age_days": [number % 30 for number in range(count)],
    }
    orders |= {f"other_{number}": ["x"] * count for number in range(4)}
    pandas.DataFrame(orders).to_parquet(data / "orders.parquet")
    for day in DAYS:
        folder = data / "inbox" / day
        folder.mkdir(parents=True)
        for number in range(50):
            text = json.dumps({"title": f"{day} {number}", "text": "a word " * number})
            broken = (day, number) == (DAYS[2], 7)
            (folder / f"{number:03}.json").write_text(text[:-3] if broken else text)
    (data / "products.txt").write_text("".join(f"p{number}\n" for number in range(2000)))


def test_six_lines_of_glue():
    """What is neither an import nor the business function is at most six lines for each transform."""
    for module in GLUE:
        tree = ast.parse(MODULES[module])
        statements = [
            one
            for one in tree.body
            if not isinstance(one, ast.Import | ast.ImportFrom)
            and not (module == "orders" and isinstance(one, ast.FunctionDef))  # an asset that reads
        ]
        lines = [n for one in statements for n in range(first_line(one), one.end_lineno + 1)]
        assert 1 <= len(lines) <= 6, (module, len(lines))


def first_line(statement):
    return min(
        [statement.lineno, *(one.lineno for one in getattr(statement, "decorator_list", ()))]
    )


@pytest.fixture(scope="module")
def materialized(project):
    """All but what has partitions, by one command."""
    keys = "customers", "scored", "flagged", "priced", "valued", "addresses"
    code, output = project.materialize(*keys, module="definitions")
    assert code == 0, output
    return project


def test_scores_are_read_by_an_asset_of_theirs(materialized):
    """Three columns are scored to two, joined by key, and another asset has them through its annotation."""
    orders = pandas.read_parquet(materialized.data / "orders.parquet")
    scored = read_results(materialized.data / "scored")
    assert scored["order_id"].tolist() == orders["order_id"].tolist()
    risk = orders["amount"] * orders["country"].map({"ZZ": 3}).fillna(1) / (1 + orders["age_days"])
    assert scored["risk"].tolist() == risk.tolist()
    flagged = pandas.read_feather(materialized.works_in / "warehouse" / "flagged.feather")
    assert flagged["order_id"].tolist() == orders["order_id"][risk > 500].tolist()


def test_an_api_is_asked_for_each_product(materialized):
    """Each product has its price though the server refuses some calls, and the key is in no file."""
    priced = read_results(materialized.data / "priced")
    assert priced["price"].tolist() == [number / 4 for number in range(2000)]
    files = [*materialized.data.rglob("*"), *materialized.home.rglob("*")]
    found = [one for one in files if one.is_file() and b"a key of the shop" in one.read_bytes()]
    assert found == []


def test_a_model_is_loaded_once_a_worker(materialized):
    """The frame of another asset comes through the project's IO manager; missing values are None."""
    valued = read_results(materialized.data / "valued")
    share = [0.9, 0.6, 0.3, 0.3]
    assert valued["value"].tolist() == [number * share[number % 4] for number in range(100)]


def test_a_call_in_an_asset_that_was_there(materialized):
    """The asset hands on what it always did, to the same IO manager."""
    found = pandas.read_feather(materialized.works_in / "warehouse" / "addresses.feather")
    assert found["street"].tolist() == [f"{number} Main Street" for number in range(100)]
    assert set(found["town"]) == {"NL TOWN"}


def test_nothing_of_theirs_changes(materialized):
    """The package adds the assets that were asked for, their checks, and no job, resource or executor."""
    code, output = materialized.run("python", "-c", LISTED)
    assert code == 0, output
    found = json.loads(output.splitlines()[-1])
    assert found["assets"] == sorted({"customers", "flagged", *GLUE.values()})
    assert found["checks"] == 8
    assert found["jobs"] == []
    assert found["resources"] == ["io_manager", "settings", "shop"]
    assert found["executor"] == "multiprocess"


LISTED = """
import json
from definitions import defs
repository = defs.get_repository_def()
print(json.dumps({
    "assets": sorted(key.to_user_string() for key in repository.assets_defs_by_key),
    "checks": sum(len(list(one.check_keys)) for one in set(repository.assets_defs_by_key.values())),
    "jobs": [job.name for job in repository.get_all_jobs() if not job.name.startswith("__")],
    "resources": sorted(name for name in defs.resources),
    "executor": defs.executor.name,
}))
"""
