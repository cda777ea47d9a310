"""The process of a device: its errors, its end, its environment, and what it can do to the driver."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import tiny_weights
from fake_device import SAMPLES, start_fake

from manifests.errors import BrokenDeviceError, GenerationError, IncompleteWeightsError, ModelError
from manifests.variant import Variant
from models.card import ModelCard
from models.card_parts import ComponentMemory, Memory
from models.device_process import ProcessEncoder, ProcessGenerator
from models.device_process.channel import Channel, ChannelError
from models.device_process.requests import card_from_json, card_to_json, error_from_json, error_to_json
from models.fake import paint
from models.registry import load_cards, local_cards
from tasks.runtime.device_processes import child_environment, shares_text_encoder, start_child, uses_processes

VARIANT = Variant("tiny-ltx", "1", "a ball", "", 1, 64, 90, 9, 8, 2, 1.0)


@pytest.fixture(scope="module")
def card() -> ModelCard:
    return tiny_weights.ltx_card(tiny_weights.ltx_folder())


@pytest.fixture
def generator(card: ModelCard) -> Iterator[ProcessGenerator]:
    made = ProcessGenerator(start_fake, card, pictures=picture)
    yield made
    made.close()


def picture(sha256: str) -> np.ndarray:
    if sha256 == "0" * 64:
        raise GenerationError("The picture is missing.")
    return np.full((64, 90, 3), 77, dtype=np.uint8)


def pid_of(generator: ProcessGenerator) -> int:
    [item] = generator.generate([VARIANT._replace(prompt="pid")])
    return int(str(item))


def test_frames_and_figures_come_back_unchanged(generator: ProcessGenerator):
    first, failed, last = generator.generate([VARIANT, VARIANT._replace(prompt="fail"), VARIANT._replace(seed=2)])
    assert np.array_equal(first.frames, paint(VARIANT))
    assert (first.device_seconds, first.nan_share, first.fallback_step) == (0.5, 0.0, "")
    assert isinstance(failed, GenerationError)
    assert str(failed) == "injected"
    assert last.variant.seed == 2
    first.frames[0] = 0  # later steps may write to it
    assert 0 < generator.used_bytes < generator.capacity_bytes


def test_the_child_asks_the_driver_for_pictures(generator: ProcessGenerator):
    asking = VARIANT._replace(prompt="picture", first_frame_sha256="1" * 64)
    [item] = generator.generate([asking])
    assert (item.frames[0] == 77).all()
    with pytest.raises(GenerationError, match="The picture is missing"):
        list(generator.generate([asking._replace(first_frame_sha256="0" * 64)]))
    assert len(list(generator.generate([VARIANT]))) == 1


def test_the_child_asks_the_driver_for_the_clip_that_it_continues(card: ModelCard):
    earlier = np.arange(3 * 64 * 90 * 3, dtype=np.uint8).reshape(3, 64, 90, 3)
    asked = []

    def video(sha256: str) -> np.ndarray:
        asked.append(sha256)
        if sha256 == "0" * 64:
            raise GenerationError("The earlier clip is missing.")
        return earlier

    generator = ProcessGenerator(start_fake, card, pictures=picture, videos=video)
    continuing = VARIANT._replace(prompt="continue", earlier_frames_sha256="2" * 64)
    [item] = generator.generate([continuing])
    assert np.array_equal(item.frames[0], earlier[-1])
    assert np.array_equal(item.frames[1:], paint(continuing)[1:])
    with pytest.raises(GenerationError, match=r"^The earlier clip is missing\.$"):
        list(generator.generate([continuing._replace(earlier_frames_sha256="0" * 64)]))
    assert asked == ["2" * 64, "0" * 64]
    generator.close()


def test_a_worker_without_earlier_clips_fails_only_the_clip_that_continues_one(generator: ProcessGenerator):
    with pytest.raises(GenerationError, match="no source of the video"):
        list(generator.generate([VARIANT._replace(prompt="continue", earlier_frames_sha256="2" * 64)]))
    assert len(list(generator.generate([VARIANT]))) == 1


def test_sound_comes_back_unchanged_with_the_clip_that_has_it(generator: ProcessGenerator):
    prompts = ["sound 2", "", "sound 1", "sound 2"]
    variants = [VARIANT._replace(prompt=prompt, seed=seed) for seed, prompt in enumerate(prompts)]
    stereo, silent, mono, again = generator.generate(variants)
    samples = np.linspace(-1, 1, 2 * SAMPLES, dtype=np.float32).reshape(2, SAMPLES)
    for item in (stereo, again):
        assert item.sound.rate == 48_000
        assert item.sound.samples.dtype == np.float32
        assert np.array_equal(item.sound.samples, samples)
    assert silent.sound is None
    assert np.array_equal(mono.sound.samples, samples[:1])
    assert np.array_equal(again.frames, paint(variants[3]))


def test_an_error_of_the_child_is_raised_with_its_kind(generator: ProcessGenerator, card: ModelCard):
    with pytest.raises(ModelError, match=r"^RuntimeError: a bug$"):
        list(generator.generate([VARIANT._replace(prompt="bug")]))
    with pytest.raises(IncompleteWeightsError, match=r"weights in /w are incomplete"):
        ProcessGenerator(start_fake, card.model_copy(update={"name": "incomplete"}), weights_root=Path("/w"))


@pytest.mark.parametrize("word", ["crash", "lose"])
def test_a_broken_device_gets_a_new_process_which_continues_with_the_same_variant(generator, tmp_path, word):
    before = pid_of(generator)
    variants = [VARIANT, VARIANT._replace(prompt=f"{word} once:{tmp_path / 'done'}"), VARIANT._replace(seed=3)]
    made = list(generator.generate(variants))
    assert [item.variant for item in made] == variants
    assert pid_of(generator) != before
    assert not psutil.pid_exists(before)


@pytest.mark.parametrize(("word", "why"), [("crash", "was ended by signal 9"), ("lose", "The device is lost")])
def test_a_device_that_breaks_twice_in_a_row_is_broken(generator: ProcessGenerator, word: str, why: str):
    items = generator.generate([VARIANT, VARIANT._replace(prompt=word)])
    assert next(items).variant == VARIANT
    with pytest.raises(BrokenDeviceError, match=why):
        next(items)
    with pytest.raises(BrokenDeviceError):
        list(generator.generate([VARIANT]))


def test_a_device_may_break_again_after_a_clip(generator: ProcessGenerator, tmp_path: Path):
    breaking = [VARIANT._replace(prompt=f"crash once:{tmp_path / name}") for name in "abc"]
    assert len(list(generator.generate(breaking))) == 3


def test_a_model_that_ends_its_process_twice_while_it_loads_is_reported(card: ModelCard):
    with pytest.raises(BrokenDeviceError, match="was ended by signal 9, for example because main memory was full"):
        ProcessGenerator(start_fake, card.model_copy(update={"name": "crash"}))


def test_the_child_ends_with_its_channel(generator: ProcessGenerator):
    child = psutil.Process(pid_of(generator))
    generator.close()
    assert not child.is_running()
    with pytest.raises(BrokenDeviceError, match="has ended"):
        list(generator.generate([VARIANT]))


def test_the_child_ends_when_its_driver_is_killed():
    driver = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time\n"
            f"sys.path.insert(0, {str(Path(__file__).parents[1])!r})\n"
            "from fake_device import start_fake\n"
            "child, channel = start_fake('cpu')\n"
            "print(child.pid, flush=True)\n"
            "time.sleep(600)",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert driver.stdout is not None
    child = psutil.Process(int(driver.stdout.readline()))
    driver.kill()
    driver.wait()
    deadline = time.monotonic() + 60
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_signal_to_the_process_group_does_not_end_the_clip_in_progress(generator: ProcessGenerator):
    pid = pid_of(generator)
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(pid, number)
    assert pid_of(generator) == pid


def test_what_a_library_prints_is_not_in_the_output_of_the_driver(capfd, card: ModelCard):
    generator = ProcessGenerator(start_fake, card)
    list(generator.generate([VARIANT._replace(prompt="print")]))
    generator.close()
    shown = capfd.readouterr()
    assert shown.out == ""
    assert "noise of a library" in shown.err


def test_the_child_gets_no_secret_and_sees_one_gpu(generator: ProcessGenerator, monkeypatch):
    secret = {
        "REELMILL_AUDIT_KEY": "x",
        "REELMILL_CATALOGUE_URL": "postgresql://u:x@h/d",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_ACCESS_KEY_ID": "x",
        "PGPASSWORD": "x",
        "HF_TOKEN": "x",
        "PREFECT_API_KEY": "x",
        "A_NEW_VARIABLE": "x",
    }
    needed = {"OMP_NUM_THREADS": "1", "HF_HOME": "/hf", "CUDA_DEVICE_ORDER": "PCI_BUS_ID", "PATH": os.environ["PATH"]}
    for name, value in (secret | needed).items():
        monkeypatch.setenv(name, value)
    generator.child.restart(BrokenDeviceError())
    [item] = generator.generate([VARIANT._replace(prompt="environment")])
    inherited = dict(each.partition("=")[::2] for each in str(item).split(" "))
    assert not inherited.keys() & secret.keys()
    assert needed.items() <= inherited.items()


@pytest.mark.parametrize(
    ("device", "visible", "seen"),
    [
        ("cuda:1", None, "1"),
        ("cuda", None, "0"),
        ("cuda:1", "4,6", "6"),
        ("cuda:0", "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6,GPU-1", "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6"),
        ("cpu", None, None),
        ("cpu", "3", "3"),
    ],
)
def test_a_gpu_is_the_only_one_that_its_child_sees(device: str, visible: str | None, seen: str | None):
    environment = {"PATH": "/bin"} | ({"CUDA_VISIBLE_DEVICES": visible} if visible else {})
    assert child_environment(device, environment).get("CUDA_VISIBLE_DEVICES") == seen


@pytest.mark.parametrize(
    ("setting", "devices", "expected"),
    [
        ("auto", ("cuda:0", "cuda:1"), True),
        ("auto", ("cuda:0",), False),
        ("auto", ("cpu", "cpu"), False),
        ("on", ("cpu",), True),
        ("off", ("cuda:0", "cuda:1"), False),
    ],
)
def test_several_gpus_get_a_process_each(setting: str, devices: tuple[str, ...], expected: bool):
    assert uses_processes(setting, devices) is expected


def test_no_process_is_reported_with_the_setting(monkeypatch):
    def refuse(*_, **__):
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(BrokenDeviceError, match="REELMILL_DEVICE_PROCESSES=off"):
        start_child("cpu")


@pytest.fixture
def ends() -> Iterator[tuple[Channel, socket.socket]]:
    one, other = socket.socketpair()
    with one, other:
        yield Channel(one), other


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\0\0",
        (2**40).to_bytes(8, "big"),
        (4).to_bytes(8, "big") + b"{]]}",
        (2).to_bytes(8, "big") + b"[]",
        (1).to_bytes(8, "big") + b"\xff",
    ],
)
def test_a_message_that_is_none_is_an_error_of_the_channel(ends, sent: bytes):
    channel, other = ends
    other.sendall(sent)
    other.close()
    with pytest.raises(ChannelError):
        channel.receive()


@pytest.mark.parametrize("shape", [[2, 2], [2**60], [0], [-1, -16], "x", [16.5], None])
def test_an_array_of_another_size_is_an_error_of_the_channel(ends, shape):
    channel, other = ends
    file = os.memfd_create("frames")
    os.write(file, bytes(16))
    content = b'{"shape": %s}' % str(shape).replace("None", "null").replace("'", '"').encode()
    socket.send_fds(other, [len(content).to_bytes(8, "big")], [file])
    other.sendall(content)
    os.close(file)
    with pytest.raises(ChannelError):
        channel.receive()


def test_frames_of_another_shape_fail_their_clip():
    one, other = socket.socketpair()
    far = Channel(other)

    def serve() -> None:
        for _ in range(2):  # open, generate
            far.receive()
            far.send({})
        far.receive()
        far.send(
            {
                "generated": {
                    "nan_share": 0,
                    "device_seconds": 1,
                    "fallback_step": "",
                    "used_bytes": 1,
                    "capacity_bytes": 2,
                }
            },
            np.zeros((9, 64, 64, 3), np.uint8),
        )
        far.receive()
        far.send({})

    thread = threading.Thread(target=serve)
    thread.start()
    child = subprocess.Popen([sys.executable, "-c", ""])
    generator = ProcessGenerator(lambda _: (child, Channel(one)), load_cards()["starter"])
    [item] = generator.generate([VARIANT])
    assert isinstance(item, GenerationError)
    assert "no frames of the size" in str(item)
    thread.join()
    generator.close()


def test_a_long_message_and_an_array_arrive_whole(ends):
    channel, other = ends
    pixels = np.arange(2**21, dtype=np.uint8).reshape(2, 1024, 1024)
    content = {"text": "é" * 3_000_000}
    thread = threading.Thread(target=Channel(other).send, args=(content, pixels))
    thread.start()
    message = channel.receive()
    thread.join()
    assert message.content["text"] == content["text"]
    assert np.array_equal(message.array, pixels)


@pytest.mark.parametrize("name", sorted(local_cards(load_cards())))
def test_every_card_arrives_as_it_is(name: str):
    card = load_cards()[name]
    again = card_from_json(card_to_json(card))
    assert again == card
    assert (again.home, again.recipe("exact")) == (card.home, card.recipe("exact"))


def test_an_unknown_kind_of_error_is_a_model_error():
    assert type(error_from_json({"kind": "SystemExit", "text": "x"})) is ModelError
    assert error_to_json(ValueError("")) == {"kind": "ModelError", "text": "ValueError: "}


def test_one_encoder_serves_the_texts_of_several_devices(card: ModelCard, tmp_path: Path):
    encoder = ProcessEncoder(start_fake, card)
    devices = [ProcessGenerator(start_fake, card, texts=encoder.embed) for _ in range(2)]
    seen = [str(item) for each in devices for item in each.generate([VARIANT._replace(prompt="text")] * 2)]
    assert seen == ["[6, 1]", "[6, 2]", "[6, 3]", "[6, 4]"]
    assert encoder.embed(f"crash once:{tmp_path / 'done'}")[1] == 1, "a new process"
    encoder.close()
    with pytest.raises(ModelError, match=r"The text encoder failed: .* has ended"):
        list(devices[0].generate([VARIANT._replace(prompt="text")]))
    assert len(list(devices[0].generate([VARIANT]))) == 1, "the device itself works"
    for each in devices:
        each.close()


@pytest.mark.parametrize(("devices", "free_gb", "expected"), [(8, 100.0, True), (2, 100.0, False), (1, 10.0, False)])
def test_devices_share_a_text_encoder_if_main_memory_is_short(devices: int, free_gb: float, expected: bool):
    """UMT5-XXL, 11.4 GB, in main memory for each device."""
    encoder = ComponentMemory(gb=11.4, block_gb=0.4, rest_gb=1.0, leaf_gb=1.0)
    memory = Memory(components={"text_encoder": encoder, "transformer": encoder})
    card = load_cards()["wan2.1-t2v-1.3b"].model_copy(update={"memory": memory})
    assert shares_text_encoder(card, devices, Path("/nowhere"), free_gb) is expected


def test_devices_with_a_model_of_unknown_size_share_nothing(card: ModelCard):
    unknown = card.model_copy(update={"memory": None})
    assert shares_text_encoder(unknown, 8, Path("/nowhere"), 100.0) is False
