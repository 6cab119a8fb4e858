# SPDX-License-Identifier: BSD-3-Clause
"""Where prepared things live, and how they get there whole or not at all."""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

REPO = pathlib.Path(__file__).resolve().parents[3]
CONFIG = REPO / "config" / "vm"


class PrepareError(Exception):
    """Something that a user has to put right; the text says what."""


def root():
    """The cache directory: $UVDK_CACHE, or a folder in the user's cache."""
    if os.environ.get("UVDK_CACHE"):
        return pathlib.Path(os.environ["UVDK_CACHE"]).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base).absolute() / "uvdk"


def key(*parts):
    """A short name that changes when any of the parts (text) changes."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()[:12]


def say(text):
    print(f"prepare: {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def locked():
    """One process at a time changes the cache; the others wait here."""
    root().mkdir(parents=True, exist_ok=True)
    with open(root() / "lock", "w", encoding="ascii") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another run is preparing; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def building(target):
    """Yield an empty folder that becomes `target` if the body succeeds.

    Call with the lock held. What an interrupted run left behind is removed
    first. On an error the folder goes away, so `target` is never half built.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    for left in target.parent.glob(f"{target.name}.tmp*"):
        remove(left)
    temp = pathlib.Path(tempfile.mkdtemp(prefix=f"{target.name}.tmp", dir=target.parent))
    temp.chmod(0o755)
    try:
        yield temp
        os.rename(temp, target)
    except BaseException:
        remove(temp)
        raise


def remove(tree):
    """Remove a folder, but never reach through a mount that is still in it."""
    for line in reversed(pathlib.Path("/proc/mounts").read_text().splitlines()):
        point = line.split()[1]
        if point.startswith(f"{tree}/"):
            subprocess.run(["umount", point], check=True)
    shutil.rmtree(tree)


def run(argv, log, **kwargs):
    """Run a command with its output in `log`; on failure show the end of it."""
    with open(log, "ab") as out:
        out.write(f"+ {' '.join(map(str, argv))}\n".encode())
        out.flush()
        code = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=out,
                              stderr=out, check=False, **kwargs).returncode
    if code:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise PrepareError(f"{argv[0]} failed with status {code}; end of {log}:\n{tail}")
