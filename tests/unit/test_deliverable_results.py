"""Deliverables in the results sheet, the report and the contact sheet."""

import hashlib
from dataclasses import replace
from pathlib import Path

import deliverable_samples as ours
import samples
from openpyxl import load_workbook
from PIL import Image

from adapters.bucket import LocalBucket
from adapters.catalogue import Catalogue, DeliverableRow, open_catalogue
from adapters.sheets import read_table, write_results
from adapters.sheets.results.deliverable_results import DELIVERABLES
from app.report.contact_sheet import write_contact_sheet
from app.report.deliverable_results import deliverable_record, deliverable_results, in_sheet_order
from app.report.report import report_of
from manifests.placement import parse_placement
from tasks.runtime.resources import BucketConfig, Resources, SignerConfig, close_resources


def filled(tmp_path: Path) -> Catalogue:
    """Return a catalogue with a published, a failed, a planned and a replaced deliverable of one clip."""
    catalogue = open_catalogue(f"sqlite:///{tmp_path / 'catalogue.db'}")
    [variant_id] = ours.published(catalogue)
    ctas = ("Buy", "Too long", "Later", "Earlier")
    ids = catalogue.deliverables.add([ours.spec(variant_id, "de", cta=cta) for cta in ctas])
    for deliverable_id, state in zip(ids, ("published", "failed"), strict=False):
        ours.bring_to(catalogue, deliverable_id, state)
    catalogue.deliverables.withdraw(ids[3:], "person:ann", "other text")
    return catalogue


def results_of(catalogue: Catalogue, tmp_path: Path):
    rows = catalogue.deliverables.of_campaign(ours.CAMPAIGN)
    return deliverable_results(rows, samples.campaign().briefs, LocalBucket(tmp_path / "bucket"))


def test_a_workbook_gets_a_tab_with_urls_per_placement_and_locale(tmp_path: Path):
    with filled(tmp_path) as catalogue:
        found = results_of(catalogue, tmp_path)
    sheet = tmp_path / "spring.csv"
    sheet.write_text("prompt\na red ball\n")
    [first] = write_results(read_table(sheet), {}, tmp_path / "out.xlsx", [], found[:1])
    [out] = write_results(read_table(first), {}, tmp_path / "again.xlsx", [], found)
    book = load_workbook(out)
    assert book.sheetnames == ["Campaign", "Clips", "Deliverables"]  # the tab of the first copy was replaced
    header, *rows = book["Deliverables"].iter_rows(values_only=True)
    assert header == tuple(DELIVERABLES)
    by_cta = {row[4]: dict(zip(header, row, strict=True)) for row in rows}
    assert by_cta.keys() == {"Buy", "Too long", "Later"}
    buy = by_cta["Buy"]
    assert (buy["Row"], buy["Placement"], buy["Locale"], buy["State"]) == (2, "tiktok 9:16", "de", "published")
    assert buy["URL"].startswith("https://clips.example/")
    assert buy["Captions"].endswith(".srt")
    assert (buy["Size"], buy["Seconds"]) == ("72x128", 2)
    assert (by_cta["Too long"]["State"], by_cta["Too long"]["Why"]) == ("failed", "The logo cannot be read.")


def test_a_text_file_gets_a_third_file_only_with_deliverables(tmp_path: Path):
    with filled(tmp_path) as catalogue:
        found = results_of(catalogue, tmp_path)
    sheet = tmp_path / "spring.csv"
    sheet.write_text("prompt\na red ball\n")
    table = read_table(sheet)
    written = write_results(table, {}, tmp_path / "spring-results.csv", [], found)
    assert [path.name for path in written] == ["spring-results.csv", "spring-clips.csv", "spring-deliverables.csv"]
    assert written[2].read_text("utf-8-sig").splitlines()[0] == ",".join(DELIVERABLES)
    assert len(write_results(table, {}, tmp_path / "spring-results.csv", [])) == 2


def test_the_report_counts_deliverables_and_says_why_they_failed(tmp_path: Path):
    with filled(tmp_path) as catalogue:
        report = report_of(catalogue, ours.CAMPAIGN)
        records = [deliverable_record(row) for row in catalogue.deliverables.of_campaign(ours.CAMPAIGN)]
    assert report.deliverables_text == "1 failed, 1 planned, 1 published, 1 withdrawn"
    assert report.deliverable_failures == ("The logo cannot be read.",)
    assert report.deliverables_left == 1
    assert report.as_json()["deliverables"] == {"failed": 1, "planned": 1, "published": 1, "withdrawn": 1}
    [done] = [record for record in records if record["state"] == "published"]
    assert (done["cta"], done["width"], done["captions"]) == ("Buy", 72, [f"spring/{done['deliverable_id']}.srt"])


def test_deliverables_are_in_the_order_of_the_sheet():
    last, first = (
        replace(
            samples.campaign().briefs[0],
            brief_id=brief_id,
            placements=tuple(map(parse_placement, places)),
            locales=locales,
        )
        for brief_id, places, locales in (("a", ("16:9",), ("en",)), ("z", ("tiktok", "16:9"), ("nl", "de")))
    )
    wanted = [
        (brief.brief_id, place.label, locale)
        for brief in (first, last)
        for place in brief.placements
        for locale in brief.locales
    ]
    rows = [DeliverableRow(f"{n}", "c", "v", *key, state="planned") for n, key in enumerate(sorted(wanted))]
    found = in_sheet_order(rows, (first, last))
    assert [(row.brief_id, row.placement, row.locale) for row in found] == wanted != sorted(wanted)


def test_the_contact_sheet_shows_posters(tmp_path: Path):
    with filled(tmp_path) as catalogue:
        rows = catalogue.deliverables.of_campaign(ours.CAMPAIGN)
    place = BucketConfig(str(tmp_path / "bucket"))
    resources = Resources("sqlite://", place, SignerConfig("development", tmp_path), tmp_path / "staging")
    assert write_contact_sheet(resources, [], tmp_path / "none.png", deliverables=rows) is None
    poster = tmp_path / "poster.jpg"
    Image.new("RGB", (72, 128), (200, 30, 30)).save(poster)
    [key] = [row.signed.poster_key for row in rows if row.state == "published"]
    LocalBucket(tmp_path / "bucket").put_new(
        key,
        poster,
        content_type="image/jpeg",
        cache_control="",
        sha256=hashlib.sha256(poster.read_bytes()).hexdigest(),
    )
    out = write_contact_sheet(resources, [], tmp_path / "sheet.png", deliverables=rows)
    close_resources()
    assert out is not None
    red, green, blue = Image.open(out).convert("RGB").getpixel((60, 100))
    assert red > 180
    assert max(green, blue) < 60
