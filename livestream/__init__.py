"""Live streams: rooms, chat, reactions, video, replays, analytics."""
