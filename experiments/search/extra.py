"""Packages of the extra `search`, which may not be installed."""

from importlib import import_module

from ..scenario import ScenarioError


def require(package: str, command: str) -> None:
    """Raise ScenarioError if a package cannot be imported that a command needs."""
    try:
        import_module(package.lower())
    except ImportError as error:
        words = f"not installed ({error}); pip install 'meterstorm[search]' installs it"
        raise ScenarioError([f"{package}, which {command} needs: {words}"]) from None
