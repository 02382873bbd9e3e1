"""What the app says at its start about what it shows, and to whom."""

from collections.abc import Iterator

from visualize.app.page_settings import AppSettings


def describe_exposure(settings: AppSettings, name: str) -> Iterator[str]:
    """Yield lines that say who can reach the page, and what visitors can do with it."""
    if settings.is_open_to_others:
        yield (
            f"open to the machines that reach host={settings.host} port={settings.port}, for whoever knows "
            "the password; not encrypted: use a proxy with TLS"
        )
    else:
        yield "open to all users and programs of this machine, without a password; not to other machines"
    if settings.host_names:
        yield f"answers to the host names {', '.join(sorted(settings.host_names))} as well"
    yield (
        f"visitors can ask {name} about the examples and their own uploads, and about no other file "
        f"(max_megabytes={settings.max_megabytes:g} visitor_megabytes={settings.visitor_megabytes:g})"
    )
