"""A watched prefix of an S3 bucket."""

from botocore.exceptions import ClientError

from adapters.bucket.s3 import S3Bucket
from adapters.inbox.base import InboxFile

TRIES = 2
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
            tries=TRIES,
        )
        self.place = f"s3://{name}/{self._prefix}".rstrip("/")

    def list_files(self) -> list[InboxFile]:
        """Return the objects; S3 lists an object only after it is complete."""
        pages = self._client.get_paginator("list_objects_v2")
        with self._our_errors():
            items = [
                item
                for page in pages.paginate(Bucket=self._name, Prefix=self._prefix, Delimiter="/")
                for item in page.get("Contents", ())
            ]
        names = ((item["Key"].removeprefix(self._prefix), item) for item in items)
        return [
            InboxFile(name, item["Size"], f"{item['Size']}-{item['ETag']}", None)
            for name, item in names
            if name and not name.startswith(".")
        ]

    def fetch(self, name: str, most: int) -> bytes | None:
        """Return an object's bytes."""
        with self._our_errors():
            try:
                answer = self._client.get_object(Bucket=self._name, Key=self._prefix + name)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") == "NoSuchKey":
                    return None
                raise
            with answer["Body"] as body:
                data: bytes = body.read(most + 1)
        return data

    def write(self, name: str, data: bytes) -> None:
        """Write an object."""
        kind = "application/json" if name.endswith(".json") else "application/octet-stream"
        with self._our_errors():
            self._client.put_object(Bucket=self._name, Key=self._prefix + name, Body=data, ContentType=kind)
