"""Deliverables with the voices and the music of cards, and with the sound that models generate."""

from pathlib import Path

import numpy as np
import pytest
import soundtracks
import tiny_sound_models as tiny

from adapters.media.clip_with_sound import encode_with_sound
from adapters.media.soundtrack.decode import decode
from manifests.credentials.attestation import Attestation
from manifests.errors import LicenceNotAttestedError
from manifests.finish.spec import MusicSpec, SoundSpec, VoiceSpec
from models.sound_tools import SoundTools
from tasks.deliver.finished.finish_deliverables import _maker
from tasks.finish.make import make
from tasks.plan.licence import clearances_of, unattested_sound
from tasks.runtime.resources import BucketConfig, Resources, SignerConfig
from tests.deliverable_specs import Assets, moving_master, spec

SOUND = SoundSpec(
    voice=VoiceSpec(text="guten tag, liebe leute", engine="tiny-vits", voice="ben"),
    music=MusicSpec(source="tiny-stable-audio", mood="calm", seed=1),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with tiny cards; the licence of the music forbids commercial use."""
    cards = tmp_path / "cards"
    cards.mkdir()
    licence = {"name": "NC", "commercial": "forbidden"}
    for card in (tiny.speech_card(), tiny.music_card(licence=licence)):
        (cards / f"{card.name}.json").write_text(card.model_dump_json())
    return cards


@pytest.fixture
def master(tmp_path: Path) -> Path:
    """Return a master with sound, as a model with sound makes it."""
    path = tmp_path / "master.mp4"
    encode_with_sound(moving_master(), 24, soundtracks.babble(3.0), 48_000, path)
    return path


def test_voices_and_music_of_cards_are_components(tmp_path, folder, master):
    assets = Assets(tmp_path / "assets")
    wanted = spec(assets, sound=SOUND, locale="de")
    finished = make(wanted, [master], assets, tmp_path / "out", tools=SoundTools((folder,), device="cpu"))
    components = {component.name: component for component in finished.components}
    assert {"voice", "music"} <= set(components)
    assert components["music"].source_type == "trainedAlgorithmicMedia"
    assert "Tiny VITS" in {edit.agent for edit in finished.edits}
    assert "Tiny Stable Audio" in {edit.agent for edit in finished.edits}
    assert finished.loudness_lufs == pytest.approx(-14, abs=0.5)
    assert finished.true_peak_dbtp <= -1


def test_the_sound_of_a_model_is_found_in_the_master_and_kept(tmp_path, master):
    assets = Assets(tmp_path / "assets")
    for native in (True, False):
        finished = make(spec(assets, sound=SoundSpec(native=native)), [master], assets, tmp_path / f"out-{native}")
        assert (finished.loudness_lufs is None) == (not native)
    made, own = decode(tmp_path / "out-True" / "deliverable.mp4"), decode(master)
    length = min(made.shape[1], own.shape[1]) - 4800
    assert np.corrcoef(made[0, 4800:length], own[0, 4800:length])[0, 1] > 0.9, "in sync"


def test_a_card_whose_licence_is_not_attested_is_refused(tmp_path, folder, master):
    def resources(*attestations: tuple[str, Attestation]) -> Resources:
        signer = SignerConfig("development", tmp_path)
        return Resources(
            "",
            BucketConfig(str(tmp_path)),
            signer,
            tmp_path,
            devices=("cpu",),
            model_folders=(folder,),
            attestations=attestations,
        )

    assets = Assets(tmp_path / "assets")
    wanted = spec(assets, sound=SOUND, locale="de")
    with pytest.raises(LicenceNotAttestedError, match=r"tiny-stable-audio must not be used .* forbids commercial use"):
        _maker(resources())(wanted, [master], assets, tmp_path / "out")
    terms = clearances_of(resources())["tiny-stable-audio"].terms
    attested = resources(("tiny-stable-audio", Attestation(terms, "Jane Doe: we have a licence.")))
    assert unattested_sound(attested, "tiny-stable-audio") == ""
    assert _maker(attested)(wanted, [master], assets, tmp_path / "out").components
