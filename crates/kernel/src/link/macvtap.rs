//! `macvtap`.

use super::{Type, validate_address};

/// The type.
pub static TYPE: Type = Type { kind: "macvtap", validate: validate_address, ..Type::DEFAULT };
