"""Recordings as the media server writes them (FLV): read while they grow, understood, and repaired.

`tags` reads, `codecs` understands configurations, `repair` makes one flawless broadcast of what an encoder
sent, `writer` gives that to ffmpeg.

A reader that was killed goes on from a keyframe that it has noted (`Section.offset` or `Frame.offset`):

    repair = Repair(first_section=number, start=milliseconds, from_keyframe=True)
    for tag in sequence_headers_before(path, offset):
        repair.feed(tag)
    with GrowingRecording(path, offset) as recording:
        ...

`start` is that keyframe's time, `number` that of the section which begins there now. If the keyframe was a
filler, `from_keyframe` is left out: there was no keyframe of the encoder's.
"""
