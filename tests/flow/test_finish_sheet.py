"""From a sheet with finishing to the specs of its deliverables, through the catalogue and the command line."""

import json
from collections import Counter
from pathlib import Path

import pytest
from cli_runner import reelmill
from finished_sheets import rows, use_voices

from flows.runtime.resources import resources_of
from flows.settings import load_settings
from flows.submit import submit
from manifests.finish.kit import FinishKit, kit_in
from manifests.finish.spec import DeliverableSpec, Fit
from tasks.plan.deliverables import PublishedClip, specs_of
from tasks.runtime.resources import catalogue_of

SHEET = rows(
    {
        "brief_id": "native",
        "finish": "clean",
        "placements": "16:9|1:1|tiktok",
        "locale": "en|ar",
        "cta": "Shop now",
        "CTA (ar)": "تسوّق الآن",
        "script": "Light as the summer. Shop now.",
        "script_ar": "خفيفة كالصيف. تسوّق الآن.",
        "music": "none",
    },
    {
        "brief_id": "crop",
        "placements": "16:9|1:1|tiktok",
        "locale": "en|ar",
        "cta": "Look",
        "CTA (ar)": "انظر",
        "reframe": "crop",
    },
)
BRAND = "name: Acme\nlegal:\n  default: Terms apply.\n  ar: تطبق الشروط.\n"


@pytest.fixture
def sheet(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    use_voices(monkeypatch, {"en": ("hibari",), "ar": ("espeak-ng",)})
    (tmp_path / "launch.csv").write_bytes(SHEET)
    (tmp_path / "brand.yaml").write_text(BRAND)
    return tmp_path / "launch.csv"


def submitted(sheet: Path, **settings: object) -> tuple[str, list[DeliverableSpec]]:
    """Submit a sheet, and return its campaign with the specs that its stored records give."""
    chosen = load_settings(**settings)
    resources = resources_of(chosen)
    campaign_id = submit(chosen, resources, sheet).campaign_id
    catalogue = catalogue_of(resources)
    members = catalogue.campaigns.memberships(campaign_id)
    found: dict[tuple[str, str], list[str]] = {}
    for member in members:
        found.setdefault((member.variant_id, member.brief_id), []).append(member.placement)
    labels = {(member.variant_id, member.brief_id): member.labels for member in members}
    variants = {row.variant_id: row.variant for row in catalogue.variants.of_ids([key for key, _ in found])}
    clips = [
        PublishedClip(
            *key, tuple(places), labels[key], key[0] * 2, variants[key[0]].width, variants[key[0]].height, 2.125
        )
        for key, places in found.items()
    ]
    kit = kit_in(catalogue.campaigns.get(campaign_id).settings) or FinishKit()
    return campaign_id, specs_of(campaign_id, catalogue.campaigns.briefs(campaign_id), clips, kit)


def test_a_sheet_gives_a_spec_for_each_placement_and_language(sheet: Path):
    campaign_id, specs = submitted(sheet, finish="bold")
    assert len(specs) == 12
    assert Counter((spec.brief_id, spec.template.name, spec.fit) for spec in specs) == {
        ("native", "clean", Fit.NATIVE): 6,
        ("crop", "bold", Fit.NATIVE): 2,
        ("crop", "bold", Fit.CROP): 4,
    }
    assert len({spec.variant_id for spec in specs if spec.brief_id == "native"}) == 3
    assert len({spec.variant_id for spec in specs if spec.brief_id == "crop"}) == 1
    arabic = next(spec for spec in specs if (spec.placement, spec.locale) == ("tiktok 9:16", "ar"))
    assert (arabic.preset.name, arabic.width, arabic.height) == ("tiktok-auction", 1080, 1920)
    assert dict(arabic.texts) == {"cta": "تسوّق الآن", "legal": "تطبق الشروط."}
    assert arabic.sound.voice
    assert (arabic.sound.voice.engine, arabic.sound.voice.text) == ("espeak-ng", "خفيفة كالصيف. تسوّق الآن.")
    assert arabic.captions
    assert submitted(sheet, finish="bold") == (campaign_id, specs)


def test_a_changed_brand_kit_gives_other_deliverables_of_the_same_clips(sheet: Path):
    before = submitted(sheet)
    sheet.with_name("brand.yaml").write_text(BRAND.replace("Terms apply.", "New terms."))
    after = submitted(sheet)
    assert before[0] == after[0]
    assert [spec.shots for spec in before[1]] == [spec.shots for spec in after[1]]
    changed = {spec.locale for spec in after[1]} - {
        spec.locale for spec in after[1] if spec.deliverable_id in {each.deliverable_id for each in before[1]}
    }
    assert changed == {"en"}  # the Arabic legal line is the same


def test_another_finish_setting_is_another_campaign(sheet: Path):
    assert submitted(sheet)[0] != submitted(sheet, finish="minimal")[0]


def test_a_campaign_without_finishing_stores_no_kit(home: Path, tmp_path: Path):
    (tmp_path / "plain.csv").write_bytes(rows({"notes": "x"}))
    campaign_id, specs = submitted(tmp_path / "plain.csv")
    settings = catalogue_of(resources_of(load_settings())).campaigns.get(campaign_id).settings
    assert (kit_in(settings), specs) == (None, [])
    assert "finish_kit" not in settings


def test_plan_and_validate_show_the_deliverables_of_each_placement(sheet: Path, capsys: pytest.CaptureFixture[str]):
    lines = [
        "Deliverables: 6",
        *(f"  {placement}, {locale}: 1" for placement in ("16:9", "1:1", "tiktok 9:16") for locale in ("en", "ar")),
    ]
    for command in ("plan", "validate"):
        done = reelmill(capsys, command, sheet)
        assert done.code == 0, done.err
        assert "\n".join(lines) in done.out
    plan = json.loads(reelmill(capsys, "plan", sheet, "--finish", "bold", "--json").out)
    assert sum(each["number"] for each in plan["deliverables"]) == 12
    for each in plan["deliverables"]:
        assert sum(each["made_from"].values()) == each["number"]
    assert {tuple(each["made_from"]) for each in plan["deliverables"]} == {("native",), ("native", "crop")}
    text = reelmill(capsys, "plan", sheet, "--finish", "bold").out
    assert "--finish bold" in text
    assert "1 row: the clips are generated for 16:9 and fitted to the other placements." in text


def test_an_unknown_template_is_refused_before_anything_is_registered(sheet: Path, capsys: pytest.CaptureFixture[str]):
    done = reelmill(capsys, "run", sheet, "--finish", "bolt")
    assert done.code == 1
    assert "Did you mean bold?" in done.err
    assert catalogue_of(resources_of(load_settings())).campaigns.all() == []
