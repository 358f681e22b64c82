"""From the file's `auth` to the sign-in of a session."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from rest_source.http.auth.digest import DigestSignIn
from rest_source.http.auth.fixed import credentials
from rest_source.http.auth.jwt import Jwt
from rest_source.http.auth.login import Login
from rest_source.http.auth.oauth2 import OAuth2
from rest_source.http.auth.signin import AnySignIn, FixedSignIn, Run, SignIn
from rest_source.http.auth.token_file import TokenFile
from rest_source.http.clock import Clock
from rest_source.http.redact import Redactor
from rest_source.spec.auth import Auth, DigestAuth, OAuth2Auth
from rest_source.spec.environment import Environment
from rest_source.spec.jwt import JwtAuth
from rest_source.spec.login import LoginAuth
from rest_source.spec.source import SourceSpec
from rest_source.spec.template import Scope, render


def sign_in(
    source: SourceSpec,
    auth: Auth,
    environment: Environment,
    clock: Clock,
    run: Run,
    redactor: Redactor,
    state: Path | None,
) -> AnySignIn:
    """The sign-in of a source by one `auth`; raises where a variable is missing, and asks for nothing yet."""

    def now() -> datetime:
        return datetime.fromtimestamp(clock.now(), ZoneInfo(source.timezone))

    match auth:
        case OAuth2Auth():
            scheme = OAuth2(auth, environment, now, redactor)
            redactor.register(*scheme.secrets)
            # Other grants can begin anew at any time: what need not be on disk is not.
            lasting = auth.grant == "authorization_code" or auth.refresh_token is not None
            file = TokenFile(state, source.name, scheme) if state and lasting else None
            return SignIn(scheme, run, clock.now, redactor.register, file, auth.renew_on)
        case JwtAuth():
            own = Jwt(auth, environment, now)
            redactor.register(*own.signer.secrets)
            return SignIn(own, run, clock.now, redactor.register, renew_on=auth.renew_on)
        case DigestAuth():
            digest = DigestSignIn(auth, environment)
            redactor.register(*digest.secrets)
            return digest
        case LoginAuth():
            base_url = render(source.base_url, Scope({"now": now()}, environment.template))
            login = Login(auth, base_url, environment, now, redactor)
            return SignIn(login, run, clock.now, redactor.register, renew_on=auth.renew_on)
        case _:
            fixed = credentials(auth, environment)
            redactor.register(*fixed.secrets)
            return FixedSignIn(fixed)
