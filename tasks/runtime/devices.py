"""The devices of this process, each with at most one warm generator."""

import logging
import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import psutil

from adapters.catalogue import Catalogue, catalogue_name
from manifests.costs.device_use import UseKind
from models.card import ModelCard
from models.device_process import ProcessEncoder, ProcessGenerator
from models.memory import MemoryWatch, capacity_bytes, free_caches, used_bytes
from models.protocols import FrameScorer, Generator
from models.registry import device_kind, find_devices, open_generator
from tasks.runtime.device_processes import (
    open_encoder_in_process,
    open_in_process,
    shares_text_encoder,
    uses_processes,
)
from tasks.runtime.device_use.meter import DeviceMeter
from tasks.runtime.device_use.metered import MeteredGenerator, MeteredScorer, device_of
from tasks.runtime.device_use.settlement import folder_of
from tasks.runtime.resources import Resources, earlier_clips_of, first_frames_of, opened_once, pause_opening

log = logging.getLogger(__name__)


class Device:
    """A device with at most one warm generator, which is reloaded before the memory is full.

    Attributes:
        seconds_a_clip: device time of the last clip, by shape group.
        meter: measures what the device is used for.
    """

    def __init__(
        self,
        name: str,
        resources: Resources,
        meters: dict[str, DeviceMeter],
        processes: "DeviceProcesses | None" = None,
    ) -> None:
        """Create the device.

        Args:
            meters: the meters of this process by device; this device's is added.
        """
        self.name = name
        self._resources = resources
        self._processes = processes
        self._card = ""
        self._generator: Generator | None = None
        self._process: ProcessGenerator | None = None
        self._watch: MemoryWatch | None = None
        self.recycled = 0
        self.loads = 0
        self.seconds_a_clip: dict[tuple[Any, ...], float] = {}
        catalogue = catalogue_name(resources.catalogue_url) if resources.catalogue_url else ""
        self.meter = DeviceMeter(name, device_kind, folder_of(resources.staging), catalogue)
        self._meters = meters
        meters[name] = self.meter
        self._scorers: dict[FrameScorer, MeteredScorer] = {}

    def generator(self, card: ModelCard) -> Generator:
        """Return the generator of a card; another card's generator, or one with growing memory, is closed first."""
        if self._watch and self._watch.is_climbing:
            log.warning(
                "Memory of %s grows by %.1f MB per clip; reloading the model.", self.name, self._watch.slope / 1e6
            )
            self.close()
            self.recycled += 1
        if self._generator is None or self._card != card.name:
            self.close()
            opener = self._processes.open if self._processes else open_generator
            with self.meter.using(UseKind.LOAD):
                loaded = opener(
                    card,
                    device=self.name,
                    threads=self._resources.threads,
                    weights_root=self._resources.weights_root,
                    pictures=first_frames_of(self._resources).pixels,
                    videos=earlier_clips_of(self._resources).frames,
                )
            self._process = loaded if isinstance(loaded, ProcessGenerator) else None
            self._generator = MeteredGenerator(loaded, self.meter)
            self.loads += 1
            self._card = card.name
            self._watch = None
        return self._generator

    def metered(self, scorer: FrameScorer) -> FrameScorer:
        """Return a scorer whose work on a device of this process is measured; on others it is returned as it is."""
        where = device_of(scorer)
        meter = self.meter if where == self.name else self._meters.get(where)
        if meter is None:
            return scorer
        return self._scorers.setdefault(scorer, MeteredScorer(scorer, meter, self.meter))

    def book(self, catalogue: Catalogue, leases: int = 0) -> None:
        """Record the device seconds so far, and new leases; raises as ``DeviceMeter.book`` does."""
        self.meter.book(catalogue, leases)
        for meter in self._lent():
            meter.book(catalogue)

    def settle(self, catalogue: Catalogue) -> None:
        """Record everything at the end of a shard; raises as ``DeviceMeter.settle`` does."""
        self.meter.settle(catalogue)
        for meter in self._lent():
            meter.settle(catalogue)

    def _lent(self) -> list[DeviceMeter]:
        """Return the meters of the other devices on which clips of this one were scored."""
        return [scorer.meter for scorer in self._scorers.values() if scorer.meter is not self.meter]

    def note_memory(self) -> None:
        """Record the memory in use after a clip: of the device's process, if it has one."""
        child = self._process
        if self._watch is None:
            self._watch = MemoryWatch(child.capacity_bytes if child else capacity_bytes(self.name))
        self._watch.add(child.used_bytes if child else used_bytes(self.name))

    def abandon(self) -> None:
        """Drop a generator whose device is lost, because closing it would raise."""
        self._generator, self._process, self._card, self._watch = None, None, "", None

    def close(self) -> None:
        """Free the device."""
        if self._generator is not None:
            self._generator.close()
            self._generator, self._process, self._card, self._watch = None, None, "", None
            free_caches()


class DeviceProcesses:
    """Opens generators in child processes, and one text encoder for all of them if main memory is short."""

    def __init__(self, resources: Resources, devices: Sequence[str]) -> None:
        self._resources = resources
        self._devices = devices
        self._free_gb = psutil.virtual_memory().available / 1e9
        self._lock = threading.Lock()
        self._encoder: ProcessEncoder | None = None
        self._encoder_card = ""

    def open(self, card: ModelCard, **options: Any) -> Generator:
        """Load a card's pipeline in a child process; the options are those of ``open_generator``."""
        root = self._resources.weights_root
        if shares_text_encoder(card, len(self._devices), root, self._free_gb):
            options["texts"] = partial(self._embed, card)
        return open_in_process(card, **options)

    def _embed(self, card: ModelCard, text: str) -> np.ndarray:
        with self._lock:
            if self._encoder is None or self._encoder_card != card.name:
                if self._encoder is not None:
                    self._encoder.close()
                self._encoder = open_encoder_in_process(
                    card,
                    device=self._devices[0],
                    threads=self._resources.threads,
                    weights_root=self._resources.weights_root,
                )
                self._encoder_card = card.name
            return self._encoder.embed(text)


class Devices:
    """The devices of this process; a shard uses one while it runs."""

    def __init__(self, resources: Resources) -> None:
        self._free: queue.SimpleQueue[Device] = queue.SimpleQueue()
        names = resources.devices or find_devices()
        self._number = len(names)
        has_processes = uses_processes(resources.device_processes, names)
        processes = DeviceProcesses(resources, names) if has_processes else None
        meters: dict[str, DeviceMeter] = {}
        for name in names:
            self._free.put(Device(name, resources, meters, processes))

    def __len__(self) -> int:
        return self._number

    @contextmanager
    def acquire(self) -> Iterator[Device]:
        """Wait for a free device and reserve it during the block."""
        device = self._free.get()
        try:
            yield device
        finally:
            self._free.put(device)


def devices_of(resources: Resources) -> Devices:
    """Return this process's devices."""
    with pause_opening():
        return _devices(resources)


@opened_once
def _devices(resources: Resources) -> Devices:
    return Devices(resources)
