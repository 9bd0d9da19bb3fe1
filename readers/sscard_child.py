"""The process that holds a vendor's library, so that whatever the library does happens here and nowhere else.

Run by ``readers.sscard_guard`` as a script of its own, with nothing but the standard library, so that a new one is
ready within some ten milliseconds. It never decides anything: it is told a function and its arguments, calls it and
tells the 32-bit result.

Buffers lie in memory shared with the caller. Each has a known pattern before and behind it and ends at a page that
can't be touched: a library that writes a little too far leaves a mark, one that writes far too much stops at once.

Frames, both ways: 4 bytes of length, then nonce (8) and number (4) of the call. A request goes on with the name of
the function and one argument each: ``i`` and a 32-bit integer, or ``p`` and the place of a buffer. A reply goes on with
a status byte and the result, or a text.
"""

import ctypes
import mmap
import os
import queue
import signal
import struct
import sys
import threading

PAGE = mmap.PAGESIZE
SPACE = 16384
"""Bytes of one buffer's place, patterns included."""
PLACES = 6
"""As many as the function with the most pointers takes."""
STRIDE = PAGE + SPACE
AREA = PLACES * STRIDE + PAGE
CANARY = bytes.fromhex("C5A3965AC5A3965AC5A3965AC5A3965A")
MOST = SPACE - 2 * len(CANARY)
"""Bytes of the largest buffer."""

DONE, NO_FUNCTION, NO_LIBRARY, FAULT, SPENT = range(5)
"""SPENT is DONE by a process that has no descriptors left: the library has leaked them all."""
HEAD = struct.Struct(">8sI")
LENGTH = struct.Struct(">I")
RESULT = struct.Struct(">Bi")


def start_of(place: int, size: int) -> int:
    """Where a buffer of ``size`` bytes begins: it and its second pattern end at the forbidden page."""
    return (place + 1) * STRIDE - len(CANARY) - size


def pack(nonce: bytes, number: int, body: bytes) -> bytes:
    """A frame.

    Example:
        >>> pack(b"nonce..8", 1, b"x").hex()
        '0000000d6e6f6e63652e2e380000000178'
    """
    return LENGTH.pack(HEAD.size + len(body)) + HEAD.pack(nonce, number) + body


def read_exactly(descriptor: int, size: int) -> bytes:
    """``size`` bytes; fewer at the end of the line."""
    out = b""
    while len(out) < size:
        piece = os.read(descriptor, size - len(out))
        if not piece:
            break
        out += piece
    return out


class _Child:
    def __init__(self, path: str, area: str, memory: int) -> None:
        self._path = path
        self._requests, self._replies = os.dup(0), os.dup(1)
        null = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(null, standard)
        self._base = self._map(area)
        self._pid = os.getpid()
        self._library: ctypes.CDLL | None = None
        self._calls: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        _limit(memory)

    def run(self) -> None:
        threading.Thread(target=self._listen, daemon=True).start()
        nonce, _ = HEAD.unpack(self._calls.get()[: HEAD.size])
        try:
            self._library = _load(self._path)
            self._send(nonce, 0, RESULT.pack(DONE, 0))
        except OSError as error:
            self._send(nonce, 0, RESULT.pack(NO_LIBRARY, 0) + str(error).encode())
            return
        while True:
            frame = self._calls.get()
            nonce, number = HEAD.unpack_from(frame)
            self._send(nonce, number, self._call(frame[HEAD.size :]))

    def _listen(self) -> None:
        """Take requests also while the library is busy: when the caller is gone, so are we."""
        while True:
            head = read_exactly(self._requests, LENGTH.size)
            body = read_exactly(self._requests, LENGTH.unpack(head)[0]) if len(head) == LENGTH.size else b""
            if not body:
                if sys.platform != "win32":
                    os.killpg(self._pid, signal.SIGKILL)
                os._exit(0)
            self._calls.put(body)

    def _call(self, request: bytes) -> bytes:
        at = 1 + request[0]
        try:
            function = getattr(self._library, request[1:at].decode("ascii"))
        except AttributeError:
            return RESULT.pack(NO_FUNCTION, 0)
        arguments: list[ctypes.c_int32 | ctypes.c_void_p] = []
        while at < len(request):
            value = struct.unpack_from(">i", request, at + 1)[0]
            pointer = request[at : at + 1] == b"p"
            arguments.append(ctypes.c_void_p(self._base + value) if pointer else ctypes.c_int32(value))
            at += 5
        function.restype = ctypes.c_int32
        try:
            result = int(function(*arguments))
        except OSError as error:  # Windows reports an access violation this way
            return RESULT.pack(FAULT, 0) + str(error).encode()
        if os.getpid() != self._pid:  # the library has forked and both came back
            os._exit(0)
        return RESULT.pack(SPENT if _is_spent() else DONE, result)

    def _send(self, nonce: bytes, number: int, body: bytes) -> None:
        frame = pack(nonce, number, body)
        while frame:
            frame = frame[os.write(self._replies, frame) :]

    def _map(self, area: str) -> int:
        """Map the shared area and forbid the pages between the places; where it lies."""
        if sys.platform == "win32":
            self._area = mmap.mmap(-1, AREA, tagname=area)
        else:
            self._area = mmap.mmap(int(area), AREA)
        base = ctypes.addressof(ctypes.c_char.from_buffer(self._area))
        for place in range(PLACES + 1):
            _forbid(base + place * STRIDE)
        return base


def _is_spent() -> bool:
    try:
        os.close(os.dup(0))
    except OSError:
        return True
    return False


def _load(path: str) -> ctypes.CDLL:
    if sys.platform == "win32":
        return ctypes.WinDLL(path)  # the interface is stdcall there
    return ctypes.CDLL(path)


def _forbid(address: int) -> None:
    if sys.platform == "win32":
        old = ctypes.c_ulong()
        ctypes.windll.kernel32.VirtualProtect(ctypes.c_void_p(address), PAGE, 1, ctypes.byref(old))
    else:
        libc = ctypes.CDLL(None)
        libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        if libc.mprotect(address, PAGE, 0) != 0:
            os._exit(71)


def _limit(memory: int) -> None:
    """No core file (it would hold personal data) and no more memory than allowed."""
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - not on Windows

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


if __name__ == "__main__":
    _Child(sys.argv[1], sys.argv[2], int(sys.argv[3])).run()
