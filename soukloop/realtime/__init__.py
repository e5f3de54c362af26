"""One realtime heart for both transports: rooms, events, commands, the hub."""
