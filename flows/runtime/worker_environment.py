"""The environment that the workers of a run's own Ray cluster inherit: a list, so that no new secret is included."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from flows.runtime.fan_out import shares_staging
from flows.settings import Settings
from tasks.runtime.resources import pause_opening

_SETTINGS = ("HOME", "DEVICE", "THREADS", "WEIGHTS_ROOT", "MODEL_FOLDERS", "LOG_FORMAT")
"""Settings that workers read; the driver sends the others."""
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_NAMES = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TMP", "TEMP"),
        *("LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", "VIRTUAL_ENV"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "DO_NOT_TRACK"),
        *_PROXIES,
        *map(str.lower, _PROXIES),
        *(f"REELMILL_{name}" for name in _SETTINGS),
    }
)
_GROUPS = re.compile(
    r"LC_|XDG_|PYTHON|RAY_|__RAY_|PREFECT_|PG|AWS_|"
    r"PYTORCH_|TORCH|TRITON_|CUDA|CUBLAS_|CUDNN_|NCCL_|NVIDIA_|HIP_|HSA_|ROC|MIOPEN_|"
    r"OMP_|GOMP_|KMP_|MKL_|OPENBLAS_|BLIS_|NUMEXPR_|VECLIB_|MALLOC_|MPS_|ACCELERATE_|"
    r"HF_|TRANSFORMERS_|DIFFUSERS_|TOKENIZERS_|SAFETENSORS_"
)
"""Beginnings of names: the locale, Python, Ray, Prefect's client, libpq, AWS, and libraries that compute."""
_SECRET = re.compile(
    r"(?:^|_)(?:TOKEN|SECRET|(?:PG)?PASSWORD|PASSWD|PASSPHRASE|KEY|CREDENTIALS?|AUTHORIZATION|AUTH_STRING|"
    r"CONNECTION_URL)(?:_|$)",
    re.IGNORECASE,
)
_PASSWORD = re.compile(r"[^:]+://[^:/@]*:[^/]*@")
_NEEDED = frozenset({"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING"})
"""Secrets that every worker needs: it connects to the cluster and to Prefect's server."""


def inherited_by_workers(settings: Settings, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that workers inherit.

    A renderer needs the catalogue, and with shared staging the bucket. If the driver's settings do not contain the
    credentials, libpq or boto3 read them from the environment, so workers need them too.
    """
    needed = [name for name in environment if name in _NAMES or _GROUPS.match(name)]
    return {
        name: environment[name]
        for name in needed
        if not _SECRET.search(name) or name in _NEEDED or _gives_access(name, settings)
    }


@contextmanager
def worker_environment(settings: Settings) -> Iterator[None]:
    """Start a cluster in this block: Ray's processes inherit the environment of this one.

    Meanwhile, other threads open no bucket and no signer, because boto3 would not find its credentials.
    """
    with pause_opening():
        kept = inherited_by_workers(settings, os.environ)
        hidden = {name: value for name, value in os.environ.items() if name not in kept}
        for name in hidden:
            del os.environ[name]
        try:
            yield
        finally:
            os.environ.update(hidden)


def _gives_access(name: str, settings: Settings) -> bool:
    """Return whether a secret variable is the only source of a credential that a renderer needs."""
    if name == "PGPASSWORD":
        url = settings.catalogue_url
        return url.startswith(("postgresql", "postgres:")) and not _PASSWORD.match(url)
    return name.startswith("AWS_") and shares_staging(settings) and settings.bucket_access_key is None
