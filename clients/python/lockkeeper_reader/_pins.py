"""Pins: shared kernel locks that keep a release from being pruned."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import sys
from pathlib import Path
from typing import Set, Union


class Pin:
    """A shared kernel lock that keeps a release from being pruned; it goes with the process."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        _pins.add(self)

    def release(self) -> None:
        descriptor, self.descriptor = self.descriptor, -1
        _pins.discard(self)
        if descriptor < 0:
            return
        # A program that was started meanwhile may have a copy of the descriptor: unlocked, and not merely closed.
        _kernel_lock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


_pins: Set[Pin] = set()


def _kernel_lock(descriptor: int, how: int) -> bool:
    """The kind of lock that Lockkeeper takes: of the open file description on Linux, ``flock(2)`` on macOS. Whether it was had, at once."""
    try:
        if sys.platform == "linux":
            kind = {fcntl.LOCK_SH: fcntl.F_RDLCK, fcntl.LOCK_UN: fcntl.F_UNLCK}[how]
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", kind, os.SEEK_SET, 0, 0, 0))
        else:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        return True
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return False
        raise


def take_pin(path: Path) -> Union[Pin, None, str]:
    """The pin; ``None`` where there is no pin file, or prune is at it; why, where this process cannot pin here at all."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"{path}: {error.strerror}"
    try:
        # Prune deletes under the exclusive lock: a pin file that was opened before and locked after lies nowhere.
        if _kernel_lock(descriptor, fcntl.LOCK_SH) and os.path.samestat(os.fstat(descriptor), os.stat(path)):
            return Pin(descriptor)
    except FileNotFoundError:
        pass
    except (OSError, AttributeError) as error:
        os.close(descriptor)
        return f"{path}: {error}"
    os.close(descriptor)
    return None


def _after_fork() -> None:
    """The copies of the parent's pins, whose locks would outlive the parent."""
    for pin in list(_pins):
        os.close(pin.descriptor)
        pin.descriptor = -1
    _pins.clear()


os.register_at_fork(after_in_child=_after_fork)
