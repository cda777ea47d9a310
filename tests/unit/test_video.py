import json
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from adapters.media import video
from adapters.media.video import encode, probe, read_frames, write_poster
from manifests.errors import EncodingError

ROOT = Path(__file__).parents[2]
PATCHES = [(200, 40, 60), (20, 180, 240), (250, 250, 10), (128, 128, 128), (255, 255, 255), (0, 0, 0), (30, 60, 20)]


def moving(number: int = 17, height: int = 96, width: int = 160) -> np.ndarray:
    """A square that moves over a soft ramp."""
    ramp = np.linspace(40, 200, width)[None, None, :, None]
    frames = np.broadcast_to(ramp, (number, height, width, 3)).astype(np.uint8)
    for index in range(number):
        frames[index, 20:60, 2 * index : 2 * index + 40] = (220, 40, 60)
    return frames


def patch(colour) -> np.ndarray:
    return np.full((3, 32, 32, 3), colour, np.uint8)


def test_a_file_has_the_properties_that_platforms_require(tmp_path):
    encode(moving(), 8, tmp_path / "clip.mp4")
    facts = probe(tmp_path / "clip.mp4")
    assert (facts.codec, facts.profile, facts.pix_fmt) == ("h264", "High", "yuv420p")
    assert (facts.primaries, facts.transfer, facts.matrix, facts.full_range) == (1, 1, 1, False)
    assert (facts.width, facts.height, facts.num_frames) == (160, 96, 17)
    assert facts.fps == 8
    assert facts.duration_s == pytest.approx(17 / 8)
    assert facts.faststart


@pytest.mark.parametrize("colour", PATCHES)
def test_colours_are_converted_with_the_matrix_named_in_the_tags(tmp_path, colour):
    """Luma and chroma as BT.709-6, items 3.2 to 3.4, 8 bits, limited range."""
    encode(patch(colour), 8, tmp_path / "clip.mp4", crf=1)
    with av.open(str(tmp_path / "clip.mp4")) as container:
        planes = next(container.decode(video=0)).to_ndarray(format="yuv420p")
    red, green, blue = (value / 255 for value in colour)
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    expected = (16 + 219 * luma, 128 + 224 * (blue - luma) / 1.8556, 128 + 224 * (red - luma) / 1.5748)
    found = (planes[:32].mean(), planes[32:40].mean(), planes[40:].mean())
    assert found == pytest.approx(expected, abs=1.5)


@pytest.mark.parametrize("colour", PATCHES)
def test_colours_survive_encoding(tmp_path, colour):
    encode(patch(colour), 8, tmp_path / "clip.mp4")
    assert np.abs(read_frames(tmp_path / "clip.mp4")[1, 16, 16].astype(int) - colour).max() <= 4


def test_pictures_survive_encoding(tmp_path):
    frames = moving()
    encode(frames, 8, tmp_path / "clip.mp4")
    again = read_frames(tmp_path / "clip.mp4")
    assert again.shape == frames.shape
    error = ((again.astype(float) - frames) ** 2).mean()
    assert 10 * np.log10(255**2 / error) > 30


@pytest.mark.parametrize("fps", [8, 24, 25, 60])
def test_the_frame_rate_is_constant(tmp_path, fps):
    encode(moving(), fps, tmp_path / "clip.mp4")
    with av.open(str(tmp_path / "clip.mp4")) as container:
        times = [frame.pts * frame.time_base for frame in container.decode(video=0)]
    assert times == [Fraction(index, fps) for index in range(17)]


@pytest.mark.parametrize(("height", "width"), [(90, 160), (96, 96), (128, 192), (480, 832)])
def test_equal_frames_give_equal_bytes(tmp_path, height, width):
    """The memory contains different garbage each time, because libraries have read uninitialised memory before."""
    frames, rng, written = moving(9, height, width), np.random.default_rng(0), set()
    for _ in range(12):
        rubbish = [rng.integers(0, 256, size).astype(np.uint8) for size in rng.integers(1000, 400_000, 40)]
        del rubbish
        encode(frames, 8, tmp_path / "clip.mp4")
        written.add((tmp_path / "clip.mp4").read_bytes())
    assert len(written) == 1


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 20), st.integers(1, 60), st.integers(1, 60), st.sampled_from([1, 8, 30]))
def test_every_even_size_and_length_is_written_completely(tmp_path_factory, number, half_height, half_width, fps):
    out = tmp_path_factory.mktemp("clips") / "clip.mp4"
    encode(np.zeros((number, 2 * half_height, 2 * half_width, 3), np.uint8), fps, out)
    facts = probe(out)
    assert (facts.num_frames, facts.height, facts.width) == (number, 2 * half_height, 2 * half_width)
    assert facts.duration_s == pytest.approx(number / fps)


WRONG = [
    (np.zeros((3, 33, 32, 3), np.uint8), "H.264 needs an even height and width, but the frames are 32x33."),
    (np.zeros((3, 32, 31, 3), np.uint8), "H.264 needs an even height and width, but the frames are 31x32."),
    (np.zeros((3, 32, 32), np.uint8), "not uint8 (3, 32, 32)"),
    (np.zeros((3, 32, 32, 3), np.float32), "not float32 (3, 32, 32, 3)"),
    (np.zeros((0, 32, 32, 3), np.uint8), "not uint8 (0, 32, 32, 3)"),
]


@pytest.mark.parametrize(("frames", "sentence"), WRONG)
def test_invalid_frames_are_refused(tmp_path, frames, sentence):
    with pytest.raises(EncodingError) as caught:
        encode(frames, 8, tmp_path / "clip.mp4")
    assert sentence in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_keeps_the_existing_file(tmp_path, monkeypatch):
    encode(moving(), 8, tmp_path / "clip.mp4")
    before = (tmp_path / "clip.mp4").read_bytes()
    monkeypatch.setattr(video, "PRESET", "at leisure")
    with pytest.raises(EncodingError, match="Cannot encode the frames"):
        encode(moving(), 8, tmp_path / "clip.mp4")
    assert (tmp_path / "clip.mp4").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_a_file_instead_of_a_folder_gives_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EncodingError, match="Cannot write"):
        encode(moving(), 8, tmp_path / "file" / "clip.mp4")


FILL_DISK = """
import subprocess, sys
import numpy as np
from pathlib import Path
from PIL import Image
from adapters.media import video
from adapters.media.video import encode, read_frames, write_poster
from manifests.errors import DiskFullError

disk = Path(sys.argv[1])
frames = np.random.default_rng(0).integers(0, 256, (9, 96, 96, 3)).astype(np.uint8)
for kilobytes in range(8, 200, 8):
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", disk], check=True)
    try:
        encode(frames, 8, disk / "clip")
        print("clip", len(read_frames(disk / "clip")))
        (disk / "clip").unlink()
    except DiskFullError:
        print("clip refused", *disk.iterdir())
    try:
        write_poster(np.tile(frames[0], (3, 3, 1)), disk / "poster")
        Image.open(disk / "poster").load()
        print("poster whole")
    except DiskFullError:
        print("poster refused", *disk.iterdir())
    subprocess.run(["umount", disk], check=True)
"""


def test_a_full_disk_gives_a_complete_file_or_a_clear_error(tmp_path):
    """Use real file systems of 8 to 192 kB in a separate mount namespace."""
    if not shutil.which("unshare") or subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        pytest.skip("mounting is not permitted on this machine")
    command = ["unshare", "-rm", sys.executable, "-c", FILL_DISK, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert set(done.stdout.splitlines()) == {"clip refused", "clip 9", "poster refused", "poster whole"}
    assert done.stderr == ""


def test_a_poster_is_a_jpeg_of_the_frame(tmp_path):
    write_poster(moving()[0], tmp_path / "new" / "poster.jpg")
    with Image.open(tmp_path / "new" / "poster.jpg") as picture:
        assert (picture.format, picture.size) == ("JPEG", (160, 96))
        assert np.abs(np.asarray(picture).astype(int) - moving()[0]).mean() < 3


def other_video(out: Path, faststart: bool) -> None:
    """Write a video as other programs do: without bt709 tags, and with the index after the pictures."""
    options = {"movflags": "+faststart"} if faststart else {}
    with av.open(str(out), "w", format="mp4", options=options) as container:
        stream = container.add_stream("libx264", rate=Fraction(30000, 1001), options={"profile": "main"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for picture in moving(9, 48, 64):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


@pytest.mark.parametrize("faststart", [True, False])
def test_probing_detects_a_video_of_another_program(tmp_path, faststart):
    other_video(tmp_path / "other.mp4", faststart)
    facts = probe(tmp_path / "other.mp4")
    assert facts.faststart is faststart
    assert facts.profile == "Main"
    assert facts.matrix != 1
    assert facts.fps == Fraction(30000, 1001)
    assert facts.num_frames == 9


@pytest.mark.parametrize("content", [None, b"", b"not a video", json.dumps({"moov": 1}).encode()])
@pytest.mark.parametrize("read", [probe, read_frames])
def test_a_file_that_is_not_a_video_gives_a_clear_error(tmp_path, content, read):
    path = tmp_path / "clip.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(EncodingError, match=r"^Cannot read the video .*clip\.mp4: "):
        read(path)


def test_a_truncated_video_gives_a_clear_error(tmp_path):
    other_video(tmp_path / "clip.mp4", faststart=False)
    content = (tmp_path / "clip.mp4").read_bytes()
    (tmp_path / "clip.mp4").write_bytes(content[: len(content) // 2])
    with pytest.raises(EncodingError, match="Cannot read the video"):
        read_frames(tmp_path / "clip.mp4")
