"""What is in a folder."""

import os


def contents(folder):
    """All that is below a folder: files with their bytes, links with what they say."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        found[name] = (
            os.readlink(path)
            if path.is_symlink()
            else None
            if path.is_dir()
            else path.read_bytes(),
            path.lstat().st_mtime_ns,
        )
    return found
