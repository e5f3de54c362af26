"""Turns recordings, while they grow, into what players fetch: HLS and DASH from the same segments."""
