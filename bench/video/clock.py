"""An encoder whose picture has the time in it, so that a viewer's picture says how old it is."""

import subprocess
import threading
import time
from pathlib import Path

WIDTH, HEIGHT, RATE = 640, 360, 30  # as drawn; published as 1280 × 720
_BLOCK, _BITS = 16, 40  # 32 bits of milliseconds, 8 of their checksum
_WHITE, _BLACK = bytes([235]) * _BLOCK, bytes([16]) * _BLOCK


def clock_now() -> int:
    """Return the milliseconds that the picture shows: Unix time modulo 2^32."""
    return int(time.time() * 1000) & 0xFFFFFFFF


class ClockEncoder:
    """ffmpeg publishing a moving picture with a clock; `start` to `kill` or `stop`."""

    def __init__(
        self, address: str, *, gop_seconds: float = 1.0, bitrate: str = "2500k", noise: int = 12
    ) -> None:
        drawn = f"{WIDTH}x{HEIGHT}"
        larger = f"scale=1280:720:flags=neighbor,noise=alls={noise}:allf=t"
        self.command = [
            *("ffmpeg", "-nostdin", "-v", "error"),
            *("-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", drawn, "-r", str(RATE), "-i", "pipe:0"),
            *("-f", "lavfi", "-i", "sine=r=48000", "-vf", larger),
            *("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency"),
            *("-g", str(round(RATE * gop_seconds)), "-b:v", bitrate, "-maxrate", bitrate, "-bufsize", "1M"),
            *("-c:a", "aac", "-b:a", "96k", "-f", "flv", address),
        ]

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.started_at = time.time()
        threading.Thread(target=self._draw, daemon=True).start()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def _draw(self) -> None:
        """Write frames in real time until the process ends."""
        assert self.process.stdin is not None
        rest = bytes(range(40, 200)) * (WIDTH * (HEIGHT - _BLOCK) // 160)
        colors = bytes([128]) * (WIDTH * HEIGHT // 2)
        due = time.monotonic()
        try:
            while self.process.poll() is None:
                shift = int(due * 60) % 160
                self.process.stdin.write(_clock_rows(clock_now()))
                self.process.stdin.write(rest[shift:] + rest[:shift])
                self.process.stdin.write(colors)
                self.process.stdin.flush()
                due += 1 / RATE
                time.sleep(max(0.0, due - time.monotonic()))
        except (BrokenPipeError, ValueError):
            return


def record_film(target: Path) -> None:
    """Encode ten seconds of 720p with a keyframe every second, to be published often without encoding."""
    subprocess.run(
        [
            *("ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=1280x720:r=30"),
            *("-f", "lavfi", "-i", "sine=r=48000", "-t", "10", "-vf", "noise=alls=12:allf=t"),
            *("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "30"),
            *("-b:v", "2500k", "-maxrate", "2500k", "-bufsize", "1M", "-c:a", "aac", "-b:a", "96k"),
            str(target),
        ],
        check=True,
    )


def publish_film(film: Path, address: str) -> "subprocess.Popen[bytes]":
    """Publish a film again and again, in real time."""
    return subprocess.Popen(
        [
            *("ffmpeg", "-nostdin", "-v", "error", "-re", "-stream_loop", "-1", "-i", str(film)),
            *("-c", "copy", "-f", "flv", address),
        ],
        stderr=subprocess.DEVNULL,
    )


def _clock_rows(value: int) -> bytes:
    check = (value + (value >> 8) + (value >> 16) + (value >> 24)) & 255
    bits = f"{value:032b}{check:08b}"
    row = b"".join(_WHITE if bit == "1" else _BLACK for bit in bits)
    return row * _BLOCK
