"""Virtual devices for development and tests: card, PSAM, reader, faults, and a bridge to a real PC/SC service.

They compute layouts and cryptograms in their own code, so that a card and a host never share a mistake.
They hold clear keys in memory and are never a place for real ones.
"""

from readers.sim.card import VirtualCard
from readers.sim.psam import VirtualPSAM
from readers.sim.reader import VirtualReader
from readers.sim.settings import FileAccess, SimSettings, Sm4Rules

__all__ = ["FileAccess", "SimSettings", "Sm4Rules", "VirtualCard", "VirtualPSAM", "VirtualReader"]
