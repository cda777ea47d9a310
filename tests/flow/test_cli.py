"""The commands of a marketer, with a fake model; everything else is real."""

import json
import shlex

import pytest
from cli_runner import reelmill
from credentials import Authority

from adapters.sheets import read_table
from manifests.sheet import check_table
from models.registry import HOME

published = pytest.mark.usefixtures("prefect_server", "fake_models")


def test_init_writes_a_sheet_that_validates(home, capsys, tmp_path):
    assert reelmill(capsys, "init", tmp_path / "new.xlsx").code == 0
    ended = reelmill(capsys, "validate", tmp_path / "new.xlsx")
    assert ended.code == 0, ended.out + ended.err


def test_validate_reports_every_bad_cell_at_once(home, capsys, tmp_path):
    sheet = tmp_path / "bad.csv"
    sheet.write_text("prompt,placements,variants\na red cup,7:3,0\n,16:9,2\na blue cup,1:1,1\n")
    ended = reelmill(capsys, "validate", sheet, "--annotate", tmp_path / "marked.xlsx")
    assert ended.code == 1
    assert "Row 2, column B 'placements': '7:3'" in ended.out
    assert "Row 2, column C 'variants': '0'" in ended.out
    assert "Row 3" in ended.out
    assert (tmp_path / "marked.xlsx").is_file()
    assert reelmill(capsys, "validate", sheet, "--accept-good-rows").code == 0


def test_validate_json_lists_the_same_errors(home, capsys, tmp_path):
    sheet = tmp_path / "bad.csv"
    sheet.write_text("prompt,placements\na red cup,7:3\na blue cup,1:1\n")
    answer = json.loads(reelmill(capsys, "validate", sheet, "--json").out)
    assert answer["good_rows"] == 1
    assert [(problem["row"], problem["column_letter"]) for problem in answer["problems"]] == [(2, "B")]


def test_a_word_outside_the_vocabulary_is_a_warning(home, capsys, tmp_path):
    sheet = tmp_path / "odd.csv"
    sheet.write_text("prompt\na red circle under a xylophone\n")
    ended = reelmill(capsys, "validate", sheet)
    assert ended.code == 0
    assert "xylophone' are not in the vocabulary of starter" in ended.err


def test_plan_shows_counts_and_runs_nothing(home, sheet, capsys):
    answer = json.loads(reelmill(capsys, "plan", sheet, "--json").out)
    assert (answer["asked"], answer["to_make"], answer["shards"]) == (12, 12, 3)
    assert answer["device_seconds"] > 0
    assert not (home / "staging").exists()
    assert not (home / "prefect").exists()


@published
def test_run_status_plan_and_results(home, sheet, capsys, tmp_path):
    first = json.loads(reelmill(capsys, "run", sheet, "--json", "--out", tmp_path / "out").out)
    assert first["states"] == {"published": 10, "not needed": 2}
    assert (tmp_path / "out" / "contact-sheet.png").read_bytes().startswith(b"\x89PNG")

    table = read_table(tmp_path / "out" / "spring-results.csv")
    assert [brief.brief_id for brief in check_table(table).briefs] == ["circle", "cup"]
    cells = dict(zip(table.columns, table.rows[0].cells, strict=False))
    assert cells["prompt"] == "a {colour} circle on a white background"
    assert any(cell.endswith(".mp4") for cell in cells.values())

    shown = reelmill(capsys, "status", "spring")
    assert "circle" in shown.out
    assert "10 published" in shown.out
    assert json.loads(reelmill(capsys, "status", "--json").out)[0]["states"]["published"] == 10

    again = json.loads(reelmill(capsys, "plan", sheet, "--json").out)
    assert again["skipped"] == {"published": 10, "not needed": 2}
    assert again["to_make"] == 0


@published
def test_a_finished_campaign_starts_no_server(home, sheet, capsys, monkeypatch):
    reelmill(capsys, "run", sheet)
    from flows import campaign

    monkeypatch.setattr(campaign, "run_campaign", lambda *_: pytest.fail("the flow ran"))
    assert reelmill(capsys, "run", sheet).code == 0


def test_a_plan_of_one_variant_is_singular(home, capsys, tmp_path):
    sheet = tmp_path / "one.csv"
    sheet.write_text("brief_id,prompt,variants\none,a red circle,1\n")
    out = reelmill(capsys, "plan", sheet).out
    assert out.startswith("1 clip to generate, 0 already generated. Estimated device time: ")
    assert f" Start with `reelmill run {shlex.quote(str(sheet))}`.\n" in out
    words = " ".join(out.split())
    assert "1 variant requested, 1 shard to generate." in words
    assert ": 1 clip, " in words


@published
def test_a_run_fits_80_columns_and_ends_with_the_next_command(home, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    names = ("hero-circle-on-a-white-background-3f2a91", "cup")
    briefs = (f"{names[0]},a red circle,2,", f"{names[1]},a red cup,4,2", "odd,there is nothing here,1,")
    (tmp_path / "spring.csv").write_text("\n".join(["brief_id,prompt,variants,want", *briefs, ""]))
    ended = reelmill(capsys, "run", "spring.csv", "--out", "out")
    assert ended.code == 0, ended.err
    lines = ended.out.splitlines()
    assert [line for line in lines if len(line) > 80 and str(tmp_path) not in line] == []
    assert [line.split("│")[0].strip() for line in lines if "│" in line] == [*names, "odd"]
    assert "  cup: 2 not needed, since enough passed" in lines
    assert any(line.startswith("  odd: ") for line in lines)
    assert lines[-1] == "Next: run `reelmill review` to view the clips in the browser."


@published
def test_clips_that_wait_for_review_name_the_commands(home, sheet, capsys):
    ended = reelmill(capsys, "run", sheet, "--review", "required")
    assert "10 clips wait for review. Review in the browser with `reelmill review`, or approve all with" in ended.out
    assert "Next:" not in ended.out


@published
def test_retry_failed_retries_only_failed_variants(home, capsys, fake_models, tmp_path):
    sheet = tmp_path / "mixed.csv"
    sheet.write_text("brief_id,prompt\ngood,a red circle\nodd,there is nothing here\n")
    first = json.loads(reelmill(capsys, "run", sheet, "--json").out)
    assert first["states"] == {"published": 1, "failed": 1}
    assert reelmill(capsys, "retry", "mixed").code == 1

    ended = reelmill(capsys, "retry", "mixed", "--failed")
    assert "0 variants are retried with the same seed, 1 variant with a new seed" in ended.out
    states = json.loads(reelmill(capsys, "status", "mixed", "--json").out)["states"]
    assert states == {"published": 1, "failed": 2}


@published
def test_an_error_is_retried_with_the_same_seed(home, capsys, fake_models, tmp_path):
    from manifests.errors import GenerationError

    sheet = tmp_path / "one.csv"
    sheet.write_text("brief_id,prompt,seed\none,a red circle,7\n")

    generate = fake_models.generate
    fake_models.generate = lambda variants: iter([GenerationError("the light went out")] * len(variants))
    assert json.loads(reelmill(capsys, "run", sheet, "--json").out)["states"] == {"failed": 1}
    fake_models.generate = generate

    assert "1 variant is retried with the same seed, 0 variants" in reelmill(capsys, "retry", "one", "--failed").out
    assert json.loads(reelmill(capsys, "status", "one", "--json").out)["states"] == {"published": 1}


@published
def test_approve_and_reject(home, capsys, sheet):
    campaign = json.loads(reelmill(capsys, "run", sheet, "--review", "required", "--json").out)["campaign_id"]
    from flows.runtime.resources import resources_of
    from flows.settings import load_settings
    from tasks.runtime.resources import catalogue_of

    variants = catalogue_of(resources_of(load_settings())).variants
    ids = [row.variant_id for row in variants.of_campaign(campaign, ["passed"])]
    assert len(ids) == 10
    assert "1 rejected" in reelmill(capsys, "reject", campaign, ids[0][:10], "--reason", "too dull").out
    ended = reelmill(capsys, "approve", campaign, ids[1][:10])
    assert "1 approved" in ended.out
    assert "1 published" in ended.out
    assert reelmill(capsys, "approve", campaign, "zzzz").code == 1
    assert reelmill(capsys, "approve", campaign, ids[0][:10]).code == 1

    import pandas as pd

    clips = pd.read_csv(home / "campaigns" / campaign / "clips.csv", dtype=str).set_index("variant_id")
    assert clips["decision"][ids[0]].startswith("rejected by person:")
    assert clips["decision"][ids[0]].endswith("too dull")
    assert set(clips["brief_id"]) == {"circle", "cup"}
    table = read_table(home / "campaigns" / campaign / "spring-results.csv")
    assert any(cell.endswith(".mp4") for row in table.rows for cell in row.cells)


@published
def test_verify_and_signer(home, sheet, capsys, tmp_path):
    reelmill(capsys, "run", sheet)
    clips = sorted((home / "bucket").rglob("*.mp4"))
    ended = reelmill(capsys, "verify", *clips)
    assert ended.code == 0
    assert ended.out.count("trusted") >= len(clips)
    assert "created by a generative model" in ended.out

    shown = reelmill(capsys, "signer", "--anchors", tmp_path / "anchors.pem")
    assert "development CA" in shown.out
    assert reelmill(capsys, "verify", clips[0], "--anchors", tmp_path / "anchors.pem").code == 0

    chain, _ = Authority().write(tmp_path / "stranger")
    stranger = reelmill(capsys, "verify", clips[0], "--anchors", chain)
    assert stranger.code == 1
    assert "valid – intact, but the signer is not trusted" in stranger.out
    assert "does not contain a PEM certificate" in reelmill(capsys, "verify", clips[0], "--anchors", sheet).err


def test_models_lists_the_cards(home, capsys):
    cards = {card["name"]: card for card in json.loads(reelmill(capsys, "models", "--json").out)}
    assert cards["starter"]["licence"]["name"]
    assert not cards["wan2.1-t2v-1.3b"]["weights_present"]
    assert "reelmill models pull wan2.1-t2v-1.3b" in reelmill(capsys, "models", "show", "wan2.1-t2v-1.3b").out
    assert cards["starter-openclip"]["weights_present"]


def test_models_show_lists_vocabulary_examples_limits_and_figures(home, capsys):
    told = reelmill(capsys, "models", "show", "starter").out
    for part in ("Pipeline: LTXPipeline", "17 frames at 8 fps", "sneaker", "rotating", "Limits:", "Measured:"):
        assert part in told
    for prompt in load_vocabulary_examples():
        assert prompt in told
    assert "Measured:" in reelmill(capsys, "models", "show", "starter-openclip").out


def load_vocabulary_examples():
    examples = json.loads((HOME / "starter" / "vocabulary.json").read_text())["examples"]
    assert len(examples) == 3
    return examples


@published
def test_the_results_sheet_explains_rejected_rows(home, capsys, tmp_path):
    sheet = tmp_path / "mixed.csv"
    sheet.write_text("prompt,placements\na red circle,16:9\na blue circle,7:3\n")
    ended = reelmill(capsys, "run", sheet, "--accept-good-rows", "--out", tmp_path / "out")
    assert ended.code == 0
    assert "Skipped: Row 3, column B 'placements': '7:3'" in ended.err
    table = read_table(tmp_path / "out" / "mixed-results.csv")
    good, bad = (dict(zip(table.columns, row.cells, strict=False)) for row in table.rows)
    assert good["Reelmill status"] == "published"
    assert bad["Reelmill status"] == "not run"
    assert "'7:3'" in bad["Reelmill why"]


@published
def test_the_clip_table_has_every_clip_and_no_formula(home, capsys, tmp_path):
    import pandas as pd

    sheet = tmp_path / "odd.csv"
    sheet.write_text("brief_id,prompt\ngood,=a red circle\nodd,there is nothing here\n")
    reelmill(capsys, "run", sheet, "--out", tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "clips.csv")
    assert list(table["state"]) == ["published", "failed"]
    assert not table["prompt"].str.startswith("=").any()
    assert table["reasons"][1].startswith("it does not match the prompt")
    assert table["frame_difference"].notna().all()


@published
def test_a_workbook_keeps_its_tabs_and_every_clip_is_listed(home, capsys, tmp_path):
    import openpyxl

    book = openpyxl.Workbook()
    book.active.append(["prompt", "variants", "locale", "cta", "notes", "Client", "Budget"])
    book.active.append(["a red circle", 3, "de|fr", "Kaufen", "für Müller", "ACME", "=B2*10"])
    book.create_sheet("Budget")["A1"] = "=SUM(Sheet!G2)"
    book.save(tmp_path / "plan.xlsx")
    answer = json.loads(reelmill(capsys, "run", tmp_path / "plan.xlsx", "--out", tmp_path / "out", "--json").out)
    results = openpyxl.load_workbook(answer["results"])
    assert results.sheetnames == ["Sheet", "Budget", "Clips"]
    assert (results["Sheet"]["G2"].value, results["Budget"]["A1"].value) == ("=B2*10", "=SUM(Sheet!G2)")
    row = dict(zip(*results["Sheet"].iter_rows(values_only=True), strict=True))
    listed = [line["URL"] for line in lines_of_tab(results["Clips"])]
    assert len(listed) == row["Reelmill published"] == 3
    assert sorted(row["Reelmill all URLs"].split(" | ")) == sorted(listed)
    assert row["Reelmill URL"] == row["Reelmill all URLs"].split(" | ")[0]
    assert row["Reelmill device seconds"] > 0
    records = [json.loads(path.read_text()) for path in (home / "bucket").rglob("*.json")]
    assert [record["metadata"]["Client"] for record in records] == [["ACME"]] * 3
    assert records[0]["metadata"]["cta"] == ["Kaufen"]
    assert records[0]["metadata"]["notes"] == ["für Müller"]
    assert (tmp_path / "out" / "clips.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def lines_of_tab(tab):
    header, *lines = tab.iter_rows(values_only=True)
    return [dict(zip(header, line, strict=True)) for line in lines]


@published
def test_costs_and_reasons_are_in_the_results_of_a_text_file(home, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("REELMILL_STOCK_PRICE_H", "3600")
    sheet = tmp_path / "odd.csv"
    sheet.write_bytes(
        "brief_id;prompt;notes\r\ngut;a red circle;für Müller\r\nodd;there is nothing here;\r\n".encode("cp1252")
    )
    ended = reelmill(capsys, "run", sheet, "--out", tmp_path / "out")
    assert "odd: does not match the prompt: 1" in ended.out
    text = (tmp_path / "out" / "odd-results.csv").read_bytes().decode("cp1252")
    assert text.startswith("brief_id;prompt;notes;Reelmill status")
    table = read_table(tmp_path / "out" / "odd-results.csv")
    good, odd = (dict(zip(table.columns, row.cells, strict=False)) for row in table.rows)
    assert good["notes"] == "für Müller"
    assert float(good["Reelmill cost"]) == float(good["Reelmill device seconds"]) > 0
    assert odd["Reelmill why"].startswith("does not match the prompt: 1")
    clips = (tmp_path / "out" / "odd-clips.csv").read_bytes().decode("cp1252").splitlines()
    assert len(clips) == 3
    assert f"Clip list: {tmp_path / 'out' / 'odd-clips.csv'}" in ended.out.replace("\n", "")
