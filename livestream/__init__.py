"""Live streams, with their viewers, chat, reactions, products, video, replays and analytics."""
