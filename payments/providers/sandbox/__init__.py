"""The sandbox: a provider that is built in, keeps its own state and moves no money.

It stands for the other side: it reads no row of ours, and tells us what happened by signed webhooks.
"""

from payments.providers.sandbox.provider import SandboxProvider

__all__ = ["SandboxProvider"]
