"""What is compared before work is sent to a cluster."""

import pickle
import platform

import pytest

from fanout_pipeline import ClusterFailed
from fanout_pipeline.engine.clusters import versions
from fanout_pipeline_tests.engine.clusters import functions


class Engine:
    """Of a cluster whose one worker answers what it is told to, or what this process does."""

    address = "tcp://there:1"

    def __init__(self, **answers):
        self.answers = answers

    def ask(self, function, *arguments):
        found = function(*arguments)
        return {
            "worker": found | self.answers if isinstance(found, dict) else self.answers["lacks"]
        }


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"python": "3.9.1"}, "worker has Python 3.9.1"),
        ({"fanout_pipeline": None}, "worker lacks fanout_pipeline"),
        ({"fanout_pipeline": "0.0.9"}, "worker has fanout_pipeline 0.0.9"),
        ({"pyarrow": "3.0"}, "worker has pyarrow 3.0"),
    ],
)
def test_versions_that_matter_are_refused_by_name(other, said):
    """A worker that could not do the work, or would do it otherwise, is named with what it has."""
    with pytest.raises(ClusterFailed, match=said) as refused:
        versions.require_same_versions(Engine(**other), print)
    assert f"python {platform.python_version()}" in str(refused.value)


def test_other_versions_are_told():
    """What may not matter is a warning, and the same versions are none."""
    said = []
    versions.require_same_versions(Engine(), said.append)
    assert said == []
    versions.require_same_versions(Engine(numpy="1.0"), said.append)
    assert len(said) == 1
    assert "numpy 1.0, not" in said[0]


def test_modules_that_a_message_names_are_found():
    """What a worker cannot import is known before it is sent."""
    asked = []

    class Asking(Engine):
        def ask(self, function, *arguments):
            asked.extend(arguments[0])
            return {"worker": [functions.__name__]}

    message = pickle.dumps(functions.square)
    assert versions.lacked(Asking(), message) == {functions.__name__}
    assert functions.__name__ in asked
