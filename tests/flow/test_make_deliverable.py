"""Deliverables from a spec and its masters, with the real templates, voices and music."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from adapters.media.file_facts import measure
from adapters.media.soundtrack.loudness import measure_file
from adapters.media.video import encode
from adapters.media.video_facts import probe
from adapters.media.video_frames import frames_at
from manifests.errors import FinishError
from manifests.finish.deliverable import FinishedFile
from manifests.finish.spec import CaptionSpec, DeliverableSpec, Extension, Fit, MusicSpec, Shot, SoundSpec, VoiceSpec
from tasks.finish.make import make
from tests.deliverable_specs import Assets, moving_master, preset, spec
from tests.films import write_film

SCRIPT = "Fresh coffee, every morning. Order now."


@dataclass
class Workbench:
    """A folder with assets and a master."""

    root: Path
    assets: Assets
    master: Path

    def make(self, wanted: DeliverableSpec, *masters: Path, name: str = "out") -> FinishedFile:
        return make(wanted, masters or [self.master], self.assets, self.root / name, machine="m1")

    @property
    def video(self) -> Path:
        return self.root / "out" / "deliverable.mp4"


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("masters") / "master.mp4"
    encode(moving_master(), 24, path, crf=18)
    return path


@pytest.fixture
def bench(tmp_path: Path, master: Path) -> Workbench:
    return Workbench(tmp_path, Assets(tmp_path / "assets"), master)


def spoken(**fields) -> SoundSpec:
    return SoundSpec(voice=VoiceSpec(text=SCRIPT, engine="hibari"), **fields)


def test_a_spec_becomes_a_finished_file_with_all_its_parts(bench):
    wanted = spec(
        bench.assets,
        sound=spoken(music=MusicSpec(source="procedural", mood="calm", seed=1)),
        captions=CaptionSpec(text=SCRIPT),
        preset=preset(max_s=60, min_kbps=516, needs_audio=True),
    )
    finished = bench.make(wanted)
    folder = bench.root / "out"
    assert {path.name for path in folder.iterdir()} == {
        "deliverable.mp4",
        "poster.jpg",
        "captions.srt",
        "captions.vtt",
        "logo.png",
        "voice.flac",
        "music.flac",
    }
    facts = probe(bench.video)
    assert (facts.width, facts.height, facts.fps, facts.faststart) == (640, 360, 24, True)
    assert (finished.num_frames, finished.duration_s) == (facts.num_frames, facts.duration_s)
    assert {component.name for component in finished.components} == {"logo", "voice", "music"}
    actions = [edit.action for edit in finished.edits]
    assert actions[-1] == "c2pa.transcoded"
    assert {"c2pa.placed", "c2pa.addedText"} <= set(actions)
    assert finished.loudness_lufs == pytest.approx(-14, abs=0.5)
    assert finished.true_peak_dbtp <= -1
    assert finished.violations == ()
    assert finished.machine == "m1"
    assert finished.cpu_seconds > 0
    assert "Fresh coffee" in (folder / "captions.srt").read_text()
    check_sound(bench.video, finished)


def check_sound(video: Path, finished: FinishedFile) -> None:
    with av.open(str(video)) as container:
        pictures, sound, text = container.streams
        frame = 1 / pictures.average_rate
        assert abs(pictures.duration * pictures.time_base - sound.duration * sound.time_base) < frame
        assert (sound.codec_context.sample_rate, sound.codec_context.channels) == (48_000, 2)
        assert (text.metadata["language"], sound.metadata["language"]) == ("eng", "eng")
    assert measure_file(video).lufs == pytest.approx(finished.loudness_lufs, abs=0.01)


def test_the_same_spec_gives_the_same_bytes(bench):
    wanted = spec(bench.assets, sound=spoken(), captions=CaptionSpec(text=SCRIPT))
    first, second = bench.make(wanted), bench.make(wanted, name="again")
    assert first.sha256 == second.sha256
    assert first.sidecars == second.sidecars


def test_a_deliverable_without_sound_and_captions_is_silent(bench):
    finished = bench.make(spec(bench.assets))
    assert finished.loudness_lufs is None
    assert not probe(bench.video).has_audio
    assert finished.sidecars == {}


def test_a_silent_track_is_a_violation_of_a_placement_that_needs_sound(bench):
    finished = bench.make(spec(bench.assets, preset=preset(needs_audio=True)))
    assert [(each.rule, measure(bench.video).is_silent) for each in finished.violations] == [("audio", True)]
    assert probe(bench.video).audio_codec == "aac"


def test_the_logo_and_the_button_have_the_colours_of_the_brand(bench):
    finished = bench.make(spec(bench.assets))
    frames = frames_at(bench.video, [30, finished.num_frames - 1]).astype(int)
    for colour in ((229, 50, 45), (0, 87, 255)):
        near = np.abs(frames - colour).max(axis=-1) <= 3
        assert near[0].sum() > 300
        assert near[1].sum() > 300


def test_the_end_card_follows_the_footage_and_is_extended(bench):
    finished = bench.make(spec(bench.assets, preset=preset(min_s=6)))
    assert finished.num_frames == 144
    frames = frames_at(bench.video, [47, 70, 143]).astype(int)
    white = (frames.min(axis=-1) > 250).mean(axis=(1, 2))
    assert white[0] < 0.2
    assert white[1] > 0.5
    assert white[2] > 0.5


@pytest.mark.parametrize("extension", [Extension.LOOP, Extension.PING_PONG, Extension.CROSSFADE, Extension.END_CARD])
def test_every_extension_reaches_the_exact_length(bench, extension):
    finished = bench.make(spec(bench.assets, "minimal", duration_s=5.0, extension=extension, width=160, height=90))
    assert (finished.num_frames, finished.duration_s) == (120, 5.0)


def test_a_voice_that_does_not_fit_fails_with_a_fix_and_leaves_no_file(bench):
    with pytest.raises(FinishError, match="Shorten the script or raise duration_s"):
        bench.make(spec(bench.assets, sound=spoken(), duration_s=1.0, preset=preset(max_s=2)))
    assert not (bench.root / "out").exists()
    assert [path.name for path in bench.root.iterdir()] == ["assets"]


@pytest.mark.parametrize(
    ("fit", "action", "words"),
    [
        (Fit.CROP, "c2pa.cropped", "follows the subject"),
        (Fit.BLUR, "c2pa.edited", "blurred copy"),
        (Fit.COLOUR, "c2pa.edited", "background colour"),
        (Fit.NATIVE, "c2pa.cropped", "centre was kept"),
    ],
)
def test_a_master_of_another_ratio_is_fitted_and_the_edit_says_how(bench, fit, action, words):
    wanted = spec(bench.assets, "minimal", aspect_ratio="9:16", width=180, height=320, fit=fit)
    finished = bench.make(wanted)
    assert (finished.width, finished.height) == (180, 320)
    assert any(edit.action == action and words in edit.description for edit in finished.edits)
    assert bool(finished.crop_paths) == (fit is Fit.CROP)


def test_a_crop_keeps_the_moving_subject(bench):
    bench.make(spec(bench.assets, "minimal", aspect_ratio="9:16", width=180, height=320, fit=Fit.CROP, texts=()))
    for frame in frames_at(bench.video, [4, 24, 44]).astype(int):
        disc = np.abs(frame - (240, 200, 60)).max(axis=-1) < 40
        columns = np.flatnonzero(disc.any(axis=0))
        assert disc.sum() > 2500
        assert columns.min() > 0
        assert columns.max() < 179


def test_a_crop_path_set_by_hand_is_used_and_stored(bench):
    shot = Shot(variant_id="0" * 32, sha256="0" * 64, crop_path=((0.0, 0.3, 0.5), (2.0, 0.7, 0.5)))
    wanted = spec(bench.assets, "minimal", aspect_ratio="9:16", width=180, height=320, fit=Fit.CROP, shots=(shot,))
    finished = bench.make(wanted)
    assert finished.crop_paths == (shot.crop_path,)
    assert any("set by hand" in edit.description for edit in finished.edits)


def test_a_sequence_joins_masters_of_other_sizes_with_crossfades(bench, tmp_path):
    other = write_film(tmp_path / "other.mp4", 24, fps=12, size=(192, 108), first=3)
    shots = tuple(Shot(variant_id=str(number) * 32, sha256="0" * 64) for number in range(2))
    wanted = spec(bench.assets, "minimal", shots=shots, transition_s=0.5, width=192, height=108)
    finished = bench.make(wanted, bench.master, other)
    footage = 48 + 48 - 12
    assert finished.num_frames >= footage
    assert any("2 clips were joined" in edit.description for edit in finished.edits)


def test_a_small_master_is_named_in_a_note(bench):
    finished = bench.make(spec(bench.assets, width=1280, height=720))
    assert "The clip was scaled up 2.0 times. Generate it in a larger size for a sharper picture." in finished.notes


def test_the_sound_of_the_master_is_kept_and_can_be_left_out(bench, tmp_path):
    from adapters.media.clip_with_sound import encode_with_sound

    tone = np.sin(2 * np.pi * 440 * np.arange(96_000) / 48_000)[None].astype(np.float32) * 0.2
    loud = tmp_path / "loud.mp4"
    encode_with_sound(moving_master(48, (160, 90)), 24, tone, 48_000, loud)
    kept = bench.make(spec(bench.assets, "minimal", width=160, height=90), loud)
    assert kept.loudness_lufs == pytest.approx(-14, abs=0.5)
    muted = bench.make(spec(bench.assets, "minimal", width=160, height=90, sound=SoundSpec(native=False)), loud)
    assert muted.loudness_lufs is None


def test_captions_without_a_style_are_only_in_files_and_track(bench):
    plain = bench.make(spec(bench.assets, "minimal", texts=()))
    unburnt = bench.make(
        spec(bench.assets, "minimal", texts=(), captions=CaptionSpec(text=SCRIPT, style="")), name="out"
    )
    assert set(unburnt.sidecars) == {"srt", "vtt"}
    assert not any("Captions" in edit.description for edit in unburnt.edits)
    assert plain.num_frames == unburnt.num_frames
    with av.open(str(bench.video)) as container:
        assert [stream.type for stream in container.streams] == ["video", "subtitle"]


def test_a_caption_style_that_the_template_lacks_is_an_error(bench):
    with pytest.raises(FinishError, match='has no caption style "bold"'):
        bench.make(spec(bench.assets, captions=CaptionSpec(text=SCRIPT, style="bold")))


def test_an_old_deliverable_is_replaced_completely(bench):
    bench.make(spec(bench.assets, sound=spoken(), captions=CaptionSpec(text=SCRIPT)))
    bench.make(spec(bench.assets))
    assert {path.name for path in (bench.root / "out").iterdir()} == {"deliverable.mp4", "poster.jpg", "logo.png"}


def test_the_frame_rate_is_raised_to_the_minimum_of_the_placement(bench, tmp_path):
    slow = write_film(tmp_path / "slow.mp4", 16, fps=16, size=(160, 90))
    finished = bench.make(spec(bench.assets, "minimal", width=160, height=90, preset=preset(min_fps=23)), slow)
    assert Fraction(finished.fps) == 32
