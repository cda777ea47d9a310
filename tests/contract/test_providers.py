"""Every wire format against every word, body and error row of its provider's contract."""

import json
import math
from decimal import Decimal

import pytest
from hosted_requests import FIRST, LAST, answer, has_null, job_of, request_of
from hypothesis import given
from hypothesis import strategies as st
from vendor_contract import CONTRACT_OF, VendorContract, code_of, contract_names, filled, load_contract, put

from manifests.hosted.job import Accepted, Cause, Finding, JobStatus, Progress, Refused, Unclear
from manifests.hosted.wire import Answer, Wire
from models.hosted import FORMATS, format_of
from models.hosted.wire_format import JobRef, WireFormat
from models.hosted_card import HostedCard
from models.registry import hosted_cards, load_cards

CARDS = [card for card in hosted_cards(load_cards()).values() if card.protocol in FORMATS]
ACCOUNT = {"project": "p", "location": "us-central1", "bucket": "b"}
CLASSES = {
    "waiting": Progress.WAITING,
    "running": Progress.RUNNING,
    "done": Progress.DONE,
    "failed": Progress.FAILED,
    "cancelled": Progress.CANCELLED,
    "expired": Progress.FAILED,
    "gone": Progress.GONE,
    "refused": Progress.FAILED,
}
ENDS_JOB = {"gone": Progress.GONE, "not_found": Progress.GONE, "cancelled": Progress.CANCELLED}


def card_of(protocol: str) -> HostedCard:
    return next(card for card in CARDS if card.protocol == protocol and not card.needs_first_frame)


def job(protocol: str) -> JobRef:
    """Return a job that the provider took with the contract's example."""
    card, contract = card_of(protocol), load_contract(protocol)
    taken = format_of(card).read_submit(
        request_of(card, account=ACCOUNT), answer(examples_of(contract, card)["submit"])
    )
    assert isinstance(taken, Accepted)
    return job_of(card, taken.vendor_ref, links=taken.links, account=ACCOUNT)


def examples_of(contract: VendorContract, card: HostedCard) -> dict:
    """Return the example bodies, with the card's address for BASE and an address of a file for each example's."""
    text = json.dumps(contract.examples).replace("BASE", card.base_url).replace("gs://b/", "gs://bucket/")
    return filled(json.loads(text), {}, f"{card.base_url}/v1beta/files/f1")


def status_of(wires: WireFormat, at: JobRef, reply: Answer, result: dict) -> JobStatus:
    """Return the status in an answer, after the request for the result if the protocol has one."""
    found = wires.read_poll(at, reply)
    if isinstance(found, Wire):
        assert found.url.startswith(at.base_url)
        found = wires.read_poll(at, answer(result))
    assert isinstance(found, JobStatus)
    return found


def rows(*, at_job: bool) -> list:
    found = []
    for protocol in FORMATS:
        for row in load_contract(protocol).error_rows:
            if row.get("at") != "state" and (row.get("at") == "job") == at_job:
                name = f"{protocol}-{row.get('http', 'job')}-{row.get('code', 'any')}"
                found.append(pytest.param(protocol, row, id=name))
    return found


BODIES = [
    pytest.param(protocol, name, id=f"{protocol}-{name}")
    for protocol in FORMATS
    for name in load_contract(protocol).poll_bodies
]
WORDS = [
    pytest.param(protocol, word, id=f"{protocol}-{word}")
    for protocol in FORMATS
    for word in load_contract(protocol).states
    if word not in load_contract(protocol).poll_bodies
]
ERRORS = [
    pytest.param(protocol, index, id=f"{protocol}-{example['http']}-{index}")
    for protocol in FORMATS
    for index, example in enumerate(load_contract(protocol).examples["errors"])
]


def test_every_contract_has_a_wire_format_and_a_card():
    assert sorted(CONTRACT_OF.get(protocol, protocol) for protocol in FORMATS) == contract_names()
    assert {card.protocol for card in CARDS} == set(FORMATS)


@pytest.mark.parametrize("protocol", FORMATS)
def test_the_example_of_a_submission_is_accepted(protocol):
    found = job(protocol)
    value = load_contract(protocol).examples["submit"]
    for step in load_contract(protocol).facts["submit"]["ref_at"].split("."):
        value = value[step]
    assert found.vendor_ref == value


@pytest.mark.parametrize(("protocol", "name"), BODIES)
def test_an_example_of_a_poll_means_what_the_contract_says(protocol, name):
    contract, at = load_contract(protocol), job(protocol)
    examples = examples_of(contract, at.card)
    result = examples.get("result") or {"name": "files/f1", "state": "ACTIVE"}
    reply = answer((examples["poll"] | examples.get("poll_extra", {}))[name])
    status = status_of(format_of(at.card), at, reply, result)
    assert status.progress is CLASSES[contract.states.get(name, name)]
    if status.progress is Progress.DONE:
        assert status.file.url or status.file.content
        assert status.failure is None
    else:
        assert status.file is None
        assert (status.failure is None) == (status.progress in (Progress.WAITING, Progress.RUNNING))


@pytest.mark.parametrize(("protocol", "word"), WORDS)
def test_a_word_without_an_example_means_what_the_contract_says(protocol, word):
    contract, at = load_contract(protocol), job(protocol)
    status = format_of(at.card).read_poll(at, answer(with_word(contract, False if word == "false" else word)))
    assert status.progress is CLASSES[contract.states[word]]


@pytest.mark.parametrize("protocol", FORMATS)
def test_a_word_that_nobody_knows_is_unknown_and_kept(protocol):
    at = job(protocol)
    status = format_of(at.card).read_poll(at, answer(with_word(load_contract(protocol), "melting")))
    assert (status.progress, status.word, status.file) == (Progress.UNKNOWN, "melting", None)


def with_word(contract: VendorContract, word: object) -> dict:
    body: dict = {"id": "x"}
    poll = contract.facts["poll"]
    put(body, ".".join(filter(None, (poll.get("item_at", ""), poll["state_at"]))), word)
    return {"code": 0, **body} if contract.name == "kling" else body


@pytest.mark.parametrize(("protocol", "row"), rows(at_job=False))
def test_an_error_row_means_what_the_contract_says(protocol, row):
    at, contract = job(protocol), load_contract(protocol)
    wires, reply = format_of(at.card), answer(contract.error_body(row), row["http"], retry_after="7")
    ends = ENDS_JOB.get(row["class"])
    if ends and row.get("at") != "submit":
        status = wires.read_poll(at, reply)
        assert (status.progress, status.failure.may_retry) == (ends, row["resubmit"] == "wait")
        assert isinstance(wires.read_submit(request_of(at.card, account=ACCOUNT), reply), Refused)
        return
    assert meaning(wires.read_submit(request_of(at.card, account=ACCOUNT), reply)) == expected(row)


def meaning(found: Accepted | Refused | Unclear) -> tuple:
    return (found.cause, found.may_retry) if isinstance(found, Refused) else (type(found),)


def expected(row: dict) -> tuple:
    return (Unclear,) if row["resubmit"] == "uncertain" else (Cause(row["class"]), row["resubmit"] == "wait")


@pytest.mark.parametrize(("protocol", "row"), rows(at_job=True))
def test_an_error_row_of_jobs_means_what_the_contract_says(protocol, row):
    at, contract = job(protocol), load_contract(protocol)
    body = with_word(contract, contract.word_of("failed"))
    put(body, contract.facts["errors"]["shape"]["job_code_at"], code_of(row["code"]))
    status = format_of(at.card).read_poll(at, answer(body))
    assert status.progress is Progress.FAILED
    assert meaning(status.failure) == expected(row)


@pytest.mark.parametrize(("protocol", "index"), ERRORS)
def test_an_example_of_an_error_means_what_its_row_says(protocol, index):
    at, contract = job(protocol), load_contract(protocol)
    example = contract.examples["errors"][index]
    found = format_of(at.card).read_poll(at, answer(example["body"], example["http"]))
    assert isinstance(found, JobStatus)
    assert found.progress is not Progress.DONE
    code = json.dumps(example["body"])
    same = [row for row in contract.error_rows if row.get("http") == example["http"]]
    row = next((row for row in same if "code" in row and f"{row['code']}".strip("*") in code), same[0])
    if ENDS_JOB.get(row["class"]) is None:
        submitted = format_of(at.card).read_submit(
            request_of(at.card, account=ACCOUNT), answer(example["body"], example["http"])
        )
        assert meaning(submitted) == expected(row)


@pytest.mark.parametrize("protocol", FORMATS)
@pytest.mark.parametrize("status", [408, 409, 500, 502, 504, 599, 301, 302, 307])
def test_an_answer_that_shows_nothing_is_unclear_for_a_submission_and_unknown_for_a_poll(protocol, status):
    at = job(protocol)
    for body in (b"", b"<html>", b"{}"):
        assert isinstance(
            format_of(at.card).read_submit(request_of(at.card, account=ACCOUNT), answer(body, status)), Unclear
        )
        assert format_of(at.card).read_poll(at, answer(body, status)).progress is Progress.UNKNOWN


@pytest.mark.parametrize("protocol", FORMATS)
def test_half_of_a_submissions_answer_is_unclear(protocol):
    at = job(protocol)
    whole = json.dumps(load_contract(protocol).examples["submit"]).encode()
    for body in (b"", whole[: len(whole) // 2], b"null", b"[]", b"\xff\xfe", b"[" * 100_000, b"9" * 10_000):
        assert isinstance(format_of(at.card).read_submit(request_of(at.card, account=ACCOUNT), answer(body)), Unclear)


@pytest.mark.parametrize("protocol", FORMATS)
@pytest.mark.parametrize("bad", ["", "..", ".", "a\nb", "a\0b", "x" * 301, True, None, 1.5, [], {}, "\ud800"])
def test_a_reference_that_cannot_be_one_is_unclear(protocol, bad):
    at, contract = job(protocol), load_contract(protocol)
    body = json.loads(json.dumps(contract.examples["submit"]))
    put(body, contract.facts["submit"]["ref_at"], bad)
    assert isinstance(format_of(at.card).read_submit(request_of(at.card, account=ACCOUNT), answer(body)), Unclear)


@pytest.mark.parametrize("protocol", FORMATS)
def test_a_reference_stays_within_its_place_in_the_address(protocol):
    at = job(protocol)._replace(links={}, vendor_ref="a/../b?c=d#e")
    wire = format_of(at.card).poll(at)
    assert wire.url.startswith(at.base_url)
    assert "/../" not in wire.url
    assert "#" not in wire.url


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_a_request_has_no_nulls_and_nothing_that_the_card_does_not_take(card):
    frames = {"first_frame": FIRST} if card.needs_first_frame else {}
    if "last_frame" in card.accepts:
        frames["last_frame"] = LAST
    wire = format_of(card).submit(request_of(card, account=ACCOUNT, **frames))
    sent = json.dumps(wire.json) + " ".join(part.name for part in wire.parts)
    assert (wire.method, wire.sends_key) == ("POST", True)
    assert wire.url.startswith(card.base_url)
    assert wire.json is None or not has_null(wire.json)
    assert ("seed" in sent.replace("seedance", "")) == card.takes_seed
    assert ("negative" in sent) == card.supports_negative_prompt
    assert "a red ball" in sent or any(part.content == b"a red ball" for part in wire.parts)


def sound_in(wire: Wire) -> object:
    return json.dumps(wire.json), [(part.name, part.content) for part in wire.parts]


@pytest.mark.parametrize("card", [card for card in CARDS if card.audio == "switch"], ids=lambda card: card.name)
def test_the_sound_switch_changes_the_request(card):
    frames = {"first_frame": FIRST} if card.needs_first_frame else {}
    wires = format_of(card)
    requests = [
        wires.submit(request_of(card.model_copy(update={"sound": sound}), account=ACCOUNT, **frames))
        for sound in (True, False)
    ]
    assert sound_in(requests[0]) != sound_in(requests[1])


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["id", "0", 10**400, "1e999999999"]),
)
WORDS_IN_BODIES = """
id status state output data error errors code message url result outputs steps response videos billing usage cost
credits duration SR progress task_status task_id jobId name done request_id status_url amount currency charge_type
items type content video uri tokens failureCode failure_code external_id safety_identifier
"""
NAMES = st.sampled_from(WORDS_IN_BODIES.split())
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5), max_leaves=12
)
RAW = st.binary(max_size=80)
HEADERS = st.dictionaries(
    st.sampled_from(["retry-after", "date"]), st.text(max_size=30) | st.sampled_from(["7", "-1", "nan", "1e99"])
)


@pytest.mark.parametrize("protocol", FORMATS)
@given(
    body=JSON | RAW,
    status=st.sampled_from([200, 201, 202, 204, 302, 400, 401, 404, 408, 422, 429, 451, 500, 503]),
    headers=HEADERS,
)
def test_no_answer_of_any_content_raises(protocol, body, status, headers):
    at, content = JOBS[protocol], body if isinstance(body, bytes) else json.dumps(body).encode()
    reply, wires = Answer(status, headers, content), format_of(at.card)
    taken = wires.read_submit(request_of(at.card, account=ACCOUNT), reply)
    found = wires.read_poll(at, reply)
    assert isinstance(taken, Accepted | Refused | Unclear)
    assert isinstance(found, JobStatus | Wire)
    assert isinstance(wires.read_find(at, reply), Finding)
    if isinstance(taken, Refused):
        assert taken.message.isprintable()
        assert len(taken.message) <= 500
        assert taken.retry_after_s is None or 0 <= taken.retry_after_s < math.inf
    if isinstance(found, JobStatus):
        json.dumps(dict(found.facts), allow_nan=False)
        assert found.cost is None or found.cost.micros >= 0
        assert found.share is None or 0 <= found.share <= 1


JOBS = {protocol: job(protocol) for protocol in FORMATS}


@given(mutation=st.data())
@pytest.mark.parametrize("protocol", FORMATS)
def test_an_example_with_any_value_replaced_does_not_raise(protocol, mutation):
    at, contract = JOBS[protocol], load_contract(protocol)
    body = json.loads(json.dumps(mutation.draw(st.sampled_from(list(contract.poll_bodies.values())))))
    path = mutation.draw(st.sampled_from(paths_of(body)))
    put(body, path, mutation.draw(LEAVES | JSON))
    assert isinstance(format_of(at.card).read_poll(at, answer(body)), JobStatus | Wire)


def paths_of(body: object, before: str = "") -> list[str]:
    members = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    found = [] if not before else [before]
    for name, value in members:
        found += paths_of(value, f"{before}.{name}" if before else str(name))
    return found


def test_a_cost_is_exact():
    at = JOBS["runway"]
    body = {"status": "SUCCEEDED", "output": ["https://x.example/v"], "cost": {"credits": 0.1 + 0.2}}
    status = format_of(at.card).read_poll(at, answer(body))
    assert status.cost.amount == Decimal("0.003001")  # 0.30000000000000004 credits, rounded up to a micro-unit
