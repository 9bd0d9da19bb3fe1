"""What banks and the medical-insurance centre speak: files and messages, no database."""
