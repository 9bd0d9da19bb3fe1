"""The first generation (规范版本 1.00): no extension of the name, so sex is record 3 of EF06, not 4.

Sources: the numbers of EF06's records as three public readers of real cards use
them. First-generation layouts of some provinces differ again: load such a card's
own declarations with ``load_profile``.
"""

from dataclasses import replace

from sbcard_core.card.profile import Profile
from sbcard_core.card.profiles import v2

EF05 = v2.EF05
EF06 = replace(v2.EF06, records=tuple(record for record in v2.EF06.records if record.name != "name_extension"))

V1 = Profile(
    name="1.00",
    version="1.00",
    files=(EF05, EF06),
    psam_key_of_kid=v2.V2.psam_key_of_kid,
    declarations=("environment_1.toml", "applications_1.toml"),
    directories=v2.V2.directories,
)
"""What the public sources agree on of the first generation."""
