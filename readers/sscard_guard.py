"""Call a vendor's library without trusting it: in a process of its own, each call with a time limit.

A hang ends with the process killed, a crash with a typed error; in both cases a new process is started at once, so
that the next call finds it ready. What the library prints goes nowhere; what it does to signals, descriptors or
memory, it does to its own process. What this cannot stop: a library that means harm, since it runs as the same user,
and a program it starts in a session of its own, which lives on.
"""

import mmap
import os
import queue
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from readers import sscard_child as child
from readers.device import Clock
from readers.errors import Busy, DriverCrashed, DriverOverrun, NotSupported, ReaderNotFound, Timeout
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message

MEMORY = 1 << 30
"""Address space of the library's process."""
START_SECONDS = 10.0
"""Limit for starting the process and loading the library."""
WATCH_SECONDS = 0.02
"""How often a silent process is asked whether it still lives; its end is normally heard at once."""
MOST_REPLY = 4096


@dataclass(frozen=True, slots=True)
class Out:
    """An argument the library writes into."""

    size: int = 1024


Argument = int | bytes | Out


class Guard:
    """One library in its own process.

    Args:
        path: the shared library.
        python: the interpreter to run it in; a 32-bit one for a 32-bit library.
        folder: working directory of the process; the library's own when None, where many look for their settings.
        memory: most bytes of address space.
        clock: monotonic seconds.

    Attributes:
        starts: processes started so far.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        python: str = sys.executable,
        folder: str | Path | None = None,
        memory: int = MEMORY,
        clock: Clock = time.monotonic,
    ) -> None:
        self._path = Path(path).absolute()
        if not self._path.is_file():
            raise ReaderNotFound(
                message("readers.library.none", file=self._path.name), step="sscard.open", term="驱动库"
            )
        self._python = python
        self._folder = Path(folder) if folder is not None else self._path.parent
        self._memory = memory
        self._clock = clock
        self._lock = threading.Lock()
        self._process: _Process | None = None
        self.starts = 0

    def call(
        self, name: str, arguments: Sequence[Argument], *, limit: float, step: str = ""
    ) -> tuple[int, list[bytes]]:
        """Call a function of the library.

        Args:
            name: of the function.
            arguments: integers as 32-bit, bytes as a string that ends with NUL, :class:`Out` as a buffer.
            limit: seconds.

        Returns:
            The 32-bit result, and the whole content of each ``Out``.

        Raises:
            Timeout: no answer within ``limit``; the process was killed.
            DriverCrashed: the process ended or answered nonsense.
            DriverOverrun: it wrote outside a buffer.
            NotSupported: the library has no such function.
            ReaderNotFound: the library cannot be loaded.
            Busy: another thread is inside a call.
            InvalidValue: an argument is too long.
        """
        step = step or name
        if not self._lock.acquire(blocking=False):
            raise Busy(message("readers.busy.driver"), step=step, term="读卡器被占用")
        try:
            if self._process is None:
                self._start()
            assert self._process is not None
            try:
                answer = self._process.call(name, arguments, limit, step)
            except (Timeout, DriverCrashed):
                self._start()
                raise
            if self._process.is_spent:
                self._start()
            return answer
        finally:
            self._lock.release()

    def _start(self) -> None:
        old, self._process = self._process, None
        if old is not None:
            old.kill()
        self.starts += 1
        self._process = _Process(self._path, self._python, self._folder, self._memory, self._clock)

    @property
    def process_id(self) -> int | None:
        """Of the process that holds the library."""
        return None if self._process is None else self._process.process_id

    def close(self) -> None:
        """End the process; twice is allowed, and a later call starts a new one."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Process:
    """One life of the library."""

    def __init__(self, path: Path, python: str, folder: Path, memory: int, clock: Clock) -> None:
        self._clock = clock
        self._nonce = secrets.token_bytes(8)
        self._number = 0
        self._ready = False
        self.is_spent = False
        area, handles = self._share()
        command = [python, "-I", "-S", child.__file__, str(path), area, str(memory)]
        self._popen = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=handles,
            cwd=folder,
            start_new_session=True,
            bufsize=0,
        )
        for handle in handles:
            os.close(handle)
        self.process_id = self._popen.pid
        self._frames: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True, name="sscard").start()
        self._write(child.pack(self._nonce, 0, b""))

    def _share(self) -> tuple[str, tuple[int, ...]]:
        """Shared memory for the buffers: how the child finds it, and the descriptors it inherits."""
        if sys.platform == "win32":
            name = f"sscard-{secrets.token_hex(16)}"
            self._area = mmap.mmap(-1, child.AREA, tagname=name)
            return name, ()
        if sys.platform == "linux":
            handle = os.memfd_create("sscard", 0)
        else:
            with tempfile.TemporaryFile() as file:
                handle = os.dup(file.fileno())
        os.ftruncate(handle, child.AREA)
        self._area = mmap.mmap(handle, child.AREA)
        return str(handle), (handle,)

    def call(self, name: str, arguments: Sequence[Argument], limit: float, step: str) -> tuple[int, list[bytes]]:
        if not self._ready:
            status, _, text = self._await(self._clock() + START_SECONDS, START_SECONDS, "load the driver")
            if status != child.DONE:
                raise ReaderNotFound(message("readers.library.not_loaded", text=text), step="sscard.open")
            self._ready = True
        end = self._clock() + limit
        self._number += 1
        request, places = self._request(name, arguments)
        try:
            self._write(child.pack(self._nonce, self._number, request))
            status, result, text = self._await(end, limit, step)
            self._look_for_overrun(places, step)
            if status == child.NO_FUNCTION:
                raise NotSupported(message("readers.library.function", function=name), step=step, term="驱动不支持")
            self.is_spent = status == child.SPENT
            if status not in (child.DONE, child.SPENT):
                raise DriverCrashed(message("readers.driver.failed", text=text), step=step)
            return result, [self._area[at : at + size] for at, size, out in places if out]
        except DriverCrashed as error:
            if isinstance(error, DriverOverrun):
                raise
            self._look_for_overrun(places, step, error)
            raise
        finally:
            self._wipe(places)

    def _request(self, name: str, arguments: Sequence[Argument]) -> tuple[bytes, list[tuple[int, int, bool]]]:
        parts = [bytes((len(name),)), name.encode("ascii")]
        places: list[tuple[int, int, bool]] = []
        for argument in arguments:
            if isinstance(argument, int):
                parts.append(b"i" + argument.to_bytes(4, "big", signed=True))
                continue
            # A string lies in a buffer of the usual size: libraries have been seen to use it up.
            size = argument.size if isinstance(argument, Out) else max(1024, len(argument) + 1)
            if size > child.MOST or len(places) == child.PLACES:
                raise InvalidValue(message("readers.argument.long", size=size), step=name, term="数据长度")
            at = child.start_of(len(places), size)
            content = b"" if isinstance(argument, Out) else argument
            self._area[at : at + size] = content.ljust(size, b"\x00")
            mark = len(child.CANARY)
            self._area[at - mark : at] = self._area[at + size : at + size + mark] = child.CANARY
            places.append((at, size, isinstance(argument, Out)))
            parts.append(b"p" + at.to_bytes(4, "big"))
        return b"".join(parts), places

    def _await(self, end: float, limit: float, step: str) -> tuple[int, int, str]:
        """The reply to the last request."""
        while True:
            left = end - self._clock()
            try:
                frame = self._frames.get(timeout=min(max(left, 0), WATCH_SECONDS))
            except queue.Empty:
                if self._popen.poll() is not None and self._frames.empty():
                    raise self._crashed(step) from None
                if left <= 0:
                    what = message("readers.driver.slow", seconds=f"{limit:g}")
                    raise Timeout(what, step=step, term="超时") from None
                continue
            if len(frame) < child.HEAD.size + child.RESULT.size:
                raise self._crashed(step)
            nonce, number = child.HEAD.unpack_from(frame)
            if nonce != self._nonce or number != self._number:
                raise DriverCrashed(message("readers.driver.noise"), step=step)
            status, result = child.RESULT.unpack_from(frame, child.HEAD.size)
            return status, result, frame[child.HEAD.size + child.RESULT.size :].decode("utf-8", "replace")

    def _crashed(self, step: str) -> DriverCrashed:
        """The error for a process that ended, or closed its line, which comes to the same."""
        try:
            code = self._popen.wait(WATCH_SECONDS * 5)
        except subprocess.TimeoutExpired:
            return DriverCrashed(message("readers.driver.closed"), step=step)
        if code >= 0:
            return DriverCrashed(message("readers.driver.ended", code=code), step=step, exit_code=code)
        what = message("readers.driver.crashed", signal=_signal_name(-code))
        return DriverCrashed(what, step=step, signal=-code)

    def _look_for_overrun(
        self, places: list[tuple[int, int, bool]], step: str, because: DriverCrashed | None = None
    ) -> None:
        mark = len(child.CANARY)
        for at, size, _ in places:
            if self._area[at - mark : at] != child.CANARY or self._area[at + size : at + size + mark] != child.CANARY:
                what = message("readers.driver.overrun", size=size)
                signal_number = None if because is None else because.signal
                raise DriverOverrun(what, step=step, signal=signal_number) from because

    def _wipe(self, places: list[tuple[int, int, bool]]) -> None:
        for at, size, _ in places:
            self._area[at : at + size] = bytes(size)

    def _listen(self) -> None:
        """Read frames until the line ends; an empty one tells that it has.

        Only this thread closes the line: a program the library left behind may hold its other end open for long, and
        a descriptor closed under a reader could become another file's.
        """
        assert self._popen.stdout is not None
        with self._popen.stdout:
            self._listen_to(self._popen.stdout.fileno())

    def _listen_to(self, descriptor: int) -> None:
        while True:
            try:
                head = child.read_exactly(descriptor, child.LENGTH.size)
                size = child.LENGTH.unpack(head)[0] if len(head) == child.LENGTH.size else 0
                frame = child.read_exactly(descriptor, size) if size <= MOST_REPLY else b""
            except OSError:
                frame = b""
            self._frames.put(frame)
            if not frame:
                return

    def _write(self, frame: bytes) -> None:
        assert self._popen.stdin is not None
        try:
            self._popen.stdin.write(frame)
        except OSError:
            return  # the process has ended; awaiting its reply says how

    def kill(self) -> None:
        """End the process and whatever it started in its session."""
        if sys.platform == "win32":
            self._popen.kill()
        else:
            try:
                os.killpg(self._popen.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                self._popen.kill()
        self._popen.wait()
        assert self._popen.stdin is not None
        self._popen.stdin.close()
        self._area.close()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
