"""Everything that can go wrong, as one tree.

ReelmillError
├── SheetError              the sheet cannot be read, or holds bad cells
│   ├── UnreadableSheetError
│   └── RejectedSheetError
├── PlanError               the sheet is fine, what it asks for is not
│   └── TooManyVariantsError
├── ModelError
│   ├── UnknownCardError
│   ├── InvalidCardError
│   ├── IncompleteWeightsError
│   ├── CardRuleError
│   ├── LicenceNotAttestedError
│   ├── GenerationError
│   └── BrokenDeviceError
├── EncodingError
├── CatalogueError
│   ├── CatalogueUnreachableError
│   ├── NewerCatalogueError
│   └── LostLeaseError
├── BucketError
│   ├── BucketRefusedError
│   ├── BucketUnreachableError
│   └── KeyTakenError
├── CredentialError
│   ├── InvalidDefinitionError
│   ├── SignerUnavailableError
│   ├── TimeStampUnavailableError
│   └── UntrustedCredentialError
├── SettingsError
└── DiskFullError

A message is one sentence: what, where, how to mend it. The class docstring is the
message where none is given. ``transient`` tells a retrying caller that the same call
may succeed later.
"""


class ReelmillError(Exception):
    """Something went wrong; run again with --debug to see where."""

    transient = False

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class SheetError(ReelmillError):
    """The sheet cannot be used."""


class UnreadableSheetError(SheetError):
    """The file cannot be read as a sheet; save it as XLSX or as CSV in UTF-8."""


class RejectedSheetError(SheetError):
    """The sheet has bad cells; mend them, or go on with the good rows by --accept-good-rows."""


class PlanError(ReelmillError):
    """The campaign cannot be planned."""


class TooManyVariantsError(PlanError):
    """The sheet expands to more variants than allowed; raise --max-variants or shorten an axis."""


class ModelError(ReelmillError):
    """The model cannot be used."""


class UnknownCardError(ModelError):
    """No model card has this name; `reelmill models` lists them."""


class InvalidCardError(ModelError):
    """A model card breaks the card schema; mend the field that the message names."""


class IncompleteWeightsError(ModelError):
    """The weights folder lacks files; `reelmill models` says how to get them."""


class CardRuleError(ModelError):
    """The model cannot make this shape; its card states the rules."""


class LicenceNotAttestedError(ModelError):
    """Nobody has attested that the conditions of the model's licence are met; `reelmill models show` says how."""


class GenerationError(ModelError):
    """The model failed on this variant."""


class BrokenDeviceError(ModelError):
    """The device is lost to this process; run again, and what was not finished is made then."""


class EncodingError(ReelmillError):
    """The frames could not be written as a video."""


class CatalogueError(ReelmillError):
    """The catalogue cannot be used."""


class CatalogueUnreachableError(CatalogueError):
    """The catalogue's database does not answer; check REELMILL_CATALOGUE_URL and that it runs."""

    transient = True


class NewerCatalogueError(CatalogueError):
    """The catalogue was written by a newer Reelmill; upgrade this one, or use another REELMILL_HOME."""


class LostLeaseError(CatalogueError):
    """Another worker has taken this variant; this worker leaves it alone."""


class BucketError(ReelmillError):
    """The bucket cannot be used."""


class BucketRefusedError(BucketError):
    """The bucket refused the call; check its name, the credentials and their rights."""


class BucketUnreachableError(BucketError):
    """The bucket does not answer; check the endpoint and the network, then run again."""

    transient = True


class KeyTakenError(BucketError):
    """Other bytes already lie under this key."""


class CredentialError(ReelmillError):
    """The Content Credential cannot be made or checked."""


class InvalidDefinitionError(CredentialError):
    """The manifest definition breaks our schema."""


class SignerUnavailableError(CredentialError):
    """The signer cannot be used; check its certificate chain and key settings."""


class TimeStampUnavailableError(CredentialError):
    """The time stamp authority does not answer; clips wait unsigned, run again later."""

    transient = True


class UntrustedCredentialError(CredentialError):
    """The signed file does not read back as Trusted under the configured anchors."""


class SettingsError(ReelmillError):
    """A setting is wrong."""


class DiskFullError(ReelmillError):
    """The disk is full; free some space, or move REELMILL_HOME, and run again."""

    transient = True
