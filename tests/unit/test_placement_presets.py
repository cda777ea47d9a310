"""The shipped placement presets: valid, sourced, and usable by the sheet's channels."""

from datetime import date
from pathlib import Path

import pytest
import yaml

import adapters.presets
from adapters.presets.placements import preset_named
from manifests.errors import FinishError
from manifests.placement import CHANNELS, RATIOS, parse_placement
from manifests.placements.preset import PlacementPreset, SafeZone

FOLDER = Path(adapters.presets.__file__).parent / "placements"
FILES = sorted(FOLDER.glob("*.yaml"))
PRESETS = {path.stem: PlacementPreset.model_validate(yaml.safe_load(path.read_text("utf-8"))) for path in FILES}
WANTED = {
    "generic", "tiktok-auction", "tiktok-reservation", "meta-reels", "meta-stories", "meta-feed", "youtube",
    "youtube-shorts", "google-app", "google-demand-gen", "linkedin", "pinterest", "snapchat", "x", "ctv",
}  # fmt: skip

presets = pytest.mark.parametrize("name", sorted(PRESETS))


def test_all_wanted_placements_ship() -> None:
    assert set(PRESETS) == WANTED


@presets
def test_the_file_is_called_like_the_preset(name: str) -> None:
    assert PRESETS[name].name == name


@presets
def test_every_platform_has_sources_and_a_date(name: str) -> None:
    preset = PRESETS[name]
    assert date(2026, 1, 1) <= date.fromisoformat(preset.read) <= date.today()
    assert preset.sources or preset.status == "general"
    assert all(source.startswith("https://") for source in preset.sources)


@presets
def test_what_is_made_is_within_the_limits(name: str) -> None:
    preset = PRESETS[name]
    assert (preset.containers[0], preset.codecs[0]) == ("mp4", "h264")
    for ratio, size in preset.sizes.items():
        width, height = map(int, ratio.split(":"))
        assert ratio in RATIOS
        assert size.width % 2 == size.height % 2 == 0
        assert abs(size.width / size.height - width / height) < 0.01
        assert size.min_width <= size.width <= (size.max_width or size.width)
        assert size.min_height <= size.height <= (size.max_height or size.height)


@presets
def test_limits_leave_room(name: str) -> None:
    preset = PRESETS[name]
    for least, most in (
        (preset.min_s, preset.max_s),
        (preset.min_kbps, preset.max_kbps),
        (preset.min_bytes, preset.max_bytes),
        (preset.min_fps, preset.max_fps),
    ):
        assert least is None or most is None or least < most
    assert list(preset.lengths_s) == sorted(preset.lengths_s)
    if preset.lengths_s:
        assert (preset.min_s, preset.max_s) == (preset.lengths_s[0], preset.lengths_s[-1])


@presets
def test_safe_zones_leave_a_usable_frame(name: str) -> None:
    zones = [PRESETS[name].safe_zone(ratio) for ratio in PRESETS[name].sizes]
    assert SafeZone() not in zones
    assert all(zone.top + zone.bottom <= 0.6 and zone.left + zone.right <= 0.4 for zone in zones)


def test_every_channel_of_the_sheet_has_exactly_one_preset() -> None:
    served = [channel for preset in PRESETS.values() for channel in preset.channels]
    assert len(served) == len(set(served))
    assert {"generic", *CHANNELS} <= set(served)


def test_the_default_ratio_of_a_channel_is_one_of_its_preset() -> None:
    by_channel = {channel: preset for preset in PRESETS.values() for channel in preset.channels}
    assert [c for c, ratio in CHANNELS.items() if ratio not in by_channel[c].sizes] == []


@pytest.mark.parametrize("name", sorted(WANTED - {"generic"}))
def test_the_sheet_accepts_the_name_of_a_preset(name: str) -> None:
    assert parse_placement(name).channel in PRESETS[name].channels


@pytest.mark.parametrize("channel", sorted(CHANNELS))
def test_commands_accept_channels(channel: str) -> None:
    assert channel in preset_named(channel, PRESETS).channels


@presets
def test_commands_accept_the_names_of_presets(name: str) -> None:
    assert preset_named(name, PRESETS) is PRESETS[name]


@pytest.mark.parametrize(
    ("name", "hint"), [("tiktok-auctoin", "tiktok-auction"), ("tiktock", "tiktok"), ("instagram-fed", "instagram-feed")]
)
def test_unknown_names_get_a_hint(name: str, hint: str) -> None:
    with pytest.raises(FinishError, match=rf"named \"{name}\"\. Did you mean {hint}\?"):
        preset_named(name, PRESETS)
