"""The generations of cards, as declarations with vectors."""

from dataclasses import replace

from sbcard_core.card.errors import GenerationUnknown
from sbcard_core.card.profile import Profile
from sbcard_core.messages import message


def for_version(version: str, base: Profile) -> Profile:
    """The profile of a card's 规范版本 with what ``base`` assumes; ``base`` itself where it is of that generation.

    The first character selects: 1, 2 or 3. A zero byte there is read as the second generation (one public reader).

    Raises:
        GenerationUnknown: another first character.

    Example:
        >>> from sbcard_core.card.profiles.v2 import SAMPLE
        >>> made = for_version("3.00", SAMPLE)
        >>> made.version, made.assumed == SAMPLE.assumed, for_version("2.01", SAMPLE) is SAMPLE
        ('3.00', True, True)
    """
    from sbcard_core.card.profiles.v1 import V1  # noqa: PLC0415 - the generations import this package
    from sbcard_core.card.profiles.v2 import V2  # noqa: PLC0415
    from sbcard_core.card.profiles.v3 import V3  # noqa: PLC0415

    first = version[:1]
    found = {"1": V1, "2": V2, "\0": V2, "3": V3}.get(first)
    if found is None:
        raise GenerationUnknown(message("cards.generation"), step="card.profiles", term="规范版本")
    if base.generation == found.generation:
        return base
    kept = {
        name: getattr(base, name)
        for name in ("psam_key_of_kid", "initial_pins", "assumed", "keys", "reading", "more_files", "directories")
    }
    return replace(found, name=f"{found.version} as {base.name}", **kept)
