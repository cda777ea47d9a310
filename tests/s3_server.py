"""Access to the moto S3 server of the tests."""

import uuid

import boto3

S3_KEYS = {"access_key": "test-access", "secret_key": "test-secret"}


def client(endpoint: str):
    """Return a plain boto3 client, to inspect the store without our own adapter."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=S3_KEYS["access_key"],
        aws_secret_access_key=S3_KEYS["secret_key"],
    )


def new_bucket(endpoint: str) -> str:
    """Create an empty bucket and return its name."""
    name = f"clips-{uuid.uuid4().hex[:16]}"
    client(endpoint).create_bucket(Bucket=name)
    return name
