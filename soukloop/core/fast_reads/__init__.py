"""The few GETs that clients send most, answered on the event loop without Django's request machinery.

An app declares such routes in its module `fast_reads` (`routes.FastRoute`); the same URLs are ordinary views
over the same selectors, which answer whatever isn't plain. `application` answers, `pool` has the connections
to PostgreSQL, `limiter` counts the requests in Redis. docs/fast-reads.md describes it; decision 8 says why it
exists and when to remove it.
"""
