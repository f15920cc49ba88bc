"""The process shell that every service shares: serving, errors, events, ledgers, settings and logs.

It knows mechanisms only. No service, no contract and no noun of the business is imported here.
"""
