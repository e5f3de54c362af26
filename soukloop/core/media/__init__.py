"""Running ffmpeg on files of strangers, and storing the files that it made."""
