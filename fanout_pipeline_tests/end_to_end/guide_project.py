"""The project of docs/guide.md, its modules taken from the page, beside assets of a project's own."""

import json
import re
import threading
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas

from fanout_pipeline_tests.end_to_end import theirs
from fanout_pipeline_tests.end_to_end.guest import Guest

PAGE = (Path(__file__).parents[2] / "docs" / "guide.md").read_text()
MODULES = dict(re.findall(r"```python\n# (\w+)\.py\n(.*?)```", PAGE, re.DOTALL))
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


class OfTheGuide(Guest):
    """The guide's project; the shop's address and key are in its environment."""

    shop = ""

    @property
    def environment(self):
        return super().environment | {"SHOP_URL": self.shop, "SHOP_KEY": "a key of the shop's"}


@contextmanager
def project_of_the_guide(folder, environment_folder, **modules):
    """The project, its inputs there, its shop answering; with more modules, if any."""
    project = OfTheGuide.new(folder, environment_folder)
    defaults = {"definitions": DEFINITIONS, "theirs": Path(theirs.__file__).read_text()}
    project.write(**MODULES, **defaults | modules)
    write_inputs(project.data)
    ShopServer.seen = Counter()
    with ThreadingHTTPServer(("127.0.0.1", 0), ShopServer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        OfTheGuide.shop = f"http://127.0.0.1:{server.server_port}"
        try:
            yield project
        finally:
            project.end_all()
            server.shutdown()
            thread.join()


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
