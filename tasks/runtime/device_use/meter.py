"""The meter of a device: it measures what the device is used for while a shard has it."""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from adapters.catalogue import Catalogue
from manifests.costs.device_use import Cause, DeviceUse, UseKind
from tasks.runtime.device_use.use_file import UseFile
from tasks.runtime.lease_owner import current_owner

log = logging.getLogger(__name__)

TICK_S = 0.02
"""Seconds between two writes to the file of the use in progress: a kill loses half of it on average."""
LONGEST_S = 6 * 3600.0
"""Seconds after which further ones become a new use: a renderer may insert at most a day, see renderer.sql."""
KEPT = 64
"""Uses that are remembered, so that later shards of the same run add to them."""
ORDER = list(UseKind)


class DeviceMeter:
    """Measures the use of one device. Several threads may use the device at the same time; a second counts once.

    Args:
        device_kind: returns the name of the device; called at the first use, because it may import torch.
        folder: folder for the seconds that are not booked yet; None to keep them in memory only.
        catalogue: name of the catalogue, without credentials.
    """

    def __init__(
        self,
        device: str,
        device_kind: Callable[[str], str],
        folder: Path | None,
        catalogue: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.device = device
        self._kind_of = device_kind
        self._folder = folder
        self._catalogue = catalogue
        self._clock = clock
        self._cause: Cause | None = None
        self._uses: dict[tuple[Cause, UseKind, str], _Use] = {}  # those that are full under their ids
        self._active: list[_Use] = []
        self._since = 0.0
        self._measuring = threading.Lock()
        self._booking = threading.Lock()

    @property
    def device_kind(self) -> str:
        """Name of the GPU, or ``cpu``."""
        return self._kind_of(self.device)

    @contextmanager
    def working_for(self, cause: Cause) -> Iterator[None]:
        """Measure uses during the block for this cause; outside of such a block nothing is measured."""
        ended = threading.Event()
        ticking = threading.Thread(target=self._tick, args=(ended,), name="device-meter", daemon=True)
        self._cause = cause
        ticking.start()
        try:
            yield
        finally:
            ended.set()
            ticking.join()
            self._cause = None

    @property
    def cause(self) -> Cause | None:
        """What the device works for now."""
        return self._cause

    @contextmanager
    def using(self, kind: UseKind, cause: Cause | None = None) -> Iterator[None]:
        """Measure the block as a use of this kind, whether it succeeds or fails.

        Args:
            cause: if it is not what the device works for: a shard of another device may use this one, too.
        """
        cause = cause or self._cause
        if cause is None:
            yield
            return
        use = self._begin(cause, kind)
        try:
            yield
        finally:
            with self._measuring:
                self._advance()
                self._active.remove(use)

    def book(self, catalogue: Catalogue, leases: int = 0) -> None:
        """Record the seconds so far, and new leases, in the catalogue.

        Raises:
            CatalogueError: nothing was recorded; the next booking includes it.
        """
        with self._booking:
            with self._measuring:
                self._advance()
                due = {use: use.seconds for use in self._uses.values() if use.seconds > use.booked}
            run_id = self._cause.run_id if self._cause else ""
            catalogue.device_use.book(
                [replace(use.head, seconds=seconds) for use, seconds in due.items()],
                {run_id: leases} if run_id and leases else {},
            )
            for use, seconds in due.items():
                use.booked = seconds

    def settle(self, catalogue: Catalogue) -> None:
        """Record everything at the end of a shard, then delete the files.

        Raises:
            CatalogueError: nothing was recorded; the next shard, or the next process, does it.
        """
        self.book(catalogue)
        with self._measuring:
            done = [use for use in self._uses.values() if use not in self._active and use.seconds <= use.booked]
            for use in done:
                use.close_file()
            for key in [key for key, use in self._uses.items() if use in done][:-KEPT]:
                del self._uses[key]

    def _begin(self, cause: Cause, kind: UseKind) -> "_Use":
        key = cause, kind, ""
        head = None if self._has_room(key) else self._new(cause, kind)
        with self._measuring:
            self._advance()
            if head is not None and not self._has_room(key):
                if full := self._uses.pop(key, None):
                    self._uses[cause, kind, full.head.use_id] = full
                self._uses[key] = _Use(head)
            use = self._uses[key]
            if self._folder and use.file is None:
                use.open_file(self._folder, self._catalogue)
            self._active.append(use)
            return use

    def _has_room(self, key: tuple[Cause, UseKind, str]) -> bool:
        return key in self._uses and self._uses[key].seconds < LONGEST_S

    def _new(self, cause: Cause, kind: UseKind) -> DeviceUse:
        return DeviceUse(secrets.token_hex(16), cause, kind, current_owner(), self.device, self.device_kind)

    def _advance(self) -> None:
        """Give the time since the last call to the first of the uses in progress."""
        now = self._clock()
        if self._active:
            min(self._active, key=lambda use: ORDER.index(use.head.kind)).add(now - self._since)
        self._since = now

    def _tick(self, ended: threading.Event) -> None:
        while not ended.wait(TICK_S):
            with self._measuring:
                self._advance()


class _Use:
    """A use with its seconds so far.

    Attributes:
        booked: seconds that are in the catalogue.
    """

    def __init__(self, head: DeviceUse) -> None:
        self.head = head
        self.seconds = 0.0
        self.booked = 0.0
        self.file: UseFile | None = None

    def add(self, seconds: float) -> None:
        self.seconds += seconds
        if self.file:
            self.file.write(self.seconds)

    def open_file(self, folder: Path, catalogue: str) -> None:
        """Create the file. Without it, a kill loses what is not booked, but the work goes on."""
        try:
            self.file = UseFile.create(folder, catalogue, replace(self.head, seconds=self.seconds))
        except OSError as error:
            log.warning("The device time of this process cannot be saved in %s (%s).", folder, error)

    def close_file(self) -> None:
        if self.file:
            self.file.remove()
            self.file = None
