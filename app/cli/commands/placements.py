"""`reelmill placements` and `reelmill lint`: list what placements require, and check and fix video files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from adapters.media.file_facts import measure
from adapters.presets.placements import FOLDER, list_presets, load_presets, preset_named
from app.cli.options import AsJson
from app.cli.output import say, say_json, warn
from app.cli.table import show_table
from flows.settings import load_settings
from manifests.errors import FinishError, ReelmillError
from manifests.finish.deliverable import Violation
from manifests.placements.facts import FileFacts
from manifests.placements.fix_plan import fixable
from manifests.placements.linter import lint as violations_in
from manifests.placements.preset import PlacementPreset
from manifests.placements.wording import file_size, format_names, kbps, seconds
from manifests.pluralize import any_of, count_of

ALL = "all"
MANY_RATIOS = 10


class Checked(NamedTuple):
    """A file that was checked.

    Attributes:
        violations: by placement; empty if the file could not be read.
        error: why it could not be read; empty otherwise.
    """

    path: Path
    facts: FileFacts | None
    violations: Mapping[str, tuple[Violation, ...]]
    error: str = ""


def placements(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Show the requirements of one placement or channel.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the placements with their limits, their sources and the date they were read, or show one."""
    files = list_presets(preset_folders())
    presets = {each: file.preset for each, file in files.items()}
    if name:
        _show_one(preset_named(name, presets), as_json)
    elif as_json:
        say_json([preset.model_dump(mode="json") for preset in presets.values()])
    else:
        columns = ["name", "channels", "ratios", "length", "source", "read"]
        show_table(columns, [_row(preset) for preset in presets.values()])
        say(
            "\n`reelmill placements NAME` shows the limits and the sources. Platforms change them; check the source "
            f"before a campaign. Your own placements are files in the folder `{FOLDER}` next to the sheet, or in "
            f"{load_settings().home / FOLDER}."
        )


def lint(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Video files.")],
    placement: Annotated[
        list[str] | None,
        typer.Option(
            "--placement", metavar="NAME", help="Placement or channel to check against, or 'all'. Can be repeated."
        ),
    ] = None,
    fix: Annotated[
        Path | None,
        typer.Option("--fix", metavar="OUT.mp4", help="Write a copy of the file that meets the requirements."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check video files against the requirements of placements: shape, length, codec, bitrate, loudness and others.

    Without --placement, or with --placement all, it shows which placements each file fits.
    """
    chosen = _chosen(placement or [ALL])
    if fix:
        _fix(files, chosen, fix, as_json)
        return
    checked = [_check(path, chosen) for path in files]
    if as_json:
        say_json([_as_json(each) for each in checked])
    else:
        for each in checked:
            _show_file(each, lists_all=ALL in (placement or [ALL]))
    if any(not _passes(each, needs_all=ALL not in (placement or [ALL])) for each in checked):
        raise typer.Exit(1)


def preset_folders() -> list[Path]:
    """Return the folders with users' placement presets; a later one replaces those of an earlier one."""
    return [load_settings().home / FOLDER, Path(FOLDER)]


def _chosen(names: list[str]) -> dict[str, PlacementPreset]:
    presets = load_presets(preset_folders())
    chosen = presets.values() if ALL in names else [preset_named(name, presets) for name in names]
    return {preset.name: preset for preset in chosen}


def _check(path: Path, presets: Mapping[str, PlacementPreset]) -> Checked:
    try:
        facts = measure(path)
    except ReelmillError as error:
        return Checked(path, None, {}, str(error))
    return Checked(path, facts, {name: violations_in(facts, preset) for name, preset in presets.items()})


def _passes(checked: Checked, needs_all: bool) -> bool:
    clean = [not found for found in checked.violations.values()]
    return not checked.error and (all(clean) if needs_all else any(clean))


def _show_file(checked: Checked, lists_all: bool) -> None:
    if checked.error:
        warn(f"Error: {checked.error}")
        return
    assert checked.facts is not None
    say(f"{checked.path}: {_facts_text(checked.facts)}")
    for name, found in checked.violations.items():
        if not found:
            say(f"  {name}: fits")
        elif lists_all:
            say(f"  {name}: {', '.join(dict.fromkeys(violation.rule for violation in found))}")
        else:
            _show_violations(checked.path, name, found)


def _show_violations(path: Path, name: str, found: tuple[Violation, ...]) -> None:
    say(f"  {name}: {count_of(len(found), 'violation')}")
    for violation in found:
        say(f"    {violation.rule}: {violation.message}", indent=6)
    if fixable(found):
        say(f"  Fix automatically: reelmill lint {path} --placement {name} --fix OUT.mp4")


def _fix(files: list[Path], chosen: Mapping[str, PlacementPreset], out: Path, as_json: bool) -> None:
    if len(files) != 1 or len(chosen) != 1:
        raise FinishError("--fix writes one file for one placement. Give one FILE and one --placement.")
    from tasks.finish.fix import fix_file

    (preset,) = chosen.values()
    result = fix_file(files[0], preset, out)
    if as_json:
        parts = {"fixed": result.fixed, "remaining": result.remaining}
        say_json({"file": str(out), **{name: _dumped(found) for name, found in parts.items()}, "notes": result.notes})
    else:
        for violation in result.fixed:
            say(f"fixed {violation.rule}: {violation.message}", indent=6)
        for violation in result.remaining:
            say(f"not fixed {violation.rule}: {violation.message}", indent=6)
        for note in result.notes:
            say(f"note: {note}", indent=6)
        say(f"Wrote {out}, which {'fits' if not result.remaining else 'does not fit'} {preset.name}.")
    if result.remaining:
        raise typer.Exit(1)


def _facts_text(facts: FileFacts) -> str:
    parts = [
        f"{facts.width}x{facts.height}",
        seconds(facts.duration_s),
        f"{float(facts.fps):.5g} fps",
        f"{format_names([facts.codec or 'unknown codec'])} in {format_names([facts.container])}",
        f"{kbps(facts.kbps)}, {file_size(facts.size_bytes)}",
    ]
    if facts.loudness_lufs is not None:
        parts.append(f"{facts.loudness_lufs:.1f} LUFS")
    else:
        parts.append("silent" if facts.has_audio else "no sound")
    return ", ".join(parts)


def _as_json(checked: Checked) -> dict[str, Any]:
    if checked.facts is None:
        return {"file": str(checked.path), "error": checked.error}
    facts = {name: str(value) if name in ("fps", "sample_aspect") else value
             for name, value in checked.facts._asdict().items()}  # fmt: skip
    found = {name: _dumped(violations) for name, violations in checked.violations.items()}
    return {"file": str(checked.path), "facts": facts, "violations": found}


def _dumped(found: tuple[Violation, ...]) -> list[dict[str, Any]]:
    return [violation.model_dump(mode="json") for violation in found]


def _length_text(preset: PlacementPreset) -> str:
    if preset.lengths_s:
        return f"{any_of(f'{length:g}' for length in preset.lengths_s)} s"
    if preset.min_s is None:
        return "any" if preset.max_s is None else f"≤ {preset.max_s:g} s"
    return f"≥ {preset.min_s:g} s" if preset.max_s is None else f"{preset.min_s:g}–{preset.max_s:g} s"


def _row(preset: PlacementPreset) -> tuple[str, ...]:
    ratios = ", ".join(preset.sizes) if len(preset.sizes) < MANY_RATIOS else "any"
    channels = ", ".join(preset.channels) or "–"
    return (preset.name, channels, ratios, _length_text(preset), preset.status, preset.read or "–")


def _show_one(preset: PlacementPreset, as_json: bool) -> None:
    if as_json:
        say_json(preset.model_dump(mode="json"))
        return
    say(f"{preset.title} ({preset.name})")
    for label, text in _limits(preset):
        say(f"  {label}: {text}", indent=4)
    for note in preset.notes:
        say(f"  Note: {note}", indent=4)
    say(f"  Source: {preset.status}, read {preset.read or 'never'}")
    for source in preset.sources:
        say(f"    {source}", indent=6)


def _limits(preset: PlacementPreset) -> list[tuple[str, str]]:
    sizes = ", ".join(f"{ratio} {size.width}x{size.height}" for ratio, size in preset.sizes.items())
    zones = "; ".join(
        f"{ratio} top {zone.top:.0%}, right {zone.right:.0%}, bottom {zone.bottom:.0%}, left {zone.left:.0%}"
        for ratio, zone in preset.safe_zones.items()
    )
    limits = {
        "Channels": ", ".join(preset.channels),
        "Sizes": sizes,
        "Length": _length_text(preset),
        "Containers": format_names(preset.containers),
        "Codecs": format_names(preset.codecs),
        "Bitrate": _range_text(preset.min_kbps, preset.max_kbps, kbps),
        "File size": _range_text(preset.min_bytes, preset.max_bytes, file_size),
        "Frame rate": _range_text(preset.min_fps, preset.max_fps, lambda fps: f"{fps:g}"),
        "Sound": _sound_text(preset),
        "Captions": preset.captions + (f", {format_names(preset.caption_files)}" if preset.caption_files else ""),
        "Keep clear": zones,
    }
    return [(label, text) for label, text in limits.items() if text]


def _sound_text(preset: PlacementPreset) -> str:
    loudness = f"{preset.loudness_lufs:g} LUFS ± {preset.loudness_tolerance:g}"
    return f"{loudness}, at most {preset.true_peak_dbtp:g} dBTP{', required' if preset.needs_audio else ''}"


def _range_text(least: float | None, most: float | None, shown: Any) -> str:
    parts = [
        f"at least {shown(least)}" if least is not None else "",
        f"at most {shown(most)}" if most is not None else "",
    ]
    return ", ".join(part for part in parts if part)
