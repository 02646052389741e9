//! `bridge`.

use super::{Type, validate_address};

/// The type.
pub static TYPE: Type = Type { kind: "bridge", validate: validate_address, ..Type::DEFAULT };
