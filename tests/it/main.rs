//! Behaviour through the public interface, one module per concept.

mod usage;
