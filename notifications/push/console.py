"""Pushes printed to the console, for development."""

import sys

from notifications.push.channels import Message, Outcome, Sent, Target


class ConsoleChannel:
    """Prints what would go out."""

    parallel_max = 1

    def host_of(self, target: Target) -> str:
        return "console"

    async def send(self, target: Target, message: Message) -> Outcome:
        lines = (
            f"Push to {target.platform} {target.token[:24]}… ({message.language}, {message.kind})",
            f"  {message.title}",
            f"  {message.body}",
            f"  {message.link}  badge {message.badge}",
        )
        sys.stdout.write("\n".join(line for line in lines if line.strip()) + "\n")
        sys.stdout.flush()
        return Sent()

    async def close(self) -> None:
        pass
