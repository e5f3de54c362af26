"""Pushes printed to the console, for development."""

import sys

from notifications.push.channels import Message, Outcome, Sent, Target


def print_push(target: Target, message: Message) -> None:
    """Print what a device is to show, for people who read the log."""
    lines = (
        f"Push to {target.platform} {target.token[:24]}… ({message.language}, {message.kind})",
        f"  {message.title}",
        f"  {message.body}",
        f"  {message.link}  badge {message.badge}",
    )
    sys.stdout.write("\n".join(line for line in lines if line.strip()) + "\n")
    sys.stdout.flush()


class ConsoleChannel:
    """Prints what would go out."""

    parallel_max = 100

    async def send(self, target: Target, message: Message) -> Outcome:
        print_push(target, message)
        return Sent()

    async def close(self) -> None:
        pass
