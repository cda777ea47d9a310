"""The exception tree.

ReelmillError
├── SheetError              the sheet cannot be read or has errors
│   ├── UnreadableSheetError
│   └── RejectedSheetError
├── PlanError               the sheet is valid, but its campaign cannot be planned
│   ├── OverBudgetError
│   └── TooManyVariantsError
├── ModelError
│   ├── UnknownCardError
│   ├── InvalidCardError
│   ├── IncompleteWeightsError
│   ├── CardRuleError
│   ├── ModelTooLargeError
│   ├── LicenceNotAttestedError
│   ├── GenerationError
│   └── BrokenDeviceError
├── EncodingError
├── FinishError             a deliverable cannot be made: its text, sound or footage does not fit the placement
├── CatalogueError
│   ├── CatalogueUnreachableError
│   ├── NewerCatalogueError
│   ├── IncompleteLogError
│   ├── NotFoundError
│   └── LostLeaseError
├── BucketError
│   ├── BucketRefusedError
│   ├── BucketUnreachableError
│   └── KeyTakenError
├── CredentialError
│   ├── InvalidDefinitionError
│   ├── SignerUnavailableError
│   ├── TimeStampUnavailableError
│   ├── UntrustedCredentialError
│   └── WrongClockError
├── ProviderError           a request to a provider failed, or a provider job cannot be settled
├── SettingsError
│   └── InvalidSettingError
├── DiskUnusableError
└── DiskFullError

Packages derive their own exceptions from these: for example ``CampaignStandingError`` from CatalogueError and
``SheetTooLargeError`` from SheetError.

A message says what is wrong, where, and how to fix it. The class docstring is the default message. ``transient``
marks errors after which the same call may succeed later.
"""


class ReelmillError(Exception):
    """An error occurred. Run the command again with --debug to see the details."""

    transient = False

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class SheetError(ReelmillError):
    """The sheet cannot be used."""


class UnreadableSheetError(SheetError):
    """The file cannot be read as a sheet. Save it as XLSX, or as CSV in UTF-8."""


class RejectedSheetError(SheetError):
    """The sheet has errors. Fix them, or skip the rows with errors by using --accept-good-rows."""


class PlanError(ReelmillError):
    """The campaign cannot be planned."""


class OverBudgetError(PlanError):
    """The estimated cost is over the budget. Raise the budget with --budget, or generate fewer clips."""


class TooManyVariantsError(PlanError):
    """The sheet expands to more variants than allowed. Raise --max-variants, or remove values from the sheet."""


class ModelError(ReelmillError):
    """The model cannot be used."""


class UnknownCardError(ModelError):
    """There is no model with this name. List the models with `reelmill models`."""


class InvalidCardError(ModelError):
    """The model card does not match the card schema."""


class IncompleteWeightsError(ModelError):
    """The weights of the model are incomplete. `reelmill models show NAME` explains how to get them."""


class CardRuleError(ModelError):
    """The model does not support this shape. `reelmill models show NAME` lists the supported shapes."""


class ModelTooLargeError(ModelError):
    """The model does not fit into the memory of the device. Use a device with more memory, or a smaller model."""


class LicenceNotAttestedError(ModelError):
    """The conditions of the model's licence are not attested. `reelmill models show NAME` explains how to do it."""


class GenerationError(ModelError):
    """The model failed to generate this variant."""


class BrokenDeviceError(ModelError):
    """The device has failed and cannot be used by this process again. Re-run the same command to resume."""


class EncodingError(ReelmillError):
    """The frames could not be encoded as a video."""


class FinishError(ReelmillError):
    """The deliverable cannot be made."""


class CatalogueError(ReelmillError):
    """The catalogue cannot be used."""


class CatalogueUnreachableError(CatalogueError):
    """The catalogue's database does not respond. Check that it is running and that REELMILL_CATALOGUE_URL is right."""

    transient = True


class NewerCatalogueError(CatalogueError):
    """The catalogue was written by a newer version of Reelmill. Upgrade Reelmill, or use another REELMILL_HOME."""


class IncompleteLogError(CatalogueError):
    """The audit log of this catalogue is not complete. An admin must run `reelmill audit verify` on the server."""


class NotFoundError(CatalogueError):
    """The record does not exist in the catalogue."""


class LostLeaseError(CatalogueError):
    """The lease of this variant has passed to another worker."""


class BucketError(ReelmillError):
    """The bucket cannot be used."""


class BucketRefusedError(BucketError):
    """The bucket refused the request. Check its name, the credentials and their permissions."""


class BucketUnreachableError(BucketError):
    """The bucket does not respond. Check the endpoint and the network, then run the command again."""

    transient = True


class KeyTakenError(BucketError):
    """The object already exists with different content."""


class CredentialError(ReelmillError):
    """The Content Credential cannot be created or verified."""


class InvalidDefinitionError(CredentialError):
    """The manifest definition does not match the schema."""


class SignerUnavailableError(CredentialError):
    """The signer cannot be used. Check its certificate chain and key settings."""


class TimeStampUnavailableError(CredentialError):
    """The timestamp authority does not respond, so clips are not signed yet. Run the command again later."""

    transient = True


class UntrustedCredentialError(CredentialError):
    """The signed file does not verify as Trusted under the configured trust anchors."""


class WrongClockError(CredentialError):
    """This machine's clock is wrong, so clips are not signed. `reelmill clock` shows what contradicts it."""


class ProviderError(ReelmillError):
    """The provider cannot be used."""

    def __init__(self, message: str | None = None, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        """Why its models cannot be used, for records: without addresses and advice; empty for the message."""


class SettingsError(ReelmillError):
    """A setting is invalid."""


class InvalidSettingError(SettingsError):
    """The value of a setting is invalid.

    Attributes:
        setting: name of the setting.
        problem: what is wrong with its value, without a full stop.
    """

    def __init__(self, message: str, setting: str, problem: str) -> None:
        super().__init__(message)
        self.setting, self.problem = setting, problem


class DiskUnusableError(ReelmillError):
    """A file cannot be written. Check the disk and its permissions, then run the command again."""

    transient = True


class DiskFullError(ReelmillError):
    """The disk is full. Free some space, then run the command again."""

    transient = True
