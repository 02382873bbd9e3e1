"""The version of PaddleFormers that there are patches for."""

from importlib.metadata import version

from grounding.errors import UserError

PACKAGE = "paddleformers"
PATCHED_VERSION = "1.2.0"
"""The patches of train/inside/patches/paddleformers_1_2/ replace parts of this release."""


def installed_version() -> str:
    """Return PaddleFormers' version, without a local part such as +cu126: that names the same release."""
    return version(PACKAGE).partition("+")[0]


def refuse_other_versions() -> None:
    """Do nothing if the installed PaddleFormers is the one that there are patches for.

    Raises:
        UserError: another version, or none, is installed.
    """
    try:
        found = installed_version()
    except ModuleNotFoundError as error:  # PackageNotFoundError
        raise UserError(f"{PACKAGE} is not installed: `make setup`") from error
    if found != PATCHED_VERSION:
        raise UserError(
            f"{PACKAGE} {found} is installed, and the patches that training needs replace parts of "
            f"{PATCHED_VERSION}: install {PACKAGE}=={PATCHED_VERSION} (`make setup`)"
        )
