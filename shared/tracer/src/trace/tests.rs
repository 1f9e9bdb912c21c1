//! The state machine against simulated paths, with no packet sent.
