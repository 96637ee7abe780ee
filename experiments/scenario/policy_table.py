"""The table of the policies that a scenario chooses: of each kind a name, and its parameters."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from .values import Allowed, Table, Text


class Choice(Table):
    """A policy by name; every other key is one of its own parameters."""

    model_config = ConfigDict(extra="allow")
    # Never empty in a scenario; the rule that says so also knows what is allowed.
    name: Text = Field(default="", description="A built-in policy, or your own as FILE.py:CLASS.")

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters given, by name."""
        return dict(self.model_extra or {})

    @property
    def names(self) -> list[str]:
        """The policy, and the wrappers that it is within."""
        within = self.parameters.get("within")
        tables = within if isinstance(within, list | tuple) else ()
        return [self.name, *(table["name"] for table in tables)]


PolicyTable = Annotated[
    Choice, Allowed('a table { name = "..." } that may also give the parameters of the policy')
]


class Policies(Table):
    """One policy of each kind: its name, and its own parameters (`meterstorm show policies`)."""

    failover: PolicyTable = Field(
        default=Choice.model_validate({"name": "retry-then-failover", "retries": 3, "delay_s": 60.0}),
        description="What a client does after a link failure. It may be `within` wrappers, a list of such tables: "
        "budgets, breakers, deadlines, the innermost first.",
    )
    failback: PolicyTable = Field(
        default=Choice(name="none"), description="When a client comes back to its first server, or moves on."
    )
    selection: PolicyTable = Field(default=Choice(name="ring"), description="Which server a client fails over to.")
    admission: PolicyTable = Field(default=Choice(name="fifo"), description="Which requests a server takes.")
    denial: PolicyTable = Field(default=Choice(name="give-up"), description="What a user does after a denial.")
    balancing: PolicyTable = Field(
        default=Choice.model_validate({"name": "periodic-demand", "interval_s": 14400.0}),
        description="How a site server moves licenses between its servers.",
    )
    intersite: PolicyTable = Field(
        default=Choice(name="none"),
        description="How licenses move between sites; needs reports, so a balancing policy that acts.",
    )
