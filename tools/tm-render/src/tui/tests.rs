//! The screen at every size, drawn into memory.
