"""One module for each number or code a record carries."""
