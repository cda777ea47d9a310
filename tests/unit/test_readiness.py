"""Whether hosted models can be used, and the sentence that says what to set."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hosted_samples import card_folder, hosted_card

from adapters.catalogue import open_catalogue
from manifests.errors import ModelError
from tasks.runtime.providers.provider_accounts import ProviderAccount
from tasks.runtime.providers.readiness import (
    ReadyState,
    pauses_of,
    problems_of,
    readiness,
    refuse_unready,
    unknown_providers,
)
from tasks.runtime.resources import BucketConfig, Resources, SignerConfig, close_resources

ACME = ProviderAccount("acme", "key-of-acme")


@pytest.fixture
def resources(tmp_path: Path):
    close_resources()
    folder = card_folder(tmp_path / "cards", {}, {"name": "other-video", "provider": "other"})
    yield Resources(
        "sqlite://", BucketConfig("bucket"), SignerConfig("none", Path()), tmp_path, model_folders=(folder,)
    )
    close_resources()


def test_a_card_with_a_key_is_ready():
    assert readiness(hosted_card(), [ACME]) == (ReadyState.READY, "")


@pytest.mark.parametrize("accounts", [[], [ProviderAccount("other", "key")], [replace(ACME, key="")]])
def test_a_card_without_a_key_names_the_variable(accounts):
    assert readiness(hosted_card(), accounts) == (
        ReadyState.NO_KEY,
        "acme-video-1 needs an API key. Set REELMILL_PROVIDER_ACME_KEY, or REELMILL_PROVIDER_ACME_KEY_FILE "
        "to a file that contains it.",
    )


def test_a_card_without_a_field_of_its_account_names_the_variable():
    card = hosted_card(account_fields=["project"])
    assert readiness(card, [ACME]) == (
        ReadyState.NO_KEY,
        "acme-video-1 needs the project of its account. Set REELMILL_PROVIDER_ACME_PROJECT.",
    )
    assert readiness(card, [replace(ACME, fields=(("project", "p-1"),))]).state == ReadyState.READY


def test_a_server_that_costs_no_money_needs_no_account_but_is_not_ready_without_one():
    card = hosted_card(costs_money=False, prices=None)
    found = readiness(card, [])
    assert found == (
        ReadyState.UNKNOWN,
        "acme-video-1 expects a server at https://api.acme.example. If it is at another address, set "
        "REELMILL_PROVIDER_ACME_URL. If it needs a key, set REELMILL_PROVIDER_ACME_KEY.",
    )
    assert found.is_usable
    for account in (ACME, ProviderAccount("acme", url="http://127.0.0.1:8700")):
        assert readiness(card, [account]) == (ReadyState.READY, "")
    assert readiness(card, [], {"acme": "by me"}).state == ReadyState.PAUSED


def test_a_run_on_a_server_without_an_account_is_not_refused(resources: Resources, tmp_path: Path):
    folder = card_folder(tmp_path / "own", {"name": "own-video", "costs_money": False, "prices": None})
    assert refuse_unready(replace(resources, model_folders=(folder,)), ["own-video"]) == []


def test_a_key_file_that_cannot_be_read_is_named():
    found = readiness(hosted_card(), [ProviderAccount("acme", problem="The key file /run/key is empty.")])
    assert found == (
        ReadyState.UNUSABLE,
        "acme-video-1 cannot be used: The key file /run/key is empty. Fix REELMILL_PROVIDER_ACME_KEY_FILE.",
    )


def test_a_retired_card_is_refused_even_with_a_key():
    found = readiness(hosted_card(retired="Acme closed it on 1 May 2026. Use runway-gen4.5."), [ACME])
    assert found == (
        ReadyState.RETIRED,
        "acme-video-1 is retired: Acme closed it on 1 May 2026. Use runway-gen4.5.",
    )


def test_the_last_day_of_a_model_still_counts():
    card = hosted_card(retires="2026-12-01")
    assert readiness(card, [ACME], today=date(2026, 12, 1)).state == ReadyState.READY
    found = readiness(card, [ACME], today=date(2026, 12, 2))
    assert found.state == ReadyState.RETIRED
    assert found.problem.startswith("acme-video-1 is retired: Acme Video 1 was retired on 1 December 2026. Use another")


@pytest.mark.parametrize(
    ("url", "is_ready"),
    [
        ("https://gpu.example", True),
        ("http://127.0.0.1:8000", True),
        ("http://[::1]:8000", True),
        ("http://localhost:8000/v1", True),
        ("http://gpu.example", False),
        ("http://10.0.0.7:8000", False),
    ],
)
def test_only_this_machine_is_reached_without_tls(url: str, is_ready: bool):
    account = replace(ACME, url=url)
    found = readiness(hosted_card(), [account])
    assert (found.state == ReadyState.READY) == is_ready
    if not is_ready:
        assert f"the connection to {url} is not encrypted" in found.problem
        assert found.problem.endswith("Set REELMILL_PROVIDER_ACME_URL to an https address.")
    assert readiness(hosted_card(plain_http=True), [account]).state == ReadyState.READY


def test_a_paused_account_names_the_reason_and_the_command():
    found = readiness(hosted_card(), [ACME], {"acme": "The account has no credits."})
    assert found == (
        ReadyState.PAUSED,
        "acme-video-1 cannot be used now, because the account of acme is paused: The account has no credits. Fix the "
        "cause, then run `reelmill providers resume acme`.",
    )


def test_a_run_is_refused_before_it_spends_anything(resources: Resources):
    with pytest.raises(ModelError, match="Set REELMILL_PROVIDER_ACME_KEY, or"):
        refuse_unready(resources, ["starter", "acme-video-1"])
    assert refuse_unready(replace(resources, providers=(ACME,)), ["starter", "acme-video-1"]) == []


def test_a_paused_account_does_not_stop_other_models(resources: Resources):
    ready = replace(resources, providers=(ACME,))
    (warning,) = refuse_unready(ready, ["starter", "acme-video-1"], {"acme": "no credits"})
    assert "the account of acme is paused: no credits." in warning
    with pytest.raises(ModelError, match="is paused"):
        refuse_unready(ready, ["acme-video-1"], {"acme": "no credits"})


def test_local_and_unknown_models_are_no_problem(resources: Resources):
    assert list(problems_of(resources, ["starter", "no-such-model"])) == []


def test_an_account_that_no_card_names_is_a_warning(resources: Resources):
    accounts = (ProviderAccount("acne", "k"), ProviderAccount("other", "k"), ProviderAccount("zzzzzz", "k"))
    near, far = unknown_providers(replace(resources, providers=accounts))
    assert near == (
        "The settings contain an account of acne, but no model card uses this provider, so the account is ignored. "
        "Did you mean acme?"
    )
    assert "The providers are acme, " in far


def test_pauses_are_those_of_the_catalogue(tmp_path: Path):
    with open_catalogue(f"sqlite:///{tmp_path}/catalogue.sqlite") as catalogue:
        catalogue.provider_accounts.pause("acme", "money", "The account has no credits.")
        catalogue.provider_accounts.slow_down("other", 3.0)
        assert pauses_of(catalogue) == {"acme": "The account has no credits."}
