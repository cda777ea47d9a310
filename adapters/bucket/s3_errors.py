"""Translate the errors of S3 stores, and recognise responses that do not come from one."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    ProxyConnectionError,
    ResponseStreamingError,
    SSLError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError
from botocore.parsers import ResponseParserError

from adapters.proxies import proxy_of
from manifests.errors import BucketError, BucketRefusedError, BucketUnreachableError
from manifests.signing_time import EITHER, TOLERANCE_S, OtherClock, clock_faults, contradiction_text, set_clock_text

OUTPUTS = {
    "PutObject": ("ETag",),
    "GetObject": ("ETag",),
    "HeadObject": ("ETag",),
    "CopyObject": ("CopyObjectResult",),
    "ListObjectsV2": ("Name", "IsTruncated", "KeyCount", "MaxKeys", "Contents"),
    "ListObjectVersions": ("Name", "IsTruncated", "MaxKeys", "Versions"),
}
"""What every S3 store returns for a successful request: at least one of these."""
SKEWED = ("RequestTimeTooSkewed", "RequestInTheFuture")
OTHER_REGION = (
    "PermanentRedirect",
    "TemporaryRedirect",
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "301",
    "307",
    "400",
)
CREDENTIALS = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "TokenRefreshRequired")
PERMANENT = (501, 505, 507, 511)
"""Server errors that do not pass: not implemented, HTTP version, no space, sign-in to the network."""
FULL = ("XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "QuotaExceeded")
_EXPECTED_REGION = re.compile(r"expecting '([a-z]{2}[a-z0-9-]+)'")
CERTIFICATE = ("CERTIFICATE_VERIFY_FAILED", "WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL")


class Store(NamedTuple):
    """The bucket that messages name, the URL of its store, and the region that requests are signed for."""

    bucket: str
    url: str
    region: str
    has_endpoint: bool

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Translate all errors of boto3."""
        try:
            with self.connection_errors():
                yield
        except ClientError as error:
            raise self.refusal(error) from error

    @contextmanager
    def connection_errors(self) -> Iterator[None]:
        """Translate the errors that are not a response of the store; ClientError passes through."""
        try:
            yield
        except (NoCredentialsError, PartialCredentialsError) as error:
            raise BucketRefusedError(
                f"No credentials were found for the bucket {self.bucket}. Set REELMILL_BUCKET_ACCESS_KEY and "
                "REELMILL_BUCKET_SECRET_KEY, or configure the AWS credential chain."
            ) from error
        except ResponseParserError as error:
            raise self.foreign("a response that is not XML") from error
        except SSLError as error:
            if any(word in str(error) for word in CERTIFICATE):
                raise self._untrusted(error) from error
            raise self._unreachable(error) from error
        except (BotoConnectionError, HTTPClientError, IncompleteReadError, ResponseStreamingError) as error:
            raise self._unreachable(error) from error
        except BotoCoreError as error:
            raise BucketError(
                f"The bucket {self.bucket} cannot be used ({_reason(error)}). Check its name, region and endpoint."
            ) from error

    def check_responses(self, events: Any) -> None:
        """Let boto3 call the checks below for each response."""
        events.register_first("needs-retry.s3", self.check_origin)
        events.register("after-call.s3", self.check_fields)

    def check_origin(self, response: Any, operation: Any, **_: Any) -> None:
        """Check that a response does not come from something else, such as the sign-in page of a network.

        boto3 would take a page with status 200 for a passing error of S3. It would take a redirect to a page for one to
        another region, ask for the region, and if that is answered with a redirect too, ask again without end.

        Raises:
            BucketRefusedError: a successful response whose body is not XML, or a redirect that is not one of S3.
        """
        if response is None:
            return
        http_response, parsed = response
        status = getattr(http_response.raw, "status", http_response.status_code)  # boto3 may have set the other to 500
        if status < 300 and operation.name != "GetObject" and _is_no_xml(http_response.content):
            raise self.foreign(f"{operation.name} was answered with HTTP status {status} and a web page")
        if 300 <= status < 400 and not _is_from_s3(error := ClientError(parsed, operation.name)):
            raise self.refusal(error)

    def check_fields(self, http_response: Any, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        """Check that a successful response has the fields of S3. boto3 calls this after each request.

        Raises:
            BucketRefusedError: it has none of them.
        """
        status, outputs = http_response.status_code, OUTPUTS.get(model.name, ())
        if status < 300 and outputs and not any(name in parsed for name in outputs):
            raise self.foreign(f"{model.name} was answered with HTTP status {status} and without the fields of S3")

    def refusal(self, error: ClientError) -> BucketRefusedError:
        """Return the error for a request that the store refused."""
        code = code_of(error)
        if code == "NoSuchBucket":
            return BucketRefusedError(
                f"The bucket {self.bucket} does not exist. Create it, or set another in --bucket."
            )
        if code in SKEWED:
            return BucketRefusedError(_clock_text(self.bucket, error))
        if code in OTHER_REGION and (region := _region_of(error)):
            return BucketRefusedError(self._region_text(region, code))
        if status_of(error) == 413 and not _is_from_s3(error):
            return BucketRefusedError(
                f"A proxy in front of the bucket {self.bucket} refused an upload as too large (HTTP status 413). Raise "
                "its limit, for example client_max_body_size of nginx."
            )
        if not _is_from_s3(error):
            return self.foreign(f"{error.operation_name} was answered with {_status_text(error)}")
        if is_condition_refused(error):
            return unconditional(self.bucket, f"it answers with {code}")
        detail = ": ".join(part for part in (code, _message_of(error)) if part)
        if status_of(error) == 507 or code in FULL:
            return BucketRefusedError(
                f"The store of the bucket {self.bucket} has no space left ({detail}). Free some space or raise the "
                "quota of the bucket, then run the command again."
            )
        if code in CREDENTIALS:
            return BucketRefusedError(
                f"The bucket {self.bucket} does not accept the credentials ({detail}). Check "
                "REELMILL_BUCKET_ACCESS_KEY and REELMILL_BUCKET_SECRET_KEY, or the AWS credential chain."
            )
        return BucketRefusedError(
            f"The bucket {self.bucket} refused the request ({detail}). "
            "Check its name, the credentials and their write permission."
        )

    def unavailable(self, error: ClientError) -> BucketUnreachableError:
        """Return the error for a request that may succeed later; a proxy also answers so if it cannot reach a host."""
        through, advice = "", "Run the command again later."
        if proxy := proxy_of(self.url):
            through = f" through the proxy {proxy}"
            advice = f"If it needs no proxy, add {urlsplit(self.url).hostname} to NO_PROXY; otherwise, run again later."
        return BucketUnreachableError(
            f"The bucket {self.bucket} is temporarily unavailable{through} ({code_of(error)}). {advice}"
        )

    def foreign(self, what: str) -> BucketRefusedError:
        """Return the error for a response that does not come from an S3 store."""
        through = f" through the proxy {proxy}" if (proxy := proxy_of(self.url)) else ""
        return BucketRefusedError(
            f"The address {self.url} of the bucket {self.bucket} is not that of an S3 store{through}: {what}. Check "
            "--endpoint or REELMILL_BUCKET_ENDPOINT. A network with a sign-in page, or a proxy, can also answer in "
            "place of the store: open the address in a browser."
        )

    def _region_text(self, region: str, code: str) -> str:
        also = " and set the endpoint of that region in REELMILL_BUCKET_ENDPOINT" if self.has_endpoint else ""
        used = "" if region == self.region else f", not in {self.region}"
        return (
            f"The bucket {self.bucket} is in the region {region}{used} ({code}). "
            f"Set REELMILL_BUCKET_REGION={region}{also}."
        )

    def _unreachable(self, error: Exception) -> BucketUnreachableError:
        proxy = proxy_of(self.url)
        if isinstance(error, ProxyConnectionError) or proxy:
            host = urlsplit(self.url).hostname
            return BucketUnreachableError(
                f"The bucket {self.bucket} does not respond through the proxy {proxy} ({_reason(error)}). Check "
                f"HTTPS_PROXY and HTTP_PROXY, or add {host} to NO_PROXY to connect to it directly, then run the "
                "command again."
            )
        return BucketUnreachableError(
            f"The bucket {self.bucket} does not respond ({_reason(error)}). "
            "Check the endpoint and the network, then run the command again."
        )

    def _untrusted(self, error: Exception) -> BucketRefusedError:
        return BucketRefusedError(
            f"No secure connection to the store of the bucket {self.bucket} is possible ({_reason(error)}). Check "
            "whether the endpoint begins with http:// or https://. If its certificate is from a private authority, set "
            "AWS_CA_BUNDLE to the authority's PEM file. A network with a sign-in page can also cause this."
        )


def unconditional(bucket: str, what: str) -> BucketRefusedError:
    """Return the error for a store without conditional writes."""
    return BucketRefusedError(
        f"The store of the bucket {bucket} does not support If-None-Match on PutObject ({what}), so a clip could be "
        "overwritten. Publish to a store that supports it, such as AWS S3, MinIO or Cloudflare R2, or to a folder."
    )


def is_condition_refused(error: ClientError) -> bool:
    """Return whether the store says that it does not know If-None-Match."""
    details = error.response.get("Error", {})
    named = " ".join(str(details.get(name, "")) for name in ("Message", "Header", "ArgumentName")).lower()
    return "if-none-match" in named and status_of(error) in (400, 405, 501)


def status_of(error: ClientError) -> int:
    """Return the HTTP status of a refused request."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def code_of(error: ClientError) -> str:
    """Return the error code of a refused request; the HTTP status if the response has no code."""
    return str(error.response.get("Error", {}).get("Code") or status_of(error) or "unknown")


def is_temporary(error: ClientError) -> bool:
    """Return whether the same request may succeed later."""
    status = status_of(error)
    if status >= 500:
        return status not in PERMANENT and code_of(error) != "NotImplemented"
    # 409: another conditional write to the same key was under way.
    return status in (409, 429) or code_of(error) in ("SlowDown", "RequestTimeout", "Throttling")


def _clock_text(bucket: str, error: ClientError) -> str:
    """Return the text for a refusal because of the time, in the words of ``WrongClockError``."""
    ahead = _store_ahead_s(error)
    if ahead is None or abs(ahead) < TOLERANCE_S:
        faults = ["it differs too much from the bucket's clock"]
    else:
        faults = clock_faults(time.time(), (), [OtherClock("the bucket's clock", ahead)])
    why = contradiction_text(time.time(), faults)
    return f"The bucket {bucket} refuses all requests ({code_of(error)}), because {why}. {set_clock_text(EITHER)}."


def _store_ahead_s(error: ClientError) -> float | None:
    """Return how many seconds the store's clock is ahead of this machine's, by its answer; None if it gives no time."""
    named = str(error.response.get("Error", {}).get("ServerTime", ""))
    header = str(error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", ""))
    with suppress(ValueError):
        return datetime.fromisoformat(named).timestamp() - time.time()
    with suppress(ValueError):
        return parsedate_to_datetime(header).timestamp() - time.time()
    return None


def _region_of(error: ClientError) -> str:
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    details = error.response.get("Error", {})
    named = _EXPECTED_REGION.search(str(details.get("Message", "")))
    return str(headers.get("x-amz-bucket-region") or details.get("Region") or (named[1] if named else ""))


def _is_from_s3(error: ClientError) -> bool:
    """Return whether a refusal has an error code of S3; responses to HEAD have no body, and so never a code."""
    if status_of(error) in (301, 302, 303, 307, 308, 407, 511):
        return bool(_region_of(error)) or not code_of(error).isdigit()
    return error.operation_name.startswith("Head") or not code_of(error).isdigit()


def _status_text(error: ClientError) -> str:
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    target = f" to {place}" if (place := headers.get("location", "").partition("?")[0]) else ""
    return f"HTTP status {status_of(error)}{target} and no S3 error code"


def _message_of(error: ClientError) -> str:
    if code_of(error).isdigit():
        return ""
    text = " ".join(str(error.response.get("Error", {}).get("Message") or "").split()).rstrip(".")
    return text if len(text) <= 200 else f"{text[:200]}…"


def _is_no_xml(body: bytes) -> bool:
    beginning = body[:512].lstrip().lower()
    return bool(beginning) and (not beginning.startswith(b"<") or beginning.startswith((b"<!doctype html", b"<html")))


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")[:300]
