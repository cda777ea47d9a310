"""All settings in one typed class; no other module reads the environment."""

import difflib
import os
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings import SettingsError as Unparsed

from adapters import proxies
from flows.provider_settings import PREFIX, TWO_KEYS, ProviderSettings, check_name, providers_in
from manifests.costs.money import Money
from manifests.credentials.attestation import Attestation
from manifests.errors import InvalidSettingError, SettingsError

TOKEN_LENGTH = 16
"""Minimum number of characters of a metrics token, or of the token of the model server."""


JSON_EXAMPLES = {
    "model_folders": '["/path/cards"]',
    "picture_prefixes": '["s3://name/prefix"]',
    "trusted_proxies": '["127.0.0.1"]',
    "device_prices": '{"H200": 3.5, "cpu": 0.1}',
    "attestations": '{"svd-xt": {"terms": "12345678", "statement": "Jane Doe: we are registered."}}',
    "providers": '{"runway": {"key_file": "/run/secrets/runway"}}',
}
"""What the variables that contain JSON look like, for messages."""


class Settings(BaseSettings):
    """Settings by precedence: arguments, ``REELMILL_…`` variables, ``reelmill.toml``, defaults.

    The text below each setting is its description in docs/settings.md (`make reference`).
    """

    model_config = SettingsConfigDict(
        env_prefix="REELMILL_",
        env_ignore_empty=True,
        toml_file="reelmill.toml",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    home: Path = Path.home() / ".reelmill"
    """Folder for all local state: the SQLite catalogue, the default bucket, staging, keys and logs. Only your user can
    read it."""
    catalogue_url: str = Field("", repr=False)
    """SQLAlchemy URL of the catalogue; empty uses SQLite under `home`."""
    audit_key: SecretStr | None = None
    """Key that seals the audit log and decisions, at least 64 hex digits. If several hosts share a PostgreSQL
    catalogue, all that review or publish need the same key. If unset, it is created in `audit.key` under `home`."""
    audit_anchor_h: float = Field(0.0, ge=0)
    """Hours between two anchors: signed digests of the audit log, stored in the bucket. With anchors, each run and
    `reelmill audit verify` detect a log that was cut or rewritten. 0 writes no new ones; those in the bucket are still
    compared with the log."""
    bucket: str = ""
    """Where clips are published: a folder or `s3://name/prefix`; empty uses a folder under `home`."""
    bucket_endpoint: str | None = None
    """URL of an S3-compatible store other than AWS."""
    bucket_region: str | None = None
    """Region of the S3 bucket; if unset, the AWS configuration decides."""
    bucket_access_key: SecretStr | None = None
    """Access key of the S3 bucket; if unset, the AWS credential chain is used."""
    bucket_secret_key: SecretStr | None = None
    """Secret key that belongs to `bucket_access_key`."""
    bucket_public_url: str | None = None
    """Public URL of the bucket's root, used for the links in results sheets and on the dashboard."""
    signer: Literal["development", "pem", "kms"] = "development"
    """Signer of Content Credentials: `development` creates a local CA on the first run, `pem` uses a certificate chain
    and a key file, `kms` a certificate chain and an AWS KMS key."""
    signer_chain: Path | None = None
    """PEM file with the signer's certificate chain, leaf first, for `pem` and `kms`."""
    signer_key: Path | None = None
    """PEM file with the signer's private key, for `pem`."""
    signer_kms_key: str | None = None
    """Id or ARN of the AWS KMS key, for `kms`."""
    signer_kms_endpoint: str | None = None
    """URL of a KMS-compatible service other than AWS."""
    signer_kms_region: str | None = None
    """Region of the KMS key; if unset, the AWS configuration decides."""
    signer_anchors: Path | None = None
    """PEM file with the trusted root certificates; if unset, the chain must end in its self-signed root."""
    tsa_url: str | None = None
    """URL of an RFC 3161 timestamp authority; without timestamps, clips are trusted until the signer's certificate
    expires."""
    tsa_anchors: Path | None = None
    """PEM file with the root certificate of the timestamp authority; without it, timestamps do not extend trust."""
    model: str = "starter"
    """Model for rows with an empty model cell."""
    providers: dict[str, ProviderSettings] = Field(default_factory=dict)
    """Accounts at the providers of hosted models, by the provider's name in the model cards. The environment variables
    of `runway` are `REELMILL_PROVIDER_RUNWAY_KEY`, or `…_KEY_FILE` for a file that contains the key, `…_URL` for the
    address of your own server, and `…_CLIENT_ID`, `…_PROJECT`, `…_LOCATION`, `…_BUCKET`, `…_CONCURRENCY`,
    `…_PER_MINUTE` and `…_PER_DAY`. In `reelmill.toml`, it is the table `[providers.runway]` with `key_file` and so on.
    See docs/providers.md."""
    profile: Literal["exact", "balanced", "fast"] = "exact"
    """Speed profile of the model cards; `exact` keeps full quality."""
    model_folders: tuple[Path, ...] = ()
    """Folders with additional model cards, as a JSON list."""
    weights_root: Path | None = None
    """Folder with the weights of all models; if unset, the card's own folder or the Hugging Face cache is used."""
    device: str = "auto"
    """Devices that generate clips, separated by commas: `cpu`, `cuda` or `cuda:N`; `auto` uses all CUDA devices, or the
    CPU if there are none."""
    device_processes: Literal["auto", "on", "off"] = "auto"
    """Whether each device generates clips in a separate process, which sees only its GPU and no secrets: `auto` does
    so with several GPUs. Ray workers are separate processes anyway."""
    threads: int = Field(1, ge=1)
    """CPU threads of the model in each process. With more threads, a small model gains little, and on a busy machine
    its threads wait for each other (measured: 10 s per clip with two threads, 1.4 s with one)."""
    review: Literal["auto", "required"] = "auto"
    """`auto` approves every clip that passes the gate; `required` waits for a person's decision."""
    share_clips: bool = False
    """Whether campaigns share clips with equal inputs. A shared clip is published once, under the campaign that signed
    it first, with its review and its credential. Otherwise every campaign has its own review, credential and objects,
    and the generated frames are still used again if they are on this machine."""
    training_mining: Literal["allowed", "notAllowed"] = "notAllowed"
    """What Content Credentials declare about using the clips for data mining and AI training."""
    disclose_prompt: bool = False
    """Whether Content Credentials contain the prompt; otherwise they contain only a keyed hash of it."""
    attestations: dict[str, Attestation] = Field(default_factory=dict)
    """Statements that a model's licence conditions are met, by model card: `terms` as shown by
    `reelmill models show CARD`, and a `statement` of who attests what."""
    master_crf: int = Field(23, ge=1, le=51)
    """x264 quality (CRF) of the encoded clips; lower is better. 18 looks lossless and needs twice the space of 23."""
    finish_master_crf: int = Field(18, ge=1, le=51)
    """The same for clips of which deliverables are made, since a deliverable is encoded again. If `master_crf` is
    lower, it is used for these clips too."""
    max_variants: int = Field(5000, ge=1)
    """Sheets that expand to more variants are refused."""
    want_scope: Literal["combination", "brief"] = "combination"
    """What the column `want` counts in rows without a `want_scope`: the clips of each combination, or of the row."""
    finish: str = "none"
    """Finish template of rows without a value in the column `finish`; `none` publishes their clips as they are.
    `reelmill templates` lists the templates."""
    brand: Path | None = None
    """Brand kit (`brand.yaml`) for finishing. If unset, the `brand.yaml` in the folder of the sheet is used, or the one
    under `home`."""
    max_rank_share: float = Field(0.25, gt=0, le=1)
    """A clip passes only if its own prompt ranks within this top share of all prompts that it is compared with; rank 1
    always passes."""
    lease_s: float = Field(60.0, gt=0)
    """Seconds without a heartbeat after which a worker's variants are given to another worker."""
    attempts: int = Field(5, ge=1)
    """Attempts to generate a variant before it is quarantined."""
    shard_size: int = Field(32, ge=1)
    """Largest number of variants in one shard, the unit of work of a task run."""
    runner: Literal["threads", "ray"] = "threads"
    """Where shards run: `threads` uses this machine's devices, `ray` those of a Ray cluster."""
    ray_address: str = ""
    """Address of the Ray cluster, such as `head:6379` or `ray://head:10001`; empty starts a cluster on this machine."""
    ray_autoscales: bool = False
    """Whether the Ray cluster adds workers on demand; a shard then waits for a worker that has room for its model."""
    staging: Literal["auto", "local", "bucket"] = "auto"
    """Where encoded clips wait to be signed: `local` uses a folder under `home`, `bucket` the prefix `staging/` of the
    bucket, which every host can read. `auto` uses the bucket if a Ray cluster may span several hosts. Several
    machines without Ray need `bucket` to publish each other's clips."""
    watch: str = ""
    """Folder or `s3://name/prefix` that is watched for new sheets; empty watches nothing."""
    watch_s: float = Field(20.0, ge=1)
    """Seconds between two scans of the watched location."""
    watch_accept_good_rows: bool = False
    """Whether watched sheets with errors start a campaign of their valid rows; otherwise, they are refused."""
    picture_prefixes: tuple[str, ...] = ()
    """Locations (`s3://name/prefix`), as a JSON list, whose pictures may be used by uploaded, watched and linked
    sheets. Sheets on this machine may use every bucket that the credentials can read."""
    stock: str = ""
    """Stock sheet of the nightly run: a file, or a key in the bucket; empty turns the nightly run off."""
    stock_cron: str = "0 22 * * *"
    """Cron schedule of the nightly run."""
    stock_until: str = "06:00"
    """Time of day (`HH:MM`) at which the nightly run stops starting clips; empty sets no end."""
    stock_budget_h: float = Field(0.0, ge=0)
    """Device hours that a nightly run may use; 0 sets no limit."""
    stock_budget_money: float = Field(0.0, ge=0)
    """Money that a nightly run may spend on device time, converted with `stock_price_h`; 0 sets no limit."""
    stock_price_h: float = Field(0.0, ge=0)
    """Price of one device hour for `stock_budget_money`, and for devices without a price in `device_prices` or in the
    model card."""
    device_prices: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(default_factory=dict)
    """Price of an hour for each device, as JSON: `{"H200": 3.5, "cpu": 0.1}`. The name of a device is that of the GPU,
    whole words of it, or `cpu`; `reelmill status CAMPAIGN` shows the names. These prices replace the estimates in model
    cards."""
    currency: str = Field("", max_length=12)
    """Currency of `device_prices` and of the other prices of device hours, such as `EUR`. Prices of providers have
    their own."""
    budget: str = ""
    """Money that one run may spend on device time and provider jobs, such as `50 USD`; without a currency, that of
    `currency`. Empty sets no limit. A run whose estimate is higher is refused, and no clips are started when what is
    spent and reserved reaches the budget. A device without a price counts as the most expensive one."""
    sweep_cron: str = "30 6 * * *"
    """Cron schedule of the sweeper."""
    timezone: str = "UTC"
    """Time zone of schedules and times of day, such as `Europe/Berlin`."""
    alert_webhook: SecretStr | None = None
    """URL that alerts are posted to, in the format of Slack's incoming webhooks."""
    log_format: Literal["text", "json"] = "text"
    """Log format: `text` for people, or `json` with one JSON object per line for log collectors."""
    metrics_token: SecretStr | None = None
    """Bearer token that Prometheus needs to read `/metrics` from another machine or through a proxy; at least 16
    characters."""
    model_server_token: SecretStr | None = None
    """Bearer token that clients of `reelmill serve-models` send; at least 16 characters. If unset, it is created in
    `model-server/token` under `home`, and the server listens on this machine only."""
    review_url: str = ""
    """URL of the dashboard for links, if it is not used on this machine, such as `https://review.example`."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks, as a JSON list, of proxies in front of the dashboard, such as `["127.0.0.1"]`. Only they
    may report a client's address in `X-Forwarded-For`, by which sign-in attempts are limited. No client may have an
    address in these networks, because it could then forge its address."""
    oidc_issuer: str = ""
    """Issuer URL of an OpenID Connect provider for single sign-on; empty turns it off."""
    oidc_client_id: str = ""
    """Client id that is registered with the OpenID Connect provider."""
    oidc_client_secret: SecretStr | None = None
    """Client secret that is registered with the OpenID Connect provider."""
    oidc_role_claim: str = ""
    """Claim of the ID token that contains a person's role; empty makes new people viewers."""

    @property
    def device_names(self) -> tuple[str, ...]:
        """The devices of ``device``; empty for all devices of the machine that does the work."""
        return () if self.device == "auto" else tuple(self.device.split(","))

    @property
    def money_limit(self) -> Money | None:
        """The budget of a run; None for no limit."""
        return Money.parse(self.budget, self.currency) if self.budget else None

    @field_validator("currency")
    @classmethod
    def _as_code(cls, currency: str) -> str:
        """Return ISO codes in capitals, so that prices of devices and of providers can be compared."""
        currency = currency.strip()
        return currency.upper() if re.fullmatch("[A-Za-z]{3}", currency) else currency

    @field_validator("budget")
    @classmethod
    def _check_budget(cls, budget: str, info: ValidationInfo) -> str:
        budget = budget.strip()
        try:
            if budget:
                Money.parse(budget, info.data.get("currency", ""))
        except ValueError as error:
            raise PydanticCustomError(
                "money", "{text} {problem}", {"text": repr(budget), "problem": str(error).rstrip(".")}
            ) from None
        return budget

    @field_validator("home", "signer_chain", "signer_key", "signer_anchors", "tsa_anchors", "weights_root", "brand")
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
        location = location.strip()
        scheme, separator, rest = location.partition("://")
        if separator:
            return f"{scheme.lower()}://{rest}"
        return str(Path(location).expanduser().absolute()) if location else ""

    @field_validator("picture_prefixes")
    @classmethod
    def _check_locations(cls, locations: tuple[str, ...]) -> tuple[str, ...]:
        for location in locations:
            if not re.match(r"s3://[^/]", location):
                raise PydanticCustomError("location", "{location} is not s3://name/prefix", {"location": location})
        return locations

    @field_validator("trusted_proxies")
    @classmethod
    def _check_addresses(cls, addresses: tuple[str, ...]) -> tuple[str, ...]:
        for address in addresses:
            try:
                ip_network(address)
            except ValueError:
                raise PydanticCustomError(
                    "address", "{address} is not an IP address or network", {"address": address}
                ) from None
        return addresses

    @field_validator("providers")
    @classmethod
    def _check_names(cls, providers: dict[str, ProviderSettings]) -> dict[str, ProviderSettings]:
        for name in providers:
            check_name(name)
        return providers

    @field_validator("metrics_token", "model_server_token")
    @classmethod
    def _check_length(cls, token: SecretStr | None) -> SecretStr | None:
        if token and len(token.get_secret_value()) < TOKEN_LENGTH:
            raise PydanticCustomError(
                "too_short", "it must have at least {length} characters", {"length": TOKEN_LENGTH}
            )
        return token

    @field_validator("audit_key")
    @classmethod
    def _check_hex(cls, key: SecretStr | None) -> SecretStr | None:
        if key and not re.fullmatch(r"([0-9a-fA-F]{2}){32,}", key.get_secret_value()):
            raise PydanticCustomError(
                "hex", "it must have at least 64 hex digits, such as `openssl rand -hex 32` prints"
            )
        return key

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments first, then the environment, then the TOML file."""
        return init_settings, _Variables(settings_cls), TomlConfigSettingsSource(settings_cls)


class _Variables(EnvSettingsSource):
    """Environment variables; an empty one is ignored unless the empty text is a meaningful value.

    Compose files and systemd units pass unset variables on as empty ones.
    """

    EMPTY_MEANS_OFF = ("stock_until",)
    """Settings for which the empty text is a value, although it is not their default."""
    REPLACED: ClassVar[dict[str, str]] = {
        "budget_money": "Set REELMILL_BUDGET to an amount with its currency, such as '50 USD'."
    }
    """Settings of earlier versions, and what to set instead."""

    def __call__(self) -> dict[str, Any]:
        """Return the values by setting name.

        Raises:
            SettingsError: a variable of an earlier version is set, which would otherwise be ignored.
        """
        for name, new in self.REPLACED.items():
            if os.environ.get(f"{self.env_prefix}{name}".upper()):
                raise SettingsError(f"REELMILL_{name.upper()} was replaced. {new}")
        empty = {name.lower() for name, value in os.environ.items() if not value}
        empty_values = {
            name: ""
            for name, field in self.settings_cls.model_fields.items()
            if f"{self.env_prefix}{name}".lower() in empty and (field.default == "" or name in self.EMPTY_MEANS_OFF)
        }
        return self._with_providers({**empty_values, **super().__call__()})

    def _with_providers(self, values: dict[str, Any]) -> dict[str, Any]:
        """Add REELMILL_PROVIDER_… to REELMILL_PROVIDERS, which is JSON."""
        found: dict[str, Any] = dict(values.get("providers") or {})
        for name, fields in providers_in(os.environ).items():
            found[name] = {**found.get(name, {}), **fields}
        return {**values, "providers": found} if found else values


def load_settings(**overrides: Any) -> Settings:
    """Return the settings; overrides that are None are ignored.

    Raises:
        SettingsError: a value is invalid; the message names the setting and where to set it.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        raise _invalid(error) from None
    except Unparsed as error:
        raise SettingsError(_unparsed_text(error)) from None
    except (ValueError, OSError) as error:
        raise SettingsError(f"Cannot read reelmill.toml: {error}. Fix the file or remove it.") from None


def _unparsed_text(error: Unparsed) -> str:
    """Return the message for a variable that must be JSON and is not; its value may be secret."""
    found = re.search(r'field "(\w+)"', str(error))
    name = found[1] if found else ""
    if name not in Settings.model_fields:
        return f"A REELMILL_ variable does not contain valid JSON: {error}. Fix it."
    variable = f"REELMILL_{name.upper()}"
    example = f", for example {variable}='{JSON_EXAMPLES[name]}'" if name in JSON_EXAMPLES else ""
    kind = "a JSON list" if Settings.model_fields[name].default == () else "a JSON object"
    return f"{variable} is not valid JSON. Set it to {kind}{example}. docs/settings.md explains it."


def _invalid(error: ValidationError) -> InvalidSettingError:
    """Return the error for the first invalid setting; values are not part of it, because they may be secret."""
    first = error.errors(include_input=False)[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        advice = _suggestion(first["loc"])
        text = f"Unknown setting {name!r} in reelmill.toml. {advice}docs/settings.md lists all settings."
        return InvalidSettingError(text, name, "unknown setting")
    variable = f"REELMILL_{str(first['loc'][0]).upper()}"
    if first["loc"][0] == "providers" and len(first["loc"]) > 1:
        variable = PREFIX + "_".join(str(part) for part in first["loc"][1:]).upper()
    fix = f"Unset {variable}_KEY or {variable}_KEY_FILE, or fix" if first["type"] == TWO_KEYS else f"Fix {variable} or"
    text = f"Invalid setting {name!r}: {first['msg']}. {fix} reelmill.toml."
    return InvalidSettingError(text, name, first["msg"])


def _suggestion(place: tuple[int | str, ...]) -> str:
    """Return the field of a provider that a mistyped one may mean, as a sentence."""
    known = ProviderSettings.model_fields if place[0] == "providers" else Settings.model_fields
    near = difflib.get_close_matches(str(place[-1]), known, n=1)
    return f"Did you mean {near[0]!r}? " if near else ""


def prepare_proxies() -> None:
    """Let no client of this process and its children use a proxy for this machine; every entry point calls this.

    Prefect's client, boto3 and others read the proxies from the environment, so it must be right before they start.
    """
    proxies.tidy(os.environ, os.environ.get("PREFECT_API_URL", ""))


def prepare_prefect(home: Path) -> None:
    """Keep Prefect's embedded state under ``home``; call this before the first import of prefect.

    Variables that the operator has set are kept, such as a PREFECT_API_URL that points to a real server.
    """
    prepare_proxies()
    os.environ.setdefault("PREFECT_HOME", str(home / "prefect"))
    if "?" in os.environ["PREFECT_HOME"]:  # Prefect's own default would end before the question mark
        from adapters.catalogue import sqlite_url  # SQLAlchemy is slow to import, and settings are read everywhere

        url = sqlite_url(Path(os.environ["PREFECT_HOME"]) / "prefect.db", "sqlite+aiosqlite")
        os.environ.setdefault("PREFECT_SERVER_DATABASE_CONNECTION_URL", url)
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_SERVER_LOGGING_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_SERVER_UI_ENABLED", "false")
