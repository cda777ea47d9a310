"""Single objects of S3 buckets, by the URL that a person has written."""

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adapters.inbox.s3 import S3Inbox


class S3Objects:
    """Reads objects of any bucket that the credentials can read; threads may share it.

    Args:
        endpoint, region, access_key, secret_key: see ``open_bucket``.
    """

    def __init__(
        self,
        *,
        endpoint: str | None = None,
        region: str | None = None,
        access_key: str | None = None,
        secret_key: str | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._region = region
        self._access_key = access_key
        self._secret_key = secret_key
        self._opened: dict[str, S3Inbox] = {}
        self._opening = threading.Lock()

    def read(self, bucket: str, key: str, most: int) -> bytes | None:
        """Return an object's bytes, at most ``most`` + 1 of them; None if the object does not exist.

        Raises:
            BucketError: the object cannot be read.
        """
        return self._bucket(bucket).fetch(key, most)

    def _bucket(self, name: str) -> "S3Inbox":
        from adapters.inbox.s3 import S3Inbox  # boto3 is slow to import, and most sheets do not need it

        with self._opening:
            if name not in self._opened:
                self._opened[name] = S3Inbox(
                    name,
                    endpoint=self._endpoint,
                    region=self._region,
                    access_key=self._access_key,
                    secret_key=self._secret_key,
                )
            return self._opened[name]


def split_s3_url(url: str) -> tuple[str, str]:
    """Return the bucket and the key of ``s3://bucket/key``. The key is taken literally, also ``%``, ``?`` and ``#``.

    Raises:
        ValueError: a part is missing.
    """
    scheme, _, rest = url.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme.lower() != "s3" or not bucket or not key or key.endswith("/"):
        raise ValueError(f"{url!r} is not s3://bucket/key")
    return bucket, key
