"""Every setting, in one typed class: the only place that reads the environment."""

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings import SettingsError as Unparsed

from manifests.credentials.attestation import Attestation
from manifests.errors import SettingsError

TOKEN_LENGTH = 16
"""Characters of a metrics token at least."""


class Settings(BaseSettings):
    """Settings by precedence: arguments, ``REELMILL_…`` variables, ``reelmill.toml``, defaults.

    Attributes:
        home: the folder that holds all embedded state.
        catalogue_url: an SQLAlchemy URL; empty means SQLite under ``home``.
        bucket: a folder or ``s3://name/prefix``; empty means a folder under ``home``.
        bucket_public_url: where viewers reach the bucket's root, if it is served anywhere.
        signer: ``development`` makes a CA on first run; ``pem`` takes a chain and a key file;
            ``kms`` takes a chain and an AWS KMS key id.
        drafts: ``auto`` makes drafts first where a brief wants a number of clips and measurements say that it pays.
        profile: speed profile of the cards; ``exact`` loses nothing.
        master_crf: quality of the masters, as x264 counts it: 18 looks lossless and takes twice the space of 23.
        review: ``auto`` approves what passes the gate; ``required`` waits for a person.
        lease_s: seconds after which the work of a silent worker is given to another.
        attempts: how often a variant is tried before it is quarantined.
        shard_size: variants a task run.
        runner: ``threads`` works on this machine's devices; ``ray`` on those of a Ray cluster.
        ray_address: the cluster, such as ``head:6379`` or ``ray://head:10001``; empty starts one on this machine.
        ray_autoscales: the cluster adds workers by itself, so that a card may wait for one that fits.
        staging: where masters wait to be signed: ``local``, a folder under ``home``; ``bucket``, under ``staging/`` in
            the bucket, where every host finds them; ``auto``, the bucket where a Ray cluster may span hosts.
        watch: folder or ``s3://name/prefix`` in which sheets arrive; empty watches none.
        watch_s: seconds between two looks at it.
        stock: the stock sheet of the nightly run; empty runs none.
        stock_cron, stock_until, stock_budget_h: when the nightly run starts (cron), at what time of day it takes no
            more work (``HH:MM``, empty for no end), and how many device hours it may use (0 for no limit).
        stock_budget_money, stock_price_h: the same as money, by what a device hour costs in the same currency.
        sweep_cron: when the sweeper runs.
        timezone: of the schedules, such as ``Europe/Berlin``.
        alert_webhook: URL that alerts are posted to, as Slack's incoming webhooks take them.
        log_format: ``text`` for people; ``json``, a JSON object a line, for programs that collect logs.
        metrics_token: what Prometheus shows to read `/metrics` from elsewhere than this machine, or behind a proxy.
        review_url: where people reach the dashboard, if not on this machine: ``https://review.example``.
        oidc_issuer, oidc_client_id, oidc_client_secret: an OpenID provider that signs people in.
        oidc_role_claim: the claim of its ID token that names a person's role; without it new people are viewers.
        attestations: by card, the operator's word that the conditions of its licence are met: ``terms`` as
            `reelmill models show` prints them, and a ``statement`` of who attests what.
        threads: CPU threads of the model. One by default: a small model gains little from more, and
            beside other work they wait for each other (measured: 10 s a clip on two, 1.4 s on one).
    """

    model_config = SettingsConfigDict(
        env_prefix="REELMILL_",
        env_ignore_empty=True,
        toml_file="reelmill.toml",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    home: Path = Path.home() / ".reelmill"
    catalogue_url: str = Field("", repr=False)
    bucket: str = ""
    bucket_endpoint: str | None = None
    bucket_region: str | None = None
    bucket_access_key: SecretStr | None = None
    bucket_secret_key: SecretStr | None = None
    bucket_public_url: str | None = None
    signer: Literal["development", "pem", "kms"] = "development"
    signer_chain: Path | None = None
    signer_key: Path | None = None
    signer_kms_key: str | None = None
    signer_kms_endpoint: str | None = None
    signer_kms_region: str | None = None
    signer_anchors: Path | None = None
    tsa_url: str | None = None
    tsa_anchors: Path | None = None
    model: str = "starter"
    profile: Literal["exact", "balanced", "fast"] = "exact"
    drafts: Literal["auto", "off"] = "auto"
    model_folders: tuple[Path, ...] = ()
    weights_root: Path | None = None
    device: str = "auto"
    threads: int = Field(1, ge=1)
    review: Literal["auto", "required"] = "auto"
    training_mining: Literal["allowed", "notAllowed"] = "notAllowed"
    disclose_prompt: bool = False
    attestations: dict[str, Attestation] = Field(default_factory=dict)
    master_crf: int = Field(23, ge=1, le=51)
    max_variants: int = Field(5000, ge=1)
    max_rank_share: float = Field(0.25, gt=0, le=1)
    lease_s: float = Field(60.0, gt=0)
    attempts: int = Field(5, ge=1)
    shard_size: int = Field(32, ge=1)
    runner: Literal["threads", "ray"] = "threads"
    ray_address: str = ""
    ray_autoscales: bool = False
    staging: Literal["auto", "local", "bucket"] = "auto"
    watch: str = ""
    watch_s: float = Field(20.0, ge=1)
    stock: str = ""
    stock_cron: str = "0 22 * * *"
    stock_until: str = "06:00"
    stock_budget_h: float = Field(0.0, ge=0)
    stock_budget_money: float = Field(0.0, ge=0)
    stock_price_h: float = Field(0.0, ge=0)
    sweep_cron: str = "30 6 * * *"
    timezone: str = "UTC"
    alert_webhook: SecretStr | None = None
    log_format: Literal["text", "json"] = "text"
    metrics_token: SecretStr | None = None
    review_url: str = ""
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr | None = None
    oidc_role_claim: str = ""

    @field_validator("home", "signer_chain", "signer_key", "signer_anchors", "tsa_anchors", "weights_root")
    @classmethod
    def _expand(cls, path: Path | None) -> Path | None:
        return path.expanduser().absolute() if path else None

    @field_validator("model_folders")
    @classmethod
    def _expand_all(cls, paths: tuple[Path, ...]) -> tuple[Path, ...]:
        return tuple(path.expanduser().absolute() for path in paths)

    @field_validator("bucket")
    @classmethod
    def _expand_folder(cls, location: str) -> str:
        return location if "://" in location or not location.strip() else str(Path(location).expanduser().absolute())

    @field_validator("metrics_token")
    @classmethod
    def _check_length(cls, token: SecretStr | None) -> SecretStr | None:
        if token and len(token.get_secret_value()) < TOKEN_LENGTH:
            raise PydanticCustomError(
                "too_short", "it should have at least {length} characters", {"length": TOKEN_LENGTH}
            )
        return token

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the TOML file behind arguments and environment."""
        return init_settings, _Variables(settings_cls), TomlConfigSettingsSource(settings_cls)


class _Variables(EnvSettingsSource):
    """The environment; an empty variable counts where an empty text says something, and else as not set.

    Compose files and units pass on variables that nobody has set as empty ones.
    """

    SAYING = ("stock_until",)
    """Settings whose empty text says something though it is not their default."""

    def __call__(self) -> dict[str, Any]:
        """Return the values by the names of the settings."""
        empty = {name.lower() for name, value in os.environ.items() if not value}
        said = {
            name: ""
            for name, field in self.settings_cls.model_fields.items()
            if f"{self.env_prefix}{name}".lower() in empty and (field.default == "" or name in self.SAYING)
        }
        return {**said, **super().__call__()}


def load_settings(**overrides: Any) -> Settings:
    """Return the settings; overrides that are None count as not given.

    Raises:
        SettingsError: a value is wrong; names the setting and where it can be set.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise SettingsError(
            f"The setting {name!r} is wrong: {first['msg']}; "
            f"mend REELMILL_{str(first['loc'][0]).upper()} or reelmill.toml."
        ) from None
    except Unparsed as error:
        raise SettingsError(f"A REELMILL variable that takes JSON holds none: {error}; mend it.") from None
    except (ValueError, OSError) as error:
        raise SettingsError(f"reelmill.toml cannot be read: {error}; mend it or move it away.") from None


def prepare_prefect(home: Path) -> None:
    """Point Prefect's embedded state into ``home``; call before the first import of prefect.

    What the operator set stands: a PREFECT_API_URL leads to a real server.
    """
    os.environ.setdefault("PREFECT_HOME", str(home / "prefect"))
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_SERVER_LOGGING_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_SERVER_UI_ENABLED", "false")
