"""`reelmill templates`: list, show, preview and copy finish templates."""

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from adapters.files.durable import write_shared
from adapters.presets import placements
from adapters.presets.brand import load_brand
from adapters.presets.folders import ENDINGS, PresetFile
from adapters.presets.placements import load_presets, preset_named
from adapters.presets.templates import FOLDER, SHIPPED, list_templates, template_named
from app.cli.options import AsJson
from app.cli.output import say, say_json, warn
from app.cli.table import show_table
from app.session import Session
from flows.settings import load_settings
from manifests.errors import FinishError
from manifests.finish.asset import Asset
from manifests.finish.brand import BrandKit
from manifests.finish.design.contrast import contrast_warnings
from manifests.finish.design.samples import sample_texts
from manifests.finish.design.template import Card, FinishTemplate, Layer, TextLayer
from manifests.finish.texts.words import with_brand_texts
from tasks.runtime.resources import assets_of

if TYPE_CHECKING:
    from tasks.finish.preview import Preview

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
templates = typer.Typer(no_args_is_help=False, help="List the finish templates, or show, preview or copy one.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of a finish template.")]


@templates.callback(invoke_without_command=True)
def list_all(context: typer.Context, as_json: AsJson = False) -> None:
    """List the finish templates: description, placeholders and origin."""
    if context.invoked_subcommand:
        return
    files = list_templates(_folders(FOLDER))
    if as_json:
        say_json([_as_json(file) for file in files.values()])
        return
    show_table(
        ["name", "description", "placeholders", "from"],
        [
            (name, file.preset.description or file.preset.title, _placeholders(file.preset), _origin(file))
            for name, file in files.items()
        ],
    )
    say(
        "\nEnter a name in the column `finish` of the sheet. Placeholders are columns of the sheet; {brand} and "
        f"{{legal}} also come from brand.yaml. Your own templates are files in the folder `{FOLDER}` next to the "
        f"sheet, or in {load_settings().home / FOLDER}; `reelmill templates copy NAME` makes the first one."
    )


@templates.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """Show a finish template: its layers with their texts and times, its cards and caption styles."""
    files = list_templates(_folders(FOLDER))
    template_named(name, {known: file.preset for known, file in files.items()})
    file = files[name]
    if as_json:
        say_json(_as_json(file))
        return
    template = file.preset
    say(f"{template.title or name} ({name})")
    say(template.description)
    say(f"\nFrom: {_origin(file)}\nPlaceholders: {', '.join(template.placeholders) or 'none'}")
    say(f"Caption styles: {', '.join(template.captions) or 'none'}\n")
    show_table(["part", "layer", "kind", "text", "visible"], _layer_rows(template))
    for warning in contrast_warnings(template, BrandKit()):
        warn(f"Warning: {warning}")


@templates.command()
def preview(
    name: Name,
    clip: Annotated[Path, typer.Option("--clip", metavar="FILE", help="Video to show the template on.")],
    brand: Annotated[
        Path | None, typer.Option("--brand", metavar="FILE", help="A brand.yaml; default: default colours, no logo.")
    ] = None,
    ratio: Annotated[
        list[str] | None,
        typer.Option("--ratio", metavar="RATIO", help="Aspect ratio, such as 9:16; repeatable. Default: all."),
    ] = None,
    placement: Annotated[
        str | None,
        typer.Option("--placement", metavar="NAME", help="Placement or channel whose sizes and safe zones are used."),
    ] = None,
    text: Annotated[
        list[str] | None,
        typer.Option("--text", metavar="NAME=TEXT", help="Text of a placeholder, such as cta='Buy now'; repeatable."),
    ] = None,
    locale: Annotated[
        str, typer.Option("--locale", metavar="LANGUAGE", help="Language of the texts, such as ar.")
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="Video to write (.mp4), with pictures next to it; only pictures: .png."
        ),
    ] = None,
) -> None:
    """Preview a finish template on a clip: a video in the first aspect ratio, and pictures in all of them.

    Placeholders without a text get a sample text. To see the template without a text, leave it empty, as in
    --text price=.
    """
    from tasks.finish.preview import Preview, write_stills

    session = Session.open()
    template = template_named(name, {known: file.preset for known, file in list_templates(_folders(FOLDER)).items()})
    given, store = _texts(template, text or []), assets_of(session.resources)
    kit = load_brand(brand, store.add) if brand else BrandKit()
    for warning in contrast_warnings(template, kit):
        warn(f"Warning: {warning}")
    shown = {**sample_texts(template.placeholders), **with_brand_texts({}, kit, locale), **given}
    request = Preview(template, clip, kit, {key: value for key, value in shown.items() if value}, locale)
    if placement:
        request = request._replace(preset=preset_named(placement, load_presets(_folders(placements.FOLDER))))
    ratios = ratio or list(request.preset.sizes)
    target = out or Path(f"{name}-preview.mp4")
    if target.suffix != ".png":
        _write_video(request, ratios[0], store.path, target)
    for path in write_stills(request, ratios, store.path, target.with_suffix("")):
        say(str(path))


@templates.command()
def copy(
    name: Name,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FILE", help="File to write; default: finish/NAME.yaml in this folder."),
    ] = None,
) -> None:
    """Copy a finish template, so that you can change it. A copy with the same name replaces the shipped template."""
    files = list_templates(_folders(FOLDER))
    template_named(name, {known: file.preset for known, file in files.items()})
    target = to or Path(FOLDER) / f"{name}.yaml"
    if target.exists():
        raise FinishError(f"{target} exists already. Use --to with another name, or delete it.")
    if not NAME.fullmatch(target.stem) or target.suffix not in ENDINGS:
        raise FinishError(f"{target} is not a name of a template. Use lower-case letters and digits, and .yaml.")
    content = re.sub(r"^name:.*$", f"name: {target.stem}", files[name].path.read_text("utf-8"), count=1, flags=re.M)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_shared(target, content.encode())
    say(f"{target}\nPreview it with `reelmill templates preview {target.stem} --clip FILE`.")


def _folders(name: str) -> list[Path]:
    """Return users' folders: that in the home, then that in the current folder, which comes first."""
    return [load_settings().home / name, Path.cwd() / name]


def _placeholders(template: FinishTemplate) -> str:
    return ", ".join(template.placeholders) or "–"


def _origin(file: PresetFile[FinishTemplate]) -> str:
    origin = "shipped" if file.path.parent == SHIPPED else str(file.path)
    if file.replaces:
        return f"{origin} (replaces {'the shipped one' if file.replaces.parent == SHIPPED else file.replaces})"
    return origin


def _as_json(file: PresetFile[FinishTemplate]) -> dict[str, object]:
    return {
        **file.preset.model_dump(mode="json", exclude_defaults=True),
        "placeholders": file.preset.placeholders,
        "path": str(file.path),
        "replaces": str(file.replaces) if file.replaces else None,
    }


def _layer_rows(template: FinishTemplate) -> list[tuple[str, ...]]:
    parts: list[tuple[str, Card | FinishTemplate | None]] = [
        ("footage", template),
        ("intro", template.intro),
        ("end card", template.end_card),
    ]
    return [
        (name, layer.name, layer.kind, layer.text if isinstance(layer, TextLayer) else "", _visible(layer))
        for name, part in parts
        if part
        for layer in part.layers
    ]


def _visible(layer: Layer) -> str:
    start, end = f"{layer.start_s:g} s", "the end" if layer.end_s is None else f"{layer.end_s:g} s"
    return f"from {start} to {end}"


def _texts(template: FinishTemplate, given: list[str]) -> dict[str, str]:
    """Read ``--text`` options.

    Raises:
        FinishError: one has no name, or the template has no such placeholder.
    """
    texts = {}
    for option in given:
        name, equals, value = option.partition("=")
        if not equals or name not in template.placeholders:
            known = ", ".join(template.placeholders) or "none"
            raise FinishError(
                f"--text {option!r} does not name a placeholder of the template {template.name}. Write NAME=TEXT; "
                f"its placeholders are: {known}."
            )
        texts[name] = value
    return texts


def _write_video(request: "Preview", ratio: str, find_asset: Callable[[Asset], Path], target: Path) -> None:
    from tasks.finish.make import make
    from tasks.finish.preview import spec_of

    with tempfile.TemporaryDirectory(prefix="reelmill-preview-") as folder:
        work = Path(folder) / "deliverable"
        finished = make(spec_of(request, ratio), [request.clip], find_asset, work)
        write_shared(target, (work / "deliverable.mp4").read_bytes())
    say(f"{target} ({ratio}, {finished.duration_s:.1f} s)")
    for note in finished.notes:
        warn(note)
