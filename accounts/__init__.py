"""Who people are: users, tokens, one-time codes, follows and blocks."""
