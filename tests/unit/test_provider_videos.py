"""Video files of providers: properties, colours and frames, decoded one after the other, and transcoded."""

import subprocess
import sys
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from provider_files import HD, Look, colour_error, sound_packets, write_file

from adapters.media import video_facts, video_input
from adapters.media.transcode import transcode
from adapters.media.video import encode
from adapters.media.video_facts import probe
from adapters.media.video_frames import VideoFile, frames_at, frames_of, last_frames, read_frames
from manifests.errors import EncodingError

ROOT = Path(__file__).parents[2]
LEVELS = 3.0
"""Largest deviation of a colour, of 255: rounding to 8 bits and the encoder's own loss."""
HEVC = Look(codec="libx265")
VP9 = Look(codec="libvpx-vp9")
PRORES = Look(codec="prores_ks", pix_fmt="yuv422p10le")

MASTERS = {
    "h264": (HD, {}),
    "h264 without faststart": (HD, {"movflags": ""}),
    "fragmented": (HD, {"movflags": "frag_keyframe+empty_moov"}),
    "bt601": (Look(matrix=6, tag=6), {}),
    "full range": (Look(full_range=True), {}),
    "full range in bt601": (Look(matrix=6, tag=6, full_range=True), {}),
    "SD without tags": (Look(matrix=6, tag=2), {}),
    "HD without tags": (Look(matrix=1, tag=2), {"height": 720, "width": 1280, "num_frames": 3}),
    "portrait HD without tags": (Look(matrix=1, tag=2), {"height": 1280, "width": 720, "num_frames": 3}),
    "hevc": (HEVC, {}),
    "hevc with 10 bits in bt2020": (Look(9, 9, codec="libx265", pix_fmt="yuv420p10le"), {}),
    "silent": (HD, {"sound": None}),
    "opus": (HD, {"sound": "libopus"}),
}
OTHERS = {
    "webm": (VP9, {"muxer": "webm", "sound": "libopus"}),
    "silent webm": (VP9, {"muxer": "webm", "sound": None}),
    "mov": (PRORES, {"muxer": "mov"}),
    "h264 in mov": (HD, {"muxer": "mov"}),
    "h264 with 10 bits": (Look(pix_fmt="yuv420p10le"), {}),
    "h264 in 4:4:4": (Look(pix_fmt="yuv444p"), {}),
    "odd size": (Look(pix_fmt="yuv444p"), {"height": 97, "width": 161}),
}


@pytest.mark.parametrize("name", MASTERS | OTHERS)
def test_colours_follow_the_tags_of_the_stream(tmp_path, name):
    look, options = (MASTERS | OTHERS)[name]
    path = write_file(tmp_path / "clip", look, **options)
    frames = list(frames_of(path))
    assert len(frames) == options.get("num_frames", 24) == probe(path).num_frames
    assert colour_error(frames[1]) <= LEVELS
    assert probe(path).can_be_master is (name in MASTERS)


def test_the_wrong_tags_would_be_visible(tmp_path):
    """The colours of the test tell the matrices and ranges apart."""
    for look in (Look(matrix=6, tag=1), Look(matrix=1, tag=6), Look(matrix=9, tag=1)):
        assert colour_error(next(frames_of(write_file(tmp_path / "clip.mp4", look)))) > 2 * LEVELS


def test_the_properties_are_those_of_the_file(tmp_path):
    facts = probe(write_file(tmp_path / "clip.mp4", fps=Fraction(24000, 1001), num_frames=48))
    assert (facts.codec, facts.pix_fmt, facts.bit_depth, facts.rotation) == ("h264", "yuv420p", 8, 0)
    assert (facts.height, facts.width, facts.num_frames) == (96, 160, 48)
    assert facts.fps == Fraction(24000, 1001)
    assert facts.duration_s == pytest.approx(48 * 1001 / 24000)
    assert (facts.has_audio, facts.audio_codec, facts.audio_channels) == (True, "aac", 2)
    assert facts.is_mp4
    assert probe(write_file(tmp_path / "ten.mp4", Look(codec="libx265", pix_fmt="yuv420p10le"))).bit_depth == 10
    assert not probe(write_file(tmp_path / "mute.mp4", sound=None)).has_audio


def test_a_variable_frame_rate_is_read_completely(tmp_path):
    times = [Fraction(index, 24) + (Fraction(1, 2) if index > 12 else 0) for index in range(24)]
    video = VideoFile(write_file(tmp_path / "clip.mp4", times=times))
    assert (video.num_frames, len(list(video))) == (24, 24)
    assert video.duration_s == pytest.approx(1.5, abs=0.01)


def test_a_rotated_video_is_read_as_it_is_displayed(tmp_path):
    path = write_file(tmp_path / "clip.mp4", sound=None)
    data = path.read_bytes()
    identity = b"\0\1\0\0" + bytes(12) + b"\0\1\0\0" + bytes(12) + b"\x40\0\0\0"
    quarter = bytes(4) + b"\0\1\0\0" + bytes(4) + b"\xff\xff\0\0" + bytes(16) + b"\x40\0\0\0"
    track = data.index(b"tkhd")
    place = data.index(identity, track)
    path.write_bytes(data[:place] + quarter + data[place + len(identity) :])
    video, upright = VideoFile(path), VideoFile(write_file(tmp_path / "upright.mp4", sound=None))
    assert video.size == (160, 96)
    [turned], [plain] = video.at([0]), upright.at([0])
    assert np.array_equal(turned, np.rot90(plain, 3))


def test_frames_are_found_by_index_in_any_order(tmp_path):
    path = write_file(tmp_path / "clip.mp4")
    frames = read_frames(path)
    assert np.array_equal(frames_at(path, [20, 0, 23, 20]), frames[[20, 0, 23, 20]])
    assert np.array_equal(last_frames(path, 5), frames[-5:])
    with pytest.raises(EncodingError, match="has no frame 24"):
        frames_at(path, [3, 24])


def test_our_own_clips_are_read_as_before(tmp_path):
    rng = np.random.default_rng(0)
    frames = np.repeat(rng.integers(0, 256, (5, 8, 8, 3)), 8, axis=1).repeat(8, axis=2).astype(np.uint8)
    encode(frames, 8, tmp_path / "clip.mp4", crf=1)
    assert np.abs(read_frames(tmp_path / "clip.mp4").astype(int) - frames).mean() < 12  # chroma has half the size
    assert probe(tmp_path / "clip.mp4").can_be_master


def test_files_that_cannot_be_read_are_refused_with_the_reason(tmp_path, monkeypatch):
    path = write_file(tmp_path / "clip.mp4")
    data = path.read_bytes()
    cut, locked, sound = tmp_path / "cut.mp4", tmp_path / "locked.mp4", tmp_path / "sound.mp4"
    cut.write_bytes(data[:-200])
    locked.write_bytes(data.replace(b"avc1", b"encv", 2).replace(b"isomencv", b"isomavc1"))
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("aac", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 48_000
        container.mux([*stream.encode(frame), *stream.encode(None)])
    for file, reason in ((cut, "it is truncated"), (locked, "it is encrypted"), (sound, "contains no video")):
        with pytest.raises(EncodingError, match=reason):
            probe(file)
    monkeypatch.setattr(video_input, "MAX_SIDE", 128)
    with pytest.raises(EncodingError, match="160x96 pixels, and at most 128x128"):
        next(frames_of(path))
    monkeypatch.undo()
    monkeypatch.setattr(video_facts, "MAX_FRAMES", 10)
    with pytest.raises(EncodingError, match="more than 10 frames"):
        probe(path)


def test_metadata_in_another_encoding_is_no_problem(tmp_path):
    path = write_file(tmp_path / "clip.mp4", metadata={"title": "Muenchen"})
    data = path.read_bytes()
    assert data.count(b"Muenchen") == 1
    path.write_bytes(data.replace(b"Muenchen", b"M\xfcnchen."))
    assert probe(path).num_frames == 24


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=40), st.floats(0.1, 1))
@pytest.mark.parametrize("muxer", ["mp4", "webm"])
def test_a_damaged_file_is_read_or_refused_with_a_sentence(tmp_path, muxer, changes, share):
    look, options = (HD, {}) if muxer == "mp4" else (VP9, {"sound": "libopus"})
    whole = tmp_path / f"whole.{muxer}"
    if not whole.exists():
        write_file(whole, look, muxer=muxer, num_frames=6, **options)
    data = bytearray(whole.read_bytes())
    for place, value in changes:
        data[int(place**2 * (len(data) - 1))] = value
    path = tmp_path / "damaged"
    path.write_bytes(data[: int(share * len(data))])
    with suppress(EncodingError):
        transcode(path, probe(path), tmp_path / "made.mp4")
        assert probe(tmp_path / "made.mp4").can_be_master


def test_a_playlist_cannot_name_another_file(tmp_path):
    """A provider's answer could be a playlist that names a file of this machine."""
    write_file(tmp_path / "secret.ts", muxer="mpegts")
    for name, text in {
        "clip.mp4": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.ts\n#EXT-X-ENDLIST\n",
        "list.mp4": "ffconcat version 1.0\nfile secret.ts\n",
    }.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(EncodingError, match="Cannot read the video"):
            probe(tmp_path / name)


@pytest.mark.parametrize("name", OTHERS)
def test_a_transcoded_video_keeps_colours_times_and_sound(tmp_path, name):
    look, options = OTHERS[name]
    source = write_file(tmp_path / "original", look, **options)
    given = probe(source)
    transcode(source, given, tmp_path / "clip.mp4")
    made = probe(tmp_path / "clip.mp4")
    assert made.can_be_master
    assert made.faststart
    assert (made.codec, made.profile, made.pix_fmt, made.matrix) == ("h264", "High", "yuv420p", 1)
    assert (made.height, made.width) == (given.height // 2 * 2, given.width // 2 * 2)
    assert (made.num_frames, made.fps) == (24, 24)
    assert made.duration_s == pytest.approx(1.0, abs=0.001)
    assert made.audio_codec == ("aac" if given.has_audio else "")
    assert colour_error(next(frames_of(tmp_path / "clip.mp4"))) <= LEVELS + 1
    if given.audio_codec == "aac":
        assert sound_packets(tmp_path / "clip.mp4") == sound_packets(source)


MEASURE = r"""
import re, sys
from pathlib import Path
from adapters.media.video_frames import VideoFile
from manifests.variant import Variant
from tasks.score.score import evenly_spaced_indices
from tasks.score.technical_checks import measure

video = VideoFile(Path(sys.argv[1]))
variant = Variant("card", "1", "p", "", 1, 1080, 1920, 720, 24, 1, 1.0)
checks = measure(video, 0.0, variant)
frames = video.at(evenly_spaced_indices(video.num_frames))
assert checks["size_error"] == checks["duration_error"] == 0, checks
assert frames.shape == (8, 1080, 1920, 3)
status = Path("/proc/self/status").read_text()
print(int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) // 1024)
"""


def test_half_a_minute_of_1080p_is_measured_in_little_memory(tmp_path):
    """As an array, its frames are 4.5 GB. A child process reports its largest resident size.

    Not by getrusage: at its start, that includes the size of the process that started it.
    """
    path = tmp_path / "clip.mp4"
    black, white = (np.full((1080, 1920), level, np.uint8) for level in (40, 200))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24, options={"preset": "ultrafast", "crf": "40"})
        stream.height, stream.width, stream.pix_fmt = 1080, 1920, "yuv420p"
        for index in range(720):
            frame = av.VideoFrame(1920, 1080, "yuv420p")
            frame.planes[0].update(np.hstack([black[:, : 2 * index], white[:, 2 * index :]]).tobytes())
            for plane in frame.planes[1:]:
                plane.update(b"\x80" * (plane.line_size * plane.height))
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    done = subprocess.run([sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) <= 400
