"""The loopback provider itself: what it answers is read by the wire formats, and it fails and counts as planned."""

import http.client
import io
from collections.abc import Iterator
from urllib.parse import urlsplit

import av
import httpx2
import pytest
from hosted_requests import job_of, request_of, variant_of
from vendor_contract import load_contract
from vendor_server import (
    Fault,
    VendorServer,
    always,
    at_random,
    expired,
    redirect,
    retired,
    scripted,
    too_fast,
    unavailable,
)

from manifests.hosted.job import Accepted, Cause, JobStatus, Progress, Refused, Unclear
from manifests.hosted.wire import Answer, Wire
from models.hosted import FORMATS, format_of
from models.hosted.wire_format import JobRef, JobRequest
from models.hosted_card import HostedCard
from models.registry import hosted_cards, load_cards

ACCOUNT = {"project": "p", "location": "us-central1", "bucket": "bucket"}
CARDS = [card for card in hosted_cards(load_cards()).values() if not card.needs_first_frame]
BROKEN = (httpx2.HTTPError, http.client.HTTPException)


def card_of(protocol: str, vendor: VendorServer) -> HostedCard:
    card = next(card for card in CARDS if card.protocol == protocol)
    return card.model_copy(update={"base_url": vendor.base_url})


def send(wire: Wire) -> Answer:
    """Send a request without a key, retries and redirects."""
    files = [(part.name, (part.file_name or None, part.content)) for part in wire.parts] or None
    with httpx2.Client(trust_env=False, verify=False, timeout=10, follow_redirects=False) as client:
        reply = client.request(wire.method, wire.url, headers=dict(wire.headers), json=wire.json, files=files)
    return Answer(reply.status_code, {name.lower(): value for name, value in reply.headers.items()}, reply.content)


def submit(card: HostedCard, prompt: str = "a red ball", reference: str = "") -> tuple[JobRequest, Answer]:
    request = request_of(card, account=ACCOUNT, variant=variant_of(card, prompt=prompt))
    request = request._replace(reference=reference or request.reference)
    return request, send(format_of(card).submit(request))


def submitted(card: HostedCard) -> JobRef:
    request, reply = submit(card)
    taken = format_of(card).read_submit(request, reply)
    assert isinstance(taken, Accepted)
    return job_of(card, taken.vendor_ref, links=taken.links, account=ACCOUNT)


def poll(job: JobRef) -> JobStatus:
    wires, wire = format_of(job.card), format_of(job.card).poll(job)
    for _ in range(3):
        found = wires.read_poll(job, send(wire))
        if isinstance(found, JobStatus):
            return found
        wire = found
    raise AssertionError("the result leads to ever more requests")


@pytest.fixture
def kling() -> Iterator[VendorServer]:
    with VendorServer("kling") as vendor:
        yield vendor


@pytest.mark.parametrize("protocol", FORMATS)
def test_a_job_goes_from_its_submission_to_a_real_file(protocol):
    with VendorServer(protocol, polls_until_done=2) as vendor:
        job = submitted(card_of(protocol, vendor))
        first, second = poll(job), poll(job)
        assert first.progress in (Progress.WAITING, Progress.RUNNING)
        assert second.progress is Progress.DONE
        assert vendor.billed == {"a red ball": 1}
        if urlsplit(second.file.url).hostname == "127.0.0.1":  # Veo's files are in a bucket of Google
            clip = send(Wire("GET", second.file.url)).body
            with av.open(io.BytesIO(clip)) as container:
                assert sum(1 for _ in container.decode(video=0)) == 8
        else:
            assert protocol == "vertex_veo"


@pytest.mark.parametrize("protocol", FORMATS)
def test_a_job_that_fails_says_so(protocol):
    with VendorServer(protocol, ends="failed") as vendor:
        status = poll(submitted(card_of(protocol, vendor)))
        assert status.progress is Progress.FAILED
        assert status.failure is not None


@pytest.mark.parametrize("protocol", FORMATS)
def test_a_second_job_has_a_reference_and_a_file_of_its_own(protocol):
    with VendorServer(protocol) as vendor:
        card = card_of(protocol, vendor)
        wires = format_of(card)
        refs = {wires.read_submit(*submit(card, f"prompt {each}", f"{each:032x}")).vendor_ref for each in range(3)}
        assert len(refs) == 3
        assert vendor.billed == {"prompt 0": 1, "prompt 1": 1, "prompt 2": 1}


@pytest.mark.parametrize(
    ("protocol", "has_reference"),
    [(name, name in ("kling", "luma", "ark", "vertex_veo")) for name in FORMATS],
)
def test_our_reference_is_counted_where_the_protocol_has_a_place_for_it(protocol, has_reference):
    with VendorServer(protocol) as vendor:
        submitted(card_of(protocol, vendor))
        assert sum(vendor.billed_references.values()) == has_reference


@pytest.mark.parametrize("how", ["close_before", "close", "close_midway"])
def test_a_connection_that_is_closed_is_an_error_and_bills_what_was_read(how):
    with VendorServer("runway", scripted(submit=[Fault(how)])) as vendor:
        with pytest.raises(BROKEN):
            submit(card_of("runway", vendor))
        assert sum(vendor.billed.values()) == (how != "close_before")


@pytest.mark.parametrize("protocol", FORMATS)
def test_half_a_body_bills_and_is_unclear(protocol):
    with VendorServer(protocol, scripted(submit=[Fault("half_body")])) as vendor:
        card = card_of(protocol, vendor)
        assert isinstance(format_of(card).read_submit(*submit(card)), Unclear)
        assert sum(vendor.billed.values()) == 1


@pytest.mark.parametrize("takes", [True, False])
def test_a_503_bills_only_what_it_took(takes):
    with VendorServer("luma", always(submit=unavailable(takes))) as vendor:
        card = card_of("luma", vendor)
        assert isinstance(format_of(card).read_submit(*submit(card)), Unclear)
        assert sum(vendor.billed.values()) == takes


def test_a_hanging_request_ends_with_the_server():
    with VendorServer("runway", scripted(poll=[Fault("hang")])) as vendor:
        job = submitted(card_of("runway", vendor))
        with httpx2.Client(trust_env=False, timeout=0.2) as client, pytest.raises(httpx2.ReadTimeout):
            client.get(format_of(job.card).poll(job).url)
        assert vendor.await_requests("poll", 1)


@pytest.mark.parametrize("protocol", FORMATS)
def test_too_fast_is_a_refusal_with_its_wait_and_bills_nothing(protocol):
    with VendorServer(protocol, scripted(submit=[too_fast("3")])) as vendor:
        card = card_of(protocol, vendor)
        found = format_of(card).read_submit(*submit(card))
        assert isinstance(found, Refused)
        assert (found.cause in (Cause.RATE, Cause.CONCURRENCY), found.retry_after_s, found.may_retry) == (True, 3, True)
        assert not vendor.billed


@pytest.mark.parametrize("protocol", FORMATS)
def test_every_refusal_of_the_contract_can_be_asked_for(protocol):
    contract = load_contract(protocol)
    first = {row["class"]: contract.row_of(row["class"]) for row in contract.error_rows if "http" in row}
    causes = [cause for cause, row in first.items() if row["resubmit"] != "uncertain" and cause != "gone"]
    with VendorServer(protocol, scripted(submit=[Fault(refusal=cause) for cause in causes])) as vendor:
        card = card_of(protocol, vendor)
        found = [format_of(card).read_submit(*submit(card)) for _ in causes]
        assert [each.cause.value for each in found] == causes
        assert not vendor.billed


def test_a_full_account_is_refused_until_a_job_has_ended():
    with VendorServer("kling", slots=1, polls_until_done=1) as vendor:
        card = card_of("kling", vendor)
        job = submitted(card)
        refused = format_of(card).read_submit(*submit(card, reference="f" * 32))
        assert refused.cause is Cause.CONCURRENCY
        assert poll(job).progress is Progress.DONE
        assert isinstance(format_of(card).read_submit(*submit(card, reference="f" * 32)), Accepted)


def test_a_reference_that_was_used_is_refused_and_finds_its_job(kling):
    card = card_of("kling", kling)
    job = submitted(card)
    assert isinstance(format_of(card).read_submit(*submit(card)), Unclear)
    lost = job._replace(vendor_ref="")
    assert format_of(card).read_find(lost, send(format_of(card).find(lost))).accepted == Accepted(job.vendor_ref)
    other = lost._replace(reference="e" * 32)
    assert format_of(card).read_find(other, send(format_of(card).find(other))).is_absent


@pytest.mark.parametrize("protocol", ["ark", "dashscope"])
def test_a_list_contains_the_job(protocol):
    with VendorServer(protocol) as vendor:
        job = submitted(card_of(protocol, vendor))
        lost = job._replace(vendor_ref="")
        found = format_of(job.card).read_find(lost, send(format_of(job.card).find(lost)))
        if protocol == "dashscope":  # its list has nothing of ours, so that a person decides
            assert (found.accepted, found.candidates) == (None, (job.vendor_ref,))
        else:
            assert found.accepted == Accepted(job.vendor_ref)


def test_an_unknown_word_and_a_redirect_are_no_status():
    with VendorServer("runway", scripted(poll=[Fault(word="melting"), redirect(), Fault("half_body")])) as vendor:
        job = submitted(card_of("runway", vendor))
        words = [poll(job) for _ in range(3)]
        assert [status.progress for status in words] == [Progress.UNKNOWN] * 3
        assert [status.word for status in words[:2]] == ["melting", "HTTP 302"]
        assert poll(job).progress is Progress.DONE


def test_an_address_expires_and_the_next_poll_has_a_new_one():
    with VendorServer("luma", scripted(file=[expired()])) as vendor:
        job = submitted(card_of("luma", vendor))
        first = poll(job).file.url
        assert send(Wire("GET", first)).status == 403
        second = poll(job).file.url
        assert second != first
        assert send(Wire("GET", second)).status == 200


def test_an_oversized_file_has_no_length():
    with VendorServer("luma", scripted(file=[Fault("oversized")]), oversize_mb=3) as vendor:
        reply = send(Wire("GET", poll(submitted(card_of("luma", vendor))).file.url))
        assert len(reply.body) == 3 * 2**20
        assert "content-length" not in reply.headers


def test_a_retired_model_is_not_found():
    with VendorServer("runway", always(submit=retired())) as vendor:
        card = card_of("runway", vendor)
        assert format_of(card).read_submit(*submit(card)).cause is Cause.NOT_FOUND


@pytest.mark.parametrize("protocol", ["runway", "dashscope", "openai_videos"])
def test_a_cancelled_job_says_so(protocol):
    with VendorServer(protocol, polls_until_done=9) as vendor:
        job = submitted(card_of(protocol, vendor))
        assert send(format_of(job.card).cancel(job)).status == 200
        assert poll(job).progress is Progress.CANCELLED


def test_a_request_without_the_key_is_refused():
    with VendorServer("runway", key="secret") as vendor:
        card = card_of("runway", vendor)
        assert format_of(card).read_submit(*submit(card)).cause is Cause.AUTH
        wire = format_of(card).submit(request_of(card))
        reply = send(wire._replace(headers={**wire.headers, "Authorization": "Bearer secret"}))
        assert reply.status == 200


def test_random_faults_are_the_same_for_the_same_seed():
    def fails(seed: int) -> list[bool]:
        plan = at_random(seed, 0.5, submit=[unavailable()])
        return [plan("submit", None).status == 503 for _ in range(40)]

    assert fails(1) == fails(1) != fails(2)
    assert 5 < sum(fails(1)) < 35
    assert at_random(1, 1.0, submit=[unavailable()])("poll", None) == Fault()
