"""Links that stand in a user's data root."""

from fanout_pipeline_tests.results.files.test_no_links import contents

MINE = """
from fanout_pipeline.defs.lab.factory import fanout_definitions
from fanout_pipeline import FanoutSpec
from fanout_pipeline import IntegerLines

def square(number):
    return number * number

defs = fanout_definitions(FanoutSpec("squares", IntegerLines("numbers.txt"), square))
"""
SQUARES = [number**2 for number in range(100)]


def test_a_step_leaves_alone_what_a_link_leads_to(guest):
    """Refused where a folder of ours should be; a link in the place of a dead run's folder is removed."""
    guest.write(mine=MINE)
    guest.lines(range(100), "numbers.txt")
    outside = guest.folder / "outside"
    (outside / "victim").mkdir(parents=True)
    for name in ("file", ".lock"):
        (outside / "victim" / name).write_text("theirs")
    before = contents(outside)
    hidden = guest.data / "squares" / "_runs" / "multiprocess"
    hidden.parent.mkdir(parents=True)
    hidden.symlink_to(outside)
    code, output = guest.materialize("squares/multiprocess")
    assert code != 0
    assert f"{hidden} is a symbolic link to {outside}" in output
    assert "remove the link" in output
    assert contents(outside) == before
    hidden.unlink()
    hidden.mkdir()
    (hidden / "dead").symlink_to(outside / "victim")
    code, output = guest.materialize("squares/multiprocess")
    assert code == 0, output
    assert guest.results("squares/multiprocess") == SQUARES
    assert contents(outside) == before
    assert not (hidden / "dead").exists()


def test_the_data_root_may_be_a_link(guest):
    """Who deploys may have put the data on another disk."""
    guest.write(mine=MINE)
    guest.data.rename(guest.folder / "disk")
    guest.data.symlink_to("disk")
    guest.lines(range(100), "numbers.txt")
    code, output = guest.materialize("squares/multiprocess", "squares/dagster_multiprocess")
    assert code == 0, output
    for strategy in ("multiprocess", "dagster_multiprocess"):
        assert guest.results(f"squares/{strategy}") == SQUARES
