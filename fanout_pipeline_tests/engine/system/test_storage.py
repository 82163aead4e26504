"""What is said of a data root that does not last, or that other machines write to."""

import sys

import pytest

from fanout_pipeline.engine.system.storage import where_kept

MOUNTS = r"""
22 1 0:20 / / rw,relatime - overlay overlay rw,lowerdir=/l,upperdir=/u,workdir=/w
23 22 0:21 / /proc rw - proc proc rw
24 22 0:22 / /dev/shm rw - tmpfs shm rw,size=65536k
25 22 8:1 /srv /data rw,relatime shared:1 master:2 - ext4 /dev/sda1 rw
26 25 0:23 / /data/mit\040Leerzeichen rw - nfs4 files:/export rw,vers=4.2
27 22 0:24 / /win rw - cifs //server/share rw
28 22 0:25 / /data/ssh rw - fuse.sshfs host:/home rw
29 22 8:1 /var/lib/kubelet/pods/1f/volumes/kubernetes.io~empty-dir/x /scratch rw - ext4 /dev/sda1 rw
30 22 0:26 / /twice rw - tmpfs tmpfs rw
31 22 8:2 / /twice rw - xfs /dev/sdb1 rw
32 22 0:27 / /bucket rw - fuse.s3fs s3fs rw
a line that is none
"""


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/opt/app/data", "on a container's own disk (overlay)"),
        ("/dev/shm/fanout", "in memory (tmpfs)"),
        ("/data", ""),
        ("/data/deep/down", ""),
        ("/data/mit Leerzeichen/fanout", "a network file system (nfs4, files:/export)"),
        ("/data/mit LeerzeichenX", ""),
        ("/win/a", "a network file system (cifs, //server/share)"),
        ("/data/ssh", "a network file system (fuse.sshfs, host:/home)"),
        ("/scratch/x", "on an emptyDir of Kubernetes"),
        ("/twice/x", ""),
        ("/bucket/x", "on an object store (fuse.s3fs)"),
    ],
)
def test_what_does_not_last_is_said(path, said):
    """The mount that a path is on decides, whether or not the path exists; a disk that stays has nothing said of it."""
    sentence = where_kept(path, MOUNTS)
    assert bool(sentence) == bool(said)
    if said:
        assert sentence.startswith((f"{path} is {said}", f"{path} is on {said}"))
        assert sentence.rpartition(": ")[2].startswith(("set FANOUT_DATA to ", "mount it with "))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say")
def test_memory_is_known_on_this_machine(tmp_path):
    """Also behind a link, and where no folder is yet."""
    (tmp_path / "link").symlink_to("/dev/shm")
    for path in ("/dev/shm/none/yet", tmp_path / "link" / "x"):
        assert "is in memory (tmpfs), " in where_kept(path)
    assert where_kept("/data", "") == ""
