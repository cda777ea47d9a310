"""Veo on Vertex AI: requests, operations and files in buckets."""

import pytest
from hosted_requests import FIRST, LAST, REFERENCE, answer, hosted_card, job_of, request_of

from manifests.errors import CardRuleError
from manifests.hosted.job import Accepted, Cause, Finding, Progress, Refused, ResultFile
from manifests.hosted.wire import Wire
from models.hosted import format_of

CARD = hosted_card("vertex-veo-3.1")
VEO = format_of(CARD)
ACCOUNT = {"project": "my-project", "bucket": "gs://clips/ads/"}
MODEL = "/v1beta1/projects/my-project/locations/us-central1/publishers/google/models/veo-3.1-generate-001"
HOST = "https://us-central1-aiplatform.googleapis.com"
STORED = "https://storage.googleapis.com"


def done(**response: object) -> dict:
    return {"name": "o1", "done": True, "response": response}


def test_a_prediction_writes_to_the_bucket_under_our_reference():
    wire = VEO.submit(request_of(CARD, account=ACCOUNT))
    assert wire == Wire(
        "POST",
        f"{HOST}{MODEL}:predictLongRunning",
        json={
            "instances": [{"prompt": "a red ball"}],
            "parameters": {
                "aspectRatio": "16:9",
                "resolution": "720p",
                "durationSeconds": 4,
                "sampleCount": 1,
                "seed": 7,
                "negativePrompt": "blur",
                "generateAudio": True,
                "storageUri": f"gs://clips/ads/{REFERENCE}",
            },
        },
    )
    assert VEO.key_rule.token == "google"


def test_first_and_last_frame_and_no_bucket():
    card = hosted_card("vertex-veo-3.1-i2v")
    body = VEO.submit(request_of(card, account={"project": "p"}, first_frame=FIRST, last_frame=LAST)).json
    assert body["instances"] == [
        {
            "prompt": "a red ball",
            "image": {"bytesBase64Encoded": "Zmlyc3Q=", "mimeType": "image/png"},
            "lastFrame": {"bytesBase64Encoded": "bGFzdA==", "mimeType": "image/jpeg"},
        }
    ]
    assert "storageUri" not in body["parameters"]


def test_another_location_has_its_own_host_but_another_base_address_stays():
    there = request_of(CARD, account={"project": "p", "location": "europe-west4"})
    url = VEO.submit(there).url
    assert url.startswith("https://europe-west4-aiplatform.googleapis.com/v1beta1/projects/p/locations/europe-west4/")
    assert VEO.submit(there._replace(base_url="http://127.0.0.1:9")).url.startswith("http://127.0.0.1:9/v1beta1/")


def test_without_a_project_there_is_no_request():
    with pytest.raises(CardRuleError, match="Set REELMILL_PROVIDER_VERTEX_PROJECT"):
        VEO.submit(request_of(CARD))


def test_answers_to_a_submission():
    request = request_of(CARD, account=ACCOUNT)
    assert VEO.read_submit(request, answer({"name": "projects/p/operations/o1"})) == Accepted(
        "projects/p/operations/o1"
    )
    gone = answer({"error": {"code": 404, "message": "no model", "status": "NOT_FOUND"}}, 404)
    assert VEO.read_submit(request, gone) == Refused(Cause.GONE, "404", "no model")
    stale = VEO.read_submit(request, answer({}, 401))
    assert (stale.cause, stale.may_retry) == (Cause.AUTH, True)


def test_an_operation_is_asked_by_its_name():
    assert VEO.poll(job_of(CARD, "operations/o1", account=ACCOUNT)) == Wire(
        "POST", f"{HOST}{MODEL}:fetchPredictOperation", json={"operationName": "operations/o1"}
    )


@pytest.mark.parametrize(
    ("body", "progress", "word"),
    [
        ({"name": "o1"}, Progress.RUNNING, "absent"),
        ({"name": "o1", "done": False}, Progress.RUNNING, "false"),
        ({"name": "o1", "done": "soon"}, Progress.UNKNOWN, "soon"),
        (done(videos=[]), Progress.UNKNOWN, "true, no file"),
    ],
)
def test_operations_that_have_no_result(body, progress, word):
    found = VEO.read_poll(job_of(CARD, account=ACCOUNT), answer(body))
    assert (found.progress, found.word, found.file) == (progress, word, None)


def test_a_failed_operation_and_a_filtered_clip():
    job = job_of(CARD, account=ACCOUNT)
    failed = VEO.read_poll(job, answer({"name": "o1", "done": True, "error": {"code": 13, "message": "internal"}}))
    assert (failed.progress, failed.failure) == (Progress.FAILED, Refused(Cause.VENDOR, "13", "internal"))
    filtered = VEO.read_poll(job, answer(done(raiMediaFilteredCount=1, raiMediaFilteredReasons=["a face"])))
    assert filtered.progress is Progress.FAILED
    assert filtered.failure == Refused(Cause.MODERATION, "raiMediaFiltered", "a face")


def test_the_file_is_in_the_bucket_or_in_the_answer():
    job = job_of(CARD, account=ACCOUNT)
    stored = done(raiMediaFilteredCount=0, videos=[{"gcsUri": "gs://clips/a b/sample_0.mp4"}])
    found = VEO.read_poll(job, answer(stored))
    assert found.file == ResultFile(f"{STORED}/clips/a%20b/sample_0.mp4", needs_key=True)
    inline = VEO.read_poll(job, answer(done(videos=[{"bytesBase64Encoded": "AAEC"}])))
    assert (inline.progress, inline.file) == (Progress.DONE, ResultFile(content=b"\x00\x01\x02"))


@pytest.mark.parametrize("uri", ["https://evil.example/x.mp4", "gs://evil.example:80/x", "gs://../x", 5])
def test_the_token_goes_to_buckets_only(uri):
    assert VEO.read_poll(job_of(CARD), answer(done(videos=[{"gcsUri": uri}]))).file is None


def test_a_file_under_our_reference_proves_that_the_job_was_taken():
    job = job_of(CARD, "", account=ACCOUNT)
    assert VEO.find(job) == Wire("GET", f"{STORED}/storage/v1/b/clips/o?maxResults=10&prefix=ads%2F{REFERENCE}%2F")
    name = f"ads/{REFERENCE}/123/sample_0.mp4"
    found = VEO.read_find(job, answer({"items": [{"name": "ads/other/x.mp4"}, {"name": name}]}))
    assert found == Finding(Accepted(f"gs://clips/{name}"))

    adopted = job._replace(vendor_ref=found.accepted.vendor_ref)
    assert VEO.poll(adopted).url == f"{STORED}/storage/v1/b/clips/o/ads%2F{REFERENCE}%2F123%2Fsample_0.mp4"
    status = VEO.read_poll(adopted, answer({"bucket": "clips", "name": name, "size": "5"}))
    assert (status.progress, status.file.url) == (Progress.DONE, f"{STORED}/clips/{name}")


def test_no_file_proves_nothing():
    job = job_of(CARD, "", account=ACCOUNT)
    assert VEO.read_find(job, answer({"kind": "storage#objects"})) == Finding()
    assert VEO.read_find(job, answer({}, 403)) == Finding()
    assert VEO.find(job_of(CARD, "", account={"project": "p"})) is None
