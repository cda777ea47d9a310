"""Create the bucket with versioning, and the account of the renderers, which can read and write only staging/.

Safe to run again: it also changes the secret key of the account. The admin API is that of Versity's gateway.
"""

import json
import os
from typing import Any
from urllib.parse import quote
from xml.etree.ElementTree import Element, SubElement, tostring

import boto3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session

EXISTS = 409


def main() -> None:
    """Create what is missing."""
    bucket, access = os.environ["BUCKET"], os.environ["RENDERER_ACCESS_KEY"]
    if access == os.environ["AWS_ACCESS_KEY_ID"]:
        raise SystemExit("S3_RENDERER_ACCESS_KEY and S3_ACCESS_KEY are the same. Choose another key for the renderers.")
    client = boto3.client("s3", endpoint_url=os.environ["ENDPOINT"])
    create_bucket(client, bucket)
    create_account(access, os.environ["RENDERER_SECRET_KEY"])
    client.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy(bucket, access)))
    print(f"The bucket {bucket} is ready.")


def create_bucket(client: Any, bucket: str) -> None:
    """Create the bucket if it does not exist, and enable versioning."""
    try:
        client.create_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
            raise
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})


def create_account(access: str, secret: str) -> None:
    """Create an account without any permission of its own, or change its secret key."""
    if send("create-user", "Account", Access=access, Secret=secret, Role="user", UserID="0", GroupID="0") == EXISTS:
        send(f"update-user?access={quote(access, safe='')}", "MutableProps", Secret=secret)


def send(path: str, name: str, **fields: str) -> int:
    """Send a signed request to the admin API; return its status."""
    body = Element(name)
    for field, value in fields.items():
        SubElement(body, field).text = value
    request = AWSRequest("PATCH", f"{os.environ['ENDPOINT']}/{path}", data=tostring(body))
    S3SigV4Auth(boto3.session.Session().get_credentials(), "s3", os.environ["AWS_DEFAULT_REGION"]).add_auth(request)
    answer = URLLib3Session(timeout=30).send(request.prepare())
    if answer.status_code >= 300 and answer.status_code != EXISTS:
        raise SystemExit(
            f"The store refused {path.partition('?')[0]} with status {answer.status_code}: {answer.text[:500]}"
        )
    return int(answer.status_code)


def policy(bucket: str, access: str) -> dict[str, Any]:
    """Return the bucket policy. The account that owns the bucket is not restricted by it."""
    arn = f"arn:aws:s3:::{bucket}"
    who = {"Effect": "Allow", "Principal": {"AWS": [access]}}
    return {
        "Version": "2012-10-17",
        "Statement": [
            {**who, "Action": ["s3:GetObject", "s3:PutObject"], "Resource": [f"{arn}/staging/*"]},
            {
                **who,
                "Action": ["s3:ListBucket"],
                "Resource": [arn],
                "Condition": {"StringLike": {"s3:prefix": "staging/*"}},
            },
        ],
    }


if __name__ == "__main__":
    main()
