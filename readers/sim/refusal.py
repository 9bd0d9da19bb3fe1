"""How the inside of a virtual device says no."""


class Refusal(Exception):
    """A status word on its way out; it never leaves the device as an exception."""

    def __init__(self, sw: int) -> None:
        self.sw = sw
        super().__init__(f"{sw:04X}")
