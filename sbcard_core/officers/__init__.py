"""Officers and approvals (四眼原则): registered people, acts, and proof of who approved what.

An approval is of one :class:`Act`: its kind, subject, content digest and day. It is proved by a signature of the
officer's own key (:class:`KeyFile`, :class:`TokenKey`) or by the calling system's authenticated session
(:class:`Sessions`).
"""

from sbcard_core.officers.acts import Act, Approval, ApprovalRefused, Method, Signer
from sbcard_core.officers.keys import KeyFile, TokenKey, new_key
from sbcard_core.officers.register import InSession, Officer, Officers, Sessions, load
from sbcard_core.officers.stored import Given, given, obtain, proved, record, require

__all__ = [
    "Act",
    "Approval",
    "ApprovalRefused",
    "Given",
    "InSession",
    "KeyFile",
    "Method",
    "Officer",
    "Officers",
    "Sessions",
    "Signer",
    "TokenKey",
    "given",
    "load",
    "new_key",
    "obtain",
    "proved",
    "record",
    "require",
]
