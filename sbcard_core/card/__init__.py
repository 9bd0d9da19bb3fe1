"""The card: its files and records, its identification, personalisation orders, and a session with it."""
