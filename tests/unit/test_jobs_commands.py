"""`reelmill jobs` and `reelmill providers`: lists, decisions of a person, and their audit entries."""

import json

import pytest
from cli_runner import reelmill
from hosted_samples import card_folder
from provider_job_samples import job_in
from rich.cells import cell_len
from sealed_catalogue import open_home

from manifests.errors import ProviderError
from manifests.hosted.job import JobState
from manifests.hosted.wire import Answer, Wire
from tasks.runtime.providers import provider_jobs
from tasks.runtime.resources import close_resources

KEY = "key-of-acme-0123456789"
ACME = "https://api.acme.example"


@pytest.fixture
def catalogue(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "80")
    cards = card_folder(tmp_path / "cards", {})
    monkeypatch.setenv("REELMILL_MODEL_FOLDERS", json.dumps([str(cards)]))
    (tmp_path / "home").mkdir()
    close_resources()
    with open_home(tmp_path / "home") as opened:
        yield opened
    close_resources()


def audited(catalogue, action: str) -> list[tuple[str, str]]:
    return [(entry.subject, entry.actor) for entry in catalogue.audit.entries() if entry.action == action]


def test_the_list_shows_what_a_person_has_to_decide(catalogue, capsys):
    uncertain = job_in(catalogue, JobState.UNCERTAIN)
    shown = reelmill(capsys, "jobs", "list").out
    assert uncertain.job_id[:12] in shown
    assert "uncertain" in shown
    assert "0.30 USD" in shown
    assert [line for line in shown.splitlines() if cell_len(line) > 80] == []
    assert "No such jobs." in reelmill(capsys, "jobs", "list", "--state", "failed").out
    listed = json.loads(reelmill(capsys, "jobs", "list", "--state", "all", "--json").out)
    assert [(job["job_id"], job["state"]) for job in listed] == [(uncertain.job_id, "uncertain")]
    assert "links" not in listed[0]


def test_the_list_names_the_provider_in_80_columns(catalogue, capsys):
    job_in(catalogue, JobState.SUBMITTED, provider="runway", card="runway-gemini-omni-flash-1.1")
    shown = reelmill(capsys, "jobs", "list", "--state", "all").out
    assert "│ runway, " in shown
    assert [line for line in shown.splitlines() if cell_len(line) > 80] == []


@pytest.mark.parametrize(("command", "words"), [("jobs", "uncertain overdue lost reserved"), ("providers", "reserved")])
def test_the_help_explains_the_terms(capsys, command, words):
    shown = reelmill(capsys, command, "--help").out
    for word in words.split():
        assert word in shown


def test_an_overdue_job_needs_a_decision(catalogue, capsys):
    job = job_in(catalogue, JobState.SUBMITTED)
    assert reelmill(capsys, "jobs", "list").out.startswith("No job needs a decision")
    catalogue.provider_jobs.polled(job.job_id, "queued", due_after_s=-1)
    assert "│ overdue" in reelmill(capsys, "jobs", "list").out
    assert job.job_id[:12] in reelmill(capsys, "jobs", "list", "--state", "overdue").out


def test_a_lost_job_is_listed_until_somebody_has_decided(catalogue, capsys):
    job = job_in(catalogue, JobState.LOST)
    assert job.job_id[:12] in reelmill(capsys, "jobs", "list").out
    shown = reelmill(capsys, "jobs", "discard", job.job_id[:10], "--billed", "--yes").out
    assert shown.startswith(f"{job.job_id} is lost (0.30 USD (estimated)).")
    assert "No job needs a decision" in reelmill(capsys, "jobs", "list").out


def test_a_person_adopts_a_lost_job_that_the_provider_has_after_all(catalogue, capsys):
    job = job_in(catalogue, JobState.LOST)
    advice = " ".join(reelmill(capsys, "jobs", "show", job.job_id).out.split())
    assert f"`reelmill jobs adopt {job.job_id[:12]} {job.vendor_ref}`" in advice
    shown = " ".join(reelmill(capsys, "jobs", "adopt", job.job_id, job.vendor_ref).out.split())
    assert f"`reelmill retry {job.campaign_id} --failed`" in shown
    assert catalogue.provider_jobs.get(job.job_id).state == JobState.SUBMITTED


def test_an_unknown_state_is_refused(catalogue, capsys):
    ended = reelmill(capsys, "jobs", "list", "--state", "odd")
    assert (ended.code, "There is no state 'odd'. Use submitting, submitted" in ended.err) == (1, True)


def test_one_job_is_shown_with_what_can_be_decided(catalogue, capsys):
    job = job_in(catalogue, JobState.UNCERTAIN)
    shown = " ".join(reelmill(capsys, "jobs", "show", job.job_id[:8]).out.split())
    assert f"Job: {job.job_id}" in shown
    assert "Cost: 0.30 USD reserved" in shown
    assert f"`reelmill jobs adopt {job.job_id[:12]} REFERENCE`" in shown
    missing = reelmill(capsys, "jobs", "show", "zz")
    assert (missing.code, "`reelmill jobs list --state all`" in " ".join(missing.err.split())) == (1, True)


def test_a_person_adopts_an_uncertain_job(catalogue, capsys):
    job = job_in(catalogue, JobState.UNCERTAIN)
    shown = reelmill(capsys, "jobs", "adopt", job.job_id[:12], "task-17").out
    assert "is submitted as task-17." in " ".join(shown.split())
    found = catalogue.provider_jobs.get(job.job_id)
    assert (found.state, found.vendor_ref) == ("submitted", "task-17")
    [(subject, actor)] = audited(catalogue, "provider job adopted")
    assert (subject, actor.startswith("person:")) == (job.job_id, True)


@pytest.mark.parametrize("reference", ["", " ", "two words", "a\x00b", "x" * 501])
def test_a_mistyped_reference_is_refused(catalogue, capsys, reference):
    job = job_in(catalogue, JobState.UNCERTAIN)
    ended = reelmill(capsys, "jobs", "adopt", job.job_id, reference)
    assert (ended.code, "The provider's reference is not valid" in " ".join(ended.err.split())) == (1, True)
    assert catalogue.provider_jobs.get(job.job_id).state == "uncertain"


def test_discarding_asks_because_a_clip_may_be_billed_twice(catalogue, capsys, monkeypatch):
    job = job_in(catalogue, JobState.UNCERTAIN)
    asked: list[str] = []
    monkeypatch.setattr("typer.confirm", lambda text, **_: bool(asked.append(text)))
    ended = reelmill(capsys, "jobs", "discard", job.job_id)
    assert (ended.code, "Nothing was changed" in ended.err) == (1, True)
    assert "(0.30 USD reserved), its clip is billed twice." in asked[0]
    assert catalogue.provider_jobs.get(job.job_id).state == "uncertain"
    assert json.loads(reelmill(capsys, "jobs", "discard", job.job_id, "--yes", "--json").out)["state"] == "cancelled"
    assert audited(catalogue, "provider job discarded")[0][0] == job.job_id


AGAIN = "To generate its clip again, run `reelmill resume CAMPAIGN`, or `reelmill retry CAMPAIGN --failed` if the clip"
REFUSED = [
    (JobState.DONE, "adopt", "is done, so it cannot be adopted. `reelmill resume CAMPAIGN` downloads its clip."),
    (JobState.FAILED, "adopt", f"has failed at runway, so it cannot be adopted. {AGAIN}"),
    (JobState.CANCELLED, "adopt", f"is already cancelled, so it cannot be adopted. {AGAIN}"),
    (JobState.REFUSED, "adopt", f"was refused by runway, so it cannot be adopted. {AGAIN}"),
    (
        JobState.SUBMITTED,
        "adopt",
        "is in progress at runway, so it cannot be adopted. `reelmill resume CAMPAIGN`",
    ),
    (JobState.FAILED, "discard", f"has failed at runway, so it cannot be discarded. {AGAIN}"),
    (JobState.CANCELLED, "discard", f"is already cancelled, so it cannot be discarded. {AGAIN}"),
    (JobState.SUBMITTED, "discard", "is in progress at runway, so it cannot be discarded. `reelmill resume CAMPAIGN`"),
    (JobState.DONE, "cancel", "is done, so it cannot be cancelled. `reelmill resume CAMPAIGN` downloads its clip."),
    (JobState.FAILED, "cancel", f"has failed at runway, so it cannot be cancelled. {AGAIN}"),
    (JobState.CANCELLED, "cancel", f"is already cancelled, so it cannot be cancelled. {AGAIN}"),
    (JobState.UNCERTAIN, "cancel", "may have been accepted, so it cannot be cancelled. If runway has it, run"),
    (JobState.LOST, "cancel", "its file is lost, so it cannot be cancelled. To close it, run `reelmill jobs discard"),
]


@pytest.mark.parametrize(("state", "decision", "sentence"), REFUSED)
def test_an_impossible_decision_is_refused_with_what_is_possible(catalogue, capsys, state, decision, sentence):
    job = job_in(catalogue, state)
    words = [decision, job.job_id, *(["task-17"] if decision == "adopt" else [])]
    ended = reelmill(capsys, "jobs", *words)  # nobody is asked to confirm it
    assert ended.code == 1
    assert sentence.replace("CAMPAIGN", job.campaign_id) in " ".join(ended.err.split())
    assert catalogue.provider_jobs.get(job.job_id) == job


def test_a_settled_job_names_the_person_who_settled_it(catalogue, capsys):
    job = job_in(catalogue, JobState.LOST)
    catalogue.provider_jobs.discard(job.job_id, "person:ann", is_billed=True)
    ended = reelmill(capsys, "jobs", "discard", job.job_id, "--billed")
    assert "was already closed by ann, so it cannot be discarded." in " ".join(ended.err.split())


def test_a_job_whose_clip_is_here_names_the_campaign(catalogue, capsys):
    job = job_in(catalogue, JobState.DONE)
    catalogue.provider_jobs.fetched(job.job_id)
    ended = reelmill(capsys, "jobs", "adopt", job.job_id, "task-17")
    assert f"Its clip is downloaded; `reelmill status {job.campaign_id}`" in " ".join(ended.err.split())


def test_discarding_a_job_in_progress_as_billed_is_possible_as_the_message_says(catalogue, capsys):
    job = job_in(catalogue, JobState.SUBMITTED)
    asked = " ".join(reelmill(capsys, "jobs", "discard", job.job_id).err.split())
    assert f"`reelmill jobs discard {job.job_id[:12]} --billed` gives it up as paid." in asked
    reelmill(capsys, "jobs", "discard", job.job_id[:12], "--billed", "--yes")
    assert catalogue.provider_jobs.get(job.job_id).state == "lost"


class Format:
    def __init__(self, wire: Wire | None) -> None:
        self.wire = wire

    def cancel(self, job) -> Wire | None:
        return self.wire


@pytest.fixture
def submitted(catalogue, monkeypatch):
    """A submitted job of the card acme-video-1."""
    monkeypatch.setenv("REELMILL_PROVIDER_ACME_KEY", KEY)
    close_resources()
    job = job_in(catalogue, JobState.SUBMITTED, provider="acme", card="acme-video-1", base_url=ACME)
    monkeypatch.setattr(provider_jobs, "format_of", lambda card: Format(Wire("DELETE", "https://api.acme.example/1")))
    return job


def test_the_key_is_not_sent_to_an_address_that_is_not_that_of_the_account(catalogue, capsys, monkeypatch, submitted):
    asked: list[Wire] = []
    monkeypatch.setattr(
        provider_jobs.cancel_at_provider, "__defaults__", (lambda account, card, wire: asked.append(wire),)
    )
    monkeypatch.setenv("REELMILL_PROVIDER_ACME_URL", "https://other.example")
    close_resources()
    ended = reelmill(capsys, "jobs", "cancel", submitted.job_id, "--yes")
    assert (ended.code, asked) == (1, [])
    assert f"was submitted to {ACME}" in " ".join(ended.err.split())
    assert audited(catalogue, "provider job cancellation") == []


def test_cancelling_asks_the_provider(catalogue, capsys, monkeypatch, submitted):
    sent: list[tuple[str, str]] = []

    def answer(account, card, wire) -> Answer:
        sent.append((account.key, wire.method))
        return Answer(204, {}, b"")

    monkeypatch.setattr(provider_jobs.cancel_at_provider, "__defaults__", (answer,))
    shown = reelmill(capsys, "jobs", "cancel", submitted.job_id[:9], "--yes").out
    assert shown.startswith(f"acme was asked to cancel {submitted.job_id}.")
    assert sent == [(KEY, "DELETE")]
    assert audited(catalogue, "provider job cancellation")[0][0] == submitted.job_id
    assert KEY not in reelmill(capsys, "jobs", "show", submitted.job_id, "--json").out


def test_a_provider_without_a_request_for_it_says_what_else_to_do(catalogue, capsys, monkeypatch, submitted):
    monkeypatch.setattr(provider_jobs, "format_of", lambda card: Format(None))
    ended = reelmill(capsys, "jobs", "cancel", submitted.job_id, "--yes")
    assert ended.code == 1
    assert "Reelmill cannot cancel jobs of acme," in " ".join(ended.err.split())
    assert audited(catalogue, "provider job cancellation") == []


def test_a_refused_cancellation_is_an_error(catalogue, submitted):
    from app.session import Session

    with pytest.raises(ProviderError, match=r"acme did not cancel the job .* \(status 409\)"):
        provider_jobs.cancel_at_provider(
            Session.open().resources, submitted, "person:me", lambda account, card, wire: Answer(409, {}, b"")
        )


def test_accounts_are_listed_with_jobs_and_money(catalogue, capsys, monkeypatch, submitted):
    shown = reelmill(capsys, "providers", "list").out
    assert [line for line in shown.splitlines() if cell_len(line) > 80] == []
    (row,) = [
        row for row in json.loads(reelmill(capsys, "providers", "list", "--json").out) if row["provider"] == "acme"
    ]
    assert (row["key"], row["state"], row["busy"], row["reserved"], row["spent"]) == (
        "set",
        "active",
        1,
        "0.30 USD",
        "–",
    )
    assert KEY not in shown


def test_an_account_is_paused_and_resumed_by_a_person(catalogue, capsys):
    assert reelmill(capsys, "providers", "resume", "acme").out == "acme was not paused.\n"
    assert reelmill(capsys, "providers", "pause", "acme", "--reason", "new contract").out.startswith("acme is paused.")
    assert reelmill(capsys, "providers", "pause", "acme").out.startswith("acme is already paused.")
    assert catalogue.provider_accounts.get("acme").paused_why == "new contract"
    assert "acme is paused: new contract" in reelmill(capsys, "providers", "list").out
    assert json.loads(reelmill(capsys, "providers", "resume", "acme", "--json").out)["changed"] is True
    assert not catalogue.provider_accounts.get("acme").is_paused
    assert [each[0] for each in audited(catalogue, "provider account paused")] == ["acme"]
    assert [each[0] for each in audited(catalogue, "provider account resumed")] == ["acme"]


def test_an_unknown_provider_is_refused_with_the_nearest_name(catalogue, capsys):
    ended = reelmill(capsys, "providers", "pause", "acne")
    assert (ended.code, ended.err.strip()) == (1, "Error: No provider is named 'acne'. Did you mean acme?")
