"""Create the bucket if it does not exist, and enable versioning."""

import os

import boto3
from botocore.exceptions import ClientError

client = boto3.client("s3", endpoint_url=os.environ["ENDPOINT"])
bucket = os.environ["BUCKET"]
try:
    client.create_bucket(Bucket=bucket)
except ClientError as error:
    if error.response["Error"]["Code"] not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
        raise
client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
print(f"The bucket {bucket} is ready.")
