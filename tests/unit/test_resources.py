"""Resources that are opened from settings."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import signer_sources
from credentials import Authority

from flows.runtime.resources import resources_of
from flows.settings import load_settings
from manifests.errors import SettingsError
from models.registry import get_card
from tasks.runtime import resources as resources_module
from tasks.runtime.resources import catalogue_of, close_resources, scorer_of, signer_of


@pytest.fixture(autouse=True)
def _alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))


def kind_of(**settings) -> str:
    with signer_of(resources_of(load_settings(**settings))) as signer:
        return signer.describe().kind


def test_the_default_signer_is_the_development_ca(tmp_path):
    assert kind_of() == "development CA"
    assert (tmp_path / "home" / "signer").is_dir()


def test_a_signer_with_a_pem_chain_and_key(tmp_path):
    chain, key = Authority().write(tmp_path / "pem")
    assert kind_of(signer="pem", signer_chain=chain, signer_key=key) == "key file"


def test_a_signer_with_a_key_in_kms(tmp_path, s3_endpoint, monkeypatch, request):
    opened = {}
    monkeypatch.setattr(signer_sources, "kms_key", lambda chain, key_id, **_: opened.update(chain=chain, key=key_id))
    signer_sources.kms_source(tmp_path / "kms", request, "ECC_NIST_P256")
    assert (
        kind_of(
            signer="kms",
            signer_chain=opened["chain"],
            signer_kms_key=opened["key"],
            signer_kms_endpoint=s3_endpoint,
            signer_kms_region="eu-central-1",
        )
        == "AWS KMS"
    )


def test_the_time_stamp_authority_is_passed_to_the_signer(tmp_path):
    with signer_of(resources_of(load_settings(tsa_url="http://127.0.0.1:9/tsa"))) as signer:
        assert signer.describe().tsa == "http://127.0.0.1:9/tsa"


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        ({"signer": "pem"}, "REELMILL_SIGNER_CHAIN"),
        ({"signer": "pem", "signer_chain": "chain.pem"}, "REELMILL_SIGNER_KEY"),
        ({"signer": "kms", "signer_chain": "chain.pem"}, "REELMILL_SIGNER_KMS_KEY"),
    ],
)
def test_a_missing_setting_is_named(settings, missing):
    with pytest.raises(SettingsError, match=missing):
        kind_of(**settings)


def test_opening_a_scorer_blocks_only_callers_that_need_it(monkeypatch):
    begun, go_on, opened = threading.Event(), threading.Event(), []

    def slow(name: str, **_: object) -> object:
        opened.append(name)
        if name == "slow":
            begun.set()
            assert go_on.wait(20)
        return object()

    monkeypatch.setattr(resources_module, "open_scorer", slow)
    close_resources()
    resources = resources_of(load_settings())
    card = get_card("starter")
    with ThreadPoolExecutor(3) as pool:
        same = [pool.submit(scorer_of, resources, card.model_copy(update={"scorer": "slow"})) for _ in range(2)]
        assert begun.wait(20)
        others = pool.submit(lambda: (catalogue_of(resources), scorer_of(resources, card)))
        try:
            others.result(timeout=10)
            assert not any(future.done() for future in same)
        finally:
            go_on.set()
        first, second = (future.result(timeout=10) for future in same)
    assert first is second
    assert sorted(opened) == sorted(["slow", card.scorer])
    close_resources()
