"""The third generation (规范版本 3.00): the records of 2.00, but EF06 opens to RK_SSSE only. Normally SM4.

Sources: the access rule by three; the application files are those of 2.0, which
the public tools of 3.0 use too. How SM4 gives the 8-byte cryptograms is not
public: ``Assumed.auth`` must say it before keys in software can be used; a PSAM or
a security module needs no such rule.
"""

from dataclasses import replace

from sbcard_core.card.profiles import v2

V3 = replace(v2.V2, name="3.00", version="3.00", files=(v2.EF05, v2.EF06_KEY_READ))
"""What the public sources agree on of the third generation."""
