"""Bulk check of collected records: accepted, rejected or quarantined, with every error of every record."""
