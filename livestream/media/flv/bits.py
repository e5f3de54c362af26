"""Reading and writing single bits, as codecs' configurations need it."""


class BitReader:
    """Bits of a byte string from its beginning; reading past the end raises IndexError."""

    def __init__(self, data: bytes) -> None:
        self._bits = int.from_bytes(data, "big")
        self.remaining = len(data) * 8

    def read(self, count: int) -> int:
        if count > self.remaining:
            raise IndexError("no more bits")
        self.remaining -= count
        return self._bits >> self.remaining & (1 << count) - 1

    def read_flag(self) -> bool:
        return self.read(1) == 1

    def read_unsigned(self) -> int:
        """Read a number in Exp-Golomb coding, ue(v) in H.264."""
        zeros = 0
        while not self.read(1):
            zeros += 1
            if zeros > 32:
                raise IndexError("no number has that many zeros")
        return (1 << zeros) - 1 + self.read(zeros)

    def read_signed(self) -> int:
        """Read a number with a sign in Exp-Golomb coding, se(v) in H.264."""
        number = self.read_unsigned()
        return (number + 1) // 2 if number & 1 else -(number // 2)


class BitWriter:
    """Bits that are put together to bytes."""

    def __init__(self) -> None:
        self._bits, self._count = 0, 0

    def write(self, value: int, count: int) -> None:
        self._bits = self._bits << count | value
        self._count += count

    def to_bytes(self) -> bytes:
        """Return the bits, filled up with zeros to whole bytes."""
        padding = -self._count % 8
        return (self._bits << padding).to_bytes((self._count + padding) // 8, "big")
