"""The metadata of clips, and the clip table with it."""

import csv
import io

import pandas as pd
import samples

from adapters.catalogue import Membership, VariantRow
from app.report.clip_table import write_clip_table
from manifests.brief import Brief
from manifests.clip_metadata import clip_metadata, joined

BRIEF = Brief(
    2,
    "b1",
    ("a {colour} cup",),
    locales=("de", "fr"),
    ctas=("Jetzt kaufen",),
    notes="für Müller",
    metadata={"colour": ("red", "blue"), "Client": ("ACME",), "Market": (), "state": ("=new",)},
    placeholders=("colour",),
)
OTHER = Brief(3, "b2", ("a red cup",), locales=("en", "de"), metadata={"Client": ("Ωmega",)})


def test_a_clip_has_the_value_of_its_axis_and_all_values_of_other_columns():
    """`de|fr` without {locale} in the prompt is one clip for both locales."""
    assert clip_metadata([(BRIEF, [("colour", "red")])]) == {
        "locale": ("de", "fr"),
        "cta": ("Jetzt kaufen",),
        "notes": ("für Müller",),
        "colour": ("red",),
        "Client": ("ACME",),
        "state": ("=new",),
    }
    assert clip_metadata([(BRIEF, [("locale", "fr"), ("colour", "blue")])])["locale"] == ("fr",)


def test_a_clip_of_several_rows_has_the_values_of_all():
    found = clip_metadata([(BRIEF, [("colour", "red")]), (OTHER, [])])
    assert found["locale"] == ("de", "fr", "en")
    assert found["Client"] == ("ACME", "Ωmega")
    assert joined(found)["locale"] == "de|fr|en"
    assert clip_metadata([]) == {}


def table(tmp_path, briefs=(BRIEF, OTHER)) -> bytes:
    rows = [VariantRow(key, samples.variant(n, "=1 红"), "planned") for n, key in enumerate(("v1", "v2"))]
    members = [
        Membership("b1", "v1", "16:9", 0, (("colour", "red"),), "de|fr"),
        Membership("b2", "v1", "16:9", 1, (), "en|de"),
        Membership("b1", "v2", "1:1", 2, (("colour", "blue"),), "de|fr"),
    ]
    return write_clip_table(rows, members, briefs, {"v2": "rejected by ann"}, tmp_path / "clips.csv").read_bytes()


def test_the_clip_table_has_every_column_of_the_sheet(tmp_path):
    data = table(tmp_path)
    first, second = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    assert list(first)[:10] == [
        "row",
        "brief_id",
        "placements",
        "locale",
        "cta",
        "notes",
        "colour",
        "Client",
        "Market",
        "state (sheet)",
    ]
    assert {name: first[name] for name in ("row", "locale", "notes", "colour", "Client", "Market", "state")} == {
        "row": "2|3",
        "locale": "de|fr|en",
        "notes": "für Müller",
        "colour": "red",
        "Client": "ACME|Ωmega",
        "Market": "",
        "state": "planned",
    }
    assert (second["colour"], second["decision"]) == ("blue", "rejected by ann")
    assert (first["state (sheet)"], first["prompt"]) == ("'=new", "'=1 红")


def test_excel_and_pandas_read_the_clip_table_as_utf_8(tmp_path):
    assert table(tmp_path).startswith(b"\xef\xbb\xbfrow,")
    assert list(pd.read_csv(tmp_path / "clips.csv")["row"].astype(str)) == ["2|3", "2"]


def test_a_header_is_never_a_formula(tmp_path):
    brief = Brief(2, "b1", ("x",), metadata={"=cmd": ("1",), "Row": ("2",)})
    header = table(tmp_path, (brief, OTHER)).decode("utf-8-sig").splitlines()[0].split(",")
    assert header[6:9] == ["'=cmd", "Row (sheet)", "Client"]


def test_an_empty_table_can_be_written(tmp_path):
    write_clip_table([], [], [], {}, tmp_path / "clips.csv")
