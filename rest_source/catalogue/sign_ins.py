"""Sign-ins that get no token, and values that may not go out."""

from rest_source.catalogue.entry import Entry

SIGN_INS = (
    Entry(
        ("authorization_needed", "nothing_to_authorize"),
        "nobody has consented yet with this `REST_SOURCE_STATE`, or the consent was revoked; a source that needs none",
        "run `rest-source authorize FILE` once; only `grant: authorization_code` needs it",
    ),
    Entry(
        ("consent_missing", "consent_refused", "redirect_unusable"),
        "the browser did not come back; the consent was declined; the port is taken",
        "run the command again, or paste the address at which the browser ends; another `--redirect-uri`",
    ),
    Entry(
        ("token_refused",),
        "the token endpoint refuses: wrong client or secret, a refresh token that was revoked or used, a wrong scope",
        "the error names the key of `auth`; try `client_auth: body`; give a new refresh token, or authorize again",
    ),
    Entry(
        ("token_still_refused",),
        "a rule of `renew_on` describes an answer to a token that was just renewed",
        "make the rule narrower; check `scope` and `send` of `auth`",
    ),
    Entry(
        ("invalid_key",),
        "the key of `jwt` is none for its `algorithm`, is a public or encrypted one, or lost its line breaks",
        "give the private key as PEM, with its line breaks or `\\n` for them",
    ),
    Entry(
        ("token_locked",),
        "another process renews the same token for more than ten minutes",
        "look for another load of this source",
    ),
    Entry(
        ("login_refused", "login_token_missing"),
        "user or password is wrong; the token is elsewhere in the answer",
        "check `request` and the variables it reads; correct `token`",
    ),
    Entry(
        ("unsafe_path_value",),
        "a record, cursor or variable holds `.` or `..` where `path` wants an id",
        "look where the template gets its value from",
    ),
)
