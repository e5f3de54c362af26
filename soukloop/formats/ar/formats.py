"""Days before months, 24 hours, and the months' names as in the Gulf."""

DATE_FORMAT = "j F Y"
TIME_FORMAT = "H:i"
DATETIME_FORMAT = "j F Y، H:i"
