"""Wall screens: a rotating, read-only view of one place for a screen in a control room, entered with a token instead of an account."""
