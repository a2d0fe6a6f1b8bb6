//! pax.
