"""Preset files: YAML without surprises, and errors with file, line, field and fix."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.presets.errors import InvalidPresetError
from adapters.presets.placements import load_presets
from adapters.presets.templates import SHIPPED, list_templates, load_templates, template_named
from adapters.presets.yaml_file import MAX_BYTES, read_yaml
from manifests.errors import FinishError

SALE = """\
name: sale
title: Sale
layers:
  - name: button
    kind: button
    text: "{cta}"
    boxes:
      9:16: {anchor: bottom, y: 0.05}
"""


def written(folder: Path, text: str, name: str = "sale.yaml") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_a_users_template_replaces_a_shipped_one_and_the_list_names_it(tmp_path: Path):
    shipped = next(iter(load_templates()))
    own = written(tmp_path / "finish", SALE.replace("sale", shipped), f"{shipped}.yaml")
    file = list_templates([own])[shipped]
    assert (file.path, file.replaces) == (own / f"{shipped}.yaml", SHIPPED / f"{shipped}.yaml")
    assert list_templates([tmp_path / "none"])[shipped].replaces is None


def test_ratios_norway_and_leading_zeros_are_texts(tmp_path: Path):
    path = written(tmp_path, 'a: {9:16: NO, 010: 012, on: true, half: 0.5, e: 1e3, q: "7", n: ~}\n') / "sale.yaml"
    content = read_yaml(path).content["a"]
    assert content == {"9:16": "NO", "010": "012", "on": True, "half": 0.5, "e": 1000.0, "q": "7", "n": None}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kind: button", "knd: button", r"line 4, layers\[0\]: has no kind\. Add one, such as kind: text\."),
        ("kind: button", "kind: buton", r'layers\[0\]: "buton" is not allowed\. Did you mean button\? Use '),
        ("text:", "txt:", r"line 6, layers\[0\]\.txt: unknown field\. Did you mean text\?"),
        ("y: 0.05", "z: 0.05", r"line 8, layers\[0\]\.boxes\.9:16\.z: unknown field\. "),
        ("y: 0.05", "y: 5", r"line 8, layers\[0\]\.boxes\.9:16\.y: 5 must be at most 1\."),
        ("y: 0.05", "y: low", r'layers\[0\]\.boxes\.9:16\.y: "low" must be a number, such as 0\.5\.'),
        ("anchor: bottom", "anchor: botom", r'"botom" is not allowed\. Did you mean bottom\? Use '),
        ("title: Sale", "title: 2026", r'line 2, title: 2026 must be a text\. Put it in quotes, such as "2026"\.'),
        ("title: Sale", "title: #sale", r"line 2, title: the value is empty\. Put colours in quotes"),
        ("title: Sale", "titel: Sale", r"line 2, titel: unknown field\. Did you mean title\?"),
        ("name: sale", "name: Big Sale", r"line 1, name: "),
        ("name: sale\n", "", r"sale\.yaml, line 1, name: missing\. Add it\."),
        ("name: sale", "name: other", r'line 1, name: "other" is not the name of the file\. Rename the file to other'),
        ("title: Sale", "name: sale", r'line 2: "name" is there twice\. Remove one of them\.'),
        (
            "{cta}",
            "{CTA}",
            r'line 6, layers\[0\]\.text: "\{CTA\}" is not a placeholder\. Write the name of a col',
        ),
        ("  - name: button", "  - name: [button", r"line \d+: the file is not valid YAML: "),
        ("title: Sale", "title: !!python/object:os.system x", r"line 2: the tag !!python/object:os\.system is not su"),
        (
            "title: Sale",
            "title: &a Sale\ndescription: *a",
            r"line 3: the file is not valid YAML: aliases such as \*a are not",
        ),
        ("layers:", "layers: 5\nstacks:", r"line 3, layers: 5 must be a list\. Begin each entry with a dash"),
        ("kind: button", "kind: button\n    stack: column", r'layer "button" is in the stack "column", which does not'),
        ("kind: button", "kind: button\n    size: 0.01", r"min_size 0\.028 is larger than size 0\.01\. Lower min_size"),
    ],
)
def test_errors_name_the_line_the_field_and_the_fix(tmp_path: Path, old: str, new: str, message: str):
    folder = written(tmp_path, SALE.replace(old, new))
    with pytest.raises(InvalidPresetError, match=message) as error:
        load_templates([folder])
    assert str(error.value).startswith(str(tmp_path / "sale.yaml"))
    assert "\n" not in str(error.value)


def test_two_files_of_one_name_are_an_error(tmp_path: Path):
    written(written(tmp_path, SALE), SALE, "sale.yml")
    with pytest.raises(InvalidPresetError, match=r"sale\.yml: sale\.yaml has the same name"):
        load_templates([tmp_path])


def test_large_deep_binary_and_missing_files_are_errors(tmp_path: Path):
    path = tmp_path / "sale.yaml"
    for data, message in [
        (b"a" * (MAX_BYTES + 1), "is larger than 128 KiB"),
        (b"[" * 20_000, "nested too deeply"),
        (b"title: \xff", "line 1: is not UTF-8"),
        (b"just text", "must contain fields"),
        (b"", "must contain fields"),
    ]:
        path.write_bytes(data)
        with pytest.raises(InvalidPresetError, match=message):
            read_yaml(path)
    with pytest.raises(InvalidPresetError, match="does not exist"):
        read_yaml(tmp_path / "missing.yaml")


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_in_one_sentence(tmp_path_factory: pytest.TempPathFactory, text: str):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(text, encoding="utf-8", errors="replace")
    try:
        problem = ""
        content = read_yaml(path).content
    except InvalidPresetError as error:
        problem = str(error)
    assert problem.startswith(str(path)) or isinstance(content, dict)


def test_an_unknown_template_gets_the_nearest_name():
    templates = load_templates()
    name = next(iter(templates))
    with pytest.raises(FinishError, match=rf"Did you mean {name}\?"):
        template_named(name + "x", templates)


def test_placement_presets_are_read_from_users_folders(tmp_path: Path):
    text = "name: wall\ntitle: Video wall\nsizes:\n  32:9: {width: 3840, height: 1080}\nread: 2026-12-01\n"
    written(tmp_path, text, "wall.yaml")
    preset = load_presets([tmp_path])["wall"]
    assert (preset.sizes["32:9"].width, preset.read) == (3840, "2026-12-01")
