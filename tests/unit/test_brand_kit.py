"""Brand kits and the asset store: files are checked, copied and found by their content."""

import lzma
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adapters.bucket import open_bucket
from adapters.media import drawing
from adapters.media.drawing.logo import draw_logo
from adapters.media.sound import write_sound
from adapters.presets.brand import find_brand, load_brand
from adapters.presets.errors import InvalidPresetError
from manifests.errors import FinishError
from manifests.finish.asset import Asset, InvalidAssetError
from manifests.finish.design.geometry import Size
from tasks.deliver.keys import NOT_OF_CLIPS
from tasks.runtime.files.assets import PREFIX, AssetStore

FONT = Path(drawing.__file__).with_name("fonts") / "NotoSans-Regular.ttf.xz"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 50">{}<rect width="100" height="50" {}/></svg>'
KIT = """\
name: Acme
logos: {default: logo.png, mark: mark.svg}
colours: {primary: "#E53", on_primary: "#ffffff"}
fonts: {body: font.ttf, heading: [font.ttf]}
voices: {default: hibari, de: espeak-ng}
music: {default: bed.wav}
legal: {US: Terms apply., NO: Vilkår gjelder.}
"""


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    """A folder with a complete brand kit."""
    Image.new("RGBA", (40, 20), (229, 50, 45, 128)).save(tmp_path / "logo.png")
    (tmp_path / "mark.svg").write_text(SVG.format("", 'fill="#e5322d"'))
    (tmp_path / "font.ttf").write_bytes(a_font())
    write_sound(np.zeros((1, 8000)), 8000, tmp_path / "bed.wav")
    (tmp_path / "brand.yaml").write_text(KIT, encoding="utf-8")
    return tmp_path


def a_font() -> bytes:
    return lzma.decompress(FONT.read_bytes())


def test_a_brand_kit_has_assets_for_its_files(kit: Path):
    store = AssetStore(kit / "assets")
    brand = load_brand(kit / "brand.yaml", store.add)
    assert brand.name == "Acme"
    assert {name: logo.media_type for name, logo in brand.logos.items()} == {
        "default": "image/png",
        "mark": "image/svg+xml",
    }
    assert brand.colours == {"primary": "#ee5533", "on_primary": "#ffffff"}
    assert brand.fonts["body"] == brand.fonts["heading"]
    assert brand.music["default"].media_type == "audio/flac"
    assert brand.legal["NO"] == "Vilkår gjelder."
    assert store.path(brand.logos["default"]).read_bytes() == (kit / "logo.png").read_bytes()


def test_the_first_folder_with_a_brand_kit_is_used(kit: Path, tmp_path: Path):
    assert find_brand([tmp_path / "none", kit]) == kit / "brand.yaml"
    assert find_brand([tmp_path / "none"]) is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("logo.png", "lost.png", r'line 2, logos\.default: "lost\.png" does not exist in .*\. Enter its path relative'),
        (
            "logo.png",
            "font.ttf",
            r'line 2, logos\.default: "font\.ttf" is not a readable picture\. Save it as PNG',
        ),
        ("body: font.ttf", "body: logo.png", r'line 4, fonts\.body\[0\]: "logo\.png" is not a font\. Use a TrueType'),
        ("bed.wav", "logo.png", r'line 6, music\.default: "logo\.png" is not a readable sound\. Save it as WAV'),
        ("bed.wav", ".", r'line 6, music\.default: "\." is a folder\. Enter the path of a file in it\.'),
        ('"#E53"', '"#E5"', r'line 3, colours\.primary: "#E5" is not a colour\. Use six hex digits in quotes, such as'),
        ('"#E53"', "#E53,", r"line \d, |the file is not valid YAML"),
        ('"#E53"', "red", r'line 3, colours\.primary: "red" is not a colour'),
        ("logos:", "logo:", r"line 2, logo: unknown field\. Did you mean logos\?"),
        ("heading:", "headline:", r'line 4, fonts\.headline: "headline" is not allowed\. Did you mean heading\?'),
    ],
)
def test_errors_name_the_line_and_the_fix(kit: Path, old: str, new: str, message: str):
    (kit / "brand.yaml").write_text(KIT.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InvalidPresetError, match=message) as error:
        load_brand(kit / "brand.yaml", AssetStore(kit / "assets").add)
    assert str(error.value).startswith(f"{kit / 'brand.yaml'}, line ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (SVG.format("<text>Acme</text>", ""), "contains text. Convert text to paths"),
        (SVG.format("", 'fill="none"'), "shows nothing"),
        (SVG.format("<style>rect > a {fill:red}</style>", ""), 'uses the style "rect > a"'),
        (SVG.replace("viewBox", "data-box").format("", ""), "has no usable size. Add a viewBox"),
        ("<svg><rect", "is not valid SVG"),
        (SVG.format("<g>" * 200 + "</g>" * 200, ""), "is too complex. Simplify the logo, or save it as PNG"),
        (SVG.format("<g/>" * 20_001, ""), "is too complex"),
        (SVG.format('<g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g>', ""), "repeats shapes that contain"),
        ('<!DOCTYPE svg [<!ENTITY a "b">]><svg/>', "XML entities"),
        ("", "is empty"),
    ],
)
def test_unusable_svg_logos_are_refused_with_the_fix(tmp_path: Path, content: str, message: str):
    (tmp_path / "logo.svg").write_text(content)
    with pytest.raises(InvalidAssetError, match=message):
        AssetStore(tmp_path / "assets").add(tmp_path / "logo.svg", "logo")


def test_the_kind_of_a_file_is_detected_from_its_content(kit: Path):
    store = AssetStore(kit / "assets")
    (kit / "renamed").write_bytes((kit / "bed.wav").read_bytes())
    kinds = [store.add(kit / name).media_type for name in ("logo.png", "mark.svg", "font.ttf", "renamed")]
    assert kinds == ["image/png", "image/svg+xml", "font/ttf", "audio/flac"]


def test_a_damaged_font_is_refused(tmp_path: Path):
    (tmp_path / "font.ttf").write_bytes(a_font()[:4] + b"x" * 5000)
    with pytest.raises(InvalidAssetError, match="damaged font"):
        AssetStore(tmp_path / "assets").add(tmp_path / "font.ttf", "font")


def test_other_hosts_fetch_assets_from_the_bucket(kit: Path):
    bucket = open_bucket(str(kit / "bucket"))
    asset = AssetStore(kit / "assets", bucket).add(kit / "logo.png")
    assert [*bucket.list(f"{PREFIX}/")] == [f"{PREFIX}/{asset.sha256}.png"]
    other = AssetStore(kit / "other", bucket)
    assert other.path(asset).read_bytes() == (kit / "logo.png").read_bytes()
    assert other.path(asset).parent == kit / "other"


def test_the_prefix_is_not_that_of_clips():
    assert PREFIX.partition("/")[0] in NOT_OF_CLIPS


def test_changed_and_missing_assets_are_reported(kit: Path):
    store = AssetStore(kit / "assets")
    asset = store.add(kit / "logo.png")
    store.path(asset).write_bytes(b"other")
    with pytest.raises(FinishError, match=r'"logo\.png" was changed .* Delete it, then restore it'):
        AssetStore(kit / "assets").path(asset)
    assert store.add(kit / "logo.png") == asset
    assert AssetStore(kit / "assets").path(asset).read_bytes() == (kit / "logo.png").read_bytes()
    with pytest.raises(FinishError, match=r'"logo\.png" .* is not in'):
        AssetStore(kit / "none").path(asset)
    with pytest.raises(FinishError, match="not in the asset store"):
        store.path(Asset(name="x", sha256="../../x", media_type="image/png"))


def test_repeated_shapes_are_drawn(tmp_path: Path):
    shapes = '<defs><rect id="a" width="50" height="50"/></defs><use href="#a" x="50" fill="#e5322d"/>'
    (tmp_path / "logo.svg").write_text(SVG.format(shapes, 'fill="none"'))
    store = AssetStore(tmp_path / "assets")
    asset = store.add(tmp_path / "logo.svg", "logo")
    assert draw_logo(store.path(asset), asset, Size(100, 100)).shape == (100, 100, 4)  # without the empty left half
