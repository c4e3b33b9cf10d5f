//! What the tests of livestore share. The tests themselves stand in `it`, `ui` and their like.
