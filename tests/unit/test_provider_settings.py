"""Settings of provider accounts: variables, files, and that no key is shown."""

import os
from pathlib import Path

import pytest

from flows.fan_out.renderer_resources import renderer_resources
from flows.fan_out.worker_environment import inherited_by_workers
from flows.provider_settings import without_accounts
from flows.runtime.logs import secrets_of
from flows.runtime.parameters import checked_overrides
from flows.runtime.resources import resources_of
from flows.settings import Settings, load_settings
from manifests.errors import SettingsError
from tasks.runtime.logs.redacted_logs import secrets_of_resources
from tasks.runtime.logs.redaction import Redaction
from tasks.runtime.providers.provider_accounts import ProviderAccount

KEY = "key-of-runway-0123456789"


@pytest.fixture(autouse=True)
def _alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))


def accounts(**overrides) -> dict[str, ProviderAccount]:
    return {each.provider: each for each in resources_of(load_settings(**overrides)).providers}


def key_file(folder: Path, content: str = f"  {KEY}\n", mode: int = 0o600) -> Path:
    path = folder / "runway.key"
    path.write_text(content)
    path.chmod(mode)
    return path


def test_variables_set_the_account_of_a_provider(monkeypatch):
    for name, value in {
        "GOOGLE_VERTEX_KEY": f" {KEY} ",
        "GOOGLE_VERTEX_URL": "https://video.example/v1/",
        "GOOGLE_VERTEX_PROJECT": "spring",
        "GOOGLE_VERTEX_LOCATION": "europe-west1",
        "GOOGLE_VERTEX_PER_MINUTE": "7",
        "GOOGLE_VERTEX_CONCURRENCY": "3",
        "GOOGLE_VERTEX_PER_DAY": "90",
        "GOOGLE_VERTEX_BUCKET": "",
    }.items():
        monkeypatch.setenv(f"REELMILL_PROVIDER_{name}", value)
    assert accounts() == {
        "google_vertex": ProviderAccount(
            "google_vertex",
            KEY,
            "https://video.example/v1",
            (("project", "spring"), ("location", "europe-west1")),
            concurrency=3,
            per_minute=7,
            per_day=90,
        )
    }


def test_a_key_is_read_from_a_file_without_its_line_end(tmp_path, monkeypatch):
    monkeypatch.setenv("REELMILL_PROVIDER_RUNWAY_KEY_FILE", str(key_file(tmp_path)))
    assert accounts()["runway"] == ProviderAccount("runway", KEY)


def test_the_file_of_a_key_is_set_in_the_toml_file_and_replaced_by_a_variable(tmp_path, monkeypatch):
    path = key_file(tmp_path)
    (tmp_path / "reelmill.toml").write_text(f'[providers.runway]\nkey_file = "{path}"\nurl = "http://127.0.0.1:9"\n')
    assert (accounts()["runway"].key, accounts()["runway"].url) == (KEY, "http://127.0.0.1:9")
    monkeypatch.setenv("REELMILL_PROVIDER_RUNWAY_KEY", "another-key")
    assert (accounts()["runway"].key, accounts()["runway"].url) == ("another-key", "http://127.0.0.1:9")


def test_a_file_that_others_can_read_is_a_warning(tmp_path, monkeypatch):
    path = key_file(tmp_path, mode=0o640)
    monkeypatch.setenv("REELMILL_PROVIDER_RUNWAY_KEY_FILE", str(path))
    account = accounts()["runway"]
    assert account.key == KEY
    assert account.warning == f"Other users of this machine can read the key file {path}. Run `chmod 600 {path}`."


def test_the_modes_of_mounted_secrets_are_no_warning(tmp_path, monkeypatch):
    monkeypatch.setattr("flows.runtime.provider_keys.MOUNTED", (tmp_path,))
    monkeypatch.setenv("REELMILL_PROVIDER_RUNWAY_KEY_FILE", str(key_file(tmp_path, mode=0o644)))
    assert not accounts()["runway"].warning


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "The key file {} cannot be read: No such file or directory."),
        ("\n", "The key file {} is empty."),
        ("k" * 70_000, "The key file {} has more than 64,000 bytes, so it is not a key."),
    ],
)
def test_a_key_file_without_a_key_is_a_problem_of_its_account(tmp_path, monkeypatch, content, problem):
    path = tmp_path / "runway.key"
    if content is not None:
        path.write_text(content)
    monkeypatch.setenv("REELMILL_PROVIDER_RUNWAY_KEY_FILE", str(path))
    account = accounts()["runway"]
    assert (account.key, account.problem) == ("", problem.format(path))


def test_a_key_file_that_is_a_pipe_is_not_read(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setenv("REELMILL_PROVIDER_RUNWAY_KEY_FILE", str(tmp_path / "pipe"))
    assert accounts()["runway"].problem == f"The key file {tmp_path / 'pipe'} is not a regular file."


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("RUNWAY_KYE", "Did you mean REELMILL_PROVIDER_RUNWAY_KEY?"),
        ("RUNWAY_KEYFILE", "Did you mean REELMILL_PROVIDER_RUNWAY_KEY_FILE?"),
        ("RUNWAY_PER_MINUT", "Did you mean REELMILL_PROVIDER_RUNWAY_PER_MINUTE?"),
        ("RUNWAY", "After REELMILL_PROVIDER_ follow the name of a provider and one of _KEY, _KEY_FILE, _URL,"),
        ("_KEY", "After REELMILL_PROVIDER_ follow the name of a provider and one of _KEY, _KEY_FILE, _URL,"),
    ],
)
def test_a_mistyped_variable_is_refused_with_the_nearest_one(monkeypatch, name, advice):
    monkeypatch.setenv(f"REELMILL_PROVIDER_{name}", KEY)
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert str(refused.value).startswith(f"Unknown variable REELMILL_PROVIDER_{name}. {advice}")
    assert KEY not in str(refused.value)


def test_a_mistyped_field_of_the_toml_file_is_refused_with_the_nearest_one(tmp_path):
    (tmp_path / "reelmill.toml").write_text(f'[providers.runway]\nkye = "{KEY}"\n')
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert str(refused.value) == (
        "Unknown setting 'providers.runway.kye' in reelmill.toml. Did you mean 'key'? docs/settings.md lists all "
        "settings."
    )


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("URL", f"https://me:{KEY}@video.example", "Invalid setting 'providers.runway.url': it must be an address"),
        ("URL", "video.example", "Invalid setting 'providers.runway.url': it must be an address"),
        ("URL", "https://", "Invalid setting 'providers.runway.url': it must be an address"),
        ("CONCURRENCY", "0", "Invalid setting 'providers.runway.concurrency': Input should be greater than 0."),
    ],
)
def test_an_invalid_value_is_refused_without_showing_it(monkeypatch, name, value, sentence):
    monkeypatch.setenv(f"REELMILL_PROVIDER_RUNWAY_{name}", value)
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert str(refused.value).startswith(sentence)
    assert str(refused.value).endswith(f"Fix REELMILL_PROVIDER_RUNWAY_{name} or reelmill.toml.")
    assert KEY not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


def test_a_key_and_its_file_cannot_both_be_set_in_one_place(tmp_path, monkeypatch):
    monkeypatch.setenv("REELMILL_PROVIDER_RUNWAY_KEY", KEY)
    monkeypatch.setenv("REELMILL_PROVIDER_RUNWAY_KEY_FILE", str(tmp_path / "key"))
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert str(refused.value) == (
        "Invalid setting 'providers.runway': set either key or key_file, not both. Unset REELMILL_PROVIDER_RUNWAY_KEY "
        "or REELMILL_PROVIDER_RUNWAY_KEY_FILE, or fix reelmill.toml."
    )


def test_a_name_that_no_variable_can_have_is_refused(tmp_path):
    (tmp_path / "reelmill.toml").write_text('[providers."Run Way"]\nkey = "secret"\n')
    with pytest.raises(SettingsError, match="'Run Way' is not the name of a provider"):
        load_settings()


def test_no_key_is_shown_by_settings_and_resources(monkeypatch):
    monkeypatch.setenv("REELMILL_PROVIDER_RUNWAY_KEY", KEY)
    settings = load_settings()
    resources = resources_of(settings)
    for shown in (repr(settings), str(settings), settings.model_dump_json(), repr(resources)):
        assert KEY not in shown
    assert KEY not in repr(resources.providers)
    assert resources.providers[0].key == KEY


def test_workers_of_a_cluster_get_no_key(monkeypatch):
    monkeypatch.setenv("REELMILL_PROVIDER_RUNWAY_KEY", KEY)
    settings = load_settings(runner="ray")
    assert renderer_resources(settings, resources_of(settings)).providers == ()
    assert not any("PROVIDER" in name for name in inherited_by_workers(settings, os.environ))


def test_keys_are_no_parameters_of_flows():
    with pytest.raises(SettingsError, match="set REELMILL_PROVIDER_<NAME>_KEY where flows run"):
        checked_overrides({"providers": {"runway": {"key": KEY}}})


def test_keys_and_their_parts_are_redacted(tmp_path, monkeypatch):
    account = (
        '{"private_key_id": "0123456789abcdef", "private_key": "-----BEGIN-----\\nMIIabcdefgh\\n-----END-----\\n"}'
    )
    monkeypatch.setenv("REELMILL_PROVIDER_GOOGLE_KEY_FILE", str(key_file(tmp_path, account)))
    monkeypatch.setenv("REELMILL_PROVIDER_KLING_KEY", "access-of-kling:secret-of-kling")
    settings = load_settings()
    for secrets in (secrets_of(settings), secrets_of_resources(resources_of(settings))):
        redact = Redaction()
        redact.learn(secrets)
        text = redact(f"{account} MIIabcdefgh 0123456789abcdef secret-of-kling access-of-kling")
        for secret in ("MIIabcdefgh", "0123456789abcdef", "secret-of-kling", "access-of-kling"):
            assert secret not in text


@pytest.mark.parametrize(
    "address",
    [
        "https://f.example/a.mp4?X-Amz-Credential=AKSECRET&X-Amz-Expires=60&X-Amz-Signature=SECRET",
        "https://f.example/a.mp4?x-tos-signature=SECRET&x-tos-date=1",
        "https://f.example/a.mp4?Expires=17&OSSAccessKeyId=SECRET&Signature=SECRET%3D",
        "https://f.example/a.mp4?_jwt=SECRET.SECRET.SECRET",
        "https://f.example/a.mp4?se=1&sig=SECRET",
        "https://f.example/v1/models?key=SECRET",
        "https://f.example/a.mp4?auth_key=17-0-0-SECRET",
        "https://f.example/a.mp4?hdnts=exp=1~hmac=SECRET",
    ],
)
def test_signed_addresses_are_redacted(address):
    text = Redaction()(f"GET {address} failed")
    assert "SECRET" not in text
    assert text.startswith("GET https://f.example/")


def test_keys_of_providers_are_redacted_even_if_they_are_not_known():
    keys = ("AIza" + "a1_" * 11 + "xy", "key_" + "0f" * 64, "luma-" + "0f-" * 12, "sk-" + "a1" * 16)
    assert Redaction()(" ".join(keys)) == "*** *** *** ***"


def test_a_variable_of_the_environment_is_read_in_any_case(monkeypatch):
    monkeypatch.setenv("reelmill_provider_runway_key", KEY)
    assert accounts()["runway"].key == KEY


def test_settings_without_providers_have_no_accounts():
    assert Settings().providers == {}
    assert accounts() == {}


def test_the_server_of_prefect_gets_no_account():
    environment = {"REELMILL_PROVIDER_RUNWAY_KEY": KEY, "REELMILL_PROVIDERS": "{}", "REELMILL_HOME": "/h", "PATH": "/b"}
    assert without_accounts(environment) == {"REELMILL_HOME": "/h", "PATH": "/b"}
