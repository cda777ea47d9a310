"""The model server in this process, with a fake generator that waits until a test lets it continue."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image
from starlette.testclient import TestClient

from app.model_server.offer import offered_cards
from app.model_server.server import create_app
from app.model_server.service import Limits, ModelService
from flows.runtime.resources import resources_of
from flows.settings import Settings
from manifests.variant import Variant
from models.fake import FakeGenerator

TOKEN = "a-token-of-the-tests"
AUTH = {"Authorization": f"Bearer {TOKEN}"}
PROMPT = "a red circle drifting right on a white background"
WAIT_S = 20.0
LIMITS = Limits()


class GatedGenerator(FakeGenerator):
    """Generates a clip only while its gate is open.

    Attributes:
        begun: released once for each clip that it begins.
        order: prompts of the clips in the order in which they were begun.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.begun = threading.Semaphore(0)
        self.order: list[str] = []
        self.sound = None

    def generate(self, variants: Sequence[Variant]) -> Iterator:
        for variant in variants:
            self.order.append(variant.prompt)
            self.begun.release()
            assert self.gate.wait(WAIT_S)
        for made in super().generate(variants):
            yield made if isinstance(made, Exception) or self.sound is None else made._replace(sound=self.sound)


@contextmanager
def client_in(
    home: Path, cards: Sequence[str] = ("starter",), limits: Limits = LIMITS, **settings: object
) -> Iterator[TestClient]:
    """Yield a client of a running server that sends the token."""
    chosen = Settings(home=home, **settings)  # type: ignore[arg-type]
    resources = resources_of(chosen)
    service = ModelService(resources, offered_cards(resources, cards), home / "model-server", chosen.profile, limits)
    with TestClient(create_app(service, TOKEN), headers=AUTH, raise_server_exceptions=False) as client:
        yield client


def finished(client: TestClient, video_id: str) -> dict:
    """Return the video when its job has ended."""
    service: ModelService = client.app.state.service  # type: ignore[attr-defined]
    with service.queue._changed:
        service.queue._changed.wait_for(lambda: not service.queue.get(video_id).is_open, WAIT_S)
    return client.get(f"/v1/videos/{video_id}").json()


def picture(path: Path, side: int = 128) -> bytes:
    """Return the content of a new PNG."""
    shade = np.linspace(0, 255, side, dtype=np.uint8)
    Image.fromarray(np.stack([np.tile(shade, (side, 1))] * 3, axis=-1)).save(path)
    return path.read_bytes()
