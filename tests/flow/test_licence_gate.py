"""The licence gate through the whole program: clips are made and wait, an attestation frees them."""

import importlib
import json

import pytest
from cli_runner import reelmill
from credentials import failures, second_opinion

from adapters.c2pa.signer import DevelopmentCA, open_signer
from adapters.c2pa.verifier import verify
from adapters.sheets import read_table
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from models.registry import get_card
from tasks.plan.licence import terms_of
from tasks.runtime.resources import cards_of, catalogue_of, close_resources

published = pytest.mark.usefixtures("prefect_server")
WHY = "its licence (Stability) sets conditions: it ends at 1,000,000 US dollars of revenue a year, affiliates counted"
MEND = "; attest that all is met, as `reelmill models show svd` says, and run again."
DISCLOSE = (
    "The licence asks you to say that a machine made it, where people can read it: "
    "“This video was made by a machine (Reelmill starter).”"
)
STATEMENT = "Jane Doe, 24 November 2026: revenue is 400,000 dollars"


@pytest.fixture
def cards(home, tmp_path, monkeypatch):
    """A folder of cards with conditions: one that may be run, one that may not be in some territories."""
    folder = tmp_path / "cards"
    folder.mkdir()
    licences = {
        "svd": {"name": "Stability", "commercial": "limited", "revenue_limit_usd": 1_000_000, "disclosure": True},
        "far": {"name": "Tencent", "commercial": "limited", "excluded_territories": ["GB", "KR"]},
    }
    for name, licence in licences.items():
        content = get_card("starter").model_dump(mode="json") | {"name": name, "vocabulary": None, "licence": licence}
        (folder / f"{name}.json").write_text(json.dumps(content))
    monkeypatch.setenv("REELMILL_MODEL_FOLDERS", json.dumps([str(folder)]))
    return folder


@pytest.fixture
def sheet(tmp_path):
    path = tmp_path / "spring.csv"
    path.write_text("brief_id,prompt,model,variants\nlimited,a red circle,svd,2\nfree,a green cup,starter,1\n")
    return path


def attest(monkeypatch, name: str = "svd", **changes) -> str:
    terms = terms_of(cards_of(resources_of(load_settings()))[name])
    word = {"terms": terms, "statement": STATEMENT} | changes
    monkeypatch.setenv("REELMILL_ATTESTATIONS", json.dumps({name: word}))
    return terms


def records(home) -> list[dict]:
    return [json.loads(path.read_text()) for path in (home / "bucket").rglob("*.json")]


@published
def test_clips_wait_until_the_operator_attests_and_are_not_made_again(
    home, sheet, cards, fake_models, capsys, monkeypatch, tmp_path
):
    planned = reelmill(capsys, "plan", sheet)
    assert f"Warning: 2 clips of svd wait unpublished: {WHY}{MEND}" in planned.err
    first = reelmill(capsys, "run", sheet, "--out", tmp_path / "out")
    assert first.code == 0, first.err
    assert f"Warning: 2 clips of svd wait unpublished: {WHY}{MEND}" in first.err.splitlines()[0]
    assert first.err.rstrip().endswith(f"2 clips of svd wait unpublished: {WHY}{MEND}")
    told = json.loads(reelmill(capsys, "status", "spring", "--json").out)
    assert told["states"] == {"approved": 2, "published": 1}
    assert told["waiting"] == [f"2 clips of svd wait unpublished: {WHY}{MEND}"]
    table = read_table(tmp_path / "out" / "spring-results.xlsx")
    rows = [dict(zip(table.columns, row.cells, strict=False)) for row in table.rows]
    why = "2 of svd not yet attested (`reelmill models show svd` says how)"
    assert (rows[0]["Reelmill status"], rows[0]["Reelmill why"]) == ("waiting", why)
    assert (rows[1]["Reelmill status"], rows[1].get("Reelmill why")) == ("published", None)
    assert [(brief["waiting"], brief["unattested"]) for brief in told["briefs"]] == [(2, {"svd": 2}), (0, {})]

    terms = attest(monkeypatch)
    monkeypatch.setattr(fake_models, "generate", lambda *_, **__: pytest.fail("made again"))
    second = reelmill(capsys, "run", sheet, "--out", tmp_path / "out")
    assert second.code == 0, second.err
    assert "wait" not in second.err
    assert DISCLOSE in second.out
    _assert_recorded(home, terms)
    table = read_table(tmp_path / "out" / "spring-results.xlsx")
    notices = [dict(zip(table.columns, row.cells, strict=False)).get("Reelmill notice") for row in table.rows]
    assert notices[0] == DISCLOSE
    assert not notices[1]


@published
def test_the_sheet_names_each_card_that_is_not_attested(home, sheet, cards, fake_models, capsys, monkeypatch, tmp_path):
    other = json.loads((cards / "svd.json").read_text()) | {"name": "third"}
    (cards / "third.json").write_text(json.dumps(other))
    sheet.write_text("prompt,model,variants\na red circle,svd|third|starter,2\n")
    assert reelmill(capsys, "run", sheet, "--out", tmp_path / "out").code == 0
    [row] = read_table(tmp_path / "out" / "spring-results.xlsx").rows
    assert (
        "2 of svd not yet attested (`reelmill models show svd` says how), "
        "2 of third not yet attested (`reelmill models show third` says how)"
    ) in row.cells
    attest(monkeypatch, "svd")
    assert reelmill(capsys, "run", sheet, "--out", tmp_path / "out").code == 0
    [row] = read_table(tmp_path / "out" / "spring-results.xlsx").rows
    assert "2 of third not yet attested (`reelmill models show third` says how)" in row.cells


def _assert_recorded(home, terms: str) -> None:
    """The word lies in the catalogue, in the record, and by its digest alone in the credential."""
    word = {"terms": terms, "statement": STATEMENT}
    by_card = {}
    for record in records(home):
        by_card.setdefault(record["generation"]["card"], []).append(record["licence"]["attestation"])
    assert by_card == {"svd": [word, word], "starter": [None]}
    catalogue = catalogue_of(resources_of(load_settings()))
    campaign_id = catalogue.campaigns.all()[0].campaign_id
    events = [event.detail for event in catalogue.variants.events(campaign_id) if event.to_state == "signing"]
    assert sorted("attestation" in detail for detail in events) == [False, True, True]
    assert [detail["attestation"] for detail in events if "attestation" in detail] == [word, word]
    with open_signer(DevelopmentCA(home / "signer")) as signer:
        anchors = signer.anchors_pem()
    disclosed = []
    for clip in (home / "bucket").rglob("*.mp4"):
        report = verify(clip, anchors)
        assert report.state == "trusted"
        assert failures(second_opinion(clip, anchors)) == set()
        assert b"Jane Doe" not in clip.read_bytes()
        disclosed.append(report.generation.get("licence_terms_attested"))
    assert sorted(map(str, disclosed)) == sorted(["None", terms, terms])


@published
def test_an_attestation_of_other_terms_frees_nothing(home, sheet, cards, fake_models, capsys, monkeypatch):
    terms = attest(monkeypatch, terms="01234567")
    ended = reelmill(capsys, "run", sheet)
    assert ended.code == 0
    assert (
        f"2 clips of svd wait unpublished: {WHY}; what was attested is of other terms (01234567, now {terms}), so "
        "attest that all is met, as `reelmill models show svd` says, and run again."
    ) in ended.err
    assert "1 published" in ended.out


@published
def test_what_was_signed_under_other_terms_is_signed_anew(home, sheet, cards, fake_models, capsys, monkeypatch):
    from manifests.errors import BucketUnreachableError
    from tasks.deliver import deliver

    attest(monkeypatch)
    name = next(name for name in ("publish_clip", "upload_clip") if hasattr(deliver, name))
    upload = getattr(deliver, name)

    def refuse(*_: object) -> None:
        raise BucketUnreachableError("not today")

    monkeypatch.setattr(deliver, name, refuse)
    flows = importlib.import_module("flows.campaign")
    monkeypatch.setattr(flows, "send", flows.send.with_options(retries=0))
    assert reelmill(capsys, "run", sheet).code == 1
    monkeypatch.setattr(deliver, name, upload)
    card = json.loads((cards / "svd.json").read_text())
    card["licence"]["registration"] = "https://example.com"
    (cards / "svd.json").write_text(json.dumps(card))
    close_resources()
    assert reelmill(capsys, "run", sheet).code == 0
    assert "starter" in {record["generation"]["card"] for record in records(home)}
    assert "svd" not in {record["generation"]["card"] for record in records(home)}

    terms = attest(monkeypatch)
    assert reelmill(capsys, "run", sheet).code == 0
    attested = [record["licence"]["attestation"] for record in records(home) if record["generation"]["card"] == "svd"]
    assert [word["terms"] for word in attested] == [terms, terms]


def test_a_model_that_some_must_not_run_is_not_run(home, cards, fake_models, capsys, monkeypatch, tmp_path):
    sheet = tmp_path / "far.csv"
    sheet.write_text("prompt,model\na red circle,far\n")
    monkeypatch.setattr(fake_models, "generate", lambda *_, **__: pytest.fail("it was run"))
    ended = reelmill(capsys, "run", sheet)
    assert ended.code == 1
    assert (
        "far must not be run yet: its licence (Tencent) sets conditions: neither model nor clips may be used or "
        "shown in GB, KR; attest that all is met, as `reelmill models show far` says, and run again."
    ) in ended.err
    assert "no clip of this run can be published before that" in ended.err


def test_the_cards_say_what_has_to_be_attested(home, cards, capsys, monkeypatch, tmp_path):
    told = {card["name"]: card.get("publishing") for card in json.loads(reelmill(capsys, "models", "--json").out)}
    assert (told["starter"], told["svd"], told["starter-openclip"]) == ("free", "attest first", None)
    shown = reelmill(capsys, "models", "show", "svd").out
    assert f"Publishing: not before somebody attests, since {WHY}." in shown
    snippet = shown[shown.index("[attestations") : shown.index("\n\n", shown.index("[attestations"))]
    (tmp_path / "reelmill.toml").write_text(snippet)
    assert "attestations.svd.statement' is wrong" in reelmill(capsys, "models").err
    (tmp_path / "reelmill.toml").write_text(snippet.replace('statement = ""', f'statement = "{STATEMENT}"'))
    assert f"): {STATEMENT}" in reelmill(capsys, "models", "show", "svd").out
    listed = {card["name"]: card.get("publishing") for card in json.loads(reelmill(capsys, "models", "--json").out)}
    assert listed["svd"] == "attested"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("svdd", "names 'svdd', and there is no such model card; mend the name."),
        ("starter", "names 'starter', and its licence has no conditions; the entry does nothing."),
    ],
)
def test_an_attestation_for_nothing_is_told_and_stops_nothing(home, cards, sheet, capsys, monkeypatch, name, sentence):
    word = {name: {"terms": "01234567", "statement": STATEMENT}}
    monkeypatch.setenv("REELMILL_ATTESTATIONS", json.dumps(word))
    ended = reelmill(capsys, "plan", sheet)
    assert ended.code == 0
    assert f"Warning: The setting attestations {sentence}" in ended.err
