//! What the derive's operations do to a field: one trait per operation, which a type of one's own can implement.
