"""Profiles by generation. ``v2.V2`` leaves the unknown unset; ``v2.SAMPLE`` sets it for simulators and demos."""
