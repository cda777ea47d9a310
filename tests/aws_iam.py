"""Two rules of AWS that moto lacks: conditions of role policies, and 403 for objects that are missing.

AWS answers a request for a missing object with 404 only if the caller may list the bucket, because a 404 says what is
not in it. Such a request has no prefix, so a permission to list that depends on the prefix does not count
(https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html).
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from moto.iam.access_control import IAMPolicy, S3IAMRequest
from moto.s3.exceptions import HeadOnDeleteMarker
from moto.s3.models import s3_backends

Values = Mapping[str, str]


def enforce(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let moto's S3 apply both rules until the end of the test."""
    monkeypatch.setattr(S3IAMRequest, "check_action_permitted", _check)


def _check(request: S3IAMRequest, resource: str) -> None:
    query = parse_qs(urlsplit(request._path).query, keep_blank_values=True)
    values = {f"s3:{name}": query[name][0] for name in ("prefix",) if name in query}
    if not _is_allowed(request, request._action, resource, values):
        request._raise_access_denied()
    bucket, _, key = resource.rpartition(":")[2].partition("/")
    is_hidden = key and request._method in ("GET", "HEAD") and not _exists(request, bucket, key)
    if is_hidden and not _is_allowed(request, "s3:ListBucket", resource.partition("/")[0], {}):
        request._raise_access_denied()


def _exists(request: S3IAMRequest, bucket: str, key: str) -> bool:
    try:
        return s3_backends[request.account_id]["aws"].head_object(bucket, key) is not None
    except HeadOnDeleteMarker:
        return False


def _is_allowed(request: S3IAMRequest, action: str, resource: str, values: Values) -> bool:
    statements = [
        statement
        for policy in request._access_key.collect_policies()
        for statement in _listed(IAMPolicy(policy)._policy_json["Statement"])
    ]
    assert all(statement["Effect"] == "Allow" for statement in statements), "only Allow is implemented here"
    return any(
        _matches(statement["Action"], action)
        and _matches(statement["Resource"], resource)
        and _holds(statement.get("Condition", {}), values)
        for statement in statements
    )


def _holds(conditions: Mapping[str, Mapping[str, Any]], values: Values) -> bool:
    """Return whether all conditions hold; one on a key that the request does not have does not."""
    assert conditions.keys() <= {"StringLike"}, "only StringLike is implemented here"
    return all(
        key in values and _matches(patterns, values[key])
        for by_key in conditions.values()
        for key, patterns in by_key.items()
    )


def _matches(patterns: Any, value: str) -> bool:
    return any(fnmatchcase(value, pattern) for pattern in _listed(patterns))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
