"""What must hold between the values of a product."""

from collections.abc import Iterator

from .facts import Facts, ItemRule
from .named_clients import clients_exist
from .wording import refuse, show


def _tokens_have_a_weight(path: str, product: Facts, _: Facts) -> Iterator[str]:
    tokens = product["tokens"]
    if not isinstance(tokens, int) and not sum(weight for _, weight in tokens) > 0:
        yield refuse(f"{path}.tokens", tokens, "a number, or a list of pairs [licenses, weight] with a weight > 0")


def _cap_lets_launches_pass(path: str, product: Facts, facts: Facts) -> Iterator[str]:
    cap, tokens = product["max_per_client"], product["tokens"]
    least = (
        tokens if isinstance(tokens, int) else min((count for count, weight in tokens if weight > 0), default=1)
    )
    if 0 < cap < least and facts["workload.arrivals"] != "trace":
        yield refuse(f"{path}.max_per_client", cap, f"0 or at least {least}, the fewest that a launch takes")


def _shared_licenses_are_alike(path: str, product: Facts, _: Facts) -> Iterator[str]:
    # A further program may not want more than the license that it shares.
    tokens, sharing = product["tokens"], product["sharing"]
    if sharing != "none" and not isinstance(tokens, int):
        yield refuse(f"{path}.tokens", tokens, f"a number while {path}.sharing = {show(sharing)}")


def _reserve_fits(path: str, product: Facts, facts: Facts) -> Iterator[str]:
    reserve = product["reserve"]
    if reserve is None:
        return
    if reserve.licenses > product["licenses"]:
        words = f"at most {path}.licenses = {product['licenses']}"
        yield refuse(f"{path}.reserve.licenses", reserve.licenses, words)
    yield from clients_exist(f"{path}.reserve.clients", reserve.clients, facts)


PRODUCT_RULES: tuple[ItemRule, ...] = (
    _tokens_have_a_weight,
    _cap_lets_launches_pass,
    _shared_licenses_are_alike,
    _reserve_fits,
)
