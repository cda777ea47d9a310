"""The environment of children that compute: a list of what they need, so that no new secret is included."""

import re
from collections.abc import Mapping

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_NAMES = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TMP", "TEMP"),
        *("LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", "VIRTUAL_ENV"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "DO_NOT_TRACK"),
        *_PROXIES,
        *map(str.lower, _PROXIES),
    }
)
_GROUPS = re.compile(
    r"LC_|XDG_|PYTHON|"
    r"PYTORCH_|TORCH|TRITON_|CUDA|CUBLAS_|CUDNN_|NCCL_|NVIDIA_|HIP_|HSA_|ROC|MIOPEN_|"
    r"OMP_|GOMP_|KMP_|MKL_|OPENBLAS_|BLIS_|NUMEXPR_|VECLIB_|MALLOC_|MPS_|ACCELERATE_|"
    r"HF_|TRANSFORMERS_|DIFFUSERS_|TOKENIZERS_|SAFETENSORS_"
)
"""Beginnings of names: the locale, Python, and libraries that compute."""
_SECRET = re.compile(
    r"(?:^|_)(?:TOKEN|SECRET|(?:PG)?PASSWORD|PASSWD|PASSPHRASE|KEY|CREDENTIALS?|AUTHORIZATION|AUTH_STRING|"
    r"CONNECTION_URL)(?:_|$)",
    re.IGNORECASE,
)


def is_needed_to_compute(name: str) -> bool:
    """Return whether a child that computes needs this variable, if it is no secret."""
    return name in _NAMES or bool(_GROUPS.match(name))


def is_secret(name: str) -> bool:
    """Return whether the variable's name contains a word such as TOKEN, KEY or PASSWORD."""
    return bool(_SECRET.search(name))


def computing_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a child that only computes, without any secret."""
    return {name: value for name, value in environment.items() if is_needed_to_compute(name) and not is_secret(name)}
