"""Metered products: what is owned of them, what a launch takes, and who may have how many."""

from typing import Annotated, Literal

from pydantic import Field

from .values import Allowed, ClientRange, Count, Name, Number, Table, Tokens, Whole

ClientIds = Annotated[
    ClientRange,
    Allowed(
        "a pair [first, last] of client ids (integers >= 0), { fraction = f } with 0 < f <= 1, or { group = name }"
    ),
]


class Reserve(Table):
    """Licenses that are for some clients only."""

    clients: ClientIds = Field(description="The clients that they are for.", examples=[[0, 9]])
    licenses: Count = Field(description="How many.", examples=[10])


RESERVE = (
    "a table { clients = [first, last], { fraction = f } or { group = name }, licenses = n }: client ids (integers"
    " >= 0), the first f of the clients, 0 < f <= 1, rounded up, or those of a group, and an integer >= 1"
)


class Product(Table):
    """A metered product; there is at least one."""

    name: Name = Field(default="product", description="Its name, which no other product has.")
    licenses: Whole = Field(default=400, description="Number of licenses owned at all sites.")
    popularity: Number = Field(default=1.0, description="Relative chance that a launch is of this product.")
    tokens: Tokens = Field(
        default=1,
        description="Licenses that a launch takes, all at one server or none: so many, or a number drawn for each "
        "launch by weights. One that asks for more than there are is denied.",
    )
    max_per_client: Whole = Field(
        default=0,
        description="Most licenses that a client may have of one server's pool, ghosts among them; 0: any number.",
    )
    sharing: Annotated[Literal["none", "client"], Allowed()] = Field(
        default="none",
        description="Programs that share a license: none, or those of a client at the same server, which take one "
        "together (FlexNet's DUP_GROUP, RLM's share); its tokens are then a number.",
    )
    reserve: Annotated[Reserve | None, Allowed(RESERVE)] = Field(
        default=None,
        description="Licenses that are for some clients only, dealt to the servers' pools in proportion to their "
        "licenses at the start. As many as these clients have fewer than a pool's part are kept there, for them "
        "and where they are. None if it is left out.",
    )
