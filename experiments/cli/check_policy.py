"""meterstorm check-policy: your own policy, tried out before it is run."""

from typing import Annotated

import typer

from .console import WRONG_INPUT, fail
from .options import Settings, policy


def check_policy_command(
    name: Annotated[str, typer.Argument(metavar="FILE:CLASS", help="A policy of your own.")],
    settings: Settings = None,
    questions: Annotated[int, typer.Option(min=1, help="How many are drawn.")] = 1000,
) -> None:
    """Compile a policy of your own, and ask it drawn questions: compiled, again, and in plain Python.

    The answers must be the same, and come in time. --set KEY=VALUE sets a parameter. Exit status 2: they are not.
    """
    from meterstorm.policies import registry

    from ..runs import policy_check
    from ..scenario import ScenarioError, parse_override

    try:
        path = policy(name) or name
        kind = registry.kind_of(path)
        chosen = registry.resolve(kind, path, dict(parse_override(text) for text in settings or ()))
        policy_check.check(kind, chosen, questions)
    except (ScenarioError, ValueError) as error:
        fail(WRONG_INPUT, str(error))
    how = "twice the same answer" if kind in ("balancing", "intersite") else "compiled, again and in plain Python"
    print(f"{name}: a {kind} policy; {questions} drawn questions, {how}: all is well")
