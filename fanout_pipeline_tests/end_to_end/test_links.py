"""Links that stand in a user's data root."""

from fanout_pipeline_tests.results.files.contents import contents


def test_links_in_a_data_root_that_is_one(guest):
    """Who deploys may have put the data on another disk. A link is refused where a folder of ours should be,
    and removed in the place of a dead run's folder; what it leads to is left alone."""
    guest.write(
        mine="""
        from fanout_pipeline.defs.lab.factory import fanout_definitions
        from fanout_pipeline import FanoutSpec
        from fanout_pipeline import IntegerLines

        def square(number):
            return number * number

        defs = fanout_definitions(FanoutSpec("squares", IntegerLines("numbers.txt"), square))
        """
    )
    guest.data.rename(guest.folder / "disk")
    guest.data.symlink_to("disk")
    guest.lines(range(100), "numbers.txt")
    outside = guest.folder / "outside"
    (outside / "victim").mkdir(parents=True)
    for name in ("file", ".lock"):
        (outside / "victim" / name).write_text("theirs")
    before = contents(outside)
    runs = guest.data / "squares" / "_runs"
    (runs / "dagster_multiprocess").mkdir(parents=True)
    (runs / "multiprocess").symlink_to(outside)
    (runs / "dagster_multiprocess" / "dead").symlink_to(outside / "victim")
    code, output = guest.materialize("squares/multiprocess", "squares/dagster_multiprocess")
    assert code != 0
    assert f"{runs.resolve() / 'multiprocess'} is a symbolic link to {outside}" in output
    assert "remove the link" in output
    assert not (guest.data / "squares" / "multiprocess").exists()
    assert guest.results("squares/dagster_multiprocess") == [n**2 for n in range(100)]
    assert not (runs / "dagster_multiprocess" / "dead").exists()
    assert contents(outside) == before
