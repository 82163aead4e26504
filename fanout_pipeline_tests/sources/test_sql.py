"""Rows of a query, from a real PostgreSQL and from SQLite: as their drivers make them, and no word of a password."""

import os
import pickle
import sqlite3
import subprocess
import sys
import threading
import traceback
from contextlib import closing
from urllib.parse import quote_plus

import pytest
import sqlalchemy

from fanout_pipeline import BadInput, Sql, read_results
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.sources.connection import scrubbed, shown
from fanout_pipeline.sources.spool.feed import feed_of
from fanout_pipeline.sources.spool.settled import settled
from fanout_pipeline.sources.spool.spool import Spool
from fanout_pipeline_tests.contract.functions.returning import same, sleeps_1_ms
from fanout_pipeline_tests.contract.runs import options_of, spec_of
from fanout_pipeline_tests.processes import until
from fanout_pipeline_tests.results.layout import parts_told
from fanout_pipeline_tests.sources.postgres import PASSWORD, postgres

EVERY_TYPE = """
SELECT n,
  CASE WHEN n % 2 = 0 THEN 9007199254740993 END AS big,
  (n * 1.50)::numeric(12, 2) AS amount,
  n / 3.0::float8 AS ratio,
  timestamptz '2024-02-29 12:30:01.234567+01' AS at,
  timestamp '2024-02-29 12:30:01' AS local,
  date '2024-02-29' AS day,
  time '12:30' AS hour,
  interval '3 days 1 second' AS span,
  '\\x00ff'::bytea AS raw,
  '{"a": [1, null, "x"]}'::jsonb AS doc,
  '6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid AS id,
  ARRAY[1, NULL, 3] AS list,
  int4range(1, 5) AS range,
  NULL::text AS nothing,
  'naïve 100% :x' AS label
FROM generate_series(1, 5) n ORDER BY n
"""


@pytest.fixture(scope="module")
def server():
    with postgres() as server:
        yield server


@pytest.fixture
def database(tmp_path):
    """An SQLite file of 1,000 rows, and its URL."""
    path = tmp_path / "orders.db"
    with closing(sqlite3.connect(path)) as opened:
        opened.execute("CREATE TABLE orders (number INTEGER, label TEXT, raw BLOB)")
        rows = [(n, f"order {n}" if n % 3 else None, bytes([n % 256])) for n in range(1000)]
        opened.executemany("INSERT INTO orders VALUES (?, ?, ?)", rows)
        opened.commit()
    return path, f"sqlite:///{path}"


def rows_of(source, tmp_path):
    with settled(source, tmp_path / "spool") as found:
        return [row for chunk in found.chunks(3) for row in found.read(chunk)]


def failure(source, tmp_path):
    """What ends a run of it, without a password in the whole of its traceback."""
    with pytest.raises(BadInput) as caught:
        rows_of(source, tmp_path)
    told = "".join(traceback.format_exception(caught.value))
    assert PASSWORD not in told
    return str(caught.value)


def run(name, source, folder, function=same, log=print, **more):
    spec, options = spec_of(name, source, function), options_of(name, **more)
    how = {"ledger": True, "resume": True}
    return run_strategy(STRATEGIES[name], spec, folder, options, log=log, **how)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["serial", "multiprocess"])
def test_values_are_those_of_the_driver(server, tmp_path, name):
    """Decimals, zones, bytes, documents, UUIDs and what is missing are what SQLAlchemy gives for the same query."""
    engine = sqlalchemy.create_engine(server.url, poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        statement = connection.execution_options(no_parameters=True)
        expected = [dict(row._mapping) for row in statement.exec_driver_sql(EVERY_TYPE)]
    assert rows_of(Sql(EVERY_TYPE, server.url), tmp_path) == expected
    run(name, Sql(EVERY_TYPE, server.url), tmp_path / name, repr)
    assert read_results(tmp_path / name)["result"].tolist() == list(map(repr, expected))


@pytest.mark.slow
def test_columns_are_chosen(server, tmp_path):
    """One gives plain values, several give dicts; one that the query does not give is named with those near."""
    assert rows_of(Sql(EVERY_TYPE, server.url, columns=["n"]), tmp_path) == [1, 2, 3, 4, 5]
    first = rows_of(Sql(EVERY_TYPE, server.url, columns=["label", "n"]), tmp_path)[0]
    assert list(first.items()) == [("label", "naïve 100% :x"), ("n", 1)]
    message = failure(Sql(EVERY_TYPE, server.url, columns=["amuont"]), tmp_path)
    assert "gives no column 'amuont'. Did you mean 'amount'?" in message


@pytest.mark.slow
def test_the_server_does_not_send_all_at_once(server, tmp_path):
    """Rows are called with while the query goes on, and memory holds no more than some of them."""
    slow = (
        "SELECT n, pg_sleep(CASE WHEN n > 3 THEN 600 ELSE 0 END)::text FROM generate_series(1, 9) n"
    )
    with Spool(feed_of(Sql(slow, server.url)), tmp_path) as spool:
        until(lambda: spool.arrived.units == 3)
    # The query is cancelled.
    until(lambda: not [one for one in threading.enumerate() if "fanout" in one.name])


WRONG = {
    "password": ("SELECT 1", "wrong", "password authentication failed for user"),
    "table": ("SELECT * FROM nowhere", PASSWORD, 'relation "nowhere" does not exist'),
    "syntax": ("SELEKT 1", PASSWORD, "syntax error"),
    "statement": ("CREATE TABLE other (n int)", PASSWORD, "syntax error"),
    "value": ("SELECT 1 / (3 - n) FROM generate_series(1, 5) n", PASSWORD, "division by zero"),
    "twice": ("SELECT 1 AS a, 2 AS a", PASSWORD, "two columns that are called 'a'. Rename one"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", WRONG)
def test_what_the_database_refuses(server, tmp_path, case):
    """The error has the query, the database without its password, and the database's own words."""
    query, password, message = WRONG[case]
    url = server.url.replace(quote_plus(PASSWORD), quote_plus(password))
    told = failure(Sql(query, url), tmp_path)
    assert message in told
    assert query[:20] in told
    if case != "twice":
        assert "postgresql+psycopg://tester:***@" in told


def execute(server, *statements):
    engine = sqlalchemy.create_engine(server.url, poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(sqlalchemy.text(statement))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["serial", "multiprocess"])
def test_a_server_that_dies_in_the_middle(server, tmp_path, name):
    """The run ends and says how many rows came; the next calls only what had not been done."""
    query = "SELECT n, (SELECT pg_sleep(seconds) FROM pauses WHERE n > 1000)::text FROM generate_series(1, 1050) n"
    told, source = [], Sql(query, server.url, columns=["n"])
    execute(server, "DROP TABLE IF EXISTS pauses", "CREATE TABLE pauses AS SELECT 600 AS seconds")

    def kill_in_the_middle():
        until(lambda: parts_told(tmp_path))
        server.kill()

    killing = threading.Thread(target=kill_in_the_middle)
    killing.start()
    lost = "(server closed|terminating) .*connection"  # whichever of the two the driver meets first
    with pytest.raises(BadInput, match=rf"failed after [\d,]+ rows at postgresql.*{lost}"):
        run(name, source, tmp_path / name, sleeps_1_ms, told.append)
    killing.join()
    assert any("are kept; materialize again to resume" in line for line in told)
    server.start()
    execute(server, "UPDATE pauses SET seconds = 0")
    again = run(name, source, tmp_path / name, sleeps_1_ms)
    assert again.items == 1050
    assert again.reused_items > 0
    assert read_results(tmp_path / name)["result"].tolist() == list(range(1, 1051))


@pytest.mark.parametrize("name", ["serial", pytest.param("multiprocess", marks=pytest.mark.slow)])
def test_another_result_is_made_anew(database, tmp_path, name):
    """Rows that changed after a run had died, and those after them, are called with again; the log says so."""
    path, url = database
    source = Sql("SELECT number FROM orders ORDER BY rowid", url, columns=["number"])
    with pytest.raises(Exception, match="on 700"):
        run(name, source, tmp_path / name, FailsOn700(tmp_path / "down"), chunks=20)
    with closing(sqlite3.connect(path)) as opened:
        opened.execute("UPDATE orders SET number = -1 WHERE number = 650")
        opened.commit()
    (tmp_path / "down").touch()
    told = []
    again = run(
        name, source, tmp_path / name, FailsOn700(tmp_path / "down"), told.append, chunks=20
    )
    assert 0 < again.reused_items <= 650
    assert any(
        "what the query SELECT number FROM orders ORDER BY rowid gives differs" in line
        for line in told
    )
    expected = [-1 if n == 650 else n for n in range(1000)]
    assert read_results(tmp_path / name)["result"].tolist() == expected


class FailsOn700:
    """Fails on one item until a file is there."""

    def __init__(self, mended):
        self.mended = mended

    def __call__(self, number):
        if number == 700 and not self.mended.exists():
            raise ValueError("on 700")
        return number


def test_rows_of_sqlite(database, tmp_path):
    """Integers, texts, blobs and nulls."""
    rows = rows_of(Sql("SELECT * FROM orders ORDER BY number", database[1]), tmp_path)
    assert len(rows) == 1000
    assert rows[:2] == [
        {"number": 0, "label": None, "raw": b"\0"},
        {"number": 1, "label": "order 1", "raw": b"\1"},
    ]


def test_a_column_is_kept_that_is_not_asked_for(database, tmp_path):
    """It stands beside the results of a function that is given another."""
    _, url = database
    source = Sql("SELECT 7 AS a, 'x' AS b UNION ALL SELECT 8, 'y'", connection=url, columns=["a"])
    spec = spec_of("serial", source, same, keep=("b",))
    run_strategy(STRATEGIES["serial"], spec, tmp_path / "out", options_of("serial"))
    found = read_results(tmp_path / "out")
    assert found[["b", "result"]].values.tolist() == [["x", 7], ["y", 8]]


def test_a_locked_file(database, tmp_path):
    """Whoever holds the lock is waited for, for the seconds that SQLite waits, and then named as the reason."""
    path, url = database
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        told = failure(Sql("SELECT * FROM orders", f"{url}?timeout=0.1"), tmp_path)
    assert "database is locked" in told
    assert str(path) in told


def test_a_file_that_is_not_there(tmp_path):
    """It is not created."""
    path = tmp_path / "nothing.db"
    assert f"Cannot read {path}: No such file" in failure(
        Sql("SELECT 1", f"sqlite:///{path}"), tmp_path
    )
    assert not path.exists()


@pytest.mark.parametrize(
    ("connection", "message"),
    [
        ("postgresql+nodriver://u:s3kr3t@host/d", "knows no database 'postgresql.nodriver'"),
        ("oracle+oracledb://u:s3kr3t@host/d", "needs the driver oracledb, which is not installed"),
        ("s3kr3t", "'***' is no URL of a database"),
        ("://u:s3kr3t@host", "is no URL of a database"),
        ("env:FANOUT_TEST_NO_URL", "environment variable FANOUT_TEST_NO_URL"),
    ],
)
def test_a_connection_that_is_none(tmp_path, connection, message):
    """The error says what to install or to write, and keeps what may be a password to itself."""
    told = failure(Sql("SELECT 1", connection), tmp_path)
    assert message in told.replace("+", ".") if "nodriver" in connection else message in told
    assert "s3kr3t" not in told


def test_an_environment_variable(database, tmp_path, monkeypatch):
    """Code names it; what is in it is shown nowhere."""
    monkeypatch.setenv("ORDERS_URL", database[1])
    source = Sql("SELECT number FROM orders", "env:ORDERS_URL", columns=["number"])
    assert rows_of(source, tmp_path) == list(range(1000))
    assert repr(source) == (
        "Sql('SELECT number FROM orders', connection='env:ORDERS_URL', columns=('number',))"
    )


def engine_of_a_test():
    return sqlalchemy.create_engine(os.environ["FANOUT_TEST_URL"], poolclass=sqlalchemy.NullPool)


def test_a_function_that_makes_an_engine(database, tmp_path, monkeypatch):
    """For whoever needs more than a URL, such as certificates."""
    monkeypatch.setenv("FANOUT_TEST_URL", database[1])
    source = Sql("SELECT count(*) AS n FROM orders", engine_of_a_test)
    assert rows_of(source, tmp_path) == [{"n": 1000}]
    assert "engine_of_a_test" in repr(source)
    assert pickle.loads(pickle.dumps(source)) == source


URLS = [
    "postgresql://user:s3kr3t@host:5432/name",
    "postgresql://user:s3k%40r3t@host/name",
    "mysql://user:s3:kr@3t@host/name",
    "mssql://host/name?user=u&password=s3kr3t",
    "snowflake://u@account/?private_key=s3kr3t&token=s3kr3t",
]


@pytest.mark.parametrize("url", URLS)
def test_a_password_is_not_shown(url):
    """Neither in what a source looks like nor in what a driver says, quoted or not."""
    source = Sql("SELECT 1", url)
    for text in (repr(source), str(source), source.version().token, shown(url)):
        assert "3t" not in text
    said = f"could not connect to {url}: 's3kr3t', s3k@r3t, s3k%40r3t, s3:kr@3t"
    for secret in ("s3kr3t", "s3k@r3t", "s3k%40r3t", "s3:kr@3t"):
        if secret in url or secret.replace("@", "%40") in url:
            assert secret not in scrubbed(said, url)
    assert source.version() != Sql("SELECT 2", url).version()
    assert (
        source.version() == Sql("SELECT 1", url.replace("s3kr3t", "0th3r")).version()
        or "%" in url
        or "@3t" in url
    )


def test_no_password_is_on_disk(tmp_path):
    """Not in the ledger of a run that died, its spool, its parts, nor what is committed."""
    path = tmp_path / "orders.db"
    with closing(sqlite3.connect(path)) as opened:
        opened.execute("CREATE TABLE orders AS SELECT 1 AS number")
        opened.commit()
    source = Sql(
        "SELECT number FROM orders", f"sqlite:///{path}?password=s3kr3t", columns=["number"]
    )
    with pytest.raises(BadInput) as caught:
        run("serial", source, tmp_path / "serial")
    assert "s3kr3t" not in str(caught.value)
    written = [one.read_bytes() for one in tmp_path.rglob("*") if one.is_file()]
    assert not any(b"s3kr3t" in one for one in written)


def test_without_sqlalchemy(tmp_path):
    """The public name is there, and the error names the extra to install."""
    program = (
        "import sys; sys.modules['sqlalchemy'] = None\n"
        "from fanout_pipeline import Sql\n"
        "list(Sql('SELECT 1', 'sqlite://').feed().groups())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert "pip install 'fanout_pipeline[sql]'" in done.stderr
