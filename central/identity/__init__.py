"""Who may do what: accounts, one-time links, sessions, API tokens, permissions, audit."""
