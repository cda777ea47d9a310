"""A provider's status in several requests: what the first answer says is not lost, and the last word is known."""

from hosted_requests import hosted_card, variant_of
from vendor_server import Fault, Seen, VendorServer, always

from manifests.costs.money import Money
from manifests.hosted.job import JobState, Progress
from manifests.hosted.provider_job import ProviderJob
from tasks.render.hosted.provider import Provider
from tasks.runtime.providers.provider_accounts import ProviderAccount


def job_at(vendor: VendorServer, protocol: str, **changes: object) -> ProviderJob:
    made = {"job_id": "0" * 32, "variant_id": "v", "attempt": 1, "campaign_id": "c", "run_id": "", "provider": "p"}
    times = {"state": JobState.SUBMITTED, "created_at": 1000.0, "due_at": 5000.0}
    place = {"card": "card", "protocol": protocol, "base_url": vendor.base_url, "request_digest": "d"}
    return ProviderJob(**made, **times, **place, **changes)


def test_the_tokens_of_an_interaction_are_kept_while_its_file_is_asked_for():
    card = hosted_card("gemini-omni-1.2-flash")
    with VendorServer("google_omni") as vendor:
        provider = Provider(card, ProviderAccount("gemini", "k", vendor.base_url))
        reference = vendor.take(_submission()).ref
        job = job_at(vendor, "google_omni", vendor_ref=reference)
        vendor.behaviour = always(poll=Fault(word="completed"))
        status = provider.poll(job, variant_of(card))
        assert (vendor.count("poll"), vendor.count("result")) == (1, 1)
        assert status.progress is Progress.DONE
        assert status.file.url == f"{vendor.base_url}/v1beta/files/job1:download?alt=media"
        assert status.cost == Money.of("0.34752", "USD")  # 28,960 tokens


def test_the_last_status_word_decides_whether_a_job_can_be_cancelled():
    card = hosted_card("seedance-2.5")
    with VendorServer("ark") as vendor:
        provider = Provider(card, ProviderAccount("ark", "k", vendor.base_url))
        for word, is_cancelled in (("queued", True), ("running", False)):
            ref = provider.ref_of(job_at(vendor, "ark", vendor_ref="cgt-1", word=word), variant_of(card))
            assert (provider.format.cancel(ref) is not None) == is_cancelled


def _submission() -> Seen:
    return Seen("submit", "POST", "/v1/interactions", {}, b'{"input": "a red ball", "model": "m"}')
