"""Adapters to the media server and ffmpeg; no other module depends on these programs."""
