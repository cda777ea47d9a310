"""From settings to the signer that they name."""

import pytest
import signer_sources
from credentials import Authority

from flows.settings import load_settings
from flows.wiring import wiring_of
from manifests.errors import SettingsError
from tasks.wiring import signer_of


@pytest.fixture(autouse=True)
def _alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))


def kind_of(**settings) -> str:
    with signer_of(wiring_of(load_settings(**settings))) as signer:
        return signer.describe().kind


def test_the_development_ca_by_default(tmp_path):
    assert kind_of() == "development CA"
    assert (tmp_path / "home" / "signer").is_dir()


def test_a_pem_chain_and_key(tmp_path):
    chain, key = Authority().write(tmp_path / "pem")
    assert kind_of(signer="pem", signer_chain=chain, signer_key=key) == "key file"


def test_a_key_in_kms(tmp_path, s3_endpoint, monkeypatch, request):
    opened = {}
    monkeypatch.setattr(signer_sources, "kms_key", lambda chain, key_id, **_: opened.update(chain=chain, key=key_id))
    signer_sources.kms_source(tmp_path / "kms", request, "ECC_NIST_P256")
    assert kind_of(signer="kms", signer_chain=opened["chain"], signer_kms_key=opened["key"],
                   signer_kms_endpoint=s3_endpoint, signer_kms_region="eu-central-1") == "AWS KMS"


def test_a_time_stamp_authority_is_named(tmp_path):
    with signer_of(wiring_of(load_settings(tsa_url="http://127.0.0.1:9/tsa"))) as signer:
        assert signer.describe().tsa == "http://127.0.0.1:9/tsa"


@pytest.mark.parametrize(("settings", "missing"), [
    ({"signer": "pem"}, "REELMILL_SIGNER_CHAIN"),
    ({"signer": "pem", "signer_chain": "chain.pem"}, "REELMILL_SIGNER_KEY"),
    ({"signer": "kms", "signer_chain": "chain.pem"}, "REELMILL_SIGNER_KMS_KEY"),
])
def test_a_missing_setting_is_named(settings, missing):
    with pytest.raises(SettingsError, match=missing):
        kind_of(**settings)
