"""The default number of workers is what this process may keep busy, and never 0."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fanout_pipeline.engine.system.cores import Cores, cgroup_quota, effective_cores, measured_cores

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("affinity", "quota", "requested", "effective"),
    [
        (8, None, None, 8),
        (8, 2.0, None, 2),
        (8, 1.5, None, 2),
        (8, 0.01, None, 1),
        (8, 16.0, None, 8),
        (8, None, 3, 3),
        (8, None, 30, 8),
        (8, 4.0, 3, 3),
        (8, 2.0, 3, 2),
        (1, None, None, 1),
    ],
)
def test_the_least_limit_counts(affinity, quota, requested, effective):
    """Workers are no more than the cores allowed, the time granted, rounded up, and the number wished."""
    assert Cores(affinity, quota, requested).effective == effective


def test_the_cores_of_this_process_are_counted(monkeypatch):
    """A process bound to one core of many gets one worker."""
    monkeypatch.delenv("FANOUT_WORKERS", raising=False)
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from fanout_pipeline.engine.system.cores import measured_cores\n"
        "print(measured_cores().affinity, measured_cores().effective)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "1 1\n"


def test_one_worker_can_be_asked_for(monkeypatch):
    """FANOUT_WORKERS=1 gives one worker on any machine."""
    monkeypatch.setenv("FANOUT_WORKERS", " 1 ")
    assert measured_cores().requested == 1
    assert effective_cores() == 1


@pytest.mark.parametrize("text", [None, "", " "])
def test_nothing_asked_for_is_no_limit(monkeypatch, text):
    """FANOUT_WORKERS unset or empty leaves the choice to the program."""
    if text is None:
        monkeypatch.delenv("FANOUT_WORKERS", raising=False)
    else:
        monkeypatch.setenv("FANOUT_WORKERS", text)
    assert measured_cores().requested is None
    assert 1 <= effective_cores() <= os.cpu_count()


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "1e1", "²", "4 5"])
def test_a_number_of_workers_that_is_none_is_refused(monkeypatch, text):
    """FANOUT_WORKERS that is no whole number from 1 on is an error that quotes it."""
    monkeypatch.setenv("FANOUT_WORKERS", text)
    with pytest.raises(ValueError, match=f"FANOUT_WORKERS must be .*, not '{text}'"):
        effective_cores()


@pytest.fixture
def quota(tmp_path):
    """The quota that cgroup files, given as path and content, amount to."""

    def measure(membership, **files):
        (tmp_path / "self").write_text(membership)
        root = tmp_path / "cgroup"
        root.mkdir()
        # As systemd mounts it.
        (root / "cpu").symlink_to("cpu,cpuacct")
        for path, content in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(content)
        return cgroup_quota(root, tmp_path / "self")

    return measure


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"a/b/cpu.max": "150000 100000\n"}, 1.5),
        ({"a/b/cpu.max": "max 100000\n"}, None),
        ({"a/b/cpu.max": "max 100000\n", "a/cpu.max": "200000 100000\n"}, 2.0),
        ({"a/b/cpu.max": "400000 100000\n", "a/cpu.max": "200000 100000\n"}, 2.0),
        ({"a/b/cpu.max": "100000 100000\n", "a/cpu.max": "200000 100000\n"}, 1.0),
        ({"cpu.max": "50000 100000\n"}, 0.5),
        ({"other/cpu.max": "50000 100000\n"}, None),
        ({"a/b/cpu.max": "nonsense\n"}, None),
        ({"a/b/cpu.max": "1000 0\n"}, None),
        ({}, None),
    ],
)
def test_a_version_2_quota_is_read(quota, files, cores):
    """The quota is the smallest of this process's cgroup and those above it; without one there is no limit."""
    assert quota("0::/a/b\n", **files) == cores


@pytest.mark.parametrize("controllers", ["cpu,cpuacct", "cpuacct,cpu"])
@pytest.mark.parametrize(
    ("amount", "cores"), [("150000", 1.5), ("-1", None), ("nonsense", None), (None, None)]
)
def test_a_version_1_quota_is_read(quota, controllers, amount, cores):
    """The quota of the older cgroups is read as well, in whichever order the kernel names controllers."""
    folder = "cpu,cpuacct/a"
    files = {f"{folder}/cpu.cfs_period_us": "100000\n"}
    if amount:
        files[f"{folder}/cpu.cfs_quota_us"] = f"{amount}\n"
    assert quota(f"5:memory:/a\n4:{controllers}:/a\n0::/\n", **files) == cores


def test_a_version_1_quota_is_read_inside_a_container(quota):
    """In a container, whose own cgroup is mounted as the topmost, the quota is found there."""
    files = {"cpu,cpuacct/cpu.cfs_period_us": "100000", "cpu,cpuacct/cpu.cfs_quota_us": "300000"}
    assert quota("4:cpu,cpuacct:/docker/0123abcd\n", **files) == 3.0


def test_no_cgroups_are_no_limit(tmp_path):
    """A system without cgroups has no quota."""
    assert cgroup_quota(tmp_path, tmp_path / "none") is None
