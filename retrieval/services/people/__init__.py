"""Who a person is, what they may, and how much: accounts, passwords, sessions, limits."""
