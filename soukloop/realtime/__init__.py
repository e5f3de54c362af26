"""Sockets over WebSockets and Socket.IO: rooms, events, commands, presence, and the hub."""
