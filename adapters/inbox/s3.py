"""A watched prefix of an S3 bucket."""

from botocore.exceptions import ClientError

from adapters.bucket.s3 import QUICK_S, S3Bucket
from adapters.inbox.base import InboxFile

TIMEOUT_S = 20.0


class S3Inbox(S3Bucket):
    """The objects directly under a prefix. Their names are typed by people, unlike the keys that we generate."""

    def __init__(
        self,
        name: str,
        prefix: str = "",
        *,
        endpoint: str | None = None,
        region: str | None = None,
        access_key: str | None = None,
        secret_key: str | None = None,
    ) -> None:
        super().__init__(
            name,
            prefix,
            endpoint=endpoint,
            region=region,
            access_key=access_key,
            secret_key=secret_key,
            timeout_s=TIMEOUT_S,
            pauses_s=QUICK_S,
        )
        self.place = f"s3://{name}/{self._prefix}".rstrip("/")

    def list_files(self) -> list[InboxFile]:
        """Return the objects; S3 lists an object only after it is complete."""
        names = ((item["Key"].removeprefix(self._prefix), item) for item in self._objects("", Delimiter="/"))
        return [
            InboxFile(name, item["Size"], f"{item['Size']}-{item['ETag']}", None)
            for name, item in names
            if name and not name.startswith(".")
        ]

    def fetch(self, name: str, most: int) -> bytes | None:
        """Return an object's bytes."""

        def download() -> bytes:
            with self._client.get_object(Bucket=self._name, Key=self._prefix + name)["Body"] as body:
                data: bytes = body.read(most + 1)
            return data

        with self._store.errors():
            try:
                return self._send(download)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") == "NoSuchKey":
                    return None
                raise

    def write(self, name: str, data: bytes) -> None:
        """Write an object."""
        kind = "application/json" if name.endswith(".json") else "application/octet-stream"
        with self._store.errors():
            self._send(
                lambda: self._client.put_object(Bucket=self._name, Key=self._prefix + name, Body=data, ContentType=kind)
            )

    def is_own(self, name: str) -> bool:
        """Return True: objects have no owner, and everyone who can write one can also replace the sheets."""
        return True
