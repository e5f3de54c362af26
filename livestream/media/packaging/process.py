"""An ffmpeg that reads one pipe and writes a pipe for each track; it opens no file and no address."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Sequence

from livestream.media.packaging.fragments import BadFragments, FragmentReader, Init, Sample
from soukloop.core.media.sandbox import Limits, confined

_MEGABYTE = 1024 * 1024
# Longer than a loaded machine needs; an ffmpeg that takes nothing for that long hangs.
_HANGS_AFTER_SECONDS = 10.0
_FOREVER = 10**9
_BUFFERED_BYTES = _MEGABYTE // 2
# One fragment for each frame: which frames a segment gets is decided by the packager.
_MP4_OUTPUT = (
    *("-copyts", "-avoid_negative_ts", "disabled", "-use_editlist", "0", "-flush_packets", "1"),
    *("-movflags", "+frag_every_frame+empty_moov+default_base_moof+frag_discont+skip_trailer", "-f", "mp4"),
)

OnOutput = Callable[[str, Init | Sample], None]


class FfmpegFailed(Exception):
    """The process ended or hangs; the message is the end of its error output."""


class PipedFfmpeg:
    """One process; what it writes arrives at `on_output` by the name of the output."""

    def __init__(self, name: str, on_output: OnOutput) -> None:
        self.name = name
        self.error: BaseException | None = None
        self._on_output = on_output
        self._errors = b""
        self._readers: list[asyncio.Task[None]] = []
        self._is_finishing = False

    async def start(
        self,
        source: Sequence[str],
        outputs: Sequence[tuple[str, Sequence[str]]],
        *,
        memory_mb: int,
        niceness: int = 0,
    ) -> None:
        """Start with the options of the input, and the name and options of each output."""
        pipes = [(name, options, *os.pipe()) for name, options in outputs]
        arguments = [*source, "-i", "pipe:0"]
        for _, options, _, write_end in pipes:
            arguments += [*options, *_MP4_OUTPUT, f"pipe:{write_end}"]
        # It runs as long as the broadcast does, so its CPU time has no limit; it may write no file.
        limits = Limits(cpu_seconds=_FOREVER, memory_bytes=memory_mb * _MEGABYTE, file_bytes=0)
        ffmpeg = ("ffmpeg", "-nostdin", "-v", "error", "-protocol_whitelist", "pipe", "-copyts")
        try:
            self._process = await asyncio.create_subprocess_exec(
                *(*confined(limits, niceness=niceness), *ffmpeg, *arguments),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=[write_end for *_, write_end in pipes],
                cwd="/",
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            )
        except BaseException:
            for *_, read_end, _ in pipes:
                os.close(read_end)
            raise
        finally:
            for *_, write_end in pipes:
                os.close(write_end)
        for name, _, read_end, _ in pipes:
            self._readers.append(asyncio.create_task(self._read(name, read_end)))
        self._readers.append(asyncio.create_task(self._read_errors()))

    async def write(self, data: bytes) -> None:
        """Pass bytes on, and wait while the process takes none; raises FfmpegFailed."""
        self.raise_if_failed()
        stdin = self._process.stdin
        assert stdin is not None
        if stdin.transport.is_closing():
            raise FfmpegFailed(f"{self.name}: has ended: {self._error_text()}")
        stdin.write(data)
        if stdin.transport.get_write_buffer_size() > _BUFFERED_BYTES:
            try:
                await asyncio.wait_for(stdin.drain(), _HANGS_AFTER_SECONDS)
            except (TimeoutError, OSError) as error:
                raise FfmpegFailed(f"{self.name}: takes no input: {error!r}") from error

    def raise_if_failed(self) -> None:
        """Raise FfmpegFailed if the process ended, or the error with which its output was refused."""
        if self.error is not None:
            raise self.error

    async def finish(self) -> None:
        """End the input, and wait until all output has been taken; raises FfmpegFailed."""
        self.raise_if_failed()
        self._is_finishing = True
        assert self._process.stdin is not None
        self._process.stdin.close()
        _, unfinished = await asyncio.wait(self._readers, timeout=_HANGS_AFTER_SECONDS)
        if unfinished:
            raise FfmpegFailed(f"{self.name}: doesn't end")
        code = await self._process.wait()
        self.raise_if_failed()
        if code != 0:
            raise FfmpegFailed(f"{self.name}: exited with {code}: {self._error_text()}")

    async def kill(self) -> None:
        """End the process at once; its output is taken no more."""
        self._is_finishing = True
        if not self._readers:  # it could not be started
            return
        for reader in self._readers:
            reader.cancel()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await asyncio.gather(*self._readers, return_exceptions=True)
        await self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()

    async def _read(self, name: str, descriptor: int) -> None:
        reader, loop = asyncio.StreamReader(limit=_MEGABYTE), asyncio.get_running_loop()
        with os.fdopen(descriptor, "rb", 0) as pipe:
            transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
            await self._take_all(name, reader, transport)

    async def _take_all(
        self, name: str, reader: asyncio.StreamReader, transport: asyncio.BaseTransport
    ) -> None:
        fragments = FragmentReader()
        try:
            while data := await reader.read(_MEGABYTE):
                for item in fragments.feed(data):
                    self._on_output(name, item)
            if not self._is_finishing and self.error is None:
                await self._process.wait()
                raise FfmpegFailed(
                    f"{self.name}: ended with {self._process.returncode}: {self._error_text()}"
                )
        except BadFragments as error:
            self._fail(FfmpegFailed(f"{self.name}: {error}"))
        except Exception as error:  # whoever feeds the process is told
            self._fail(error)
        finally:
            transport.close()

    async def _read_errors(self) -> None:
        assert self._process.stderr is not None
        while data := await self._process.stderr.read(4096):
            self._errors = (self._errors + data)[-2000:]

    def _fail(self, error: Exception) -> None:
        self.error = self.error or error

    def _error_text(self) -> str:
        return self._errors.decode(errors="replace").strip()
