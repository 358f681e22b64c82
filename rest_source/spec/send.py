"""How a token that was handed out goes with every request."""

from typing import Literal, Self

from pydantic import Field, model_validator

from rest_source.spec.base import SpecModel, invalid
from rest_source.spec.text import Text

TOKEN = "{token}"


class Send(SpecModel):
    """Where a token goes; by default `Authorization: Bearer TOKEN`."""

    place: Literal["header", "query", "cookie"] = Field(
        "header", alias="in", description="where the token goes", examples=["query"]
    )
    name: Text | None = Field(
        None,
        description="the name of the header, parameter or cookie; `Authorization` unless given, required in `query` "
        "and `cookie`",
        examples=["X-Session"],
    )
    format: Text | None = Field(
        None,
        description="what is sent, with `{token}` for the token; unless given, `Bearer {token}` in a header, else "
        "`{token}`",
        examples=["Token token={token}"],
    )

    @property
    def template(self) -> str:
        """The text in which `{token}` is replaced."""
        return self.format or ("Bearer {token}" if self.place == "header" else TOKEN)

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if self.place != "header" and self.name is None:
            raise invalid("name", message=f"`in: {self.place}` needs the `name` of it", kind="combination")
        if self.format is not None and TOKEN not in self.format:
            raise invalid("format", message="the format lacks `{token}`, which the token replaces")
        return self
