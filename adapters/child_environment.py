"""The environment of children that compute: a list of what they need, so that no new secret is included."""

import re
from collections.abc import Mapping

_LOCALE = (
    "ALL",
    "CTYPE",
    "COLLATE",
    "MESSAGES",
    "MONETARY",
    "NUMERIC",
    "TIME",
    "ADDRESS",
    "MEASUREMENT",
    "NAME",
    "PAPER",
)
_FOLDERS = ("CACHE_HOME", "CONFIG_HOME", "DATA_HOME", "STATE_HOME", "RUNTIME_DIR", "CONFIG_DIRS", "DATA_DIRS")
_PYTHON = (
    "ASYNCIODEBUG", "BREAKPOINT", "COERCECLOCALE", "DEVMODE", "DONTWRITEBYTECODE", "FAULTHANDLER", "HASHSEED", "HOME",
    "INTMAXSTRDIGITS", "IOENCODING", "MALLOC", "MALLOCSTATS", "NODEBUGRANGES", "NOUSERSITE", "OPTIMIZE", "PATH",
    "PLATLIBDIR", "PYCACHEPREFIX", "SAFEPATH", "TRACEMALLOC", "UNBUFFERED", "USERBASE", "UTF8", "VERBOSE", "WARNINGS",
    "_COLORS", "_CPU_COUNT", "_GIL",
)  # fmt: skip
_HUB = (
    "HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "HF_HUB_DISABLE_PROGRESS_BARS",
    "HF_HUB_DISABLE_XET", "HF_ASSETS_CACHE", "HF_XET_CACHE", "HF_MODULES_CACHE", "HUGGINGFACE_HUB_CACHE",
    "TRANSFORMERS_CACHE", "TRANSFORMERS_OFFLINE", "TRANSFORMERS_VERBOSITY", "TRANSFORMERS_NO_ADVISORY_WARNINGS",
    "DIFFUSERS_VERBOSITY", "TOKENIZERS_PARALLELISM", "SAFETENSORS_FAST_GPU",
)  # fmt: skip
_NVIDIA = ("VISIBLE_DEVICES", "DRIVER_CAPABILITIES", "TF32_OVERRIDE", "DISABLE_REQUIRE", "REQUIRE_CUDA")
_NAMES = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TMP", "TEMP"),
        *("LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", "VIRTUAL_ENV"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "DO_NOT_TRACK"),
        *(f"LC_{name}" for name in (*_LOCALE, "IDENTIFICATION", "TELEPHONE")),
        *(f"XDG_{name}" for name in _FOLDERS),
        *(f"PYTHON{name}" for name in _PYTHON),
        *(f"NVIDIA_{name}" for name in _NVIDIA),
        *_HUB,
    }
)
_GROUPS = re.compile(
    r"(?:PYTORCH|TORCH|TORCHINDUCTOR|TORCHDYNAMO|TRITON|CUDA|CUBLAS|CUDNN|NCCL|HIP|HSA|ROCM|ROCR|ROCBLAS|MIOPEN|"
    r"OMP|GOMP|KMP|MKL|OPENBLAS|BLIS|NUMEXPR|VECLIB|MALLOC|MPS|ACCELERATE)_\w+"
)
"""Prefixes with too many settings for a list: libraries that compute."""
_SECRET = re.compile(
    r"(?:^|_)(?:\w*(?:TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|KEY|KEYPAIR|CREDENTIAL|WEBHOOK)S?|AUTH\w*|PASS|PWD|PAT|"
    r"API|APIPASS|PRIVATE|SIGNATURE|COOKIES?|SESSIONS?|HEADERS?|DSN|CONNECTION_\w+|CONNECT_ARGS)(?:_|$)",
    re.IGNORECASE,
)
"""Words in names with one of the prefixes."""
_USER_IN_URL = re.compile(r"://[^/?#\s]*@|[?&;](?:pass|pwd|secret|token|key|sig|auth|api)\w*=", re.IGNORECASE)
"""Values that contain a URL with a user, a password or a token."""


def is_needed_to_compute(name: str) -> bool:
    """Return whether a child that computes needs this variable. Secrets are not needed."""
    return name in _NAMES or (bool(_GROUPS.fullmatch(name)) and not is_secret(name))


def is_secret(name: str) -> bool:
    """Return whether the variable's name contains a word such as TOKEN, KEY or PASSWORD."""
    return bool(_SECRET.search(name))


def has_user_in_url(value: str) -> bool:
    """Return whether the value contains a URL with a user, a password or a token."""
    return bool(_USER_IN_URL.search(value))


def computing_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a child that only computes, without any secret."""
    return {
        name: value for name, value in environment.items() if is_needed_to_compute(name) and not has_user_in_url(value)
    }
