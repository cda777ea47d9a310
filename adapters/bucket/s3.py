"""Buckets on S3 and compatible stores, with boto3."""

import base64
import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError

from adapters.bucket.base import (
    Entry,
    Head,
    checked_key,
    checked_seconds,
    file_sha256,
    file_unreadable,
    hash_differs,
    key_missing,
)
from manifests.errors import BucketError, BucketRefusedError, BucketUnreachableError, KeyTakenError

_CONFLICT_TRIES = 5
_READ_TRIES = 3
"""Attempts at the body of a response; botocore retries the request, not the body that follows."""
TRIES = 6
"""Attempts per request with botocore's backoff, 31 s of pauses at most. Callers do not retry (docs/decisions/0029)."""
CHECK_TRIES = 2
"""Attempts of ``check``, so that a wrong endpoint is reported at once."""


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
        tries: int = TRIES,
    ) -> None:
        self._name = name
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._public_url = public_url.rstrip("/") if public_url else None
        # By default, boto3 adds checksums that not every store accepts.
        config = Config(
            connect_timeout=min(5.0, timeout_s),
            read_timeout=timeout_s,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path"} if endpoint else {},
        )
        self._new_client = partial(
            boto3.session.Session().client,
            "s3",
            endpoint_url=endpoint,
            region_name=region or ("us-east-1" if endpoint else None),
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
        )
        self._config = config
        with self._our_errors():
            self._client = self._new_client(config=self._with_retries(tries))

    def put_new(self, key: str, path: Path, *, content_type: str, cache_control: str, sha256: str) -> None:
        """Upload with If-None-Match; if the key exists, compare hashes, because an earlier response may be lost."""
        full = self._full(key)
        _check_hash(path, sha256)
        for attempt in range(_CONFLICT_TRIES):
            try:
                return self._put(full, path, content_type, cache_control, sha256)
            except ClientError as error:
                status = error.response["ResponseMetadata"]["HTTPStatusCode"]
                if status == 412:
                    return self._compare(key, sha256)
                if status != 409:
                    raise self._translate(error) from error
                time.sleep(0.1 * 2**attempt)
        raise BucketUnreachableError(
            f"Conflicting writes to {key} in the bucket {self._name}. Run the command again later."
        )

    def head(self, key: str) -> Head | None:
        """Return size and hash: the checksum of the store or, if there is none, computed from the content."""
        full = self._full(key)
        with self._our_errors():
            try:
                found = self._client.head_object(Bucket=self._name, Key=full, ChecksumMode="ENABLED")
            except ClientError as error:
                if _code(error) in ("404", "NoSuchKey"):
                    return None
                raise
        return Head(found["ContentLength"], self._sha256(key, found))

    def read(self, key: str) -> bytes:
        """Return the content of an object."""
        full = self._full(key)
        for attempt in range(_READ_TRIES):
            with self._our_errors():
                try:
                    answer = self._client.get_object(Bucket=self._name, Key=full)
                    result: bytes = answer["Body"].read()
                    return result
                except ClientError as error:
                    if _code(error) == "NoSuchKey":
                        raise key_missing(key, f"the bucket {self._name}") from error
                    raise
                except (ResponseStreamingError, IncompleteReadError, ReadTimeoutError):
                    if attempt == _READ_TRIES - 1:
                        raise
        raise AssertionError("unreachable")

    def url(self, key: str) -> str:
        """Return the public URL, or else the store's URL of the object."""
        full = self._full(key)
        if self._public_url:
            return f"{self._public_url}/{full}"
        host = self._client.meta.endpoint_url
        return f"{host}/{self._name}/{full}"

    def presigned(self, key: str, seconds: int) -> str | None:
        """Return a presigned GET URL, without a request to the store."""
        params = {"Bucket": self._name, "Key": self._full(key)}
        with self._our_errors():
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
        full = self._full(key)
        with self._our_errors():
            versions = list(self._versions(full))
            for version in versions:
                self._client.delete_object(Bucket=self._name, Key=full, VersionId=version)
            if not versions:  # in a versioned bucket this would only add a delete marker
                self._client.delete_object(Bucket=self._name, Key=full)

    def _versions(self, full: str) -> Iterator[str]:
        """Yield the version ids of a key (``null`` if it predates versioning); nothing without support by the store."""
        pages = self._client.get_paginator("list_object_versions")
        try:
            for page in pages.paginate(Bucket=self._name, Prefix=full):
                for item in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]:
                    if item["Key"] == full:
                        yield item["VersionId"]
        except ClientError as error:
            if _code(error) not in ("NotImplemented", "MethodNotAllowed"):
                raise

    def list(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys with a prefix, sorted."""
        return (item["Key"].removeprefix(self._prefix) for item in self._items(prefix))

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        """Yield the objects of the listing, without the empty objects that represent folders."""
        for item in self._items(prefix):
            if not item["Key"].endswith("/"):
                yield Entry(item["Key"].removeprefix(self._prefix), item["Size"], item["LastModified"].timestamp())

    def _items(self, prefix: str) -> Iterator[dict[str, Any]]:
        pages = self._client.get_paginator("list_objects_v2")
        with self._our_errors():
            for page in pages.paginate(Bucket=self._name, Prefix=self._prefix + prefix):
                yield from page.get("Contents", ())

    def move(self, key: str, new_key: str) -> bool:
        """Copy within the store, compare hashes, then delete the old object; a versioned bucket keeps its versions."""
        found = self.head(key)
        if found is None or not self._copy(self._full(key), self._full(new_key)):
            return False
        self._compare(new_key, found.sha256)
        with self._our_errors():
            self._client.delete_object(Bucket=self._name, Key=self._full(key))
        return True

    def _copy(self, full: str, new: str) -> bool:
        """Copy unless the target exists; the caller compares it. Return False if the source does not exist."""
        with self._our_errors():
            try:
                if self._absent(new):
                    self._client.copy_object(
                        Bucket=self._name,
                        Key=new,
                        CopySource={"Bucket": self._name, "Key": full},
                        IfNoneMatch="*",
                        ChecksumAlgorithm="SHA256",
                    )
            except ClientError as error:
                if _code(error) in ("NoSuchKey", "404"):
                    return False
                if error.response["ResponseMetadata"]["HTTPStatusCode"] != 412:
                    raise
        return True

    def _absent(self, full: str) -> bool:
        """Return whether an object does not exist; needed because not every store supports conditional copies."""
        try:
            self._client.head_object(Bucket=self._name, Key=full)
        except ClientError as error:
            if _code(error) not in ("404", "NoSuchKey"):
                raise
            return True
        return False

    def check(self) -> str:
        """Start and abort a multipart upload: this needs the permission to write and leaves nothing behind."""
        key = f"{self._prefix}reelmill-check"
        with self._our_errors():
            client = self._new_client(config=self._with_retries(CHECK_TRIES))
            upload = client.create_multipart_upload(Bucket=self._name, Key=key)
            with suppress(ClientError):  # aborting needs a separate permission, which publishing does not need
                client.abort_multipart_upload(Bucket=self._name, Key=key, UploadId=upload["UploadId"])
        return f"The bucket {self._name} is writable."

    def _with_retries(self, tries: int) -> Config:
        # The mode "standard" gives up within a second, which is too soon for a store that restarts.
        return self._config.merge(Config(retries={"mode": "legacy", "total_max_attempts": tries}))

    def _full(self, key: str) -> str:
        return self._prefix + checked_key(key)

    def _put(self, full: str, path: Path, content_type: str, cache_control: str, sha256: str) -> None:
        with self._connection_errors(), path.open("rb") as body:
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

    @contextmanager
    def _our_errors(self) -> Iterator[None]:
        try:
            with self._connection_errors():
                yield
        except ClientError as error:
            raise self._translate(error) from error

    @contextmanager
    def _connection_errors(self) -> Iterator[None]:
        try:
            yield
        except (NoCredentialsError, PartialCredentialsError) as error:
            raise BucketRefusedError(
                f"No credentials were found for the bucket {self._name}. Set REELMILL_BUCKET_ACCESS_KEY and "
                "REELMILL_BUCKET_SECRET_KEY, or configure the AWS credential chain."
            ) from error
        except (BotoConnectionError, HTTPClientError, IncompleteReadError) as error:
            raise BucketUnreachableError(
                f"The bucket {self._name} does not respond ({_reason(error)}). "
                "Check the endpoint and the network, then run the command again."
            ) from error
        except BotoCoreError as error:
            raise BucketError(
                f"The bucket {self._name} cannot be used ({_reason(error)}). Check its name, region and endpoint."
            ) from error

    def _translate(self, error: ClientError) -> BucketError:
        status, code = error.response["ResponseMetadata"]["HTTPStatusCode"], _code(error)
        if code == "NoSuchBucket":
            return BucketRefusedError(f"The bucket {self._name} does not exist. Create it, or set another in --bucket.")
        if status >= 500 or status == 409 or code in ("SlowDown", "RequestTimeout", "Throttling"):
            return BucketUnreachableError(
                f"The bucket {self._name} is temporarily unavailable ({code}). Run the command again later."
            )
        return BucketRefusedError(
            f"The bucket {self._name} refused the request ({code}). "
            "Check its name, the credentials and their write permission."
        )


def _check_hash(path: Path, sha256: str) -> None:
    try:
        actual = file_sha256(path)
    except OSError as error:
        raise file_unreadable(path, error) from error
    if actual != sha256:
        raise hash_differs(path)


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "unknown"))


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".")
