"""The source's own certificates, read and checked before anything is sent."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass

from rest_source.errors import RestSourceError
from rest_source.spec.environment import Environment
from rest_source.spec.source import Tls
from rest_source.spec.template import Scope, render

UNVERIFIED = (
    "`tls: {verify: false}`: the API's certificate is not checked, so anybody on the way to it can read the "
    "credentials and change the records. Write `tls: {ca: FILE}` instead."
)


@dataclass(frozen=True, slots=True)
class Certificates:
    """What to verify the API with (True: the usual authorities), and what to show it of ours, as requests has it."""

    verify: bool | str = True
    cert: str | tuple[str, str] | None = None


USUAL = Certificates()


def certificates(tls: Tls, environment: Environment) -> Certificates:
    """The certificates of a source; raises where a file is missing or holds something else."""
    ca, cert, key = (_path(text, environment) for text in (tls.ca, tls.cert, tls.key))
    if ca:
        _check("ca", ca, lambda context: context.load_verify_locations(ca))
    if cert:
        # An encrypted key would make ssl ask for its password on the terminal, in the middle of a load.
        _check("cert", cert, lambda context: context.load_cert_chain(cert, key, password=_no_password))
    return Certificates(ca or tls.verify, (cert, key) if cert and key else cert)


def _path(text: str | None, environment: Environment) -> str | None:
    return render(text, Scope({}, environment.template)) if text else None


def _no_password() -> str:
    raise ValueError("the key is encrypted")


def _check(name: str, path: str, load: Callable[[ssl.SSLContext], None]) -> None:
    try:
        load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = error.strerror if isinstance(error, FileNotFoundError | PermissionError) else str(error)
        raise RestSourceError(
            "tls_file",
            f"`tls.{name}` cannot be used: {reason}.",
            where=path,
            cause="The path is wrong (relative ones begin at the working directory), the file is no PEM file, the key "
            "belongs to another certificate, or it is encrypted.",
            remedy="Check the path; write the key without a password, readable by its owner only.",
        ) from None
