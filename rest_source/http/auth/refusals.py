"""What is said where a token was renewed and the API refuses it all the same."""

from rest_source.errors import RestSourceError
from rest_source.http.auth.grant import Grant
from rest_source.http.errors import Mask
from rest_source.http.excerpt import stated_message
from rest_source.http.request import Answer


def explain_renewed(error: RestSourceError, grant: Grant) -> None:
    """The error for a status, with what the fresh token of this grant has to do with it."""
    error.cause = "The token is fresh and refused all the same: it lacks a right, or is not sent as it should."
    error.remedy = "Check `scope` and `send` of `auth`, and the rights of the user or application it is for."
    if grant.kind:
        error.cause = f"The token is fresh, but its server calls it `{grant.kind}`, and it was sent as a bearer token."
        error.remedy = (
            f'Send it as the API documents, for instance `send: {{format: "{grant.kind} {{token}}"}}`. {error.remedy}'
        )


def still_refused(answer: Answer, mask: Mask) -> RestSourceError:
    """The error for an answer that looks like a success, but by `renew_on` says that a fresh token has ended."""
    said = stated_message(answer, mask)
    return RestSourceError(
        "token_still_refused",
        f"The API answered {answer.status}, which a rule of `renew_on` takes for the end of the token, though that was "
        + (f'just renewed: "{said}".' if said else "just renewed."),
        cause="The rule describes other answers too; or the token lacks a right, or is not sent as it should.",
        remedy="Make the rule narrower by `json` or `contains`; check `scope` and `send` of `auth`.",
        status=answer.status,
    )
