"""Reading sound from files of every kind, and measuring it."""

from contextlib import suppress
from pathlib import Path

import av
import numpy as np
import pytest
import soundtracks

from adapters.media.soundtrack import decode as decoding
from adapters.media.soundtrack.decode import decode, decode_if_any, has_sound
from adapters.media.soundtrack.loudness import Aim, Loudness, first_aim, measure, measure_file, next_aim
from adapters.media.soundtrack.samples import RATE
from manifests.errors import EncodingError

FILES = {
    "wav": ("wav", "pcm_s16le", 44_100),
    "flac": ("flac", "flac", 48_000),
    "mp3": ("mp3", "mp3", 44_100),
    "ogg": ("ogg", "libopus", 48_000),
    "m4a": ("mp4", "aac", 48_000),
    "mkv": ("matroska", "pcm_s24le", 96_000),
    "ts": ("mpegts", "aac", 48_000),
    "aiff": ("aiff", "pcm_s16be", 22_050),
}


def write(path: Path, kind: tuple[str, str, int], layout: str = "stereo", seconds: float = 2.0) -> Path:
    """Write a tone of 300 Hz at half of full scale."""
    container_format, codec, rate = kind
    channels = len(av.AudioLayout(layout).channels)
    wave = 0.5 * np.sin(2 * np.pi * 300 * np.arange(round(seconds * rate)) / rate).astype(np.float32)
    with av.open(str(path), "w", format=container_format) as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.repeat(wave[None], channels, 0), format="fltp", layout=layout)
        frame.sample_rate, frame.pts = rate, 0
        fifo = av.AudioResampler(stream.format.name, layout, rate, stream.codec_context.frame_size or 1024)
        for part in [*fifo.resample(frame), *fifo.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("ending", FILES)
def test_sound_of_any_format_is_read_at_48_khz(tmp_path, ending):
    path = write(tmp_path / f"sound.{ending}", FILES[ending])
    samples = decode(path)
    assert has_sound(path)
    assert samples.dtype == np.float32
    assert samples.shape[0] == 2
    assert abs(samples.shape[1] - 2 * RATE) <= 2 * 1152 * 2
    middle = samples[:, RATE // 2 : RATE]
    assert np.abs(middle).max() == pytest.approx(0.5, abs=0.03)
    crossings = np.count_nonzero(np.diff(np.signbit(middle[0])))
    assert abs(crossings - 300) <= 2


@pytest.mark.parametrize("layout", ["mono", "5.1"])
def test_other_layouts_become_stereo(tmp_path, layout):
    samples = decode(write(tmp_path / "sound.wav", ("wav", "pcm_s16le", 48_000), layout))
    assert samples.shape == (2, 2 * RATE)
    assert np.abs(samples).max() > 0.3


def test_sound_of_a_video_has_its_stated_length(tmp_path):
    path = soundtracks.write_mp4(tmp_path / "clip.mp4", soundtracks.tone(2.04), video_s=2.04)
    assert decode(path).shape == (2, round(2.04 * RATE))


def test_sound_that_starts_late_starts_with_silence(tmp_path):
    path = tmp_path / "late.mkv"
    with av.open(str(path), "w") as container:
        picture, sound = container.add_stream("libx264", rate=25), container.add_stream("flac", rate=RATE)
        picture.width = picture.height = 64
        picture.pix_fmt, sound.layout = "yuv420p", "stereo"
        for _ in range(50):
            container.mux(picture.encode(av.VideoFrame(64, 64, "yuv420p")))
        container.mux(picture.encode(None))
        levels = np.full((1, 2 * RATE), 8000, np.int16)
        frame = av.AudioFrame.from_ndarray(levels, format="s16", layout="stereo")
        frame.sample_rate, frame.pts = RATE, RATE // 2
        container.mux([*sound.encode(frame), *sound.encode(None)])
    samples = decode(path)
    first = int(np.flatnonzero(np.abs(samples[0]) > 0.01)[0])
    assert abs(first - RATE // 2) <= RATE // 100


def test_a_silent_video_has_no_sound(tmp_path):
    path = tmp_path / "silent.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        container.mux([*stream.encode(av.VideoFrame(64, 64, "yuv420p")), *stream.encode(None)])
    assert not has_sound(path)
    assert decode_if_any(path) is None
    with pytest.raises(EncodingError, match=r"has no sound\. Use a file with a sound stream"):
        decode(path)


def test_a_sound_that_is_too_long_is_refused(tmp_path):
    path = write(tmp_path / "sound.wav", FILES["wav"])
    with pytest.raises(EncodingError, match=r"longer than 1 s, which is the longest supported\. Cut it"):
        decode(path, max_s=1.0)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.wav", b"no sound at all"),
        ("a.m3u8", b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n"),
        ("a.txt", b"ffconcat version 1.0\nfile /etc/passwd\n"),
        ("a.mp3", b""),
    ],
)
def test_files_that_are_no_sound_are_refused(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(EncodingError, match=r"Cannot read the sound of .*Use a WAV, MP3"):
        decode(path)


def test_a_playlist_cannot_reach_other_files(tmp_path):
    inside = write(tmp_path / "inside.wav", FILES["wav"])
    playlist = tmp_path / "list.m3u8"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{inside}\n#EXT-X-ENDLIST\n")
    with pytest.raises(EncodingError):
        decode(playlist)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(EncodingError, match="Cannot read the sound"):
        decode(tmp_path / "nothing.wav")


@pytest.mark.parametrize("cut", [100, 2000, 20_000])
def test_a_truncated_file_gives_what_it_has_or_is_refused(tmp_path, cut):
    path = write(tmp_path / "sound.flac", FILES["flac"])
    path.write_bytes(path.read_bytes()[:cut])
    with suppress(EncodingError):
        assert decode(path).shape[1] < 2 * RATE + RATE // 10


def test_the_loudness_of_a_known_tone():
    # ITU-R BS.1770-4: a 997 Hz sine of 0 dBFS on one side has -3.01 LKFS; on both sides 0 LUFS; 20 dB less here.
    found = measure(soundtracks.tone(3.0, 997.0, 0.1))
    assert found.lufs == pytest.approx(-20.0, abs=0.1)
    assert found.true_peak_dbtp == pytest.approx(-20.0, abs=0.05)


def test_true_peaks_are_found_between_samples():
    at = np.arange(RATE * 2)
    wave = np.stack([np.sin(np.pi / 2 * at + np.pi / 4)] * 2).astype(np.float32) * 0.5
    wave *= np.minimum(1, np.minimum(at, at[::-1]) / 4800)  # a sudden start has peaks of its own
    assert np.abs(wave).max() == pytest.approx(0.3536, abs=1e-3)
    assert measure(wave).true_peak_dbtp == pytest.approx(-6.02, abs=0.2)


@pytest.mark.parametrize("place", [0, 1, RATE - 3, RATE - 1])
def test_a_peak_at_either_end_is_found(place):
    wave = soundtracks.tone(1.0, 300.0, 0.1)
    wave[:, place] = 0.9
    assert measure(wave).true_peak_dbtp >= 20 * np.log10(0.9) - 0.01


@pytest.mark.parametrize(
    ("samples", "note"),
    [
        (soundtracks.tone(0.39), "shorter than 0.4 s"),
        (soundtracks.noise(0.0001), "shorter than 0.4 s"),
        (soundtracks.tone(2.0, level=1e-5), "quieter than -70 LUFS"),
        (np.zeros((2, RATE), np.float32), "silent"),
        (np.zeros((2, 0), np.float32), "silent"),
    ],
)
def test_sounds_without_a_loudness_say_why(samples, note):
    found = measure(samples)
    assert found.lufs is None
    assert note in found.note


def test_a_loudness_exists_from_400_ms():
    assert measure(soundtracks.tone(0.4, 997.0, 0.1)).lufs == pytest.approx(-20.0, abs=0.3)


def test_a_file_is_measured_after_its_aac(tmp_path):
    samples = soundtracks.tone(3.0, 997.0, 0.2)
    found = measure_file(soundtracks.write_mp4(tmp_path / "out.mp4", samples))
    assert found.lufs == pytest.approx(measure(samples).lufs, abs=0.1)


WANTED = Aim(-14.0, -1.0)


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        (Loudness(-14.3, -1.2), None),
        (Loudness(-15.0, -1.2), Aim(-13.0, -1.2)),
        (Loudness(-13.0, -1.2), Aim(-15.0, -1.2)),
        (Loudness(-14.0, -0.7), Aim(-14.0, -1.6)),
        (Loudness(None, -3.0, "short"), None),
        (Loudness(None, -0.5, "short"), Aim(-14.0, -1.8)),
        (Loudness(None, None, "silent"), None),
    ],
)
def test_the_next_aim_corrects_what_the_file_missed(measured, expected):
    found = next_aim(measured, WANTED, first_aim(WANTED))
    assert (found is None) == (expected is None)
    assert found is None or found == pytest.approx(expected)


def test_the_longest_sound_is_bounded():
    assert decoding.MAX_S * RATE * 8 < 300e6, "bytes of float32 in stereo"
