"""Settings: precedence, validation, and the paths derived from them."""

import json
import os
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from adapters.catalogue import open_catalogue
from adapters.catalogue.views.health import check_health
from flows.runtime.resources import resources_of
from flows.settings import JSON_EXAMPLES, Settings, load_settings, prepare_prefect
from manifests.errors import SettingsError


@pytest.fixture(autouse=True)
def _alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))


def test_arguments_override_the_environment_which_overrides_the_file(tmp_path, monkeypatch):
    (tmp_path / "reelmill.toml").write_text('shard_size = 3\nlease_s = 5\nreview = "required"\n')
    monkeypatch.setenv("REELMILL_LEASE_S", "6")
    monkeypatch.setenv("REELMILL_REVIEW", "auto")
    settings = load_settings(review="required", lease_s=None)
    assert (settings.shard_size, settings.lease_s, settings.review) == (3, 6.0, "required")


def test_an_empty_variable_counts_as_unset(monkeypatch):
    for name in (
        "METRICS_TOKEN",
        "RAY_AUTOSCALES",
        "ALERT_WEBHOOK",
        "LEASE_S",
        "RUNNER",
        "ATTESTATIONS",
        "TIMEZONE",
        "STOCK_CRON",
        "MODEL",
        "SIGNER_CHAIN",
    ):
        monkeypatch.setenv(f"REELMILL_{name}", "")
    assert load_settings() == load_settings(home=Path(os.environ["REELMILL_HOME"]))
    settings = load_settings()
    assert (settings.metrics_token, settings.ray_autoscales, settings.alert_webhook) == (None, False, None)
    assert (settings.timezone, settings.stock_cron, settings.signer_chain) == ("UTC", "0 22 * * *", None)


def test_an_empty_value_counts_if_the_setting_gives_it_a_meaning(tmp_path, monkeypatch):
    (tmp_path / "reelmill.toml").write_text('watch = "/in"\nstock_until = "05:00"\n')
    assert (load_settings().watch, load_settings().stock_until) == ("/in", "05:00")
    monkeypatch.setenv("REELMILL_STOCK_UNTIL", "")
    monkeypatch.setenv("REELMILL_WATCH", "")
    assert (load_settings().watch, load_settings().stock_until) == ("", "")
    assert load_settings(stock_until="04:00").stock_until == "04:00"


@pytest.mark.parametrize("name", ["metrics_token", "model_server_token"])
def test_a_short_token_is_refused_with_the_required_length(monkeypatch, name):
    monkeypatch.setenv(f"REELMILL_{name.upper()}", "short")
    with pytest.raises(SettingsError, match=f"Invalid setting '{name}': it must have at least 16 characters"):
        load_settings()


@pytest.mark.parametrize(
    "wrong",
    [
        {"lease_s": 0},
        {"attempts": 0},
        {"max_rank_share": 1.5},
        {"review": "maybe"},
        {"signer": "magic"},
        {"max_variants": "many"},
    ],
)
def test_a_wrong_value_names_its_setting(wrong):
    with pytest.raises(SettingsError, match=f"Invalid setting '{next(iter(wrong))}'"):
        load_settings(**wrong)


def test_all_embedded_state_is_under_home(tmp_path):
    resources = resources_of(load_settings())
    home = tmp_path / "home"
    assert resources.catalogue_url == f"sqlite:///{home / 'catalogue.sqlite'}"
    assert Path(resources.bucket.location) == home / "bucket"
    assert resources.signer.folder == home / "signer"
    assert resources.staging == home / "staging"


@pytest.mark.parametrize("name", ["what?", "a#1?b=c&d", "50% off %3F?", "plain #1 ü"])
def test_a_home_with_any_characters_holds_the_catalogue_and_prefects_database(tmp_path, monkeypatch, name):
    home = tmp_path / name
    monkeypatch.setenv("REELMILL_HOME", str(home))
    for each in ("PREFECT_HOME", "PREFECT_SERVER_DATABASE_CONNECTION_URL"):
        monkeypatch.setenv(each, "restored after the test")
        monkeypatch.delenv(each)
    url = resources_of(load_settings()).catalogue_url
    assert check_health(url) is None
    assert not (home / "catalogue.sqlite").exists()
    with open_catalogue(url) as catalogue:
        assert catalogue.campaigns.all() == []
    assert check_health(url).revision
    assert (home / "catalogue.sqlite").is_file()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    prepare_prefect(home)
    given = os.environ.get("PREFECT_SERVER_DATABASE_CONNECTION_URL")
    assert (given is None) == ("?" not in name)
    if given:
        (home / "prefect").mkdir()
        engine = create_engine(given.replace("+aiosqlite", ""))
        with engine.connect():
            pass
        engine.dispose()
        assert (home / "prefect" / "prefect.db").is_file()


def test_the_prompt_key_is_created_once_and_readable_by_its_owner_only(tmp_path):
    first = resources_of(load_settings()).prompt_key
    assert len(first) == 32
    assert resources_of(load_settings()).prompt_key == first
    assert (tmp_path / "home" / "prompt.key").stat().st_mode & 0o777 == 0o600


def test_secrets_are_in_no_representation(monkeypatch):
    monkeypatch.setenv("REELMILL_BUCKET_SECRET_KEY", "canary")
    settings = load_settings()
    resources = resources_of(settings)
    assert resources.bucket.secret_key == "canary"
    assert "canary" not in repr(settings) + repr(resources)
    assert resources.prompt_key.hex() not in repr(resources)


def test_prefects_state_is_in_home_unless_prefect_home_is_set(tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_HOME", "restored after the test")
    monkeypatch.delenv("PREFECT_HOME")
    prepare_prefect(tmp_path / "home")
    assert os.environ["PREFECT_HOME"] == str(tmp_path / "home" / "prefect")
    monkeypatch.setenv("PREFECT_HOME", "/elsewhere")
    prepare_prefect(tmp_path / "home")
    assert os.environ["PREFECT_HOME"] == "/elsewhere"


def test_path_settings_become_absolute(monkeypatch):
    monkeypatch.setenv("REELMILL_SIGNER_CHAIN", "chain.pem")
    assert load_settings().signer_chain.is_absolute()
    assert Settings(home="~/x").home == Path.home() / "x"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("S3://bk/Spring Sale #1", "s3://bk/Spring Sale #1"),
        (" s3://bk/x ", "s3://bk/x"),
        ("file:///data/a b", "file:///data/a b"),
        ("clips #1?", str(Path("clips #1?"))),
        ("  ", ""),
    ],
)
def test_the_bucket_is_stored_in_one_form(tmp_path, given, kept):
    found = load_settings(bucket=given).bucket
    assert found == (str(tmp_path / kept) if kept.startswith("clips") else kept)


def test_attestations_come_from_the_file_and_the_environment(tmp_path, monkeypatch):
    (tmp_path / "reelmill.toml").write_text('[attestations."svd-1.1"]\nterms = "0a1b2c3d"\nstatement = " Jane Doe "\n')
    monkeypatch.setenv("REELMILL_ATTESTATIONS", '{"ltx": {"terms": "12345678", "statement": "Joe"}}')
    resources = resources_of(load_settings())
    assert {name: (word.terms, word.statement) for name, word in resources.attestations} == {
        "svd-1.1": ("0a1b2c3d", "Jane Doe"),
        "ltx": ("12345678", "Joe"),
    }
    assert hash(resources)


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        (
            {"terms": "12345678", "statement": "  "},
            "'attestations.svd.statement': String should have at least 1",
        ),
        ({"terms": "12345678", "statment": "Jane"}, "'attestations.svd.statement': Field required"),
        ("yes", "'attestations.svd': "),
    ],
)
def test_an_incomplete_attestation_is_refused(monkeypatch, word, sentence):
    monkeypatch.setenv("REELMILL_ATTESTATIONS", json.dumps({"svd": word}))
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert sentence in str(refused.value)
    assert str(refused.value).endswith(". Fix REELMILL_ATTESTATIONS or reelmill.toml.")


def test_a_variable_with_invalid_json_is_refused(monkeypatch):
    monkeypatch.setenv("REELMILL_ATTESTATIONS", "not JSON")
    with pytest.raises(SettingsError, match=r"^REELMILL_ATTESTATIONS is not valid JSON\. Set it to a JSON object, for"):
        load_settings()


def test_a_path_instead_of_a_list_is_refused_with_an_example(monkeypatch):
    monkeypatch.setenv("REELMILL_MODEL_FOLDERS", "/tmp/cards")
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert str(refused.value) == (
        "REELMILL_MODEL_FOLDERS is not valid JSON. Set it to a JSON list, for example "
        "REELMILL_MODEL_FOLDERS='[\"/path/cards\"]'. docs/settings.md explains it."
    )


@pytest.mark.parametrize("name", JSON_EXAMPLES)
def test_the_examples_in_messages_are_accepted(monkeypatch, name):
    monkeypatch.setenv(f"REELMILL_{name.upper()}", JSON_EXAMPLES[name])
    assert getattr(load_settings(), name)


def test_each_variable_with_json_has_an_example():
    containers = [name for name, field in Settings.model_fields.items() if field.default_factory or field.default == ()]
    assert sorted(JSON_EXAMPLES) == sorted(containers)
