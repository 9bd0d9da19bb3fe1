"""Opening files safely: no output over anything that is there, no half-written file under its name, no endless input.

Standard library only, so that every package may use it. What is written gets mode 600 and, in folders made here, 700:
most of it holds people.
"""

from sbcard_core.files.cells import read_cell, write_cell, write_rows
from sbcard_core.files.errors import FileRefused
from sbcard_core.files.folders import MARKER, OwnFolder, Results, check_name
from sbcard_core.files.inputs import HEAD, PAGES, check_input, foreign, open_input, open_text, read_input, read_text
from sbcard_core.files.locking import wait_for_lock
from sbcard_core.files.outputs import (
    check_output,
    clear_broken,
    database_files,
    hand_over,
    lend,
    make_folder,
    new_file,
    new_text,
    replace_file,
    reserve,
    sync_folder,
)

__all__ = [
    "HEAD",
    "MARKER",
    "PAGES",
    "FileRefused",
    "OwnFolder",
    "Results",
    "check_input",
    "check_name",
    "check_output",
    "clear_broken",
    "database_files",
    "foreign",
    "hand_over",
    "lend",
    "make_folder",
    "new_file",
    "new_text",
    "open_input",
    "open_text",
    "read_cell",
    "read_input",
    "read_text",
    "replace_file",
    "reserve",
    "sync_folder",
    "wait_for_lock",
    "write_cell",
    "write_rows",
]
