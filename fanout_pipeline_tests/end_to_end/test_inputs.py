"""Inputs as they come: with a mark, with bad records, in a folder of the data root that run config names."""

from fanout_pipeline import read_failures

MODULE = """
    from fanout_pipeline.defs.lab.factory import fanout_definitions
    from fanout_pipeline import FanoutSpec
    from fanout_pipeline import IntegerLines

    def twice(number):
        return 2 * number

    defs = fanout_definitions(FanoutSpec("numbers", IntegerLines("numbers.txt"), twice))
"""
QUARANTINE = {"config": {"on_error": "quarantine"}}


def test_a_bad_record_costs_itself_and_nothing_else(guest):
    """Of a file from a spreadsheet, one line of which is no number; each step reads its chunk alone."""
    guest.write(mine=MODULE)
    (guest.data / "sample").mkdir()
    text = "\ufeff" + "".join(f"{number}\r\n" for number in range(30)).replace(
        "\r\n12\r\n", "\r\n12a\r\n"
    )
    (guest.data / "sample" / "numbers.txt").write_bytes(text.encode())
    resources = {"fanout": QUARANTINE, "data_folder": {"config": {"root": "sample"}}}
    code, output = guest.materialize(
        "numbers/dagster_multiprocess", config={"resources": resources}
    )
    assert code == 0, output
    assert "1 of 30 items failed" in output
    results = guest.results("sample/numbers/dagster_multiprocess")
    assert [None if one != one else one for one in results] == [
        None if number == 12 else 2 * number for number in range(30)
    ]
    (failure,) = read_failures(guest.data / "sample/numbers/dagster_multiprocess").to_dict(
        "records"
    )
    assert failure == {
        "index": 12,
        "where": f"line 13 of {guest.data}/sample/numbers.txt",
        "item": "'12a'",
        "error_type": "BadInput",
        "message": "the record is not an integer",
        "traceback": "",
    }
