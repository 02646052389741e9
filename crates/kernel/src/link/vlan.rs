//! `vlan`.

use super::{Type, validate_address};

/// The type.
pub static TYPE: Type = Type { kind: "vlan", validate: validate_address, ..Type::DEFAULT };
