"""Threads that generate the clips of the model server, one for each device."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from adapters.media.clip_with_sound import encode_with_sound
from adapters.media.video import encode
from app.model_server.job_queue import JobQueue
from app.model_server.job_store import JobStore
from app.model_server.video_job import Status, VideoJob
from manifests.errors import BrokenDeviceError, GenerationError, ReelmillError
from models.card import ModelCard
from models.protocols import Generated
from tasks.runtime.devices import Device, devices_of
from tasks.runtime.resources import Resources

log = logging.getLogger(__name__)
GRACE_S = 5.0
"""Seconds to wait for running clips when the server stops; unfinished ones are generated after the next start."""

RETRY_S = 5.0
"""Seconds that a device waits after a job could not be stored."""


class DeviceWorkers:
    """Generates the clips of a queue on all devices of this machine; a device keeps its last model loaded."""

    def __init__(self, resources: Resources, cards: Mapping[str, ModelCard], queue: JobQueue, store: JobStore) -> None:
        self._resources = resources
        self._cards = cards
        self._queue = queue
        self._store = store
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._seconds: dict[tuple[object, ...], float] = {}

    def start(self) -> None:
        """Start the threads. The number of devices is not known before torch is imported, which takes seconds."""
        self._begin(self._open_devices)

    def stop(self) -> None:
        """Wait GRACE_S for running clips; those that take longer are queued again by the next server."""
        self._stopping.set()
        self._queue.close()
        until = time.monotonic() + GRACE_S
        for thread in list(self._threads):
            thread.join(max(0.0, until - time.monotonic()))

    def progress_of(self, job: VideoJob) -> int:
        """Return the estimated progress of a running job in percent, from the time of the last clip of its shape."""
        if job.status != Status.IN_PROGRESS:
            return 0
        seconds = self._seconds.get(job.variant.shape_group)
        return min(99, int(100 * (time.time() - job.started_at) / seconds)) if seconds else 0

    def _begin(self, target: Callable[[], None]) -> None:
        # Daemon threads: a clip that takes minutes must not keep the process after Ctrl-C.
        thread = threading.Thread(target=target, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _open_devices(self) -> None:
        for _ in range(len(devices_of(self._resources))):
            self._begin(self._work)

    def _work(self) -> None:
        with devices_of(self._resources).acquire() as device:
            loaded = self._warm_up(device)
            while not self._stopping.is_set():
                try:
                    if job := self._queue.next(loaded):
                        loaded = job.variant.card
                        self._process(device, job)
                except OSError:  # the record of a job cannot be written, for example because the disk is full
                    log.exception("A job cannot be stored. Its clip is generated after the next start.")
                    self._stopping.wait(RETRY_S)
            device.close()

    def _warm_up(self, device: Device) -> str:
        """Load the first model, so that the first clip does not wait for it; the clip's job reports errors."""
        card = next(iter(self._cards.values()))
        try:
            device.generator(card)
        except Exception as error:  # noqa: BLE001
            log.warning("Cannot load %s on %s: %s", card.name, device.name, error)
            return ""
        return card.name

    def _process(self, device: Device, job: VideoJob) -> None:
        """Generate one clip; every error fails the job and not the thread."""
        try:
            made = self._generate(device, job)
            self._write(made, self._store.file_of(job))
            self._seconds[job.variant.shape_group] = max(time.time() - job.started_at, 0.01)
            device.note_memory()
            self._queue.complete(job, made.device_seconds)
        except BrokenDeviceError as error:
            device.abandon()
            log.warning("%s failed on %s: %s", job.video_id, device.name, error)
            self._queue.retry(job, str(error))
        except ReelmillError as error:
            log.warning("%s failed: %s", job.video_id, error)
            self._queue.fail(job, "generation_failed", str(error))
        except Exception as error:
            log.exception("%s failed", job.video_id)
            self._queue.fail(job, "server_error", str(error) or type(error).__name__)

    def _write(self, made: Generated, out: Path) -> None:
        fps, crf = made.variant.fps, self._resources.master_crf
        if made.sound is None:
            encode(made.frames, fps, out, crf)
        else:
            encode_with_sound(made.frames, fps, made.sound.samples, made.sound.rate, out, crf)

    def _generate(self, device: Device, job: VideoJob) -> Generated:
        generator = device.generator(self._cards[job.variant.card])
        generator.prepare(self._queue.next_variants(job))
        [made] = generator.generate([job.variant])
        if isinstance(made, Exception):
            raise made
        if made.nan_share:
            raise GenerationError("The model returned values that are not finite. Use another seed or fewer steps.")
        return made
