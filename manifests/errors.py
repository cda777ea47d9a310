"""Everything that can go wrong, as one tree.

ReelmillError
├── SheetError              the sheet cannot be read, or holds bad cells
│   ├── SheetUnreadable
│   └── SheetRejected
├── PlanError               the sheet is fine, what it asks for is not
│   └── TooManyVariants
├── ModelError
│   ├── UnknownCard
│   ├── CardInvalid
│   ├── IncompleteWeights
│   ├── RuleBroken
│   ├── LicenceNotAttested
│   ├── GenerationFailed
│   └── DeviceBroken
├── EncodingFailed
├── CatalogueError
│   ├── CatalogueUnreachable
│   ├── NewerCatalogue
│   └── LeaseLost
├── BucketError
│   ├── BucketRefused
│   ├── BucketUnreachable
│   └── KeyTaken
├── CredentialError
│   ├── DefinitionInvalid
│   ├── SignerUnavailable
│   ├── TimeStampUnavailable
│   └── CredentialNotTrusted
├── SettingsError
└── DiskFull

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


class SheetUnreadable(SheetError):
    """The file cannot be read as a sheet; save it as XLSX or as CSV in UTF-8."""


class SheetRejected(SheetError):
    """The sheet has bad cells; mend them, or go on with the good rows by --accept-good-rows."""


class PlanError(ReelmillError):
    """The campaign cannot be planned."""


class TooManyVariants(PlanError):
    """The sheet expands to more variants than allowed; raise --max-variants or shorten an axis."""


class ModelError(ReelmillError):
    """The model cannot be used."""


class UnknownCard(ModelError):
    """No model card has this name; `reelmill models` lists them."""


class CardInvalid(ModelError):
    """A model card breaks the card schema; mend the field that the message names."""


class IncompleteWeights(ModelError):
    """The weights folder lacks files; `reelmill models` says how to get them."""


class RuleBroken(ModelError):
    """The model cannot make this shape; its card states the rules."""


class LicenceNotAttested(ModelError):
    """Nobody has attested that the conditions of the model's licence are met; `reelmill models show` says how."""


class GenerationFailed(ModelError):
    """The model failed on this variant."""


class DeviceBroken(ModelError):
    """The device is lost to this process; run again, and what was not finished is made then."""


class EncodingFailed(ReelmillError):
    """The frames could not be written as a video."""


class CatalogueError(ReelmillError):
    """The catalogue cannot be used."""


class CatalogueUnreachable(CatalogueError):
    """The catalogue's database does not answer; check REELMILL_CATALOGUE_URL and that it runs."""

    transient = True


class NewerCatalogue(CatalogueError):
    """The catalogue was written by a newer Reelmill; upgrade this one, or use another REELMILL_HOME."""


class LeaseLost(CatalogueError):
    """Another worker has taken this variant; this worker leaves it alone."""


class BucketError(ReelmillError):
    """The bucket cannot be used."""


class BucketRefused(BucketError):
    """The bucket refused the call; check its name, the credentials and their rights."""


class BucketUnreachable(BucketError):
    """The bucket does not answer; check the endpoint and the network, then run again."""

    transient = True


class KeyTaken(BucketError):
    """Other bytes already lie under this key."""


class CredentialError(ReelmillError):
    """The Content Credential cannot be made or checked."""


class DefinitionInvalid(CredentialError):
    """The manifest definition breaks our schema."""


class SignerUnavailable(CredentialError):
    """The signer cannot be used; check its certificate chain and key settings."""


class TimeStampUnavailable(CredentialError):
    """The time stamp authority does not answer; clips wait unsigned, run again later."""

    transient = True


class CredentialNotTrusted(CredentialError):
    """The signed file does not read back as Trusted under the configured anchors."""


class SettingsError(ReelmillError):
    """A setting is wrong."""


class DiskFull(ReelmillError):
    """The disk is full; free some space, or move REELMILL_HOME, and run again."""

    transient = True
