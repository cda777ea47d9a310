"""Buckets on S3 and compatible stores, with boto3."""

import base64
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from adapters.bucket.base import (
    CHECK_KEY,
    PIECE,
    Entry,
    Head,
    checked_key,
    checked_seconds,
    file_sha256,
    file_unreadable,
    hash_differs,
    key_missing,
)
from adapters.bucket.s3_errors import Store, code_of, is_condition_refused, is_temporary, status_of, unconditional
from adapters.proxies import check_proxy, is_loopback
from manifests.errors import BucketError, BucketRefusedError, BucketUnreachableError, KeyTakenError

PATIENT_S = (0.5, 2.0, 8.0, 20.0)
"""Pauses between the attempts of a request in the background: a store may restart meanwhile."""
QUICK_S = (0.1, 0.3)
"""The same for requests that a person waits for."""

CHECK_WRITES = 3
"""Writes of ``check`` after which a store ignores If-None-Match; the second may follow a deletion by another check."""

R = TypeVar("R")


class S3Bucket:
    """A bucket and a prefix in it. Files are uploaded in one request, so they may have up to 5 GB."""

    def __init__(
        self,
        name: str,
        prefix: str = "",
        *,
        endpoint: str | None = None,
        region: str | None = None,
        access_key: str | None = None,
        secret_key: str | None = None,
        public_url: str | None = None,
        timeout_s: float = 30.0,
        pauses_s: Sequence[float] = PATIENT_S,
    ) -> None:
        self._name = name
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._public_url = public_url.rstrip("/") if public_url else None
        self._pauses_s = pauses_s
        # By default, boto3 adds checksums that not every store accepts. Its retries end within a second, which is too
        # soon for a store that restarts; ``_send`` is the only level of retries (docs/decisions/0029).
        config = Config(
            connect_timeout=min(5.0, timeout_s),
            read_timeout=timeout_s,
            retries={"total_max_attempts": 1},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path"} if endpoint else {},
            proxies={} if endpoint and is_loopback(endpoint) else None,
        )
        self._store = Store(name, endpoint or "", region or "", bool(endpoint))
        with self._store.errors():
            self._client = _new_client(
                endpoint_url=endpoint,
                region_name=region or ("us-east-1" if endpoint else None),
                aws_access_key_id=access_key,
                aws_secret_access_key=secret_key,
                config=config,
            )
        meta = self._client.meta
        self._store = Store(name, str(meta.endpoint_url), str(meta.region_name), bool(endpoint))
        self._store.check_responses(meta.events)

    def put_new(self, key: str, path: Path, *, content_type: str, cache_control: str, sha256: str) -> None:
        """Upload with If-None-Match; if the key exists, compare hashes, because an earlier response may be lost."""
        full = self._full(key)
        _check_hash(path, sha256)

        def upload() -> None:
            with path.open("rb") as body:
                self._client.put_object(
                    Bucket=self._name,
                    Key=full,
                    Body=body,
                    IfNoneMatch="*",
                    ContentType=content_type,
                    CacheControl=cache_control,
                    Metadata={"sha256": sha256},
                    ChecksumSHA256=base64.b64encode(bytes.fromhex(sha256)).decode(),
                )

        with self._store.errors():
            try:
                self._send(upload)
            except ClientError as error:
                if status_of(error) != 412:
                    raise
                self._compare(key, sha256)

    def head(self, key: str) -> Head | None:
        """Return size and hash: the checksum of the store or, if there is none, computed from the content."""
        with self._store.errors():
            found = self._head_object(self._full(key))
            return Head(found["ContentLength"], self._sha256(key, found)) if found else None

    def _head_object(self, full: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._send(
                lambda: self._client.head_object(Bucket=self._name, Key=full, ChecksumMode="ENABLED")
            )
        except ClientError as error:
            if code_of(error) in ("404", "NoSuchKey") or self._is_hidden(full, error):
                return None
            raise
        return found

    def _is_hidden(self, full: str, error: ClientError) -> bool:
        """Return whether a request was refused with 403 because its object does not exist.

        AWS answers so, instead of with 404, if the role may not list the whole bucket. A renderer may only list below
        ``staging/``, so the listing of the key itself gives the answer; if that is refused as well, so was the request.
        """
        if status_of(error) != 403:
            return False
        try:
            page = self._send(lambda: self._client.list_objects_v2(Bucket=self._name, Prefix=full, MaxKeys=1))
        except ClientError:
            return False
        return all(item["Key"] != full for item in page.get("Contents", ()))

    def read(self, key: str) -> bytes:
        """Return the content of an object."""
        full = self._full(key)

        def download() -> bytes:
            data: bytes = self._client.get_object(Bucket=self._name, Key=full)["Body"].read()
            return data

        with self._store.errors():
            try:
                return self._send(download)
            except ClientError as error:
                if code_of(error) == "NoSuchKey" or self._is_hidden(full, error):
                    raise key_missing(key, f"the bucket {self._name}") from None
                raise

    def size(self, key: str) -> int | None:
        """Return the size that the store reports."""
        with self._store.errors():
            found = self._head_object(self._full(key))
            return int(found["ContentLength"]) if found else None

    def read_pieces(self, key: str) -> Iterator[bytes]:
        """Yield the content of one request; only the request itself is repeated if the store does not respond."""
        full = self._full(key)
        with self._store.errors():
            try:
                found = self._send(lambda: self._client.get_object(Bucket=self._name, Key=full))
            except ClientError as error:
                if code_of(error) == "NoSuchKey":
                    raise key_missing(key, f"the bucket {self._name}") from None
                raise
            with closing(found["Body"]) as body:
                while piece := body.read(PIECE):
                    yield piece

    def url(self, key: str) -> str:
        """Return the public URL, or else the store's URL of the object."""
        full = quote(self._full(key), safe="/~")  # a prefix may contain any character
        return f"{self._public_url or f'{self._store.url}/{self._name}'}/{full}"

    def presigned(self, key: str, seconds: int) -> str | None:
        """Return a presigned GET URL, without a request to the store."""
        params = {"Bucket": self._name, "Key": self._full(key)}
        with self._store.errors():
            url: str = self._client.generate_presigned_url(
                "get_object", Params=params, ExpiresIn=checked_seconds(seconds)
            )
        return url

    def local_path(self, key: str) -> Path | None:
        """Return None: objects are remote."""
        checked_key(key)
        return None

    def remove(self, key: str) -> None:
        """Delete every version of a versioned object, or else the object."""
        with self._store.errors():
            self._remove(self._full(key))

    def _remove(self, full: str) -> None:
        versions = list(self._versions(full))
        for version in versions:
            self._send(partial(self._client.delete_object, Bucket=self._name, Key=full, VersionId=version))
        if not versions:  # in a versioned bucket this would only add a delete marker
            self._send(lambda: self._client.delete_object(Bucket=self._name, Key=full))

    def _versions(self, full: str) -> Iterator[str]:
        """Yield the version ids of a key (``null`` if it predates versioning); nothing without support by the store."""
        markers: dict[str, str] = {}
        while True:
            try:
                page = self._send(lambda: self._client.list_object_versions(Bucket=self._name, Prefix=full, **markers))
            except ClientError as error:
                if code_of(error) in ("NotImplemented", "MethodNotAllowed"):
                    return
                raise
            for item in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]:
                if item["Key"] == full:
                    yield item["VersionId"]
            if not page.get("IsTruncated"):
                return
            markers.update(KeyMarker=page["NextKeyMarker"], VersionIdMarker=page["NextVersionIdMarker"])

    def list(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys with a prefix, sorted."""
        return (item["Key"].removeprefix(self._prefix) for item in self._objects(prefix))

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        """Yield the objects of the listing, without the empty objects that represent folders."""
        for item in self._objects(prefix):
            if not item["Key"].endswith("/"):
                yield Entry(item["Key"].removeprefix(self._prefix), item["Size"], item["LastModified"].timestamp())

    def _objects(self, prefix: str, **options: str) -> Iterator[dict[str, Any]]:
        """Yield the items of the listing, page by page."""
        while True:
            with self._store.errors():
                page = self._send(
                    lambda: self._client.list_objects_v2(Bucket=self._name, Prefix=self._prefix + prefix, **options)
                )
            yield from page.get("Contents", ())
            if not page.get("IsTruncated"):
                return
            options["ContinuationToken"] = page["NextContinuationToken"]

    def move(self, key: str, new_key: str) -> bool:
        """Copy within the store, compare hashes, then delete the old object; a versioned bucket keeps its versions."""
        full, new = self._full(key), self._full(new_key)
        found = self.head(key)
        with self._store.errors():
            if found is None or not self._copy(full, new):
                return False
            self._compare(new_key, found.sha256)
            self._send(lambda: self._client.delete_object(Bucket=self._name, Key=full))
        return True

    def _copy(self, full: str, new: str) -> bool:
        """Copy unless the target exists; the caller compares it. Return False if the source does not exist."""
        if self._head_object(new):  # not every store supports conditional copies
            return True
        source = {"Bucket": self._name, "Key": full}
        try:
            self._send(
                lambda: self._client.copy_object(
                    Bucket=self._name, Key=new, CopySource=source, IfNoneMatch="*", ChecksumAlgorithm="SHA256"
                )
            )
        except ClientError as error:
            if code_of(error) in ("NoSuchKey", "404") or self._is_hidden(full, error):
                return False
            if status_of(error) != 412:
                raise
        return True

    def check(self) -> str:
        """Write a test object until the store refuses to overwrite it, look it up, and delete it.

        Its key is always the same, so that at most one is left if the store does not allow to delete it.
        """
        full = f"{self._prefix}{CHECK_KEY}"
        with self._store.errors():
            is_overwritten = all(self._writes(full, number) for number in range(CHECK_WRITES))
            try:
                found = self._head_object(full)  # publishing compares objects
            finally:
                self._remove_check(full)
        if is_overwritten:
            raise unconditional(self._name, "it overwrote a test object")
        if found is None:
            raise unconditional(self._name, "it refuses a new object as if it existed")
        return f"The bucket {self._name} is writable."

    def _writes(self, full: str, number: int) -> bool:
        """Write a test object; return False if the store refuses because the key exists.

        Raises:
            BucketRefusedError: the store does not know the condition.
        """
        body = f"test {number}\n".encode()
        checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
        put = partial(self._client.put_object, Bucket=self._name, Key=full, Body=body, ChecksumSHA256=checksum)
        try:
            self._send(lambda: put(IfNoneMatch="*"))
        except ClientError as error:
            if status_of(error) == 412:
                return False
            if status_of(error) not in (400, 405, 501) or is_condition_refused(error):
                raise
            self._send(put)  # succeeds if the condition is what the store refuses; not every store names the header
            self._remove_check(full)
            raise unconditional(self._name, f"it answers with {code_of(error)}") from error
        return True

    def _remove_check(self, full: str) -> None:
        with suppress(BucketError, ClientError):  # publishing does not need this permission
            self._remove(full)

    def _send(self, request: Callable[[], R]) -> R:
        """Send one request to the bucket, and repeat it while the store does not respond.

        Raises:
            BucketUnreachableError: the last attempt failed as well.
            SettingsError: the proxy for the store cannot be used.
            ClientError: the store refused the request.
        """
        check_proxy(self._store.url)
        for pause in self._pauses_s:
            try:
                return self._attempt(request)
            except BucketUnreachableError:
                time.sleep(pause)
        return self._attempt(request)

    def _attempt(self, request: Callable[[], R]) -> R:
        try:
            with self._store.connection_errors():
                return request()
        except ClientError as error:
            if is_temporary(error):
                raise self._store.unavailable(error) from error
            raise

    def _full(self, key: str) -> str:
        return self._prefix + checked_key(key)

    def _compare(self, key: str, sha256: str) -> None:
        found = self.head(key)
        if found is None or found.sha256 != sha256:
            raise KeyTakenError(
                f"The object {key} already exists with different content in the bucket {self._name}. "
                "Publish to another prefix, or move that object away."
            )

    def _sha256(self, key: str, found: dict[str, Any]) -> str:
        checksum = found.get("ChecksumSHA256", "")
        # The checksum of a multipart upload by another program ends in -N and is not the hash of the content.
        if checksum and "-" not in checksum:
            return base64.b64decode(checksum).hex()
        return hashlib.sha256(self.read(key)).hexdigest()


def _new_client(**options: Any) -> Any:
    try:
        return boto3.session.Session().client("s3", **options)
    except ValueError as error:
        raise BucketRefusedError(
            f"Invalid endpoint {options['endpoint_url']!r}. Set --endpoint or REELMILL_BUCKET_ENDPOINT to a URL such "
            "as https://s3.example.com or http://127.0.0.1:9000."
        ) from error


def _check_hash(path: Path, sha256: str) -> None:
    try:
        actual = file_sha256(path)
    except OSError as error:
        raise file_unreadable(path, error) from error
    if actual != sha256:
        raise hash_differs(path)
