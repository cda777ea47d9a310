"""Messages about a refused key: one sentence, with the provider's words quoted once."""

from hosted_samples import hosted_card

from manifests.hosted.job import Cause, Refused
from manifests.hosted.job_errors import AccountPausedError
from tasks.render.hosted.flight import Problem, ProblemKind
from tasks.render.hosted.sentences import no_token_text, paused_text, refused_text, sentences
from tasks.runtime.providers.provider_accounts import ProviderAccount
from tasks.runtime.providers.readiness import readiness

SAID = Refused(Cause.AUTH, "invalid_key", "The API key (sk-…) is not valid.")
WHY = 'acme refused the key of the account ("invalid_key: The API key (sk-…) is not valid")'
RESUME = "Fix the cause, then run `reelmill providers resume acme`"


def test_each_message_about_a_refused_key_quotes_the_provider_once():
    why = paused_text(hosted_card(), SAID)
    assert why == WHY
    [of_run] = sentences("acme", [Problem(ProblemKind.PAUSED, why)] * 3)
    assert of_run == f"the account acme is paused: {WHY}. {RESUME}"
    of_model = readiness(hosted_card(), [ProviderAccount("acme", "key")], {"acme": why}).problem
    assert of_model == f"acme-video-1 cannot be used now, because the account of acme is paused: {WHY}. {RESUME}."
    assert str(AccountPausedError("acme", "auth", why)) == f"The account 'acme' is paused: {WHY}. {RESUME}."


def test_a_token_that_is_refused_is_not_told_twice():
    why = no_token_text(hosted_card(), "oauth.acme.example refused the key (401).")
    assert why == "The key of the account at acme cannot be used: oauth.acme.example refused the key (401)"


def test_without_words_of_the_provider_nothing_is_quoted():
    assert paused_text(hosted_card(), Refused(Cause.AUTH)) == "acme refused the key of the account"
    assert "no credit left" in paused_text(hosted_card(), Refused(Cause.MONEY))
    assert refused_text(hosted_card(), Refused(Cause.INVALID, "400", "bad ratio")).startswith(
        'acme rejected the request as invalid ("400: bad ratio"). Check the prompt'
    )
