"""`reelmill doctor` tests the keys of providers, and makes no request without a key."""

from dataclasses import replace
from pathlib import Path

import pytest
from hosted_samples import card_folder

from manifests.errors import ProviderError
from manifests.hosted.wire import Answer, Wire
from tasks.doctor import providers
from tasks.doctor.providers import check_others, check_provider, provider_checks, usual_variables
from tasks.runtime.providers.provider_accounts import ProviderAccount
from tasks.runtime.resources import BucketConfig, Resources, SignerConfig, cards_of, catalogue_of, close_resources

ACME = ProviderAccount("acme", "key-of-acme")
BUNDLED = "starter-openclip"
"""A scorer whose weights are part of the repository."""


class Format:
    """A wire format with a free request, or without one."""

    def __init__(self, wire: Wire | None) -> None:
        self.wire = wire

    def check_key(self, card, base_url, account) -> Wire | None:
        return self.wire


@pytest.fixture
def resources(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(providers, "format_of", lambda card: Format(Wire("GET", f"{card.base_url}/me")))
    close_resources()
    retired = {"name": "acme-video-0", "retired": "Acme closed it. Use acme-video-1."}
    folder = card_folder(tmp_path / "cards", {"scorer": BUNDLED}, {**retired, "scorer": BUNDLED})
    (tmp_path / "staging").mkdir()
    yield Resources(
        f"sqlite:///{tmp_path}/catalogue.sqlite",
        BucketConfig("bucket"),
        SignerConfig("none", Path()),
        tmp_path / "staging",
        model_folders=(folder,),
        providers=(ACME,),
    )
    close_resources()


def unasked(*_: object) -> Answer:
    raise AssertionError("no request is expected")


def answering(status: int):
    return lambda account, card, wire: Answer(status, {}, b"")


@pytest.mark.parametrize(
    ("status", "level", "words"),
    [
        (200, "ok", "Ready: acme-video-1, 1 retired. The provider accepts the key."),
        (401, "fail", "The provider refused the key (401)."),
        (403, "fail", "The provider refused the key (403)."),
        (402, "fail", "The provider accepts the key, but the account has no credit (402)."),
        (429, "warn", "The key was not tested, because https://api.acme.example responds with 429."),
        (503, "warn", "The key was not tested, because https://api.acme.example responds with 503."),
    ],
)
def test_the_answer_to_a_free_request_decides(resources, status, level, words):
    [finding] = check_provider(resources, "acme", ask=answering(status))
    assert finding.level == level
    assert words in finding.message


def test_a_provider_that_does_not_respond_is_a_warning(resources):
    def broken(*_: object) -> Answer:
        raise ProviderError("api.acme.example cannot be reached (ConnectError).")

    [finding] = check_provider(resources, "acme", ask=broken)
    assert (finding.level, finding.fix) == ("warn", "Check the network and the address.")
    assert "api.acme.example cannot be reached" in finding.message


def test_without_a_free_request_nothing_is_sent(resources, monkeypatch):
    monkeypatch.setattr(providers, "format_of", lambda card: Format(None))
    [finding] = check_provider(resources, "acme", ask=unasked)
    assert (finding.level, finding.message) == (
        "ok",
        "Ready: acme-video-1, 1 retired. A key is set. It was not tested: the provider has no free request for that.",
    )


def test_without_a_key_nothing_is_sent(resources):
    [finding] = check_provider(replace(resources, providers=()), "acme", ask=unasked)
    assert finding.level == "fail"
    assert "Set REELMILL_PROVIDER_ACME_KEY, or REELMILL_PROVIDER_ACME_KEY_FILE" in finding.message


def test_a_paused_account_is_a_warning(resources):
    catalogue_of(resources).provider_accounts.pause("acme", "money", "no credits")
    [finding] = check_provider(resources, "acme", ask=unasked)
    assert finding.level == "warn"
    assert "run `reelmill providers resume acme`" in finding.message


def test_a_paused_account_is_named_even_without_a_key(resources):
    catalogue_of(resources).provider_accounts.pause("acme", "auth", "acme refused the key.")
    finding, *_ = check_others(replace(resources, providers=()), set())
    assert (finding.level, finding.fix) == ("warn", "Fix the cause, then run `reelmill providers resume acme`.")
    assert finding.message == "acme is paused: acme refused the key."


def test_a_key_file_that_others_can_read_is_a_warning_with_a_fix(resources):
    account = replace(ACME, warning="Other users can read the key file /k. Run `chmod 600 /k`.")
    key, finding = check_provider(replace(resources, providers=(account,)), "acme", ask=answering(200))
    assert (key.level, key.message) == ("ok", "Ready: acme-video-1, 1 retired. The provider accepts the key.")
    assert (finding.level, finding.message) == ("warn", "Other users can read the key file /k.")
    assert finding.fix == "Run `chmod 600 /k`."


def test_the_fix_of_a_key_file_is_not_lost_if_the_network_fails(resources):
    def broken(*_: object) -> Answer:
        raise ProviderError("api.acme.example cannot be reached (ConnectError).")

    account = replace(ACME, warning="Other users can read the key file /k. Run `chmod 600 /k`.")
    findings = check_provider(replace(resources, providers=(account,)), "acme", ask=broken)
    assert [each.fix for each in findings] == ["Check the network and the address.", "Run `chmod 600 /k`."]


def test_the_weights_of_the_scorer_are_checked_as_a_run_checks_them(resources, tmp_path):
    folder = card_folder(tmp_path / "others", {"name": "acme-video-2", "scorer": "openclip-vit-b-32"})
    resources = replace(resources, model_folders=(folder,), weights_root=tmp_path / "none")
    key, finding = check_provider(resources, "acme", ask=answering(200))
    assert (key.level, finding.level) == ("ok", "fail")
    assert finding.message.startswith("The weights of openclip-vit-b-32 (0.6 GB) are not downloaded")
    assert "reelmill models pull openclip-vit-b-32" in finding.fix
    close_resources()
    [without] = check_provider(replace(resources, providers=()), "acme", ask=unasked)
    assert "openclip" not in without.message


def test_each_cause_has_a_line(resources, tmp_path):
    needs_project = {"name": "acme-video-3", "scorer": BUNDLED, "account_fields": ["project"]}
    folder = card_folder(tmp_path / "others", {"scorer": BUNDLED}, needs_project)
    account = replace(ACME, warning="Other users can read the key file /k. Run `chmod 600 /k`.")
    accounts = (account, ProviderAccount("acne", "key"), ProviderAccount("runwey", "key"))
    resources = replace(resources, model_folders=(folder,), providers=accounts)
    assert [(each.level, each.message) for each in check_provider(resources, "acme", ask=answering(200))] == [
        ("ok", "Ready: acme-video-1. The provider accepts the key."),
        ("warn", "Other users can read the key file /k."),
        ("warn", "acme-video-3 needs the project of its account. Set REELMILL_PROVIDER_ACME_PROJECT."),
    ]
    catalogue_of(resources).provider_accounts.pause("kling", "money", "no credits")
    findings = check_others(resources, {"acme", "acne", "runwey"}, {"FAL_KEY"})
    assert [each.level for each in findings] == ["warn", "warn", "warn", "ok", "ok"]
    starts = ["kling is paused: no credits.", "The settings contain an account of acne",
              "The settings contain an account of runwey", "FAL_KEY is set, but", "No key is set for"]  # fmt: skip
    assert [each.message[: len(start)] for each, start in zip(findings, starts, strict=True)] == starts


def test_only_accounts_and_the_default_model_are_checked(resources):
    assert list(provider_checks(resources, "starter")) == ["provider acme", "providers"]
    assert list(provider_checks(replace(resources, providers=()), "starter")) == ["providers"]
    assert "provider acme" in provider_checks(replace(resources, providers=()), "acme-video-1")


def test_the_summary_names_variables_of_other_programs(resources, monkeypatch):
    monkeypatch.setattr(providers, "USUAL_VARIABLES", {"acme": ("ACME_TOKEN", "ACME_KEY")})
    assert usual_variables({"ACME_TOKEN": "x", "ACME_KEY": "", "PATH": "/bin"}) == {"ACME_TOKEN"}
    finding, *_ = check_others(resources, set(), {"ACME_TOKEN"})
    assert finding.level == "ok"
    assert "ACME_TOKEN is set, but Reelmill reads REELMILL_PROVIDER_ACME_KEY." in finding.message
    assert "ACME_KEY is set" not in finding.message
    used, *_ = check_others(resources, {"acme"}, {"ACME_TOKEN"})
    assert "ACME_TOKEN is set, but Reelmill reads REELMILL_PROVIDER_ACME_KEY." in used.message


def test_an_account_of_an_unknown_provider_is_a_warning(resources):
    account = ProviderAccount("acne", "key")
    finding, *_ = check_others(replace(resources, providers=(account,)), {"acne"})
    assert finding.level == "warn"
    assert "Did you mean acme?" in finding.message


def test_usual_variables_are_of_providers_that_cards_name(resources):
    known = {card.provider for card in cards_of(resources).values() if hasattr(card, "provider")}
    assert set(providers.USUAL_VARIABLES) <= known
