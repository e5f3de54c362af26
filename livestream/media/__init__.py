"""The media server and ffmpeg, each behind one small module: nothing else knows which ones they are."""
