"""sbcard-core: card lifecycle and transaction backend for China's Social Security Card (社会保障卡)."""

__version__ = "0.1.0"
