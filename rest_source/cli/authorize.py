"""`rest-source authorize`: a person's consent, once, for loads that then renew their token by themselves."""

from pathlib import Path

from rest_source.cli.consent import Say, code_from, listening
from rest_source.errors import RestSourceError
from rest_source.http.auth.oauth2 import Consent, OAuth2
from rest_source.http.auth.signin import SignIn
from rest_source.http.session import ApiSession
from rest_source.load.state import explained, state_directory
from rest_source.spec.auth import OAuth2Auth
from rest_source.spec.environment import Environment
from rest_source.spec.file import load_source
from rest_source.spec.source import SourceSpec


def authorize(file: Path, redirect_uri: str | None, say: Say, warn: Say) -> None:
    """Lead a person through the consent and keep the token; raises where there is none in the end."""
    source = load_source(file)
    with explained(), ApiSession(source, Environment(), state=state_directory()) as session:
        for warning in session.warnings:
            warn(warning)
        for sign_in, scheme in _flows(source, session):
            _consent(sign_in, scheme, session, redirect_uri, say, warn)
    say(f"Authorized: loads of `{source.name}` with this state directory sign in by themselves from now on.")


def _consent(
    sign_in: SignIn, scheme: OAuth2, session: ApiSession, redirect_uri: str | None, say: Say, warn: Say
) -> None:
    with listening(redirect_uri) as listener:
        consent = Consent(listener.redirect_uri)
        say("Open this address in a browser, sign in and consent:\n")
        say(f"{scheme.consent_url(consent)}\n")
        say("If the browser is on another machine, paste the address at which it ends, or the code in it, here:")
        try:
            code = code_from(listener, consent.state, warn)
        except RestSourceError as error:
            session.clean(error)  # it quotes what came in by the browser
            raise
    sign_in.accept(scheme.exchange(code, consent), code, consent.verifier)


def _flows(source: SourceSpec, session: ApiSession) -> list[tuple[SignIn, OAuth2]]:
    """What needs a consent: the sign-in of the source, and those of endpoints that have their own."""
    auths = [source.auth, *(endpoint.auth for endpoint in source.endpoints if endpoint.auth)]
    found = {}
    for auth in auths:
        if isinstance(auth, OAuth2Auth) and auth.grant == "authorization_code":
            sign_in = session.by(auth).sign_in
            if isinstance(sign_in, SignIn) and isinstance(sign_in.scheme, OAuth2):
                found[sign_in.scheme.name] = (sign_in, sign_in.scheme)
    if not found:
        raise RestSourceError(
            "nothing_to_authorize",
            f"`{source.name}` signs in with `type: {source.auth.type}`, for which nobody has to consent.",
            remedy="Only `auth: {type: oauth2, grant: authorization_code, ...}` needs this command.",
        )
    return list(found.values())
